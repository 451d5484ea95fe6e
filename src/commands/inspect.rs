//! `mfst inspect`: shows a manifest or a manifest list, local or in a registry.

use super::entry::{self, EntryError};
use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::error::WithHint;
use crate::location::Location;
use crate::manifest::{ListEntry, Manifest, Platform, PlatformSelector};
use crate::reference::Reference;
use crate::resolve::{self, Child, Document, Walker, find};
use crate::store::StoreError;
use crate::view::docker;
use anyhow::Context as _;
use thiserror::Error;

/// The arguments and flags of `inspect`.
#[derive(Debug)]
pub struct Options {
    /// The local list that the image is in, as typed.
    pub list: Option<String>,
    /// The image or list, as typed.
    pub name: String,
    /// How to show it.
    pub view: View,
    /// Which image of a list to show.
    pub platform: Option<PlatformSelector>,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// How a manifest is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// As docker shows it.
    Plain,
    /// As docker shows it with `--verbose`.
    Verbose,
    /// The exact bytes.
    Raw,
}

/// Why there is nothing to show.
#[derive(Debug, Error)]
#[error("the bytes of {0} have not been kept; `mfst create --amend` fetches them")]
struct NoBytes(Reference);

/// Looks in the local store first and then in the registry.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let reference = Reference::parse(&options.name)?;
    if let Some(list) = &options.list {
        let list = Reference::parse(list)?;
        let name = entry::resolve(app, &list, &options.name).map_err(EntryError::into_cause)?;
        let entry = [app.store.get(&list, &name)?];
        if let Some(requested) = &options.platform {
            find::choose(&entry, |entry| &entry.descriptor, requested)?;
        }
        return app.print(show_entry(&entry[0], options.view)?);
    }
    // As in docker, a local list that cannot be read is ignored, but not silently.
    let ignored = match app.store.load(&reference) {
        Ok(draft) => return app.print(show_draft(&draft, options)?),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => Some(format!("the local list of this name is ignored: {error}")),
    };
    let content = Content::new(app.client(options.insecure));
    let shown = app.block_on(show_remote(app, &content, &reference, options));
    match (shown, ignored) {
        (shown, None) => app.print(shown?),
        (Ok(text), Some(warning)) => {
            app.print(text)?;
            app.console.warn(warning);
            Ok(())
        }
        (Err(error), Some(hint)) => Err(WithHint { error, hint }.into()),
    }
}

fn show_draft(draft: &Draft, options: &Options) -> anyhow::Result<Vec<u8>> {
    if let Some(requested) = &options.platform {
        let entry = find::choose(&draft.entries, |entry| &entry.descriptor, requested)?;
        return show_entry(entry, options.view);
    }
    match options.view {
        View::Plain => docker::draft(draft),
        View::Verbose => Ok(docker::verbose_images(&draft.entries)?),
        View::Raw => {
            docker::check_digests(draft).context("failed to assemble ManifestDescriptor")?;
            Ok(draft.list().bytes.into())
        }
    }
}

fn show_entry(entry: &ListEntry, view: View) -> anyhow::Result<Vec<u8>> {
    match view {
        View::Plain => docker::image(entry),
        View::Verbose => Ok(docker::verbose_image(entry)?),
        View::Raw => {
            let bytes = entry.bytes().filter(|bytes| Digest::of(bytes).as_str() == entry.descriptor.digest);
            Ok(bytes.ok_or_else(|| NoBytes(entry.reference.clone()))?.into())
        }
    }
}

async fn show_remote(
    app: &App,
    content: &Content,
    reference: &Reference,
    options: &Options,
) -> anyhow::Result<Vec<u8>> {
    let walker = Walker::new(content);
    let root = walker.root(&Location::Registry(reference.clone())).await?;
    match &options.platform {
        None => show_document(app, &walker, reference, &root, None, options.view).await,
        Some(requested) => {
            let location = Location::Registry(reference.clone());
            let found = find::image(&walker, &location, root, requested).await?;
            let digest = || found.document.fetched.digest.clone();
            let image = if found.platform.is_some() { reference.pinned_to(digest()) } else { reference.clone() };
            show_document(app, &walker, &image, &found.document, found.platform, options.view).await
        }
    }
}

async fn show_document(
    app: &App,
    walker: &Walker<'_>,
    reference: &Reference,
    document: &Document,
    platform: Option<Platform>,
    view: View,
) -> anyhow::Result<Vec<u8>> {
    match (&document.manifest, view) {
        (_, View::Raw) => Ok(document.fetched.bytes.to_vec()),
        (Manifest::Image(_), View::Plain) => Ok(docker::manifest(&document.fetched.bytes)?),
        (Manifest::Image(image), View::Verbose) => {
            let mut entry = resolve::image(walker, reference, document, image).await?;
            entry.descriptor.platform = platform.or(entry.descriptor.platform);
            Ok(docker::verbose_image(&entry)?)
        }
        // From its own bytes: an entry that is missing, nested or no image at all is still an entry.
        (Manifest::Index(index), View::Plain) => Ok(docker::index(index)),
        (Manifest::Index(index), View::Verbose) => {
            let children = resolve::children(walker, reference, index).await?;
            Ok(docker::verbose_images(&report_children(app, children))?)
        }
    }
}

/// Warns about entries of a list that are not images.
fn report_children(app: &App, children: Vec<Child>) -> Vec<ListEntry> {
    let report = |child| match child {
        Child::Image(entry) => entry,
        Child::List(entry) => {
            app.console.warn(format_args!("{} is itself a manifest list; inspect it by that name", entry.reference));
            entry
        }
        Child::Missing(entry) => {
            app.console.warn(format_args!("{} is in the list, but there is no image behind it", entry.reference));
            entry
        }
    };
    children.into_iter().map(report).collect()
}
