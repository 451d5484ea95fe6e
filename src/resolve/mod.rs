//! Fetches what references name: images, and the images in lists.

pub mod amend;
mod filter;
pub mod find;
mod limits;
mod platforms;
mod selection;
mod source;
pub mod stale;
mod survey;
mod walk;

pub use filter::{Filtered, filter};
pub use limits::{MAX_ENTRIES, ReadLimits, SharedMemory};
pub use selection::{NoMatchingImage, Selection};
pub use source::{Absent, Source, StatedPlatform};
pub use survey::{Defect, Surveyed, survey};
pub use walk::{Document, MAX_DEPTH, Walker, is_list, size_limit};

use crate::content::Content;
use crate::digest::Digest;
use crate::draft::{SourceList, Verbatim, distinct_count};
use crate::location::Location;
use crate::manifest::{
    Descriptor, ImageIndex, ImageManifest, ListEntry, Manifest, ManifestError, Origin, Platform, RawManifest,
    extra_fields,
};
use crate::output::{Progress, Wait};
use crate::reference::Reference;
use crate::registry::RegistryError;
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use platforms::Platforms;
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    /// A platform stated for a list.
    #[error("{0} is a manifest list; its images have platforms of their own")]
    PlatformOfList(String),
    /// A stated platform that cannot be, completed from the image's config.
    #[error("{image}: there are no images for {platform}")]
    UnknownPlatform {
        /// The image.
        image: String,
        /// The platform.
        platform: Platform,
    },
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
    /// The images and lists.
    pub sources: &'a [Source],
    /// The repository that images in layouts get names of.
    pub repository: &'a Reference,
    /// The sources that may be missing.
    pub may_be_missing: &'a (dyn Fn(&Location) -> bool + 'a),
    /// How long to wait for sources that do not exist yet.
    pub wait: Duration,
}

/// The first and the longest pause before a source that does not exist yet is requested again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Resolves sources; manifests and configs are fetched once for all requests.
pub struct Resolver<'a> {
    walker: Walker<'a>,
    platforms: Platforms,
}

impl<'a> Resolver<'a> {
    /// A resolver that has read nothing yet.
    #[must_use]
    pub fn new(content: &'a Content) -> Self {
        Self { walker: Walker::new(content), platforms: Platforms::default() }
    }

    /// Resolves sources concurrently. The result is in the order of the sources, and the error is that of the first
    /// source that has one.
    pub async fn resolve(&self, request: &Request<'_>, progress: &Progress) -> anyhow::Result<Resolved> {
        let mut all = Resolved::default();
        for one in self.resolve_each(request, progress).await? {
            all.entries.extend(one.entries);
            all.lists.extend(one.lists);
            all.skipped.extend(one.skipped);
            all.missing.extend(one.missing);
        }
        Ok(all)
    }

    /// The same, with what came of each source by itself.
    pub async fn resolve_each(&self, request: &Request<'_>, progress: &Progress) -> anyhow::Result<Vec<Resolved>> {
        let phase = progress.phase("images resolved", request.sources.len());
        let sources = request.sources.iter().map(|source| self.source(request, source, progress));
        let mut sources = pin!(stream::iter(sources).buffered(self.walker.content.concurrency()));
        let mut all = Vec::with_capacity(request.sources.len());
        while let Some(one) = sources.try_next().await? {
            phase.advance();
            all.push(one);
        }
        Ok(all)
    }

    async fn source(&self, request: &Request<'_>, source: &Source, progress: &Progress) -> anyhow::Result<Resolved> {
        let location = &source.location;
        let show = |left| progress.wait(format!("waiting for {location}, giving up"), left);
        let root = match wait_for(request.wait, show, || self.walker.root(location)).await {
            Err(error) if (request.may_be_missing)(location) && is_not_found(&error) => {
                return Ok(Resolved { missing: vec![location.clone()], ..Resolved::default() });
            }
            root => root?,
        };
        match &root.manifest {
            Manifest::Image(image) => {
                let of_config = if source.platform != StatedPlatform::OfConfig && image.is_artifact() {
                    Platform::unknown()
                } else {
                    let content = self.walker.content;
                    let reading = self.platforms.get(content, location, image);
                    content.asking_targets(location, &root.fetched.digest, reading).await?
                };
                let platform = source.platform.over(&of_config);
                if !source.platform.can_be(&platform) {
                    return Err(ResolveError::UnknownPlatform { image: location.to_string(), platform }.into());
                }
                let name = entry_name(request, location, &root);
                let mut entry = assemble(name, &root, image, platform);
                entry.origin = Some(origin(location, &root, of_config, 0));
                Ok(Resolved { entries: vec![entry], ..Resolved::default() })
            }
            Manifest::Index(index) => self.list(request, source, &root, index).await,
        }
    }

