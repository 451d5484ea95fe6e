//! Which of the images of a list are wanted.

use crate::manifest::{Descriptor, ImageManifest, Platform, PlatformSelector};
use std::collections::{BTreeSet, HashSet};
use thiserror::Error;

/// What is wanted of images and lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Images for these platforms; all if there are none.
    pub platforms: Vec<PlatformSelector>,
    /// Whether attestations are to be left out.
    pub without_attestations: bool,
}

/// Of all images, none is wanted.
#[derive(Debug, Error)]
#[error("no image for {wanted}; there are: {there}")]
pub struct NothingLeft {
    wanted: String,
    there: String,
}

impl Selection {
    /// Leaves out of a list what certainly is not wanted, before it is fetched.
    pub(super) fn narrow(&self, entries: Vec<Descriptor>, passed_over: &mut Vec<Platform>) -> Vec<Descriptor> {
        let mut dropped = HashSet::new();
        for entry in entries.iter().filter(|entry| !entry.is_attestation()) {
            if let Some(platform) = entry.platform.as_ref().filter(|it| it.is_stated() && !self.wants(it)) {
                dropped.insert(entry.digest.clone());
                passed_over.push(platform.clone());
            }
        }
        // One image may be there for several platforms.
        let kept = entries.iter().filter(|entry| self.may_want(entry)).map(|entry| &entry.digest);
        let kept: HashSet<String> = kept.cloned().collect();
        let is_dropped = |digest: &str| dropped.contains(digest) && !kept.contains(digest);
        let stays = |entry: &Descriptor| match entry.subject() {
            Some(subject) => !self.without_attestations && !is_dropped(subject),
            None => self.may_want(entry),
        };
        entries.into_iter().filter(stays).collect()
    }

    /// Whether this may be an image that is wanted.
    fn may_want(&self, entry: &Descriptor) -> bool {
        if entry.is_attestation() {
            return !self.without_attestations;
        }
        entry.platform.as_ref().filter(|platform| platform.is_stated()).is_none_or(|platform| self.wants(platform))
    }

    fn wants(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.iter().any(|selector| selector.matches(platform))
    }

    /// Leaves out what is not wanted, with the attestations of images that are left out.
    pub fn apply(
        &self,
        images: Vec<ImageManifest>,
        passed_over: &[Platform],
    ) -> Result<Vec<ImageManifest>, NothingLeft> {
        if self.platforms.is_empty() && !self.without_attestations {
            return Ok(images);
        }
        let platforms = || images.iter().filter_map(|image| image.descriptor.platform.as_ref());
        let there: BTreeSet<String> = platforms().chain(passed_over).map(ToString::to_string).collect();
        let (attestations, mut kept): (Vec<_>, Vec<_>) =
            images.into_iter().partition(|image| image.descriptor.is_attestation());
        kept.retain(|image| self.wants(&image.descriptor.platform.clone().unwrap_or_default()));
        if kept.is_empty() {
            let wanted: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
            let wanted = if wanted.is_empty() { "any platform".to_owned() } else { wanted.join(", ") };
            let there = there.into_iter().collect::<Vec<_>>().join(", ");
            return Err(NothingLeft { wanted, there });
        }
        let digests: HashSet<String> = kept.iter().map(|image| image.descriptor.digest.clone()).collect();
        let is_of_kept = |image: &ImageManifest| image.descriptor.subject().is_some_and(|it| digests.contains(it));
        kept.extend(attestations.into_iter().filter(|image| !self.without_attestations && is_of_kept(image)));
        Ok(kept)
    }

    /// The platforms for which there is no image.
    #[must_use]
    pub fn missing(&self, images: &[ImageManifest]) -> Vec<&PlatformSelector> {
        let is_there = |selector: &&PlatformSelector| {
            images.iter().filter_map(|image| image.descriptor.platform.as_ref()).any(|it| selector.matches(it))
        };
        self.platforms.iter().filter(|selector| !is_there(selector)).collect()
    }
}
