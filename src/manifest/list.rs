//! Builds the bytes of a manifest list, which are docker's to the last space, and so is the digest.

use super::{DOCKER_LIST, Descriptor, OCI_INDEX, OCI_MANIFEST, Platform};
use crate::digest::{Digest, DigestError};
use crate::json::{indent, marshal};
use crate::reference::Reference;
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why images cannot form a list, in docker's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ListError {
    /// An entry whose digest is not one.
    #[error("digest parse of image \"{image}\" failed: {error}")]
    Digest {
        /// The image.
        image: String,
        /// What is wrong with its digest.
        error: DigestError,
    },
    /// An entry that does not say where it runs.
    #[error("manifest {0} must have an OS and Architecture to be pushed to a registry")]
    NoPlatform(String),
}

/// A manifest list, ready to be shown or pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestList {
    /// A docker list or an OCI index, after the first entry (docker/distribution `FromDescriptors`). Only an index has
    /// annotations.
    pub media_type: &'static str,
    /// The JSON, with 3-space indentation and no trailing newline.
    pub bytes: Vec<u8>,
}

impl ManifestList {
    /// Builds a list of these entries in this order, attestations behind the images.
    #[must_use]
    pub fn build<'a>(entries: impl IntoIterator<Item = &'a Descriptor>) -> Self {
        let (mut entries, attestations): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| !entry.is_attestation());
        entries.extend(attestations);
        let is_index = entries.first().is_some_and(|first| first.media_type == OCI_MANIFEST)
            || entries.iter().any(|entry| !entry.annotations.is_empty());
        let media_type = if is_index { OCI_INDEX } else { DOCKER_LIST };
        let manifests: Vec<Entry> = entries.into_iter().map(Entry::of).collect();
        let compact = marshal(&List { schema_version: 2, media_type, manifests });
        let bytes = indent(&compact, "   ").unwrap_or(compact);
        Self { media_type, bytes }
    }

    /// The digest under which a registry will know the list.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// The digest of an image, which must be one for the image to be an entry of a list.
pub fn entry_digest(image: &Reference, descriptor: &Descriptor) -> Result<Digest, ListError> {
    Digest::parse(&descriptor.digest).map_err(|error| ListError::Digest { image: image.to_string(), error })
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    manifests: Vec<Entry<'a>>,
}

/// An entry in the field order of docker/distribution, which is not OCI's.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "mediaType", skip_serializing_if = "str::is_empty")]
    media_type: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    size: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    digest: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    platform: Platform,
}

impl<'a> Entry<'a> {
    fn of(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            size: descriptor.size,
            digest: &descriptor.digest,
            annotations: &descriptor.annotations,
            platform: descriptor.platform.clone().unwrap_or_default(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(size: &i64) -> bool {
    *size == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::DOCKER_MANIFEST;

    fn descriptor(media_type: &str, architecture: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(architecture.as_bytes()).to_string(),
            size: 7,
            platform: Some(Platform { architecture: architecture.into(), os: "linux".into(), ..Platform::default() }),
            ..Descriptor::default()
        }
    }

    #[test]
    fn the_first_entry_decides_the_type() {
        let (docker, oci) = (descriptor(DOCKER_MANIFEST, "a"), descriptor(OCI_MANIFEST, "b"));
        assert_eq!(ManifestList::build([&docker, &oci]).media_type, DOCKER_LIST);
        assert_eq!(ManifestList::build([&oci, &docker]).media_type, OCI_INDEX);
        assert_eq!(ManifestList::build([]).media_type, DOCKER_LIST);
    }

    #[test]
    fn the_bytes_have_the_look_of_docker() {
        let list = ManifestList::build([&descriptor(DOCKER_MANIFEST, "s390x")]);
        let digest = Digest::of(b"s390x");
        let expected = format!(
            r#"{{
   "schemaVersion": 2,
   "mediaType": "{DOCKER_LIST}",
   "manifests": [
      {{
         "mediaType": "{DOCKER_MANIFEST}",
         "size": 7,
         "digest": "{digest}",
         "platform": {{
            "architecture": "s390x",
            "os": "linux"
         }}
      }}
   ]
}}"#
        );
        assert_eq!(String::from_utf8(list.bytes).unwrap(), expected);
        let empty = String::from_utf8(ManifestList::build([]).bytes).unwrap();
        assert!(empty.ends_with("\"manifests\": []\n}"), "{empty}");
    }

    #[test]
    fn annotations_make_an_index_and_attestations_come_last() {
        let attestation = Descriptor {
            annotations: [("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned())].into(),
            ..descriptor(OCI_MANIFEST, "unknown")
        };
        let list = ManifestList::build([&attestation, &descriptor(DOCKER_MANIFEST, "a")]);
        assert_eq!(list.media_type, OCI_INDEX);
        let text = String::from_utf8(list.bytes).unwrap();
        assert!(text.find(DOCKER_MANIFEST).unwrap() < text.find(OCI_MANIFEST).unwrap(), "{text}");
        assert!(text.contains("\"annotations\": {\n            \"vnd.docker"), "{text}");
    }
}
