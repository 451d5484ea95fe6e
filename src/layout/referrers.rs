//! What refers to the manifests of a layout by `subject` (image-spec, "Image Manifest"). A layout has no list of it, so all
//! manifests in its index are read once.

use super::Layout;
use crate::digest::Digest;
use crate::manifest::{Descriptor, IndexHeader, Manifest, parse};
use crate::registry::{FetchedManifest, MANIFEST_LIMIT};
use std::collections::{HashMap, HashSet};

/// The referrers of each subject, by its digest.
pub(super) type Referrers = HashMap<String, Vec<Descriptor>>;

/// Reads all manifests in the index of a layout. Those that cannot be read refer to nothing.
pub(super) fn read(layout: &Layout) -> Referrers {
    let (mut referrers, mut known) = (Referrers::new(), HashSet::new());
    for entry in &layout.manifests {
        let Ok(digest) = Digest::parse(entry.digest().as_ref()) else { continue };
        if !known.insert(digest.clone()) {
            continue;
        }
        let Ok(bytes) = layout.blob_within(&digest, MANIFEST_LIMIT) else { continue };
        let header = IndexHeader::parse(&bytes);
        if let Some(subject) = header.subject {
            let fetched = FetchedManifest { content_type: entry.media_type().to_string(), bytes, digest };
            let descriptor = Descriptor {
                // Its own, which may be of another algorithm than sha256.
                digest: fetched.digest.to_string(),
                annotations: header.annotations,
                artifact_type: artifact_type(header.artifact_type, &fetched),
                ..fetched.descriptor(&fetched.content_type)
            };
            referrers.entry(subject.digest).or_default().push(descriptor);
        }
    }
    referrers
}

/// What a registry says as the artifact type of a referrer: its own, or else its config's media type
/// (distribution-spec, "Listing Referrers").
fn artifact_type(stated: String, fetched: &FetchedManifest) -> String {
    match parse(&fetched.content_type, &fetched.bytes) {
        Ok(Manifest::Image(image)) if stated.is_empty() => image.config.media_type.clone(),
        _ => stated,
    }
}
