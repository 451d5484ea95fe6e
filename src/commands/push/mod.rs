//! `mfst push`: puts a local manifest list into its registry.

mod deliver;
mod freshness;
mod plan;
mod receipt;

use plan::{PlanError, PushPlan};
use receipt::Receipt;

use super::doubt;
use crate::app::App;
use crate::digest::Digest;
use crate::manifest::{ImageManifest, ListError, Payload};
use crate::reference::Reference;
use crate::registry::{Registry, Scope};
use crate::result_file::ResultFile;
use std::path::PathBuf;
use thiserror::Error;

/// What `push` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// Whether the local list goes once it is pushed.
    pub purge: bool,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
    /// Whether a source that has moved since the list was made is an error.
    pub verify: bool,
    /// How it is to be pushed.
    pub delivery: Delivery,
}

/// How a list is to be pushed, and what is to be told about it.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Further tags, or full references.
    pub tags: Vec<String>,
    /// Whether only the digest goes to stdout.
    pub quiet: bool,
    /// Where the digest goes too.
    pub digest_file: Option<PathBuf>,
    /// Where all that is known about the push goes.
    pub metadata_file: Option<PathBuf>,
    /// Whether to say what would be done, and to do nothing.
    pub dry_run: bool,
    /// Whether what would be a warning is an error.
    pub strict: bool,
}

/// How much the images of a list are to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// They have been resolved in this run.
    JustResolved,
    /// They are from the store: whether their tags have moved is worth a warning.
    Stored,
    /// They are from the store, and their tags must not have moved.
    Verified,
}

/// Why a list cannot be pushed.
#[derive(Debug, Error)]
enum PushError {
    #[error("{0} not found")]
    Empty(Reference),
    #[error("{0} names a digest; a list is pushed under a tag")]
    NoTag(Reference),
}

/// Pushes the list, and then removes it if that is wanted.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let target = Reference::parse(&options.list)?;
    let images = app.store.list_unchecked(&target)?;
    if images.is_empty() {
        return Err(PushError::Empty(target).into());
    }
    let targets = options.delivery.targets(&target)?;
    let registry = app.registry(options.insecure);
    let must_be_fresh = options.verify || options.delivery.strict;
    let sources = if must_be_fresh { Sources::Verified } else { Sources::Stored };
    let is_source = images.iter().filter_map(|image| image.origin.as_ref()).any(|origin| origin.is_of(&targets));
    let digest = app.wait_for(publish(app, &registry, &targets, images, &options.delivery, sources))??;
    if options.delivery.dry_run {
        return Ok(());
    }
    if options.purge {
        app.store.remove(&target)?;
    } else if is_source {
        // The push is done, whatever can be taken down about it.
        let _ = app.store.move_sources(&target, &targets, digest.as_str());
    }
    Ok(())
}

/// Puts a list into its registry under all its names, and tells its digest.
pub(super) async fn publish(
    app: &App,
    registry: &Registry,
    targets: &[Reference],
    mut images: Vec<ImageManifest>,
    delivery: &Delivery,
    sources: Sources,
) -> anyhow::Result<Digest> {
    // The order of the list's entries.
    images.sort_by_key(|image| image.descriptor.is_attestation());
    // What can be found out here is found out before anything is asked of a registry.
    PushPlan::check(&images)?;
    let files = delivery.prepare_files()?;
    let doubts = doubt::duplicates(&images).into_iter().chain(doubt::mixture(&images)).collect();
    doubt::raise(app, doubts, delivery.strict)?;
    registry.foresee(scopes(targets, images.iter().map(|image| &image.reference)));
    restore(registry, targets, &mut images).await?;
    let plan = PushPlan::new(targets, &images)?;
    let digest = plan.list.digest();
    if sources == Sources::Verified {
        freshness::verify(registry, &images, &digest).await?;
        doubt::raise(app, Vec::new(), delivery.strict)?;
    }
    if delivery.dry_run {
        let requests = plan.requests(|reference| registry.address(reference)).join("\n");
        app.log.as_docker(format_args!("digest: {digest}\n{requests}"));
        app.print(&plan.list.bytes)?;
        return Ok(digest);
    }
    let doubtful = if sources == Sources::Stored { images.as_slice() } else { &[] };
    let watched = freshness::watch(app, registry, doubtful, &digest);
    let delivered = deliver::deliver(app, registry, &plan, &images, delivery.quiet);
    let outcomes = freshness::beside(watched, delivered).await?;
    let receipt = Receipt::new(&plan, &images, &outcomes);
    let told = app.print(format!("{digest}\n"));
    let (digest_file, metadata_file) = files;
    digest_file.map_or(Ok(()), |file| file.write(digest.as_str().as_bytes()))?;
    metadata_file.map_or(Ok(()), |file| file.write(&receipt.to_json()))?;
    told.map(|()| digest)
}

/// What a push will ask for: the right to write to each target with its login, and to read each source from there and
/// with its own login.
pub(super) fn scopes<'a>(
    targets: &'a [Reference],
    sources: impl Iterator<Item = &'a Reference> + Clone,
) -> impl Iterator<Item = (&'a Reference, Scope)> {
    let reads = sources.clone().map(|source| (source, Scope::pull(source.path())));
    let writes = targets.iter().flat_map(move |target| {
        let near = sources.clone().filter(|source| source.domain() == target.domain());
        std::iter::once((target, Scope::push(target.path())))
            .chain(near.map(move |source| (target, Scope::pull(source.path()))))
    });
    writes.chain(reads)
}

/// Fetches manifests again whose bytes an old docker has not kept and that cannot be reconstructed.
async fn restore(registry: &Registry, targets: &[Reference], images: &mut [ImageManifest]) -> anyhow::Result<()> {
    for image in images.iter_mut().filter(|image| plan::lacks_bytes(targets, image)) {
        fetch_bytes(registry, image).await?;
    }
    Ok(())
}

async fn fetch_bytes(registry: &Registry, image: &mut ImageManifest) -> anyhow::Result<()> {
    let digest = Digest::parse(&image.descriptor.digest)
        .map_err(|error| ListError::Digest { image: image.reference.to_string(), error })?;
    let fetched = registry.manifest(&image.reference.at_digest(digest)).await?;
    let kind = image.kind().ok_or_else(|| PlanError::NoPayload(image.reference.clone()))?;
    image.set_payload(Payload::read(kind, &fetched.bytes)?);
    Ok(())
}

impl Delivery {
    /// All names that the list will have, the first of which is its own.
    pub(super) fn targets(&self, list: &Reference) -> anyhow::Result<Vec<Reference>> {
        let mut targets = vec![list.clone()];
        for tag in &self.tags {
            let is_tag = !tag.contains(['/', ':', '@']);
            let target = Reference::parse(&if is_tag { format!("{}:{tag}", list.name()) } else { tag.clone() })?;
            if target.digest().is_some() {
                return Err(PushError::NoTag(target).into());
            }
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(targets)
    }

    fn prepare_files(&self) -> anyhow::Result<(Option<ResultFile>, Option<ResultFile>)> {
        let prepare =
            |path: &Option<PathBuf>| path.as_deref().filter(|_| !self.dry_run).map(ResultFile::prepare).transpose();
        Ok((prepare(&self.digest_file)?, prepare(&self.metadata_file)?))
    }
}
