//! Selects images of a list by platform.

use crate::manifest::{Descriptor, ListEntry, Platform, PlatformSelector};
use std::collections::{BTreeSet, HashSet};
use thiserror::Error;

/// Which images are requested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Images for these platforms; all if there are none.
    pub platforms: Vec<PlatformSelector>,
    /// Whether to leave out attestations.
    pub without_attestations: bool,
}

/// No image matches the selection.
#[derive(Debug, Error)]
#[error("no image for {requested}; available: {available}")]
pub struct NoMatchingImage {
    requested: String,
    available: String,
}

impl Selection {
    /// Drops entries that cannot match, before they are fetched.
    pub(super) fn prefilter(&self, entries: Vec<Descriptor>, skipped: &mut Vec<Platform>) -> Vec<Descriptor> {
        let mut dropped = HashSet::new();
        for entry in entries.iter().filter(|entry| !entry.is_attestation()) {
            if let Some(platform) = entry.platform.as_ref().filter(|it| it.is_specified() && !self.wants(it)) {
                dropped.insert(entry.digest.clone());
                skipped.push(platform.clone());
            }
        }
        // A list may have an image for several platforms.
        let kept = entries.iter().filter(|entry| self.may_want(entry)).map(|entry| &entry.digest);
        let kept: HashSet<String> = kept.cloned().collect();
        let is_dropped = |digest: &str| dropped.contains(digest) && !kept.contains(digest);
        let stays = |entry: &Descriptor| match entry.attested_digest() {
            Some(subject) => !self.without_attestations && !is_dropped(subject),
            None => self.may_want(entry),
        };
        entries.into_iter().filter(stays).collect()
    }

    /// Whether the entry may match: a list, and an image without a platform, is decided on when it has been fetched.
    fn may_want(&self, entry: &Descriptor) -> bool {
        if entry.is_attestation() {
            return !self.without_attestations;
        }
        entry.platform.as_ref().filter(|platform| platform.is_specified()).is_none_or(|platform| self.wants(platform))
    }

    fn wants(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.iter().any(|selector| selector.matches(platform))
    }

    /// Drops images that do not match, and their attestations.
    pub fn apply(&self, images: Vec<ListEntry>, skipped: &[Platform]) -> Result<Vec<ListEntry>, NoMatchingImage> {
        if self.platforms.is_empty() && !self.without_attestations {
            return Ok(images);
        }
        let platforms = || images.iter().filter_map(|image| image.descriptor.platform.as_ref());
        let available: BTreeSet<String> = platforms().chain(skipped).map(ToString::to_string).collect();
        let (attestations, mut kept): (Vec<_>, Vec<_>) =
            images.into_iter().partition(|image| image.descriptor.is_attestation());
        kept.retain(|image| self.wants(&image.descriptor.platform.clone().unwrap_or_default()));
        if kept.is_empty() {
            let requested: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
            let requested = if requested.is_empty() { "any platform".to_owned() } else { requested.join(", ") };
            let available = available.into_iter().collect::<Vec<_>>().join(", ");
            return Err(NoMatchingImage { requested, available });
        }
        let digests: HashSet<String> = kept.iter().map(|image| image.descriptor.digest.clone()).collect();
        let is_of_kept = |image: &ListEntry| image.descriptor.attested_digest().is_some_and(|it| digests.contains(it));
        kept.extend(attestations.into_iter().filter(|image| !self.without_attestations && is_of_kept(image)));
        Ok(kept)
    }

    /// The requested platforms that no image is for.
    #[must_use]
    pub fn missing(&self, images: &[ListEntry]) -> Vec<&PlatformSelector> {
        let is_there = |selector: &&PlatformSelector| {
            images.iter().filter_map(|image| image.descriptor.platform.as_ref()).any(|it| selector.matches(it))
        };
        self.platforms.iter().filter(|selector| !is_there(selector)).collect()
    }
}
