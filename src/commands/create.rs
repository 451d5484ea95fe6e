//! `mfst create`: makes a local manifest list, amends one, or sends one right to its registry.

use super::list_options::ListOptions;
use super::sources::{self, NamedSource, SourceError, SourceName, TypedSource};
use crate::app::App;
use crate::content::Content;
use crate::draft::{Draft, ListSettings, SourceList};
use crate::error::WithHint;
use crate::location::Location;
use crate::manifest::{Descriptor, ListEntry, Platform};
use crate::output::ProgressMode;
use crate::publish::{self, PushOptions, StaleTags};
use crate::reference::Reference;
use crate::resolve::{Absent, Request, Resolved, Resolver, Selection, Source, amend};
use crate::store::StoreError;
use crate::warning::{self, Warning};
use anyhow::Context as _;
use futures_util::future::try_join;
use std::collections::{HashMap, HashSet};
use thiserror::Error;

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
    /// What to say about the list itself.
    pub list_options: ListOptions,
    /// What to do about images that do not exist.
    pub absent: Absent,
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

/// Of all sources, the registries have none.
#[derive(Debug, Error)]
#[error("none of the images exists: {0}")]
struct NothingThere(String);

/// What the network gave.
#[derive(Default)]
struct Fetched {
    resolved: Resolved,
    /// The platforms that are stated for images, by source.
    stated: HashMap<String, Platform>,
    /// The entries that were not fetched because they cannot have changed.
    unchanged: Vec<Reference>,
    subject: Option<Descriptor>,
}

/// Resolves every image first and then stores or pushes all of them; after any failure the store is as it was.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("error parsing name for manifest list {}", options.list))?;
    let created = match &options.destination {
        Destination::Store(if_exists) => create_and_store(app, options, &list, *if_exists),
        Destination::Registry(push) => create_and_push(app, options, &list, push),
    };
    created.map_err(|error| with_layout_hint(error, &options.images))
}

/// Says how to name a layout whose name docker takes for that of an image.
fn with_layout_hint(error: anyhow::Error, images: &[String]) -> anyhow::Error {
    let Some((text, layout)) = images.iter().find_map(|text| Some((text, Location::unambiguous_layout(text)?))) else {
        return error;
    };
    let hint = format!("{text} was taken for an image, as docker takes it; the layout is {layout}");
    WithHint { error, hint }.into()
}

fn create_and_store(app: &App, options: &Options, list: &Reference, if_exists: IfExists) -> anyhow::Result<()> {
    let current = current_entries(app, list, if_exists)?;
    let (typed, bad_name) = sources::parse(&options.images);
    warning::report(&app.console, sources::unknown_variants(&typed), options.strict)?;
    let fetched = match only_unchanged(&typed, &current, options) {
        Some(unchanged) => Fetched { unchanged, ..Fetched::default() },
        None => app.block_on(fetch(app, typed, list, options, &current))?,
    };
    // An error in a later name does not hide what is wrong with an earlier image.
    bad_name.map_or(Ok(()), |error| Err(error.into_cause()))?;
    let Fetched { resolved, stated, unchanged, subject } = fetched;
    let Resolved { entries, lists, missing, .. } = select(app, resolved, options)?;
    warn_of_missing(app, &missing, &current, options.strict)?;
    let check = |draft: &Draft| {
        draft.check_format()?;
        warning::report(&app.console, warning::of_draft(draft), options.strict)
    };
    match if_exists {
        IfExists::Refuse | IfExists::Replace => {
            let settings = options.list_options.apply(ListSettings::default(), subject);
            let mut draft = Draft::new(list.clone(), entries, lists, settings);
            options.list_options.annotate(&mut draft.entries)?;
            check(&draft)?;
            if if_exists == IfExists::Refuse { app.store.create(&draft)? } else { app.store.replace(&draft)? }
        }
        IfExists::Amend => app.store.amend(list, |current| {
            let (mut change, moved) = amend::plan(&current.entries, &entries, &lists, &unchanged);
            for entry in &mut change.upsert {
                if let Some(platform) = stated.get(&entry.source()) {
                    entry.descriptor.platform = Some(platform.clone());
                }
            }
            change.settings = Some(options.list_options.apply(current.settings.clone(), subject));
            options.list_options.annotate_change(current, &mut change)?;
            check(&change.apply(current))?;
            for amend::Moved { source, old, new } in moved {
                app.console.hint(format_args!("{source} has moved: {old} -> {new}"));
            }
            anyhow::Ok(change)
        })?,
    }
    if options.quiet { Ok(()) } else { app.print(format!("Created manifest list {list}\n")) }
}

/// The sources, if none of them has to be fetched and there is nothing else to fetch.
fn only_unchanged(typed: &[TypedSource], current: &[ListEntry], options: &Options) -> Option<Vec<Reference>> {
    let image = |source: &TypedSource| match &source.name {
        SourceName::Image(location) => {
            Some(NamedSource { location: location.clone(), platform: source.platform.clone() })
        }
        SourceName::Pattern { .. } => None,
    };
    let images: Option<Vec<NamedSource>> = typed.iter().map(image).collect();
    let (unchanged, requested) = split_unchanged(sources::distinct(images?).ok()?, current, &options.selection);
    (requested.is_empty() && options.list_options.subject.is_none()).then_some(unchanged)
}

