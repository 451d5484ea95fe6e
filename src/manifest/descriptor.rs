//! Descriptors and platforms, with the field order of Go's OCI types (image-spec `specs-go/v1`).

use crate::json::{self, Error, Object};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// Mark an attestation and name the entry that it describes (`BuildKit`, "Image attestation storage").
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// Points at content: a manifest, a config or a layer.
///
/// The digest is kept as it was written; it is validated where it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Descriptor {
    /// Media type of the content.
    #[serde(rename = "mediaType")]
    pub media_type: String,
    /// Digest of the content.
    pub digest: String,
    /// Size of the content in bytes.
    pub size: i64,
    /// Where the content can be downloaded (foreign layers).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free-form metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The content itself, embedded.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "base64", skip_deserializing)]
    pub data: Vec<u8>,
    /// The platform of the image that the content is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact the content is.
    #[serde(rename = "artifactType", skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
}

impl Descriptor {
    /// The size of the content in bytes. A negative one says nothing and counts as zero.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }

    /// Reads a descriptor from its JSON object.
    pub fn read(object: &Object) -> Result<Self, Error> {
        let (data, artifact_type) = (object.bytes("data")?, object.string("artifactType")?);
        Ok(Self { data, artifact_type, ..Self::read_distribution(object)? })
    }

    /// Reads a descriptor inside a manifest or an index. Only the fields that docker reads (docker/distribution
    /// `Descriptor`) must have the right type; `artifactType` is ignored if it is not a string.
    pub fn read_distribution(object: &Object) -> Result<Self, Error> {
        Ok(Self {
            media_type: object.string("mediaType")?,
            digest: object.string("digest")?,
            size: object.integer("size")?,
            urls: object.strings("urls")?,
            annotations: object.string_map("annotations")?,
            platform: object.object("platform", "v1.Platform")?.as_ref().map(Platform::read).transpose()?,
            artifact_type: object.string("artifactType").unwrap_or_default(),
            ..Self::default()
        })
    }

    /// Whether it points at an attestation manifest, which `BuildKit` stores beside the image that it describes.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key(REFERENCE_TYPE)
    }

    /// The digest of the image that an attestation describes.
    #[must_use]
    pub fn attested_digest(&self) -> Option<&str> {
        self.annotations.get(REFERENCE_DIGEST).filter(|_| self.is_attestation()).map(String::as_str)
    }

    /// Whether it points at a foreign layer, which clients download from `urls` and registries need not store.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let is_marked = self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable.");
        is_marked && !self.urls.is_empty()
    }
}

/// The platform that an image runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// The CPU architecture in Go's naming, `amd64`.
    pub architecture: String,
    /// The operating system in Go's naming, `linux`.
    pub os: String,
    /// The version of the operating system (windows).
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Features that the operating system must have (windows).
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the architecture, `v7`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Platform {
    /// Reads a platform from its JSON object.
    pub fn read(object: &Object) -> Result<Self, Error> {
        Ok(Self {
            architecture: object.string("architecture")?,
            os: object.string("os")?,
            os_version: object.string("os.version")?,
            os_features: object.strings("os.features")?,
            variant: object.string("variant")?,
        })
    }

    /// The length of all its text, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let features: usize = self.os_features.iter().map(|feature| feature.len() + 1).sum();
        let texts = [&self.architecture, &self.os, &self.os_version, &self.variant];
        features + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// The platform in an image's config, which has the same field names at its top level.
    pub fn from_config(config: &[u8]) -> Result<Self, Error> {
        Self::read(&Object::parse(&json::text(config), "v1.Platform")?)
    }
}

/// Go writes `[]byte` as standard base64 with padding.
pub(super) fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::marshal;

    #[test]
    fn fields_are_written_in_the_order_of_go() {
        let json = r#"{"artifactType":"t","platform":{"variant":"v7","os.features":["a"],"os.version":"1","os":"linux","architecture":"arm"},"data":"aGk=","annotations":{"b":"2","a":"1"},"urls":["u"],"size":3,"digest":"d","mediaType":"m"}"#;
        let descriptor = Descriptor::read(&Object::parse(json, "v1.Descriptor").unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(marshal(&descriptor)).unwrap(),
            r#"{"mediaType":"m","digest":"d","size":3,"urls":["u"],"annotations":{"a":"1","b":"2"},"data":"aGk=","platform":{"architecture":"arm","os":"linux","os.version":"1","os.features":["a"],"variant":"v7"},"artifactType":"t"}"#
        );
        assert_eq!(marshal(&Descriptor::default()), br#"{"mediaType":"","digest":"","size":0}"#);
    }
}
