//! An image in a manifest list, as the store keeps it and `inspect -v` shows it (docker/cli `ImageManifest`).

use super::descriptor::base64;
use super::{DOCKER_MANIFEST, Descriptor, ImageKind, ImageManifest, ManifestError, OCI_MANIFEST, Platform};
use crate::digest::Digest;
use crate::json::{self, Object, compact, indent, marshal};
use crate::reference::{Reference, ReferenceError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// The fields of an entry that hold its manifest, in docker's order; usually one of them is there.
const PAYLOAD_FIELDS: [(&str, ImageKind); 2] =
    [("SchemaV2Manifest", ImageKind::Docker), ("OCIManifest", ImageKind::Oci)];

/// Why a stored entry cannot be used, in docker's words.
#[derive(Debug, Error)]
pub enum EntryError {
    /// Not JSON, or fields of another type.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// The manifest inside is invalid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The reference inside is invalid.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference inside is not a string.
    #[error("invalid named reference bytes: {json}: {error}")]
    ReferenceBytes {
        /// The JSON in its place.
        json: String,
        /// What is wrong with it.
        error: json::Error,
    },
    /// There is no reference inside.
    #[error("the entry names no image")]
    NoReference,
    /// There is no manifest inside, neither docker's nor OCI's.
    #[error("{0} has no payload")]
    NoPayload(Reference),
}

/// An entry in the legacy format whose manifest does not have the digest that the entry states.
#[derive(Debug, Error)]
#[error("image manifest digest mismatch ({expected} != {actual})")]
pub struct DigestMismatch {
    expected: String,
    actual: Digest,
}

/// Where an entry came from, and what it was like then. docker keeps none of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source that was resolved: the image, or a list that it was in.
    pub source: String,
    /// The digest of the source.
    pub digest: String,
    /// The position in the source, if that is a list.
    #[serde(default)]
    pub position: usize,
    /// The platform before it was annotated.
    pub platform: Platform,
    /// The annotations before any were added.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Origin {
    /// Whether one of these references is the source.
    #[must_use]
    pub fn is_any_of(&self, references: &[Reference]) -> bool {
        references.iter().any(|reference| reference.to_string() == self.source)
    }
}

/// One image of a manifest list. Copies share the manifest's bytes.
#[derive(Debug, Clone)]
pub struct ListEntry {
    /// The image's name.
    pub reference: Reference,
    /// Describes the manifest. Its platform and annotations are those in the list.
    pub descriptor: Descriptor,
    /// The manifest as the registry sent it; empty in entries that older versions of docker wrote.
    pub raw: Bytes,
    /// Where it came from, if that is known.
    pub origin: Option<Origin>,
    /// The manifest as the store holds it: usually one, but a stored entry may have none, or docker's and OCI's.
    payloads: Vec<Payload>,
    /// Whether the stored entry has no reference; `reference` is then the one that was looked up.
    is_unnamed: bool,
    /// Whether the stored entry has the legacy format, with `Digest` and `Platform` at its top level.
    is_legacy_format: bool,
}

/// A manifest as the store holds it: the white space may not be the registry's.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The parsed manifest.
    pub image: Arc<ImageManifest>,
    /// Its JSON.
    pub json: Bytes,
}

impl Payload {
    /// Parses a manifest.
    pub fn read(kind: ImageKind, json: Bytes) -> Result<Self, ManifestError> {
        Ok(Self { image: Arc::new(ImageManifest::read(kind, &json)?), json })
    }
}

impl ListEntry {
    /// An image just fetched.
    #[must_use]
    pub fn new(reference: Reference, descriptor: Descriptor, image: Arc<ImageManifest>, raw: Bytes) -> Self {
        let payloads = vec![Payload { image, json: raw.clone() }];
        Self { reference, descriptor, raw, origin: None, payloads, is_unnamed: false, is_legacy_format: false }
    }

    /// An entry without its manifest.
    #[must_use]
    pub fn without_payload(reference: Reference, descriptor: Descriptor) -> Self {
        let (raw, payloads) = (Bytes::new(), Vec::new());
        Self { reference, descriptor, raw, origin: None, payloads, is_unnamed: false, is_legacy_format: false }
    }

    /// Replaces the manifest by one just fetched.
    pub fn set_payload(&mut self, payload: Payload) {
        self.descriptor.size = i64::try_from(payload.json.len()).unwrap_or(i64::MAX);
        self.raw.clone_from(&payload.json);
        self.payloads = vec![payload];
        self.is_legacy_format = false;
    }

