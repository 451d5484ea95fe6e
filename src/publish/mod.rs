//! Puts manifests with everything below them into registries and layouts: `push`, `create --push`, `copy`.

mod archives;
mod blobs;
mod collect;
mod manifests;
mod metadata;
mod options;
mod plan;
mod presence;
mod preview;
mod referrers;
mod root;
mod tags;
mod target;
mod transfer;

pub use collect::{Collector, Fetched};
pub use metadata::PushMetadata;
pub use options::{PushOptions, ResultFiles, check_registry, is_tag};
pub use root::{Blob, Node, PlanError, Referrer, Root};

use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::error::WithHint;
use crate::json;
use crate::layout::LayoutError;
use crate::location::Location;
use crate::manifest::{ListEntry, ListError, Payload};
use crate::reference::Reference;
use crate::registry::MANIFEST_LIMIT;
use crate::resolve::stale::{self, Pushed};
use crate::warning;
use blobs::Outcomes;
use plan::Plan;
use std::fmt::Display;
use tags::PreviousTags;
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

/// A list that has been sent or, with `--dry-run`, would be.
#[derive(Debug)]
pub struct Sent {
    /// Its digest.
    pub digest: Digest,
    /// What a dry run would do, line by line.
    pub preview: Vec<String>,
    /// What has been done.
    pub metadata: PushMetadata,
}

/// A list that is ready to be sent.
struct Prepared {
    draft: Draft,
    /// The list alone.
    roots: [Root; 1],
}

