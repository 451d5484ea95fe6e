//! The metadata file: what a push has done, as JSON.

use super::blobs::{Outcome, Outcomes};
use super::root::{Node, Root};
use crate::json;
use crate::location::Location;
use crate::manifest::Platform;
use bytes::Bytes;
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
    /// The outcomes are those of the root's first name's repository, which is the first of the plan.
    pub(super) fn new(root: &'a Root, outcomes: &Outcomes) -> Self {
        let leaves = root.below.iter().filter(|node| node.children.is_empty());
        let only = std::iter::once(&root.manifest).filter(|_| root.below.is_empty());
        Self {
            references: root.names.iter().map(ToString::to_string).collect(),
            digest: root.manifest.digest.to_string(),
            media_type: &root.manifest.media_type,
            size: root.manifest.bytes.as_ref().map_or(0, Bytes::len),
            entries: leaves.chain(only).map(|node| Entry::new(node, &root.names[0], outcomes)).collect(),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        json::document(self)
    }
}

impl<'a> Entry<'a> {
    fn new(node: &'a Node, target: &Location, outcomes: &Outcomes) -> Self {
        let (mut blobs, mut bytes) = (Blobs::default(), 0);
        for digest in node.blobs.iter().map(|blob| &blob.digest).collect::<HashSet<_>>() {
            match outcomes.get(&(0, digest.clone())).filter(|_| !node.is_in(target)) {
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
        Self { source, digest: node.digest.as_str(), platform: node.platform.as_ref(), blobs, bytes }
    }
}
