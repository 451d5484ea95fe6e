//! What a registry answered to a manifest request, understood as docker understands it
//! (docker/distribution `manifest/{schema2,ocischema,manifestlist}`).

use super::{DOCKER_LIST, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST, Platform};
use crate::json::{self, Object};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Why a manifest cannot be used, in docker's words.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ManifestError {
    /// A media type that is neither docker's nor OCI's.
    #[error("unsupported manifest media type and no default available: {0}")]
    UnsupportedMediaType(String),
    /// A docker manifest that states another media type.
    #[error("mediaType in {what} should be '{expected}' not '{found}'")]
    WrongMediaType {
        /// `manifest` or `manifest list`.
        what: &'static str,
        /// The Content-Type.
        expected: &'static str,
        /// The stated media type.
        found: String,
    },
    /// An OCI manifest that states another media type.
    #[error("if present, mediaType in {what} should be '{expected}' not '{found}'")]
    WrongOciMediaType {
        /// `manifest` or `image index`.
        what: &'static str,
        /// The Content-Type.
        expected: &'static str,
        /// The stated media type.
        found: String,
    },
    /// An index sent as an image.
    #[error("ocimanifest: expected manifest but found index")]
    IndexAsImage,
    /// An image sent as an index.
    #[error("index: expected index but found manifest")]
    ImageAsIndex,
    /// Not JSON, or fields of another type.
    #[error(transparent)]
    Json(#[from] json::Error),
}

/// Whether an image manifest is docker's or OCI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// Image manifest version 2, schema 2.
    Docker,
    /// OCI image manifest.
    Oci,
}

impl ImageKind {
    /// The media type under which such a manifest is pushed.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Docker => DOCKER_MANIFEST,
            Self::Oci => OCI_MANIFEST,
        }
    }
}

/// The manifest of an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// docker or OCI.
    pub kind: ImageKind,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

impl ImageManifest {
    /// The config and the layers, in that order.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Whether it is an artifact rather than an image: its config is not an image config.
    #[must_use]
    pub fn is_artifact(&self) -> bool {
        let images = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
        !self.config.media_type.is_empty() && !images.contains(&self.config.media_type.as_str())
    }

    /// Reads an image manifest.
    pub fn read(kind: ImageKind, bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = json::text(bytes);
        let object = Object::parse(&text, "Manifest")?;
        if kind == ImageKind::Oci && object.raw("manifests").is_some() {
            return Err(ManifestError::IndexAsImage);
        }
        object.integer("schemaVersion")?;
        if kind == ImageKind::Oci {
            object.string_map("annotations")?;
        }
        let image = Self {
            kind,
            config: object
                .object("config", "distribution.Descriptor")?
                .as_ref()
                .map(Descriptor::read_distribution)
                .transpose()?
                .unwrap_or_default(),
            layers: descriptors(&object, "layers")?,
        };
        let found = object.string("mediaType")?;
        match kind {
            ImageKind::Docker if found != DOCKER_MANIFEST => {
                Err(ManifestError::WrongMediaType { what: "manifest", expected: DOCKER_MANIFEST, found })
            }
            ImageKind::Oci if !found.is_empty() && found != OCI_MANIFEST => {
                Err(ManifestError::WrongOciMediaType { what: "manifest", expected: OCI_MANIFEST, found })
            }
            _ => Ok(image),
        }
    }
}

/// A manifest list or an image index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIndex {
    /// Its entries; an entry without a platform has an empty one, as in docker.
    pub manifests: Vec<Descriptor>,
    /// What it says beside its entries.
    pub header: IndexHeader,
}

/// What an OCI index can say beside its entries. docker lists have none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IndexHeader {
    /// Annotations of the index itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The manifest that the index refers to (image-spec, `subject`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// The type of the artifact that the index describes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
}