/// Sends a list to its registry under all target names, prints its digest, and returns it.
pub async fn publish(
    app: &App,
    content: &Content,
    targets: &[Reference],
    draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Digest> {
    // Everything that needs no registry is checked first.
    check(&draft)?;
    let files = options.prepare_files()?;
    let prepared = prepare(app, content, targets, draft, options, stale_tags).await?;
    if options.dry_run {
        let plan = Plan::new(&prepared.roots);
        tags::check(content, &plan, options).await?;
        let digest = prepared.roots[0].manifest.digest.clone();
        app.console.plain(format_args!("digest: {digest}"));
        for request in plan.requests(|reference| content.client.address(reference)) {
            app.console.plain(request);
        }
        app.print(prepared.draft.list().bytes)?;
        return Ok(digest);
    }
    let Sent { digest, metadata, .. } = transmit(app, content, &prepared, options, stale_tags).await?;
    let printed = app.print(format!("{digest}\n"));
    files.write(digest.as_str(), &json::document(&metadata))?;
    printed.map(|()| digest)
}

/// Sends a list to its registry under all target names, and prints nothing. With `--dry-run`, finds out what would be done.
pub async fn send(
    app: &App,
    content: &Content,
    targets: &[Reference],
    draft: Draft,
    options: &PushOptions,
) -> anyhow::Result<Sent> {
    let prepared = prepare(app, content, targets, draft, options, StaleTags::Ignore).await?;
    if !options.dry_run {
        return transmit(app, content, &prepared, options, StaleTags::Ignore).await;
    }
    let (plan, root) = (Plan::new(&prepared.roots), &prepared.roots[0]);
    let previous = tags::check(content, &plan, options).await?;
    let preview = preview::preview(content, &plan).await?;
    let metadata = PushMetadata::new(root, &Outcomes::default(), &previous);
    Ok(Sent { digest: root.manifest.digest.clone(), preview, metadata })
}

/// Checks that the images can form a list. The error names the command that helps against it.
fn check(draft: &Draft) -> anyhow::Result<()> {
    root::check(draft).map_err(|error| {
        let PlanError::List(ListError::NoPlatform(image)) = &error else { return error.into() };
        let list = &draft.name;
        let hint = format!(
            "`mfst annotate --os linux --arch ARCH {list} {image}` sets the platform in a local list; `create --push` takes \
             it as {image}=linux/ARCH, and `apply` as `platform: linux/ARCH`"
        );
        WithHint { error: error.into(), hint }.into()
    })
}

/// Checks a list and fetches what the store lacks of it.
async fn prepare(
    app: &App,
    content: &Content,
    targets: &[Reference],
    mut draft: Draft,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Prepared> {
    check(&draft)?;
    options.check_platforms(&draft.name, draft.platforms())?;
    let warnings = warning::of_draft(&draft).into_iter().chain(warning::mixed_formats(&draft.entries)).collect();
    warning::report(&app.console, warnings, options.strict)?;
    let names: Vec<Location> = targets.iter().cloned().map(Location::Registry).collect();
    let sources: Vec<Location> = draft.entries.iter().map(Location::of_image).collect();
    content.plan(&sources, &names);
    refetch_missing(content, &names, &mut draft.entries).await?;
    let roots = [Root::of_draft(&draft, names)?];
    if stale_tags == StaleTags::Deny {
        let (name, digest, entries) = (&draft.name, &roots[0].manifest.digest, draft.entries.as_slice());
        stale::verify(&content.client, &Pushed { name, digest, entries }).await?;
        warning::report(&app.console, Vec::new(), options.strict)?;
    }
    Ok(Prepared { draft, roots })
}

/// Sends a list. Prints its images, unless that is to be quiet.
async fn transmit(
    app: &App,
    content: &Content,
    Prepared { draft, roots }: &Prepared,
    options: &PushOptions,
    stale_tags: StaleTags,
) -> anyhow::Result<Sent> {
    let (plan, digest) = (Plan::new(roots), roots[0].manifest.digest.clone());
    let entries = if stale_tags == StaleTags::Warn { draft.entries.as_slice() } else { &[] };
    let pushed = Pushed { name: &draft.name, digest: &digest, entries };
    let check = stale::warn_if_moved(&app.console, &content.client, &pushed);
    let deliver = deliver(app, content, &plan, options, !options.quiet);
    let (outcomes, previous) = stale::run_alongside(check, deliver).await?;
    let metadata = PushMetadata::new(&roots[0], &outcomes, &previous);
    Ok(Sent { digest, preview: Vec::new(), metadata })
}

/// Puts roots under their names. Prints each name with its digest, or only the digests; with `--dry-run` what would be
/// done. The result files are about the first root.
pub async fn publish_roots(app: &App, content: &Content, roots: &[Root], options: &PushOptions) -> anyhow::Result<()> {
    let files = options.prepare_files()?;
    let plan = Plan::new(roots);
    archives::check(&plan)?;
    if options.dry_run {
        tags::check(content, &plan, options).await?;
        let lines = preview::preview(content, &plan).await?;
        return app.print(lines.join("\n") + "\n");
    }
    let (outcomes, previous) = deliver(app, content, &plan, options, false).await?;
    let printed = app.print(report(roots, options.quiet));
    if let Some(first) = roots.first() {
        let metadata = PushMetadata::new(first, &outcomes, &previous);
        files.write(first.manifest.digest.as_str(), &json::document(&metadata))?;
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

/// Carries out a plan: blobs, then manifests, and last the roots, whose names are checked right before. What registries
/// say they have is not sent, unless they turn out to lack it. Prints each image on stdout if `is_announced`, as docker
/// does.
async fn deliver(
    app: &App,
    content: &Content,
    plan: &Plan<'_>,
    options: &PushOptions,
    is_announced: bool,
) -> anyhow::Result<(Outcomes, PreviousTags)> {
    let targets = plan.repositories.iter().map(Target::open).collect::<Result<Vec<_>, LayoutError>>()?;
    let without_present = presence::without_present(content, plan).await?;
    let is_any_present = without_present.is_some();
    let needed = without_present.as_ref().unwrap_or(plan);
    let names: Vec<&Location> = plan.names().map(|(_, name)| name).collect();
    let progress = app.progress(options.progress, destination(&names));
    let mut outcomes = blobs::ensure_blobs(content, needed, &targets, &progress).await?;
    let phase = progress.phase("manifests put", needed.manifest_count());
    let announced = manifests::put_levels(app, content, needed, &targets, is_announced, &phase).await?;
    manifests::put_attached(content, plan, &targets, &phase).await?;
    let previous = tags::check(content, plan, options).await?;
    let expected = options.expect.as_ref();
    match manifests::put_roots(content, plan, &targets, expected, &phase).await {
        Err(error) if is_any_present && manifests::says_child_unknown(&error) => {
            drop(phase);
            outcomes = blobs::ensure_blobs(content, plan, &targets, &progress).await?;
            let phase = progress.phase("manifests put", plan.manifest_count());
            manifests::put_levels(app, content, plan, &targets, false, &phase).await??;
            manifests::put_roots(content, plan, &targets, expected, &phase).await?;
        }
        put => put?,
    }
    announced?;
    Ok((outcomes, previous))
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
