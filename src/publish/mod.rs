//! Puts manifests with everything below them into registries and layouts: `push`, `create --push`, `copy`.

mod blobs;
mod collect;
mod manifests;
mod metadata;
mod options;
mod plan;
mod preview;
mod referrers;
mod root;
mod target;
mod transfer;

pub use collect::{Collector, Fetched};
pub use options::PushOptions;
pub use root::{Blob, Node, PlanError, Referrer, Root};

use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::error::WithHint;
use crate::layout::LayoutError;
use crate::location::Location;
use crate::manifest::{ListEntry, ListError, Payload};
use crate::output::Progress;
use crate::reference::Reference;
use crate::registry::{MANIFEST_LIMIT, Scope};
use crate::resolve::stale::{self, Pushed};
use crate::warning;
use blobs::Outcomes;
use metadata::PushMetadata;
use plan::Plan;
use std::fmt::Display;
use target::Target;

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

/// Sends a list to its registry under all target names, prints its digest, and returns it.
pub async fn publish(
    app: &App,
    content: &Content,
    targets: &[Reference],
    mut draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Digest> {
    // Everything that needs no registry is checked first.
    root::check(&draft).map_err(|error| with_hint(error, &draft))?;
    let files = options.prepare_files()?;
    let warnings = warning::of_draft(&draft).into_iter().chain(warning::mixed_formats(&draft.entries)).collect();
    warning::report(&app.console, warnings, options.strict)?;
    let client = &content.client;
    let progress = app.progress(options.progress, destination(targets));
    let names: Vec<Location> = targets.iter().cloned().map(Location::Registry).collect();
    let sources: Vec<Location> = draft.entries.iter().map(Location::of_image).collect();
    client.request_scopes_upfront(scopes(&names, &sources));
    refetch_missing(content, &names, &mut draft.entries).await?;
    let roots = [Root::of_draft(&draft, names)?];
    let plan = Plan::new(&roots);
    let (list, digest) = (draft.list(), roots[0].manifest.digest.clone());
    if stale_tags == StaleTags::Deny {
        stale::verify(client, &Pushed { name: &draft.name, digest: &digest, entries: &draft.entries }).await?;
        warning::report(&app.console, Vec::new(), options.strict)?;
    }
    if options.dry_run {
        app.console.plain(format_args!("digest: {digest}"));
        for request in plan.requests(|reference| client.address(reference)) {
            app.console.plain(request);
        }
        app.print(&list.bytes)?;
        return Ok(digest);
    }
    let checked = if stale_tags == StaleTags::Warn { draft.entries.as_slice() } else { &[] };
    let pushed = Pushed { name: &draft.name, digest: &digest, entries: checked };
    let check = stale::warn_if_moved(&app.console, client, &pushed);
    let deliver = deliver(app, content, &plan, &progress, !options.quiet);
    let outcomes = stale::run_alongside(check, deliver).await?;
    let metadata = PushMetadata::new(&roots[0], &outcomes);
    let printed = app.print(format!("{digest}\n"));
    files.write(&digest, &metadata.to_json())?;
    printed.map(|()| digest)
}

/// The error with the command that helps against it.
fn with_hint(error: PlanError, draft: &Draft) -> anyhow::Error {
    let PlanError::List(ListError::NoPlatform(image)) = &error else { return error.into() };
    let list = &draft.name;
    let hint = format!("`mfst annotate --os linux --arch ARCH {list} {image}` sets the platform, in a local list");
    WithHint { error: error.into(), hint }.into()
}

/// Puts roots under their names. Prints each name with its digest, or only the digests; with `--dry-run` what would be
/// done. The result files are about the first root.
pub async fn publish_roots(app: &App, content: &Content, roots: &[Root], options: &PushOptions) -> anyhow::Result<()> {
    let files = options.prepare_files()?;
    let plan = Plan::new(roots);
    if options.dry_run {
        let lines = preview::preview(content, &plan).await?;
        return app.print(lines.join("\n") + "\n");
    }
    let names: Vec<&Location> = plan.names().map(|(_, name)| name).collect();
    let progress = app.progress(options.progress, destination(&names));
    let outcomes = deliver(app, content, &plan, &progress, false).await?;
    let printed = app.print(report(roots, options.quiet));
    if let Some(first) = roots.first() {
        files.write(&first.manifest.digest, &PushMetadata::new(first, &outcomes).to_json())?;
    }
    printed
}

/// The names and digests of the roots, without attached ones.
fn report(roots: &[Root], is_quiet: bool) -> String {
    let roots = roots.iter().filter(|root| !root.is_attached);
    let lines = roots.flat_map(|root| {
        let digest = &root.manifest.digest;
        let names = root.names.iter().map(move |name| match name.digest() {
            Some(_) => format!("{name}\n"),
            None => format!("{name}@{digest}\n"),
        });
        if is_quiet { vec![format!("{digest}\n")] } else { names.collect() }
    });
    lines.collect()
}

/// Where something is sent to, as progress shows it.
#[must_use]
pub fn destination<T: Display>(names: &[T]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(name.to_string()),
        [first, others @ ..] => Some(format!("{first} and {} more", others.len())),
    }
}

/// Carries out a plan: blobs, then manifests, and last the roots. Prints each image on stdout if `is_announced`, as
/// docker does.
async fn deliver(
    app: &App,
    content: &Content,
    plan: &Plan<'_>,
    progress: &Progress,
    is_announced: bool,
) -> anyhow::Result<Outcomes> {
    let targets = plan.repositories.iter().map(Target::open).collect::<Result<Vec<_>, LayoutError>>()?;
    let outcomes = blobs::ensure_blobs(content, plan, &targets, progress).await?;
    let phase = progress.phase("manifests put", plan.manifest_count());
    let announced = manifests::put_levels(app, content, plan, &targets, is_announced, &phase).await?;
    manifests::put_roots(content, plan, &targets, &phase).await?;
    announced?;
    Ok(outcomes)
}

/// What sending needs: to write to each registry with its login, and to read each source both with that login, for
/// mounting, and with its own.
pub fn scopes<'a>(targets: &'a [Location], sources: &'a [Location]) -> impl Iterator<Item = (&'a Reference, Scope)> {
    let sources = || sources.iter().filter_map(reference);
    let reads = sources().map(|source| (source, Scope::pull(source.path())));
    let writes = targets.iter().filter_map(reference).flat_map(move |target| {
        let mountable = sources().filter(|source| source.domain() == target.domain());
        std::iter::once((target, Scope::push(target.path())))
            .chain(mountable.map(move |source| (target, Scope::pull(source.path()))))
    });
    writes.chain(reads)
}

fn reference(location: &Location) -> Option<&Reference> {
    match location {
        Location::Registry(reference) => Some(reference),
        Location::Layout(_) => None,
    }
}

/// Fetches the manifests again whose bytes the store cannot give.
async fn refetch_missing(content: &Content, names: &[Location], images: &mut [ListEntry]) -> anyhow::Result<()> {
    for image in images.iter_mut().filter(|image| root::needs_refetch(names, image)) {
        let digest = Digest::parse(&image.descriptor.digest)
            .map_err(|error| ListError::Digest { image: image.reference.to_string(), error })?;
        let fetched = content.manifest(&Location::of_image(image).sibling(digest), MANIFEST_LIMIT).await?;
        let kind = image.kind().ok_or_else(|| PlanError::NoPayload(image.reference.clone()))?;
        image.set_payload(Payload::read(kind, fetched.bytes)?);
    }
    Ok(())
}