impl IndexHeader {
    /// What a manifest or an index says beside its parts. Whatever cannot be read counts as absent.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = json::text(bytes);
        Object::parse(&text, "Manifest").map(|object| Self::read(&object)).unwrap_or_default()
    }

    /// Fields of a wrong type count as absent: docker does not read them.
    fn read(object: &Object) -> Self {
        let subject = object.object("subject", "v1.Descriptor").ok().flatten();
        Self {
            annotations: object.string_map("annotations").unwrap_or_default(),
            subject: subject.and_then(|subject| Descriptor::read(&subject).ok()),
            artifact_type: object.string("artifactType").unwrap_or_default(),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ImageIndex {
    fn read(media_type: &'static str, bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = json::text(bytes);
        let object = Object::parse(&text, "ManifestList")?;
        let is_oci = media_type == OCI_INDEX;
        if is_oci && (object.raw("config").is_some() || object.raw("layers").is_some()) {
            return Err(ManifestError::ImageAsIndex);
        }
        object.integer("schemaVersion")?;
        let mut manifests = descriptors(&object, "manifests")?;
        for descriptor in &mut manifests {
            descriptor.platform.get_or_insert_with(Platform::default);
        }
        let found = object.string("mediaType")?;
        if is_oci && !found.is_empty() && found != OCI_INDEX {
            return Err(ManifestError::WrongOciMediaType { what: "image index", expected: OCI_INDEX, found });
        }
        if !is_oci && found != DOCKER_LIST {
            return Err(ManifestError::WrongMediaType { what: "manifest list", expected: DOCKER_LIST, found });
        }
        Ok(Self { manifests, header: IndexHeader::read(&object) })
    }
}

fn descriptors(object: &Object, key: &str) -> Result<Vec<Descriptor>, json::Error> {
    object.objects(key, "distribution.Descriptor", Descriptor::read_distribution)
}

/// A manifest of either kind.
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// An image for one platform.
    Image(Arc<ImageManifest>),
    /// A list of images.
    Index(ImageIndex),
}

/// Parses a manifest as its Content-Type says; parameters of the Content-Type are ignored.
pub fn parse(content_type: &str, bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let image = |kind, bytes| ImageManifest::read(kind, bytes).map(|image| Manifest::Image(Arc::new(image)));
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        DOCKER_MANIFEST => image(ImageKind::Docker, bytes),
        OCI_MANIFEST => image(ImageKind::Oci, bytes),
        DOCKER_LIST => ImageIndex::read(DOCKER_LIST, bytes).map(Manifest::Index),
        OCI_INDEX => ImageIndex::read(OCI_INDEX, bytes).map(Manifest::Index),
        _ => Err(ManifestError::UnsupportedMediaType(media_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_must_be_what_its_content_type_says() {
        let message = |content_type: &str, json: &str| parse(content_type, json.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            message(DOCKER_MANIFEST, "{}"),
            format!("mediaType in manifest should be '{DOCKER_MANIFEST}' not ''")
        );
        assert_eq!(
            message(OCI_MANIFEST, r#"{"mediaType":"x"}"#),
            format!("if present, mediaType in manifest should be '{OCI_MANIFEST}' not 'x'")
        );
        assert_eq!(message(OCI_MANIFEST, r#"{"manifests":[]}"#), "ocimanifest: expected manifest but found index");
        assert_eq!(message(OCI_INDEX, r#"{"layers":[]}"#), "index: expected index but found manifest");
        assert_eq!(
            message("Text/Plain; charset=utf-8", "x"),
            "unsupported manifest media type and no default available: text/plain"
        );
        assert_eq!(message(OCI_INDEX, "x"), "invalid character 'x' looking for beginning of value");
    }

    #[test]
    fn what_docker_does_not_read_may_be_wrong() {
        let json = br#"{"config":{"data":"!","artifactType":7},"layers":[{"data":"!","size":3}]}"#;
        let Manifest::Image(image) = parse(OCI_MANIFEST, json).unwrap() else { panic!() };
        assert_eq!(image.layers[0].size, 3);
    }

    #[test]
    fn null_lists_and_missing_parts_are_empty() {
        let Ok(Manifest::Index(index)) = parse(OCI_INDEX, br#"{"manifests":null}"#) else { panic!() };
        assert!(index.manifests.is_empty());
        let Ok(Manifest::Image(image)) = parse("application/vnd.oci.image.manifest.v1+json; charset=utf-8", b"{}")
        else {
            panic!()
        };
        assert_eq!(image.blobs().count(), 1);
    }
}