/// Fetches everything that a local list needs from registries.
async fn fetch(
    app: &App,
    typed: Vec<TypedSource>,
    list: &Reference,
    options: &Options,
    current: &[ListEntry],
) -> anyhow::Result<Fetched> {
    let content = Content::new(app.client(options.insecure));
    content.plan(&sources::locations(&typed), &[]);
    let progress = app.progress(options.progress, None);
    let named = sources::expand(&content.client, typed, list, options.absent.wait, &progress).await;
    let named = named.map_err(SourceError::into_cause)?;
    let stated = stated(&named);
    let (unchanged, requested) = split_unchanged(named, current, &options.selection);
    let (resolved, subject) = try_join(
        resolve(app, &content, list, &requested, options, current),
        options.list_options.fetch_subject(&content),
    )
    .await?;
    Ok(Fetched { resolved, stated, unchanged, subject })
}

/// The platforms that are stated for images, by source.
fn stated(sources: &[NamedSource]) -> HashMap<String, Platform> {
    sources.iter().filter_map(|source| Some((source.location.to_string(), source.platform.clone()?))).collect()
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
    sources: Vec<NamedSource>,
    current: &[ListEntry],
    selection: &Selection,
) -> (Vec<Reference>, Vec<NamedSource>) {
    let pinned = current.iter().filter(|entry| entry.reference.digest().is_some() && !entry.raw.is_empty());
    let pinned: HashSet<&Reference> = pinned.map(|entry| &entry.reference).collect();
    let (mut unchanged, mut requested) = (Vec::new(), Vec::new());
    for source in sources {
        match &source.location {
            Location::Registry(name)
                if *selection == Selection::default() && source.platform.is_none() && pinned.contains(name) =>
            {
                unchanged.push(name.clone());
            }
            _ => requested.push(source),
        }
    }
    (unchanged, requested)
}

/// Resolves the images. One that the list has may be missing in the registry.
async fn resolve(
    app: &App,
    content: &Content,
    list: &Reference,
    named: &[NamedSource],
    options: &Options,
    current: &[ListEntry],
) -> anyhow::Result<Resolved> {
    let sources: Vec<Source> = named.iter().map(|source| source.to_source(&options.selection)).collect();
    let known: HashSet<String> = current.iter().filter(|entry| !entry.raw.is_empty()).map(ListEntry::source).collect();
    let request = Request {
        sources: &sources,
        repository: list,
        may_be_missing: &|source| options.absent.ignore || known.contains(&source.to_string()),
        wait: options.absent.wait,
    };
    let resolved = Resolver::new(content).resolve(&request, &app.progress(options.progress, None)).await?;
    let is_all_missing = !sources.is_empty() && resolved.missing.len() == sources.len();
    if is_all_missing && resolved.missing.iter().any(|source| !known.contains(&source.to_string())) {
        let missing: Vec<String> = resolved.missing.iter().map(ToString::to_string).collect();
        return Err(NothingThere(missing.join(", ")).into());
    }
    Ok(resolved)
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
    let warning = |source: &Location| {
        let source_name = source.to_string();
        match current.iter().find(|entry| entry.source() == source_name) {
            Some(entry) => Warning::Gone { source_name, old: entry.source_digest().to_owned() },
            None => Warning::Missing(source_name),
        }
    };
    warning::report(&app.console, missing.iter().map(warning).collect(), is_strict)
}

/// Sends a list to its registry without storing anything.
fn create_and_push(app: &App, options: &Options, list: &Reference, push: &PushOptions) -> anyhow::Result<()> {
    let (typed, bad_name) = sources::parse(&options.images);
    bad_name.map_or(Ok(()), |error| Err(error.into_cause()))?;
    warning::report(&app.console, sources::unknown_variants(&typed), options.strict)?;
    let content = Content::new(app.client(options.insecure));
    let targets = push.targets(list)?;
    let written: Vec<Location> = targets.iter().filter(|_| !push.dry_run).cloned().map(Location::Registry).collect();
    content.plan(&sources::locations(&typed), &written);
    let progress = app.progress(options.progress, publish::destination(&targets));
    app.block_on(content.with_targets(&written, async {
        let named = sources::expand(&content.client, typed, list, options.absent.wait, &progress).await;
        let named = named.map_err(SourceError::into_cause)?;
        let (resolved, subject) =
            try_join(resolve(app, &content, list, &named, options, &[]), options.list_options.fetch_subject(&content))
                .await?;
        let Resolved { entries, lists, missing, .. } = select(app, resolved, options)?;
        warn_of_missing(app, &missing, &[], options.strict)?;
        let settings = options.list_options.apply(ListSettings::default(), subject);
        let mut draft = Draft::new(list.clone(), entries, lists, settings);
        options.list_options.annotate(&mut draft.entries)?;
        publish::publish(app, &content, &targets, draft, push, StaleTags::Ignore).await
    }))?;
    Ok(())
}
