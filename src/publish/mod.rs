//! Sends a list to a registry: `push`, `create --push`.

mod deliver;
mod expect;
mod metadata;
mod options;
mod plan;

pub use metadata::{PushMetadata, to_json};
pub use options::{PushOptions, ResultFiles};

use crate::app::App;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::manifest::{ListEntry, ListError, Payload, RawManifest};
use crate::reference::Reference;
use crate::registry::{Client, Scope};
use crate::resolve::stale;
use crate::warning;
use deliver::{Delivered, deliver};
use plan::{PlanError, PushPlan};

/// What to do about source tags that have moved since the list was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleTags {
    /// Nothing: the images were resolved in this run.
    Ignore,
    /// Warn.
    Warn,
    /// Fail before anything is sent.
    Deny,
}

/// What a push has done; with `--dry-run`, what it would do.
#[derive(Debug)]
pub struct Pushed {
    /// The list.
    pub list: RawManifest,
    /// Its digest.
    pub digest: Digest,
    /// The requests that a dry run would send.
    pub requests: Vec<String>,
    /// For the metadata file.
    pub metadata: PushMetadata,
}

/// Sends a list to its registry under all target names, prints its digest, and returns it.
pub async fn publish(
    app: &App,
    client: &Client,
    targets: &[Reference],
    draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Digest> {
    check(&draft, options)?;
    let files = options.prepare_files()?;
    let pushed = send(app, client, targets, draft, options, stale_tags).await?;
    let digest = pushed.digest;
    if options.dry_run {
        app.console.plain(format_args!("digest: {digest}\n{}", pushed.requests.join("\n")));
        app.print(&pushed.list.bytes)?;
        return Ok(digest);
    }
    let printed = app.print(format!("{digest}\n"));
    files.write(digest.as_str(), &to_json(&pushed.metadata))?;
    printed.map(|()| digest)
}

/// Checks everything about a list that needs no registry.
fn check(draft: &Draft, options: &PushOptions) -> anyhow::Result<()> {
    plan::check(draft)?;
    options.check_platforms(draft)
}

/// Sends a list to its registry under all target names. Prints its images unless that is to be quiet.
pub async fn send(
    app: &App,
    client: &Client,
    targets: &[Reference],
    mut draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Pushed> {
    check(&draft, options)?;
    let warnings = warning::of_draft(&draft).into_iter().chain(warning::mixed_formats(&draft.entries)).collect();
    warning::report(&app.console, warnings, options.strict)?;
    client.request_scopes_upfront(scopes(targets, draft.entries.iter().map(|entry| &entry.reference)));
    refetch_missing(client, targets, &mut draft.entries).await?;
    let plan = PushPlan::new(targets, &draft)?;
    let digest = plan.root.digest();
    if stale_tags == StaleTags::Deny {
        stale::verify(client, &draft.entries, &digest).await?;
        warning::report(&app.console, Vec::new(), options.strict)?;
    }
    let (requests, delivered) = if options.dry_run {
        let previous = deliver::check_tags(client, targets, options, &digest).await?;
        let requests = plan.requests(|reference| client.address(reference));
        (requests, Delivered { previous, ..Delivered::default() })
    } else {
        let checked = if stale_tags == StaleTags::Warn { draft.entries.as_slice() } else { &[] };
        let check = stale::warn_if_moved(&app.console, client, checked, &digest);
        let delivered = stale::run_alongside(check, deliver(app, client, &plan, &draft, options)).await?;
        (Vec::new(), delivered)
    };
    let metadata = PushMetadata::new(&plan, &draft.entries, &delivered.outcomes, &delivered.previous);
    Ok(Pushed { list: plan.root, digest, requests, metadata })
}

/// What a push needs: to write to each target with its login, and to read each source both with that login, for
/// mounting, and with its own.
pub fn scopes<'a>(
    targets: &'a [Reference],
    sources: impl Iterator<Item = &'a Reference> + Clone,
) -> impl Iterator<Item = (&'a Reference, Scope)> {
    let reads = sources.clone().map(|source| (source, Scope::pull(source.path())));
    let writes = targets.iter().flat_map(move |target| {
        let mountable = sources.clone().filter(|source| source.domain() == target.domain());
        std::iter::once((target, Scope::push(target.path())))
            .chain(mountable.map(move |source| (target, Scope::pull(source.path()))))
    });
    writes.chain(reads)
}

/// Fetches the manifests again whose bytes the store cannot give.
async fn refetch_missing(client: &Client, targets: &[Reference], images: &mut [ListEntry]) -> anyhow::Result<()> {
    for image in images.iter_mut().filter(|image| plan::needs_refetch(targets, image)) {
        fetch_bytes(client, image).await?;
    }
    Ok(())
}

async fn fetch_bytes(client: &Client, image: &mut ListEntry) -> anyhow::Result<()> {
    let digest = Digest::parse(&image.descriptor.digest)
        .map_err(|error| ListError::Digest { image: image.reference.to_string(), error })?;
    let fetched = client.manifest(&image.reference.digest_only(digest)).await?;
    let kind = image.kind().ok_or_else(|| PlanError::NoPayload(image.reference.clone()))?;
    image.set_payload(Payload::read(kind, fetched.bytes)?);
    Ok(())
}
