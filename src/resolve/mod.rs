//! Fetches what references name: images, and the images in lists.

pub mod amend;
pub mod find;
mod limits;
mod platforms;
mod selection;
pub mod stale;
mod survey;
mod walk;

pub use limits::{ReadLimits, SharedMemory};
pub use selection::{NoMatchingImage, Selection};
pub use survey::{Defect, Surveyed, survey};
pub use walk::{Document, MAX_DEPTH, Walker, is_list, size_limit};

use crate::content::Content;
use crate::digest::Digest;
use crate::draft::{SourceList, Verbatim};
use crate::location::Location;
use crate::manifest::{Descriptor, ImageIndex, ImageManifest, ListEntry, Manifest, ManifestError, Origin, Platform};
use crate::output::Progress;
use crate::reference::Reference;
use crate::registry::RegistryError;
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use platforms::Platforms;
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use thiserror::Error;
use walk::Leaf;

/// Why a source cannot be used.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// A list without entries.
    #[error("{0} is an empty manifest list")]
    Empty(String),
    /// Lists in lists in lists.
    #[error("{0} has more than {max} levels of manifest lists in it", max = walk::MAX_DEPTH)]
    TooDeep(String),
    /// More than one run reads.
    #[error("{0} has more than {max} entries, or too large ones", max = limits::MAX_ENTRIES)]
    TooLarge(String),
    /// A config with a platform of many kilobytes.
    #[error("the platform in the image config {0} is too long")]
    PlatformTooLong(String),
    /// A manifest whose config has no valid digest.
    #[error("invalid digest format")]
    ConfigDigest,
}

/// What sources have been resolved to.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The images, those in lists included. An image that a list has twice is here twice.
    pub entries: Vec<ListEntry>,
    /// The lists among the sources.
    pub lists: Vec<SourceList>,
    /// The platforms of images that the selection leaves out.
    pub skipped: Vec<Platform>,
    /// The sources that the registry does not have, of those that may be missing.
    pub missing: Vec<Location>,
}

/// What to resolve.
pub struct Request<'a> {
    /// The images and lists, as locations.
    pub sources: &'a [Location],
    /// The repository that images in layouts get names of.
    pub repository: &'a Reference,
    /// Which images of lists are requested.
    pub selection: &'a Selection,
    /// The sources that may be missing.
    pub may_be_missing: &'a (dyn Fn(&Location) -> bool + 'a),
}

/// Resolves sources concurrently. The result is in the order of the sources, and the error is that of the first source
/// that has one.
pub async fn resolve(content: &Content, request: &Request<'_>, progress: &Progress) -> anyhow::Result<Resolved> {
    let phase = progress.phase("images resolved", request.sources.len());
    let resolver = Resolver { walker: Walker::new(content), platforms: Platforms::default(), request };
    let sources = request.sources.iter().map(|source| resolver.source(source));
    let mut sources = pin!(stream::iter(sources).buffered(content.concurrency()));
    let mut all = Resolved::default();
    while let Some(one) = sources.try_next().await? {
        phase.advance();
        all.entries.extend(one.entries);
        all.lists.extend(one.lists);
        all.skipped.extend(one.skipped);
        all.missing.extend(one.missing);
    }
    Ok(all)
}

struct Resolver<'a> {
    walker: Walker<'a>,
    platforms: Platforms,
    request: &'a Request<'a>,
}

