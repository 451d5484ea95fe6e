//! The metadata file: what a push has done, as JSON.

use super::deliver::{Outcome, Outcomes};
use super::plan::PushPlan;
use crate::digest::Digest;
use crate::json;
use crate::manifest::{ListEntry, Platform};
use crate::reference::Reference;
use serde::Serialize;
use std::collections::HashSet;

/// The content of the metadata file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushMetadata<'a> {
    /// The names under which the list has been pushed.
    references: Vec<String>,
    digest: String,
    media_type: &'a str,
    /// The size of the list in bytes.
    size: usize,
    entries: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    source: String,
    digest: &'a str,
    platform: Option<&'a Platform>,
    blobs: Blobs,
    /// The bytes that were copied for it.
    bytes: u64,
}

/// How the first target's repository got an image's blobs.
#[derive(Debug, Default, Serialize)]
struct Blobs {
    mounted: usize,
    copied: usize,
    present: usize,
}

impl<'a> PushMetadata<'a> {
    pub(super) fn new(plan: &'a PushPlan, images: &'a [ListEntry], outcomes: &Outcomes) -> Self {
        Self {
            references: plan.targets.iter().map(ToString::to_string).collect(),
            digest: plan.root.digest().to_string(),
            media_type: &plan.root.media_type,
            size: plan.root.bytes.len(),
            entries: images.iter().map(|image| Entry::new(image, &plan.targets[0], outcomes)).collect(),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        json::document(self)
    }
}

impl<'a> Entry<'a> {
    fn new(image: &'a ListEntry, target: &Reference, outcomes: &Outcomes) -> Self {
        let was_there = image.reference.name() == target.name();
        let (mut blobs, mut bytes) = (Blobs::default(), 0);
        let payload = image.payload();
        let digests = payload.iter().flat_map(|payload| payload.image.blobs()).map(|blob| &blob.digest);
        for digest in digests.collect::<HashSet<_>>().into_iter().filter_map(|it| Digest::parse(it).ok()) {
            match outcomes.get(&digest).filter(|_| !was_there) {
                Some(Outcome::Mounted) => blobs.mounted += 1,
                Some(Outcome::Copied(sent)) => {
                    blobs.copied += 1;
                    bytes += sent;
                }
                // A blob that was not planned was not needed.
                Some(Outcome::Present) | None => blobs.present += 1,
                Some(Outcome::Absent) => {}
            }
        }
        let platform = image.descriptor.platform.as_ref();
        Self { source: image.reference.to_string(), digest: &image.descriptor.digest, platform, blobs, bytes }
    }
}
