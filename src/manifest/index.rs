//! Builds the bytes of a manifest list, which are docker's to the last space, and so is the digest.

use super::{DOCKER_LIST, Descriptor, IndexHeader, OCI_INDEX, OCI_MANIFEST, Platform};
use crate::digest::{Digest, DigestError};
use crate::json::{indent, marshal};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why entries cannot form a list, in docker's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ListError {
    /// An entry with an invalid digest.
    #[error("digest parse of image \"{image}\" failed: {error}")]
    Digest {
        /// The image.
        image: String,
        /// Why it is invalid.
        error: DigestError,
    },
    /// An entry without a platform.
    #[error("manifest {0} must have an OS and Architecture to be pushed to a registry")]
    NoPlatform(String),
}

/// The kind of list that is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexFormat {
    /// docker's choice, the kind of the first entry (docker/distribution `FromDescriptors`); an OCI index if there is
    /// anything that a docker list cannot hold.
    #[default]
    Auto,
    /// A docker manifest list.
    Docker,
    /// An OCI image index.
    Oci,
}

impl IndexFormat {
    /// Reads `auto`, `docker` or `oci`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "docker" => Some(Self::Docker),
            "oci" => Some(Self::Oci),
            _ => None,
        }
    }

    /// `auto`, `docker` or `oci`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Oci => "oci",
        }
    }
}

/// A manifest list, ready to be shown or pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestList {
    /// The media type of a docker list or of an OCI index.
    pub media_type: &'static str,
    /// The JSON, with 3-space indentation and no trailing newline.
    pub bytes: Vec<u8>,
}

impl ManifestList {
    /// Builds a list of these entries in this order.
    #[must_use]
    pub fn build<'a>(
        format: IndexFormat,
        header: &IndexHeader,
        entries: impl IntoIterator<Item = &'a Descriptor>,
    ) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        let is_index = match format {
            IndexFormat::Auto => {
                entries.first().is_some_and(|first| first.media_type == OCI_MANIFEST)
                    || needs_oci(header, entries.iter().copied())
            }
            IndexFormat::Docker => false,
            IndexFormat::Oci => true,
        };
        let media_type = if is_index { OCI_INDEX } else { DOCKER_LIST };
        let compact = marshal(&List {
            schema_version: 2,
            media_type,
            artifact_type: &header.artifact_type,
            manifests: entries.into_iter().map(Entry::of).collect(),
            subject: header.subject.as_ref(),
            annotations: &header.annotations,
        });
        let bytes = indent(&compact, "   ").unwrap_or(compact);
        Self { media_type, bytes }
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// Whether there is anything that a docker list cannot hold.
pub fn needs_oci<'a>(header: &IndexHeader, entries: impl IntoIterator<Item = &'a Descriptor>) -> bool {
    let is_oci = |entry: &Descriptor| !entry.annotations.is_empty() || !entry.artifact_type.is_empty();
    !header.is_empty() || entries.into_iter().any(is_oci)
}

/// The digest of an image, which must be valid for the image to be an entry of a list.
pub fn entry_digest(image: &Reference, descriptor: &Descriptor) -> Result<Digest, ListError> {
    Digest::parse(&descriptor.digest).map_err(|error| ListError::Digest { image: image.to_string(), error })
}

/// The fields of docker's list and, in the order of Go's OCI types, those that only an OCI index has.
#[derive(Serialize)]
struct List<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    #[serde(rename = "artifactType", skip_serializing_if = "str::is_empty")]
    artifact_type: &'a str,
    manifests: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
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
    #[serde(rename = "artifactType", skip_serializing_if = "str::is_empty")]
    artifact_type: &'a str,
}

impl<'a> Entry<'a> {
    fn of(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            size: descriptor.size,
            digest: &descriptor.digest,
            annotations: &descriptor.annotations,
            platform: descriptor.platform.clone().unwrap_or_default(),
            artifact_type: &descriptor.artifact_type,
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

    fn build(entries: &[&Descriptor]) -> ManifestList {
        ManifestList::build(IndexFormat::Auto, &IndexHeader::default(), entries.iter().copied())
    }

    #[test]
    fn the_first_entry_decides_the_type() {
        let (docker, oci) = (descriptor(DOCKER_MANIFEST, "a"), descriptor(OCI_MANIFEST, "b"));
        assert_eq!(build(&[&docker, &oci]).media_type, DOCKER_LIST);
        assert_eq!(build(&[&oci, &docker]).media_type, OCI_INDEX);
        assert_eq!(build(&[]).media_type, DOCKER_LIST);
    }

    #[test]
    fn the_bytes_have_the_look_of_docker() {
        let list = build(&[&descriptor(DOCKER_MANIFEST, "s390x")]);
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
        let empty = String::from_utf8(build(&[]).bytes).unwrap();
        assert!(empty.ends_with("\"manifests\": []\n}"), "{empty}");
    }

    #[test]
    fn what_a_docker_list_cannot_hold_makes_an_index() {
        let image = descriptor(DOCKER_MANIFEST, "a");
        let annotated = Descriptor { annotations: [("k".to_owned(), "v".to_owned())].into(), ..image.clone() };
        let typed = Descriptor { artifact_type: "application/x".to_owned(), ..image.clone() };
        for entry in [&annotated, &typed] {
            assert_eq!(build(&[&image, entry]).media_type, OCI_INDEX);
        }
        let header = IndexHeader { annotations: annotated.annotations.clone(), ..IndexHeader::default() };
        let list = ManifestList::build(IndexFormat::Auto, &header, [&image]);
        assert_eq!(list.media_type, OCI_INDEX);
        let text = String::from_utf8(list.bytes).unwrap();
        assert!(text.ends_with("   ],\n   \"annotations\": {\n      \"k\": \"v\"\n   }\n}"), "{text}");
    }
}
