//! `mfst create`: makes a local manifest list, adds images to one, or puts one right into its registry.

mod amend;

use super::doubt::{self, Doubt};
use super::push::{self, Delivery};
use crate::app::App;
use crate::manifest::ImageManifest;
use crate::reference::Reference;
use crate::registry::{Registry, Scope};
use crate::resolve::{self, Selection};
use crate::store::{self, StoreError};
use anyhow::Context as _;
use std::collections::{HashMap, HashSet};

/// What `create` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// The images, as typed.
    pub images: Vec<String>,
    /// Where the list goes.
    pub destination: Destination,
    /// Which of the images are wanted.
    pub selection: Selection,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
    /// Whether what would be a warning is an error.
    pub strict: bool,
    /// Whether to say nothing on stdout.
    pub quiet: bool,
}

/// Where a list goes.
#[derive(Debug)]
pub enum Destination {
    /// Into the store.
    Store(IfThere),
    /// Into its registry, and not into the store.
    Registry(Delivery),
}

/// What becomes of a list that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfThere {
    /// It stays as it is, and the command fails.
    Refuse,
    /// The images join it.
    Amend,
    /// The images take the place of all that is in it.
    Replace,
}

/// Resolves every image first and then stores all of them; after any failure the store is as it was.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("error parsing name for manifest list {}", options.list))?;
    match &options.destination {
        Destination::Store(if_there) => create_and_store(app, options, &list, *if_there),
        Destination::Registry(delivery) => create_and_push(app, options, &list, delivery),
    }
}

fn create_and_store(app: &App, options: &Options, list: &Reference, if_there: IfThere) -> anyhow::Result<()> {
    let current = match if_there {
        IfThere::Replace => Vec::new(),
        IfThere::Refuse | IfThere::Amend => match app.store.list(list) {
            Err(StoreError::NotFound(_)) => Vec::new(),
            Ok(_) if if_there == IfThere::Refuse => return Err(StoreError::ListExists.into()),
            current => current?,
        },
    };
    // A digest cannot come to mean something else. An old docker may have stored such an image without its bytes.
    let pinned = current.iter().filter(|entry| entry.reference.digest().is_some() && !entry.raw.is_empty());
    // Whether it is wanted this time is seen when it is fetched.
    let is_kept = |_: &&ImageManifest| options.selection == Selection::default();
    let pinned: HashSet<&Reference> = pinned.filter(is_kept).map(|entry| &entry.reference).collect();
    let (names, bad_name) = parse_names(&options.images);
    let (kept, asked): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| pinned.contains(name));
    let images = if asked.is_empty() {
        Vec::new()
    } else {
        let registry = app.registry(options.insecure);
        registry.foresee(asked.iter().map(|reference| (reference, Scope::pull(reference.path()))));
        app.wait_for(fetch(app, &registry, &asked, options, bad_name.is_none()))??
    };
    // An error in a later name does not hide what is wrong with an earlier image.
    bad_name.map_or(Ok(()), Err)?;
    let check =
        |images: &mut dyn Iterator<Item = &ImageManifest>| doubt::raise(app, doubt::duplicates(images), options.strict);
    match if_there {
        IfThere::Refuse => {
            check(&mut images.iter())?;
            app.store.create(list, &images)?;
        }
        IfThere::Replace => {
            check(&mut images.iter())?;
            app.store.replace(list, &images)?;
        }
        IfThere::Amend => app.store.amend(list, |current| {
            let (amendment, moved) = amend::plan(current, &images, &kept);
            check(&mut amendment.applied_to(current))?;
            for amend::Moved { source, old, new } in moved {
                app.log.hint(format_args!("{source} has moved: {old} -> {new}"));
            }
            anyhow::Ok(amendment)
        })?,
    }
    if options.quiet { Ok(()) } else { app.print(format!("Created manifest list {list}\n")) }
}

/// Reads names, each once, up to the first that is none.
fn parse_names(names: &[String]) -> (Vec<Reference>, Option<anyhow::Error>) {
    let (mut references, mut known) = (Vec::new(), HashSet::new());
    for name in names {
        match Reference::parse(name) {
            Ok(reference) if known.insert(reference.clone()) => references.push(reference),
            Ok(_) => {}
            Err(error) => return (references, Some(error.into())),
        }
    }
    (references, None)
}

/// Fetches images, and tells what is doubtful about them.
async fn fetch(
    app: &App,
    registry: &Registry,
    references: &[Reference],
    options: &Options,
    is_all: bool,
) -> anyhow::Result<Vec<ImageManifest>> {
    let resolved = resolve::images(registry, references, &options.selection, app.progress(options.quiet)).await?;
    if !is_all {
        return Ok(Vec::new());
    }
    let images = options.selection.apply(resolved.images, &resolved.passed_over)?;
    let missing = options.selection.missing(&images).into_iter().cloned().map(Doubt::NoImageFor).collect();
    let (images, twice) = distinct(images);
    doubt::raise(app, [missing, twice].concat(), options.strict)?;
    Ok(images)
}

/// A list may name an image several times; a list of ours has it once.
fn distinct(images: Vec<ImageManifest>) -> (Vec<ImageManifest>, Vec<Doubt>) {
    let mut kept: Vec<ImageManifest> = Vec::with_capacity(images.len());
    let (mut known, mut doubts) = (HashMap::new(), Vec::new());
    for image in images {
        let Some(&first) = known.get(&image.reference) else {
            known.insert(image.reference.clone(), kept.len());
            kept.push(image);
            continue;
        };
        let platforms = [&kept[first], &image].map(|it| it.descriptor.platform.clone().unwrap_or_default());
        let [kept, dropped] = platforms;
        if kept != dropped {
            doubts.push(Doubt::TwoPlatforms { image: image.reference, kept, dropped });
        }
    }
    (kept, doubts)
}

/// Puts a list into its registry without keeping anything of it.
fn create_and_push(app: &App, options: &Options, list: &Reference, delivery: &Delivery) -> anyhow::Result<()> {
    let (names, bad_name) = parse_names(&options.images);
    bad_name.map_or(Ok(()), Err)?;
    let registry = app.registry(options.insecure);
    app.wait_for(async {
        let targets = delivery.targets(list)?;
        registry.foresee(push::scopes(&targets, names.iter()));
        let mut images = fetch(app, &registry, &names, options, true).await?;
        store::sort(&mut images);
        push::publish(app, &registry, &targets, images, delivery, push::Sources::JustResolved).await
    })??;
    Ok(())
}