    /// Reads a stored entry in any form that docker has written. An entry that names no image is taken for `fallback`
    /// if there is one.
    pub fn from_json(bytes: &[u8], fallback: Option<&Reference>) -> Result<Self, EntryError> {
        let text = json::text(bytes);
        let object = Object::parse(&text, "ListEntry")?;
        let name = object.raw("Ref").map(read_name).transpose()?;
        let is_unnamed = name.is_none();
        let payloads: Result<Vec<_>, _> = PAYLOAD_FIELDS
            .into_iter()
            .filter_map(|(field, kind)| {
                object.raw(field).map(|json| Payload::read(kind, Bytes::copy_from_slice(json.as_bytes())))
            })
            .collect();
        let platform = object.object("Platform", "manifestlist.PlatformSpec")?;
        let platform = platform.as_ref().map(Platform::read).transpose()?;
        let descriptor = object.object("Descriptor", "v1.Descriptor")?;
        let mut entry = Self {
            reference: name.or_else(|| fallback.cloned()).ok_or(EntryError::NoReference)?,
            descriptor: descriptor.as_ref().map(Descriptor::read).transpose()?.unwrap_or_default(),
            raw: object.bytes("Raw")?.into(),
            origin: None,
            payloads: payloads?,
            is_unnamed,
            is_legacy_format: false,
        };
        let digest = object.string("Digest")?;
        if !digest.is_empty() {
            entry.take_legacy_format(digest, platform)?;
        }
        Ok(entry)
    }

    fn take_legacy_format(&mut self, digest: String, platform: Option<Platform>) -> Result<(), EntryError> {
        let payload = self.payload()?;
        self.descriptor = Descriptor {
            media_type: payload.image.kind.media_type().to_owned(),
            digest,
            size: i64::try_from(payload.json.len()).unwrap_or(i64::MAX),
            platform,
            ..Descriptor::default()
        };
        self.is_legacy_format = true;
        Ok(())
    }

    /// In an entry of the legacy format, whether the manifest has the digest that the entry names.
    pub fn check_legacy_format(&self) -> Result<(), DigestMismatch> {
        let Some(payload) = self.payloads.first().filter(|_| self.is_legacy_format) else { return Ok(()) };
        let actual = Digest::of(&payload.json);
        if actual.as_str() == self.descriptor.digest {
            return Ok(());
        }
        Err(DigestMismatch { expected: self.descriptor.digest.clone(), actual })
    }

    /// The parsed manifest.
    pub fn payload(&self) -> Result<&Payload, EntryError> {
        self.payloads.first().ok_or_else(|| EntryError::NoPayload(self.reference.clone()))
    }

    /// The source of the entry. docker keeps none, and takes nothing but images.
    #[must_use]
    pub fn source(&self) -> String {
        self.origin.as_ref().map_or_else(|| self.reference.to_string(), |origin| origin.source.clone())
    }

    /// The digest that the source had.
    #[must_use]
    pub fn source_digest(&self) -> &str {
        self.origin.as_ref().map_or(&self.descriptor.digest, |origin| &origin.digest)
    }

    /// Whether the image is docker's or OCI's, if that is known.
    #[must_use]
    pub fn kind(&self) -> Option<ImageKind> {
        match (self.payloads.first(), self.descriptor.media_type.as_str()) {
            (Some(payload), _) => Some(payload.image.kind),
            (None, DOCKER_MANIFEST) => Some(ImageKind::Docker),
            (None, OCI_MANIFEST) => Some(ImageKind::Oci),
            (None, _) => None,
        }
    }

    /// The manifest's bytes as they were in the registry: the raw bytes where the entry has them, else the stored
    /// manifest laid out as docker's and OCI's builders used to lay it out. Whether they have the right digest is
    /// for the caller to check.
    #[must_use]
    pub fn bytes(&self) -> Option<Bytes> {
        if !self.raw.is_empty() {
            return Some(self.raw.clone());
        }
        let payload = self.payloads.first()?;
        let width = match payload.image.kind {
            ImageKind::Docker => "   ",
            ImageKind::Oci => "  ",
        };
        indent(&compact(&payload.json).ok()?, width).ok().map(Bytes::from)
    }

