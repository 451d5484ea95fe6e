//! Selects entries of a list for a copy of it: nothing of the others is fetched.

use super::platforms::Platforms;
use super::selection::Selection;
use super::survey::survey;
use super::walk::{Walker, is_list};
use crate::location::Location;
use crate::manifest::{Descriptor, ImageIndex, Manifest, Platform};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

/// The entries of a list that were selected.
#[derive(Debug)]
pub struct Filtered {
    /// The entries, in the order of the list. Those of nested lists stand in the place of these.
    pub kept: Vec<Descriptor>,
    /// The platforms of the images that were not selected.
    pub skipped: Vec<Platform>,
    /// Whether no entry was left out.
    pub is_whole: bool,
}

/// Selects entries of a list at a location. Lists in it, and images whose entry states no platform, have to be fetched.
pub async fn filter(
    walker: &Walker<'_>,
    location: &Location,
    index: &ImageIndex,
    selection: &Selection,
) -> anyhow::Result<Filtered> {
    let entries = leaves(walker, location, index).await?;
    let platforms = Platforms::default();
    let stated = entries.into_iter().map(|entry| with_platform(walker, location, &platforms, entry));
    let entries: Vec<Descriptor> = stream::iter(stated).buffered(walker.content.concurrency()).try_collect().await?;
    let (mut skipped, count) = (Vec::new(), entries.len());
    let kept = selection.prefilter(entries, &mut skipped);
    let is_whole = kept.len() == count;
    Ok(Filtered { kept, skipped, is_whole })
}

/// The entries that are not lists.
async fn leaves(walker: &Walker<'_>, location: &Location, index: &ImageIndex) -> anyhow::Result<Vec<Descriptor>> {
    if !index.manifests.iter().any(is_list) {
        return Ok(index.manifests.clone());
    }
    let all = survey(walker, location, index).await?;
    Ok(all.into_iter().map(|surveyed| surveyed.entry).filter(|entry| !is_list(entry)).collect())
}

/// An entry with its platform: the stated one, or else that in the image's config.
async fn with_platform(
    walker: &Walker<'_>,
    location: &Location,
    platforms: &Platforms,
    entry: Descriptor,
) -> anyhow::Result<Descriptor> {
    if entry.is_attestation() || entry.platform.as_ref().is_some_and(Platform::is_specified) {
        return Ok(entry);
    }
    let document = walker.child(location, &entry).await?;
    let platform = match &document.manifest {
        Manifest::Image(image) if !image.is_artifact() => platforms.get(walker.content, location, image).await?,
        _ => Platform::unknown(),
    };
    Ok(Descriptor { platform: Some(platform), ..entry })
}
