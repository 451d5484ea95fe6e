//! What a push has done, for programs.

use super::deliver::{Outcome, Outcomes};
use super::expect::PreviousTags;
use super::plan::PushPlan;
use crate::digest::Digest;
use crate::json::{indent, marshal};
use crate::manifest::{Descriptor, ListEntry, Platform};
use crate::reference::Reference;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The content of the metadata file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushMetadata {
    /// The names under which the list has been pushed.
    references: Vec<String>,
    digest: String,
    media_type: String,
    /// Of the list, in bytes.
    size: usize,
    /// The digest that each tag had before; none for a tag that did not exist.
    previous: BTreeMap<String, Option<String>>,
    entries: Vec<Entry>,
    /// The digest, as buildx tells it.
    #[serde(rename = "containerimage.digest")]
    buildx_digest: String,
    /// The list's descriptor, as buildx tells it.
    #[serde(rename = "containerimage.descriptor")]
    buildx_descriptor: Descriptor,
    /// The names with commas between them, as buildx tells them.
    #[serde(rename = "image.name")]
    buildx_name: String,
}

#[derive(Debug, Serialize)]
struct Entry {
    source: String,
    digest: String,
    platform: Option<Platform>,
    blobs: Blobs,
    /// How many bytes have been copied for it.
    bytes: u64,
}

/// How many of an image's blobs came into the first target's repository in which way.
#[derive(Debug, Default, Serialize)]
struct Blobs {
    mounted: usize,
    copied: usize,
    present: usize,
}

impl PushMetadata {
    pub(super) fn new(plan: &PushPlan, images: &[ListEntry], outcomes: &Outcomes, previous: &PreviousTags) -> Self {
        let (digest, root) = (plan.root.digest().to_string(), &plan.root);
        let references: Vec<String> = plan.targets.iter().map(ToString::to_string).collect();
        let previous = previous.iter().map(|(tag, old)| (tag.to_string(), old.as_ref().map(ToString::to_string)));
        let descriptor = Descriptor {
            media_type: root.media_type.clone(),
            digest: digest.clone(),
            size: i64::try_from(root.bytes.len()).unwrap_or(i64::MAX),
            ..Descriptor::default()
        };
        Self {
            buildx_name: references.join(","),
            references,
            buildx_digest: digest.clone(),
            digest,
            media_type: root.media_type.clone(),
            size: root.bytes.len(),
            previous: previous.collect(),
            entries: images.iter().map(|image| Entry::new(image, &plan.targets[0], outcomes)).collect(),
            buildx_descriptor: descriptor,
        }
    }
}

impl Entry {
    fn new(image: &ListEntry, target: &Reference, outcomes: &Outcomes) -> Self {
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
                // What was not planned was not needed.
                Some(Outcome::Present) | None => blobs.present += 1,
                Some(Outcome::Absent) => {}
            }
        }
        let (source, digest) = (image.reference.to_string(), image.descriptor.digest.clone());
        Self { source, digest, platform: image.descriptor.platform.clone(), blobs, bytes }
    }
}

/// What goes into the metadata file.
#[must_use]
pub fn to_json(metadata: &impl Serialize) -> Vec<u8> {
    let mut json = marshal(metadata);
    json = indent(&json, "  ").unwrap_or(json);
    json.push(b'\n');
    json
}
