//! The metadata file: what a push has done, as JSON.

use super::blobs::{Outcome, Outcomes};
use super::root::{Node, Root};
use super::tags::PreviousTags;
use crate::location::Location;
use crate::manifest::{Descriptor, Platform};
use bytes::Bytes;
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
    /// The size of the list in bytes.
    size: usize,
    /// The digest that each tag had before; `null` for a tag that did not exist.
    previous: BTreeMap<String, Option<String>>,
    entries: Vec<Entry>,
    /// The digest, under the name that buildx gives it.
    #[serde(rename = "containerimage.digest")]
    buildx_digest: String,
    /// The descriptor, under the name that buildx gives it.
    #[serde(rename = "containerimage.descriptor")]
    buildx_descriptor: Descriptor,
    /// The references, separated by commas, under the name that buildx gives them.
    #[serde(rename = "image.name")]
    buildx_name: String,
}

#[derive(Debug, Serialize)]
struct Entry {
    source: String,
    digest: String,
    platform: Option<Platform>,
    blobs: Blobs,
    /// The bytes that were copied for it.
    bytes: u64,
}

/// How the repositories and layouts of all targets got an image's blobs.
#[derive(Debug, Default, Serialize)]
struct Blobs {
    mounted: usize,
    copied: usize,
    present: usize,
}

impl PushMetadata {
    /// What has been done for the first root of a plan: its repositories and layouts are the first ones there.
    pub(super) fn new(root: &Root, outcomes: &Outcomes, previous: &PreviousTags) -> Self {
        let leaves = root.below.iter().filter(|node| node.children.is_empty());
        let only = std::iter::once(&root.manifest).filter(|_| root.below.is_empty());
        let Node { digest, media_type, bytes, .. } = &root.manifest;
        let (digest, size) = (digest.to_string(), bytes.as_ref().map_or(0, Bytes::len));
        let references: Vec<String> = root.names.iter().map(ToString::to_string).collect();
        let previous = previous.iter().map(|(tag, old)| (tag.to_string(), old.as_ref().map(ToString::to_string)));
        let descriptor = Descriptor {
            media_type: media_type.clone(),
            digest: digest.clone(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            ..Descriptor::default()
        };
        let mut targets: Vec<&Location> = Vec::new();
        for name in &root.names {
            if !targets.iter().any(|target| target.is_beside(name)) {
                targets.push(name);
            }
        }
        Self {
            buildx_name: references.join(","),
            references,
            buildx_digest: digest.clone(),
            digest,
            media_type: media_type.clone(),
            size,
            previous: previous.collect(),
            entries: leaves.chain(only).map(|node| Entry::new(node, &targets, outcomes)).collect(),
            buildx_descriptor: descriptor,
        }
    }
}

impl Entry {
    fn new(node: &Node, targets: &[&Location], outcomes: &Outcomes) -> Self {
        let (mut blobs, mut bytes) = (Blobs::default(), 0);
        let digests: HashSet<_> = node.blobs.iter().map(|blob| &blob.digest).collect();
        let needed = targets.iter().enumerate().flat_map(|it| digests.iter().map(move |digest| (it, *digest)));
        for ((position, target), digest) in needed {
            match outcomes.get(&(position, digest.clone())).filter(|_| !node.is_in(target)) {
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
        let source = node.location.as_ref().map(ToString::to_string).unwrap_or_default();
        Self { source, digest: node.digest.to_string(), platform: node.platform.clone(), blobs, bytes }
    }
}