impl Resolver<'_> {
    async fn source(&self, source: &Location) -> anyhow::Result<Resolved> {
        let root = match self.walker.root(source).await {
            Err(error) if (self.request.may_be_missing)(source) && is_not_found(&error) => {
                return Ok(Resolved { missing: vec![source.clone()], ..Resolved::default() });
            }
            root => root?,
        };
        match &root.manifest {
            Manifest::Image(image) => {
                let platform = self.platforms.get(self.walker.content, source, image).await?;
                let name = self.entry_name(source, &root);
                let mut entry = assemble(name, &root, image, platform.clone());
                entry.origin = Some(origin(source, &root, platform, 0));
                Ok(Resolved { entries: vec![entry], ..Resolved::default() })
            }
            Manifest::Index(index) => self.list(source, &root, index).await,
        }
    }

    async fn list(&self, source: &Location, root: &Document, index: &ImageIndex) -> anyhow::Result<Resolved> {
        if index.manifests.is_empty() {
            return Err(ResolveError::Empty(source.to_string()).into());
        }
        let mut skipped = Vec::new();
        let selection = self.request.selection;
        let tree = self.walker.tree(source, index, |entries| selection.prefilter(entries, &mut skipped)).await?;
        let leaves =
            tree.leaves.into_iter().enumerate().map(|(position, leaf)| self.leaf(source, root, leaf, position));
        let leaves = stream::iter(leaves).buffered(self.walker.content.concurrency());
        let entries: Vec<ListEntry> = leaves.try_collect().await?;
        if tree.nested.iter().map(|nested| nested.bytes.len()).sum::<usize>() > limits::MAX_NESTED {
            return Err(ResolveError::TooLarge(source.to_string()).into());
        }
        let verbatim = Verbatim { list: root.raw(), nested: tree.nested, entries: distinct_count(&entries) };
        let list = SourceList {
            source: source.to_string(),
            digest: root.fetched.digest.to_string(),
            header: index.header.clone(),
            repeated: Vec::new(),
            verbatim: (*selection == Selection::default()).then_some(verbatim),
        };
        Ok(Resolved { entries, lists: vec![list], skipped, missing: Vec::new() })
    }

    /// Makes an entry of an image in a list. Its platform is what the list says, or else what its config says.
    async fn leaf(&self, source: &Location, root: &Document, leaf: Leaf, position: usize) -> anyhow::Result<ListEntry> {
        let Leaf { entry, document } = leaf;
        let Manifest::Image(image) = &document.manifest else {
            return Err(ResolveError::TooDeep(source.to_string()).into());
        };
        let platform = match entry.platform.filter(Platform::is_specified) {
            Some(platform) => platform,
            None if image.is_artifact() => Platform::unknown(),
            None => self.platforms.get(self.walker.content, source, image).await?,
        };
        let digest = document.fetched.digest.clone();
        let name = match source {
            Location::Registry(reference) => reference.pinned_to(digest),
            Location::Layout(_) => self.request.repository.digest_only(digest),
        };
        let mut image = assemble(name, &document, image, platform.clone());
        image.descriptor.annotations.clone_from(&entry.annotations);
        image.descriptor.artifact_type.clone_from(&entry.artifact_type);
        image.origin = Some(Origin { annotations: entry.annotations, ..origin(source, root, platform, position) });
        Ok(image)
    }

    fn entry_name(&self, source: &Location, root: &Document) -> Reference {
        match source {
            Location::Registry(reference) => reference.clone(),
            Location::Layout(_) => self.request.repository.digest_only(root.fetched.digest.clone()),
        }
    }
}

fn origin(source: &Location, root: &Document, platform: Platform, position: usize) -> Origin {
    let (source, digest) = (source.to_string(), root.fetched.digest.to_string());
    Origin { source, digest, position, platform, ..Origin::default() }
}

/// How many different images there are.
fn distinct_count(entries: &[ListEntry]) -> usize {
    entries.iter().map(|entry| &entry.reference).collect::<HashSet<_>>().len()
}

/// Whether what was fetched is no manifest that docker knows.
fn is_no_manifest(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn std::error::Error>::is::<ManifestError>)
}

fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RegistryError::NotFound(_)))
}

/// An image that is asked for by itself, with the platform in its config.
pub async fn image(
    walker: &Walker<'_>,
    reference: &Reference,
    document: &Document,
    image: &Arc<ImageManifest>,
) -> anyhow::Result<ListEntry> {
    let location = Location::Registry(reference.clone());
    let platform = Platforms::default().get(walker.content, &location, image).await?;
    Ok(assemble(reference.clone(), document, image, platform))
}

/// The platform that the config of an image at a location states.
pub async fn platform(walker: &Walker<'_>, location: &Location, image: &ImageManifest) -> anyhow::Result<Platform> {
    Platforms::default().get(walker.content, location, image).await
}

/// What an entry of a list points at.
#[derive(Debug)]
pub enum Child {
    /// An image.
    Image(ListEntry),
    /// Another list.
    List(ListEntry),
    /// Nothing, or nothing that is an image.
    Missing(ListEntry),
}

/// Fetches what the entries of a list in a registry point at.
pub async fn children(walker: &Walker<'_>, list: &Reference, index: &ImageIndex) -> anyhow::Result<Vec<Child>> {
    let location = Location::Registry(list.clone());
    walker.count_entries(index, &location)?;
    let children = index.manifests.iter().map(|entry| child(walker, list, &location, entry));
    stream::iter(children).buffered(walker.content.concurrency()).try_collect().await
}

async fn child(
    walker: &Walker<'_>,
    list: &Reference,
    location: &Location,
    entry: &Descriptor,
) -> anyhow::Result<Child> {
    let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {list}"))?;
    let reference = list.pinned_to(digest);
    let without_payload = || ListEntry::without_payload(reference.clone(), entry.clone());
    if is_list(entry) {
        return Ok(Child::List(without_payload()));
    }
    let document = match walker.child(location, entry).await {
        Err(error) if is_not_found(&error) || is_no_manifest(&error) => return Ok(Child::Missing(without_payload())),
        document => document?,
    };
    Ok(match &document.manifest {
        Manifest::Image(image) => {
            let platform = entry.platform.clone().unwrap_or_default();
            Child::Image(assemble(reference.clone(), &document, image, platform))
        }
        Manifest::Index(_) => Child::List(without_payload()),
    })
}

fn assemble(reference: Reference, document: &Document, image: &Arc<ImageManifest>, platform: Platform) -> ListEntry {
    let fetched = &document.fetched;
    let descriptor = Descriptor { platform: Some(platform), ..fetched.descriptor(image.kind.media_type()) };
    ListEntry::new(reference, descriptor, Arc::clone(image), fetched.bytes.clone())
}
