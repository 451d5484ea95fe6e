//! `mfst create`: makes a local manifest list, amends one, or sends one right to its registry.

use crate::app::App;
use crate::content::Content;
use crate::draft::{Draft, ListSettings, SourceList};
use crate::location::Location;
use crate::manifest::ListEntry;
use crate::output::ProgressMode;
use crate::publish::{self, PushOptions, StaleTags};
use crate::reference::Reference;
use crate::resolve::{self, Request, Resolved, Selection, amend};
use crate::store::StoreError;
use crate::warning::{self, Warning};
use anyhow::Context as _;
use std::collections::{HashMap, HashSet};

/// The arguments and flags of `create`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// The images, as typed.
    pub images: Vec<String>,
    /// Where the list goes.
    pub destination: Destination,
    /// Which of the images are requested.
    pub selection: Selection,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
    /// Whether warnings are errors.
    pub strict: bool,
    /// Whether to print nothing on stdout.
    pub quiet: bool,
    /// How to show progress.
    pub progress: ProgressMode,
}

/// Where a list goes.
#[derive(Debug)]
pub enum Destination {
    /// Into the store.
    Store(IfExists),
    /// Into its registry, and not into the store.
    Registry(PushOptions),
}

/// What to do if the store has the list already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Fail.
    Refuse,
    /// Add the images to it.
    Amend,
    /// Put the images in the place of all that is in it.
    Replace,
}

/// Resolves every image first and then stores or pushes all of them; after any failure the store is as it was.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("error parsing name for manifest list {}", options.list))?;
    match &options.destination {
        Destination::Store(if_exists) => create_and_store(app, options, &list, *if_exists),
        Destination::Registry(push) => create_and_push(app, options, &list, push),
    }
}

fn create_and_store(app: &App, options: &Options, list: &Reference, if_exists: IfExists) -> anyhow::Result<()> {
    let current = current_entries(app, list, if_exists)?;
    let (names, bad_name) = parse_names(&options.images);
    let (unchanged, requested) = split_unchanged(names, &current, &options.selection);
    let resolved = if requested.is_empty() {
        Resolved::default()
    } else {
        let content = Content::new(app.client(options.insecure));
        content.client.request_scopes_upfront(publish::scopes(&[], &requested));
        app.block_on(resolve(app, &content, list, &requested, options, &current))?
    };
    // An error in a later name does not hide what is wrong with an earlier image.
    bad_name.map_or(Ok(()), Err)?;
    let Resolved { entries, lists, missing, .. } = select(app, resolved, options)?;
    warn_of_missing(app, &missing, &current, options.strict)?;
    let check = |draft: &Draft| warning::report(&app.console, warning::of_draft(draft), options.strict);
    match if_exists {
        IfExists::Refuse | IfExists::Replace => {
            let draft = Draft::new(list.clone(), entries, lists, ListSettings::default());
            check(&draft)?;
            if if_exists == IfExists::Refuse { app.store.create(&draft)? } else { app.store.replace(&draft)? }
        }
        IfExists::Amend => app.store.amend(list, |current| {
            let (change, moved) = amend::plan(&current.entries, &entries, &lists, &unchanged);
            check(&change.apply(current))?;
            for amend::Moved { source, old, new } in moved {
                app.console.hint(format_args!("{source} has moved: {old} -> {new}"));
            }
            anyhow::Ok(change)
        })?,
    }
    if options.quiet { Ok(()) } else { app.print(format!("Created manifest list {list}\n")) }
}

/// The entries that the store has of the list, as far as they matter.
fn current_entries(app: &App, list: &Reference, if_exists: IfExists) -> anyhow::Result<Vec<ListEntry>> {
    match (if_exists, app.store.load(list)) {
        (IfExists::Replace, _) | (_, Err(StoreError::NotFound(_))) => Ok(Vec::new()),
        (IfExists::Refuse, Ok(_)) => Err(StoreError::ListExists.into()),
        (_, current) => Ok(current?.entries),
    }
}

/// Separates the images that are not fetched again: a digest cannot come to mean something else. With a selection they
/// are fetched, to see whether they match it, and so are those that an old docker stored without their bytes.
fn split_unchanged(
    names: Vec<Location>,
    current: &[ListEntry],
    selection: &Selection,
) -> (Vec<Reference>, Vec<Location>) {
    let pinned = current.iter().filter(|entry| entry.reference.digest().is_some() && !entry.raw.is_empty());
    let pinned: HashSet<&Reference> = pinned.map(|entry| &entry.reference).collect();
    let (mut unchanged, mut requested) = (Vec::new(), Vec::new());
    for name in names {
        match name {
            Location::Registry(name) if *selection == Selection::default() && pinned.contains(&name) => {
                unchanged.push(name);
            }
            name => requested.push(name),
        }
    }
    (unchanged, requested)
}