    async fn list(
        &self,
        request: &Request<'_>,
        Source { location: source, selection, platform }: &Source,
        root: &Document,
        index: &ImageIndex,
    ) -> anyhow::Result<Resolved> {
        if matches!(platform, StatedPlatform::Exact(_)) {
            return Err(ResolveError::PlatformOfList(source.to_string()).into());
        }
        if index.manifests.is_empty() {
            return Err(ResolveError::Empty(source.to_string()).into());
        }
        let mut skipped = Vec::new();
        let tree = self.walker.tree(source, index, |entries| selection.prefilter(entries, &mut skipped)).await?;
        let leaves = tree.leaves.into_iter().enumerate();
        let leaves = leaves.map(|(position, leaf)| self.leaf(request, source, root, leaf, position));
        let leaves = stream::iter(leaves).buffered(self.walker.content.concurrency());
        let entries: Vec<ListEntry> = leaves.try_collect().await?;
        if tree.nested.iter().map(|nested| nested.bytes.len()).sum::<usize>() > limits::MAX_NESTED {
            return Err(ResolveError::TooLarge(source.to_string()).into());
        }
        let dropped = lost_fields(source, root, &tree.nested).into_iter().collect();
        let verbatim = Verbatim { list: root.raw(), nested: tree.nested, entries: distinct_count(&entries) };
        let list = SourceList {
            source: source.to_string(),
            digest: root.fetched.digest.to_string(),
            header: index.header.clone(),
            repeated: dropped,
            verbatim: (*selection == Selection::default()).then_some(verbatim),
        };
        Ok(Resolved { entries, lists: vec![list], skipped, missing: Vec::new() })
    }

    /// Makes an entry of an image in a list. Its platform is what the list says, or else what its config says.
    async fn leaf(
        &self,
        request: &Request<'_>,
        source: &Location,
        root: &Document,
        leaf: Leaf,
        position: usize,
    ) -> anyhow::Result<ListEntry> {
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
            Location::Layout(_) => request.repository.digest_only(digest),
        };
        let mut image = assemble(name, &document, image, platform.clone());
        image.descriptor.annotations.clone_from(&entry.annotations);
        image.descriptor.artifact_type.clone_from(&entry.artifact_type);
        image.origin = Some(Origin { annotations: entry.annotations, ..origin(source, root, platform, position) });
        Ok(image)
    }
}

/// A message that names the fields of a list, and of the lists in it, that a list built anew does not have.
fn lost_fields(source: &Location, root: &Document, nested: &[RawManifest]) -> Option<String> {
    let lists = nested.iter().map(|nested| &nested.bytes).chain([&root.fetched.bytes]);
    let names: BTreeSet<String> = lists.flat_map(|list| extra_fields(list)).collect();
    let names: Vec<String> = names.into_iter().collect();
    (!names.is_empty()).then(|| format!("the list will not have these fields of {source}: {}", names.join(", ")))
}

fn entry_name(request: &Request<'_>, source: &Location, root: &Document) -> Reference {
    match source {
        Location::Registry(reference) => reference.clone(),
        Location::Layout(_) => request.repository.digest_only(root.fetched.digest.clone()),
    }
}

/// Repeats an attempt, with growing pauses, as long as it fails because something does not exist. `show` shows how long
/// that may take, until its result is dropped.
async fn wait_for<T, F: Future<Output = anyhow::Result<T>>>(
    wait: Duration,
    show: impl Fn(Duration) -> Wait,
    attempt: impl Fn() -> F,
) -> anyhow::Result<T> {
    let (mut pause, longest) = PAUSES;
    let begun = Instant::now();
    let mut shown = None;
    loop {
        let result = attempt().await;
        let is_in_time = begun.elapsed() + pause <= wait;
        if !is_in_time || !result.as_ref().is_err_and(is_not_found) {
            return result;
        }
        shown.get_or_insert_with(|| show(wait.saturating_sub(begun.elapsed())));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

fn origin(source: &Location, root: &Document, platform: Platform, position: usize) -> Origin {
    let (source, digest) = (source.to_string(), root.fetched.digest.to_string());
    Origin { source, digest, position, platform, ..Origin::default() }
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