    /// The entry as docker writes it to a file and `inspect -v` shows it. The manifest goes in byte for byte, white space
    /// aside: it need not be UTF-8.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let reference = (!self.is_unnamed).then(|| self.reference.to_string());
        let mut json = marshal(&Record { reference, descriptor: &self.descriptor, raw: &self.raw });
        for (field, kind) in PAYLOAD_FIELDS {
            let payload = self.payloads.iter().find(|payload| payload.image.kind == kind);
            if let Some(manifest) = payload.and_then(|payload| compact(&payload.json).ok()) {
                json.pop();
                json.extend_from_slice(format!(",\"{field}\":").as_bytes());
                json.extend_from_slice(&manifest);
                json.push(b'}');
            }
        }
        json
    }
}

/// A reference inside an entry (docker/cli `SerializableNamed`).
fn read_name(json: &str) -> Result<Reference, EntryError> {
    let name = json::string(json).map_err(|error| EntryError::ReferenceBytes { json: json.to_owned(), error })?;
    Ok(Reference::parse_canonical(&name)?)
}

/// The fields of an entry that come before its manifest, named and ordered as in docker's Go struct.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "Ref")]
    reference: Option<String>,
    #[serde(rename = "Descriptor")]
    descriptor: &'a Descriptor,
    #[serde(rename = "Raw", skip_serializing_if = "<[u8]>::is_empty", serialize_with = "base64")]
    raw: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_written_with_the_white_space_out_and_the_raw_bytes_in() {
        let raw = b"{\n  \"config\": {\"digest\": \"<&>\"}\n}\n".to_vec();
        let image = ImageManifest::read(ImageKind::Oci, &raw).unwrap().into();
        let descriptor = Descriptor { media_type: OCI_MANIFEST.into(), ..Descriptor::default() };
        let entry = ListEntry::new(Reference::parse("h.io/a").unwrap(), descriptor, image, raw.clone().into());
        let json = String::from_utf8(entry.to_json()).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"Ref":"h.io/a:latest","Descriptor":{{"mediaType":"{OCI_MANIFEST}","digest":"","size":0}},"Raw":"{}","OCIManifest":{{"config":{{"digest":"\u003c\u0026\u003e"}}}}}}"#,
                "ewogICJjb25maWciOiB7ImRpZ2VzdCI6ICI8Jj4ifQp9Cg=="
            )
        );
        let again = ListEntry::from_json(json.as_bytes(), None).unwrap();
        assert_eq!(again.to_json(), json.as_bytes());
        assert_eq!(again.bytes().unwrap(), raw);
    }

    #[test]
    fn bytes_of_a_manifest_that_are_no_text_stay() {
        let raw = b"{\"x\":\"\xff\"}".to_vec();
        let image = ImageManifest::read(ImageKind::Oci, &raw).unwrap().into();
        let entry = ListEntry::new(Reference::parse("h.io/a").unwrap(), Descriptor::default(), image, raw.into());
        assert!(entry.to_json().ends_with(b",\"OCIManifest\":{\"x\":\"\xff\"}}"));
    }

    #[test]
    fn the_legacy_format_is_read_and_checked() {
        let manifest = format!(r#"{{"mediaType":"{DOCKER_MANIFEST}"}}"#);
        let digest = Digest::of(manifest.as_bytes());
        let entry = |digest: &str| {
            let json = format!(
                r#"{{"Ref":"h.io/a:1","Digest":"{digest}","SchemaV2Manifest":{manifest},"Platform":{{"os":"linux","architecture":"arm"}}}}"#
            );
            ListEntry::from_json(json.as_bytes(), None).unwrap()
        };
        let good = entry(digest.as_str());
        assert!(good.check_legacy_format().is_ok());
        assert_eq!(good.descriptor.size, i64::try_from(manifest.len()).unwrap());
        assert_eq!(good.descriptor.platform.unwrap().architecture, "arm");
        let message = entry("sha256:0").check_legacy_format().unwrap_err().to_string();
        assert_eq!(message, format!("image manifest digest mismatch (sha256:0 != {digest})"));
    }

    #[test]
    fn broken_entries_say_what_is_wrong_as_docker_does() {
        let message = |json: &str| ListEntry::from_json(json.as_bytes(), None).unwrap_err().to_string();
        assert_eq!(message(""), "unexpected end of JSON input");
        assert_eq!(message("hello"), "invalid character 'h' looking for beginning of value");
        assert_eq!(message(r#"{"Ref":"ubuntu"}"#), "repository name must be canonical");
        assert_eq!(message(r#"{"Ref":"h.io/a:1","Digest":"x"}"#), "h.io/a:1 has no payload");
    }
}