/// Parses names, each once, stopping at the first invalid one.
fn parse_names(names: &[String]) -> (Vec<Location>, Option<anyhow::Error>) {
    let (mut locations, mut known) = (Vec::new(), HashSet::new());
    for name in names {
        match Location::parse_source(name).map(Location::absolute) {
            Ok(location) if known.insert(location.clone()) => locations.push(location),
            Ok(_) => {}
            Err(error) => return (locations, Some(error.into())),
        }
    }
    (locations, None)
}

/// Resolves the images. One that the list has may be missing in the registry.
async fn resolve(
    app: &App,
    content: &Content,
    list: &Reference,
    sources: &[Location],
    options: &Options,
    current: &[ListEntry],
) -> anyhow::Result<Resolved> {
    let known: HashSet<String> = current.iter().filter(|entry| !entry.raw.is_empty()).map(ListEntry::source).collect();
    let request = Request {
        sources,
        repository: list,
        selection: &options.selection,
        may_be_missing: &|source| known.contains(&source.to_string()),
    };
    resolve::resolve(content, &request, &app.progress(options.progress, None)).await
}

/// Applies the selection, takes each image once, and warns about platforms without an image.
fn select(app: &App, resolved: Resolved, options: &Options) -> anyhow::Result<Resolved> {
    let Resolved { entries, mut lists, skipped, missing } = resolved;
    if entries.is_empty() && skipped.is_empty() {
        return Ok(Resolved { entries, lists, skipped, missing });
    }
    let entries = options.selection.apply(entries, &skipped)?;
    let without_image = options.selection.missing(&entries).into_iter().cloned().map(Warning::NoImageFor);
    warning::report(&app.console, without_image.collect(), options.strict)?;
    Ok(Resolved { entries: distinct(entries, &mut lists), lists, skipped, missing })
}

/// A list may have an image for several platforms; a draft has it for the first.
fn distinct(entries: Vec<ListEntry>, lists: &mut [SourceList]) -> Vec<ListEntry> {
    let mut kept: Vec<ListEntry> = Vec::with_capacity(entries.len());
    let mut known = HashMap::new();
    for entry in entries {
        let Some(&first) = known.get(&entry.reference) else {
            known.insert(entry.reference.clone(), kept.len());
            kept.push(entry);
            continue;
        };
        let [first, other] = [&kept[first], &entry].map(|it| it.descriptor.platform.clone().unwrap_or_default());
        let source = entry.source();
        if let Some(list) = lists.iter_mut().find(|list| list.source == source && first != other) {
            let image = entry.reference;
            list.repeated.push(format!("{image} is in its list for {first} and for {other}; only the first is taken"));
        }
    }
    kept
}

/// docker, too, keeps an entry of the list whose image the registry no longer has.
fn warn_of_missing(app: &App, missing: &[Location], current: &[ListEntry], is_strict: bool) -> anyhow::Result<()> {
    let gone = missing.iter().filter_map(|source| {
        let source_name = source.to_string();
        let old = current.iter().find(|entry| entry.source() == source_name)?.source_digest().to_owned();
        Some(Warning::Gone { source_name, old })
    });
    warning::report(&app.console, gone.collect(), is_strict)
}

/// Sends a list to its registry without storing anything.
fn create_and_push(app: &App, options: &Options, list: &Reference, push: &PushOptions) -> anyhow::Result<()> {
    let (names, bad_name) = parse_names(&options.images);
    bad_name.map_or(Ok(()), Err)?;
    let content = Content::new(app.client(options.insecure));
    let _progress = app.progress(options.progress, Some(list.to_string()));
    app.block_on(async {
        let targets = push.targets(list)?;
        let locations: Vec<Location> = targets.iter().cloned().map(Location::Registry).collect();
        content.client.request_scopes_upfront(publish::scopes(&locations, &names));
        let resolved = resolve(app, &content, list, &names, options, &[]).await?;
        let Resolved { entries, lists, .. } = select(app, resolved, options)?;
        let draft = Draft::new(list.clone(), entries, lists, ListSettings::default());
        publish::publish(app, &content, &targets, draft, push, StaleTags::Ignore).await
    })?;
    Ok(())
}
