//! Takes lists apart into the images they consist of, lists within lists too.

use super::{Platforms, ResolveError, Resolved, Selection, assemble};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Document, Image, ImageManifest, Index, Origin, Platform, parse};
use crate::reference::Reference;
use crate::registry::{Fetched, MANIFEST_LIMIT, Registry};
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};

/// How many levels of lists there may be in a list.
pub(super) const MAX_DEPTH: usize = 8;
/// How many entries all of them may have together.
pub(super) const MAX_ENTRIES: usize = 5_000;
/// How many bytes of manifests all of them may have together.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Fetches the images that are wanted of a list, level by level, each manifest once.
pub(super) async fn flatten(
    registry: &Registry,
    list: &Reference,
    digest: &Digest,
    index: Index,
    selection: &Selection,
    platforms: &Platforms,
) -> anyhow::Result<Resolved> {
    if index.manifests.is_empty() {
        return Err(ResolveError::Empty(list.clone()).into());
    }
    let (mut leaves, mut passed_over) = (Vec::new(), Vec::new());
    let (mut level, mut lists) = (index.manifests, HashSet::new());
    let mut extent = Extent::default();
    for _ in 0..MAX_DEPTH {
        extent.entries += level.len();
        let wanted = selection.narrow(std::mem::take(&mut level), &mut passed_over);
        extent.bytes = wanted.iter().map(limit).fold(extent.bytes, usize::saturating_add);
        extent.check(list)?;
        let fetched = fetch_once(registry, list, &wanted).await?;
        for entry in wanted {
            match &fetched[&entry.digest] {
                (fetched, Document::Image(image)) => leaves.push((entry, fetched.clone(), image.clone())),
                (_, Document::Index(index)) if lists.insert(entry.digest) => level.extend(index.manifests.clone()),
                (_, Document::Index(_)) => {}
            }
        }
        if level.is_empty() {
            let images = leaves.into_iter().map(|leaf| complete(registry, list, digest, leaf, platforms));
            let images = stream::iter(images).buffered(registry.in_hand());
            return Ok(Resolved { images: images.try_collect().await?, passed_over });
        }
    }
    Err(ResolveError::TooDeep(list.clone()).into())
}

/// How much a list amounts to.
#[derive(Debug, Default)]
pub(super) struct Extent {
    entries: usize,
    bytes: usize,
}

impl Extent {
    pub(super) fn of(index: &Index) -> Self {
        let bytes = index.manifests.iter().map(limit).fold(0, usize::saturating_add);
        Self { entries: index.manifests.len(), bytes }
    }

    /// Refuses what would not fit into memory.
    pub(super) fn check(&self, list: &Reference) -> Result<(), ResolveError> {
        let is_too_much = self.entries > MAX_ENTRIES || self.bytes > MAX_BYTES;
        if is_too_much { Err(ResolveError::TooMany(list.clone())) } else { Ok(()) }
    }
}

/// How large what an entry points at may be, in bytes: as large as it says.
pub(super) fn limit(entry: &Descriptor) -> usize {
    usize::try_from(entry.size).ok().filter(|size| (1..MANIFEST_LIMIT).contains(size)).unwrap_or(MANIFEST_LIMIT)
}

/// Fetches what these entries point at.
async fn fetch_once(
    registry: &Registry,
    list: &Reference,
    entries: &[Descriptor],
) -> anyhow::Result<HashMap<String, (Fetched, Document)>> {
    let mut asked = HashSet::new();
    let fetches = entries.iter().filter(|entry| asked.insert(&entry.digest)).map(|entry| fetch(registry, list, entry));
    stream::iter(fetches).buffered(registry.in_hand()).try_collect().await
}

async fn fetch(
    registry: &Registry,
    list: &Reference,
    entry: &Descriptor,
) -> anyhow::Result<(String, (Fetched, Document))> {
    let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {list}"))?;
    let fetched = registry.manifest_within(&list.at_digest(digest), limit(entry)).await?;
    let document = parse(&fetched.content_type, &fetched.bytes);
    let document = document.with_context(|| format!("{}, an entry of {list}", entry.digest))?;
    Ok((entry.digest.clone(), (fetched, document)))
}

/// Makes an image of an entry: what the list says about it counts, its config only where the list says nothing.
async fn complete(
    registry: &Registry,
    list: &Reference,
    digest: &Digest,
    (entry, fetched, manifest): (Descriptor, Fetched, Image),
    platforms: &Platforms,
) -> anyhow::Result<ImageManifest> {
    let platform = match entry.platform.filter(Platform::is_stated) {
        Some(platform) => platform,
        None if manifest.is_artifact() => Platform::nowhere(),
        None => platforms.of(registry, list, &manifest).await?,
    };
    let reference = list.with_digest(fetched.digest.clone());
    let mut image = assemble(reference, fetched, manifest, platform.clone());
    image.descriptor.annotations.clone_from(&entry.annotations);
    let (source, digest) = (list.to_string(), digest.to_string());
    image.origin = Some(Origin { source, digest, platform, annotations: entry.annotations });
    Ok(image)
}
