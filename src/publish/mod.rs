//! Sends a list to a registry: `push`, `create --push`.

mod deliver;
mod metadata;
mod options;
mod plan;

pub use options::PushOptions;

use crate::app::App;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::error::WithHint;
use crate::manifest::{ListEntry, ListError, Payload};
use crate::reference::Reference;
use crate::registry::{Client, Scope};
use crate::resolve::stale::{self, Pushed};
use crate::warning;
use deliver::deliver;
use metadata::PushMetadata;
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

/// Sends a list to its registry under all target names, prints its digest, and returns it.
pub async fn publish(
    app: &App,
    client: &Client,
    targets: &[Reference],
    mut draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Digest> {
    // Everything that needs no registry is checked first.
    plan::check(&draft).map_err(|error| with_hint(error, &draft))?;
    let files = options.prepare_files()?;
    let warnings = warning::of_draft(&draft).into_iter().chain(warning::mixed_formats(&draft.entries)).collect();
    warning::report(&app.console, warnings, options.strict)?;
    client.request_scopes_upfront(scopes(targets, draft.entries.iter().map(|entry| &entry.reference)));
    refetch_missing(client, targets, &mut draft.entries).await?;
    let plan = PushPlan::new(targets, &draft)?;
    let digest = plan.root.digest();
    if stale_tags == StaleTags::Deny {
        stale::verify(client, &Pushed { name: &draft.name, digest: &digest, entries: &draft.entries }).await?;
        warning::report(&app.console, Vec::new(), options.strict)?;
    }
    if options.dry_run {
        app.console.plain(format_args!("digest: {digest}"));
        for request in plan.requests(|reference| client.address(reference)) {
            app.console.plain(request);
        }
        app.print(&plan.root.bytes)?;
        return Ok(digest);
    }
    let checked = if stale_tags == StaleTags::Warn { draft.entries.as_slice() } else { &[] };
    let pushed = Pushed { name: &draft.name, digest: &digest, entries: checked };
    let check = stale::warn_if_moved(&app.console, client, &pushed);
    let outcomes = stale::run_alongside(check, deliver(app, client, &plan, &draft, options.quiet)).await?;
    let metadata = PushMetadata::new(&plan, &draft.entries, &outcomes);
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
