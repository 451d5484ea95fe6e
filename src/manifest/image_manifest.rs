//! An image in a manifest list, as the store keeps it and `inspect -v` shows it (docker/cli `ImageManifest`).

use super::descriptor::base64;
use super::{DOCKER_MANIFEST, Descriptor, Image, ImageKind, ManifestError, OCI_MANIFEST, Platform};
use crate::digest::Digest;
use crate::json::{self, Object, compact, indent, marshal};
use crate::reference::{Reference, ReferenceError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// The fields of an entry that hold its manifest, in docker's order; one of them is there as a rule.
const PAYLOAD_FIELDS: [(&str, ImageKind); 2] =
    [("SchemaV2Manifest", ImageKind::Docker), ("OCIManifest", ImageKind::Oci)];

/// Why a stored entry cannot be used, in docker's words.
#[derive(Debug, Error)]
pub enum EntryError {
    /// Not JSON, or fields of another type.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// The manifest inside is not what it should be.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The reference inside is not one.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference inside is no text.
    #[error("invalid named reference bytes: {json}: {error}")]
    ReferenceBytes {
        /// What stands in its place.
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

/// An entry in the oldest form whose manifest does not have the digest it names.
#[derive(Debug, Error)]
#[error("image manifest digest mismatch ({expected} != {actual})")]
pub struct DigestMismatch {
    expected: String,
    actual: Digest,
}

/// Where an entry of a list came from, as it was then. docker keeps nothing of the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The reference that was resolved: the image, or a list that it was in.
    pub source: String,
    /// What the source's digest was.
    pub digest: String,
    /// The platform before anyone annotated it.
    pub platform: Platform,
    /// The annotations before anyone added to them.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Origin {
    /// Whether one of these is what was resolved.
    #[must_use]
    pub fn is_of(&self, references: &[Reference]) -> bool {
        references.iter().any(|reference| reference.to_string() == self.source)
    }
}

/// One image of a manifest list.
#[derive(Debug, Clone)]
pub struct ImageManifest {
    /// The image's name.
    pub reference: Reference,
    /// Describes the manifest; the platform is what the list will say.
    pub descriptor: Descriptor,
    /// The manifest as the registry sent it; empty in entries that older versions of docker wrote.
    pub raw: Vec<u8>,
    /// Where it came from, if that is known.
    pub origin: Option<Origin>,
    /// The manifest as the store holds it. A stored entry may lack it, or have docker's form of one and OCI's.
    payloads: Vec<Payload>,
    /// Whether the entry names no image; its reference is then the one it was asked for by.
    is_unnamed: bool,
    /// Whether the entry came in the oldest form, with `Digest` and `Platform` at its top level.
    is_oldest_form: bool,
}

/// A manifest whose white space has been through the store.
#[derive(Debug, Clone)]
pub struct Payload {
    /// What the manifest says.
    pub image: Image,
    /// Its JSON.
    pub json: Vec<u8>,
}

impl Payload {
    /// Reads a manifest.
    pub fn read(kind: ImageKind, json: &[u8]) -> Result<Self, ManifestError> {
        Ok(Self { image: Image::read(kind, json)?, json: json.to_vec() })
    }
}

impl ImageManifest {
    /// An image just fetched.
    #[must_use]
    pub fn new(reference: Reference, descriptor: Descriptor, image: Image, raw: Vec<u8>) -> Self {
        let payloads = vec![Payload { image, json: raw.clone() }];
        Self { reference, descriptor, raw, origin: None, payloads, is_unnamed: false, is_oldest_form: false }
    }

    /// An entry of a list whose manifest is not at hand.
    #[must_use]
    pub fn without_payload(reference: Reference, descriptor: Descriptor) -> Self {
        let (raw, payloads) = (Vec::new(), Vec::new());
        Self { reference, descriptor, raw, origin: None, payloads, is_unnamed: false, is_oldest_form: false }
    }

    /// Replaces the manifest by one just fetched.
    pub fn set_payload(&mut self, payload: Payload) {
        self.descriptor.size = i64::try_from(payload.json.len()).unwrap_or(i64::MAX);
        self.raw.clone_from(&payload.json);
        self.payloads = vec![payload];
        self.is_oldest_form = false;
    }

    /// Reads a stored entry in any form that docker has written. An entry that names no image is taken for `fallback`
    /// if there is one.
    pub fn from_json(bytes: &[u8], fallback: Option<&Reference>) -> Result<Self, EntryError> {
        let text = String::from_utf8_lossy(bytes);
        let object = Object::parse(&text, "ImageManifest")?;
        let name = object.raw("Ref").map(read_name).transpose()?;
        let is_unnamed = name.is_none();
        let payloads: Result<Vec<_>, _> = PAYLOAD_FIELDS
            .into_iter()
            .filter_map(|(field, kind)| object.raw(field).map(|json| Payload::read(kind, json.as_bytes())))
            .collect();
        let platform = object.object("Platform", "manifestlist.PlatformSpec")?;
        let platform = platform.as_ref().map(Platform::read).transpose()?;
        let descriptor = object.object("Descriptor", "v1.Descriptor")?;
        let mut entry = Self {
            reference: name.or_else(|| fallback.cloned()).ok_or(EntryError::NoReference)?,
            descriptor: descriptor.as_ref().map(Descriptor::read).transpose()?.unwrap_or_default(),
            raw: object.bytes("Raw")?,
            origin: None,
            payloads: payloads?,
            is_unnamed,
            is_oldest_form: false,
        };
        let digest = object.string("Digest")?;
        if !digest.is_empty() {
            entry.take_oldest_form(digest, platform)?;
        }
        Ok(entry)
    }

    fn take_oldest_form(&mut self, digest: String, platform: Option<Platform>) -> Result<(), EntryError> {
        let payload = self.payload()?;
        self.descriptor = Descriptor {
            media_type: payload.image.kind.media_type().to_owned(),
            digest,
            size: i64::try_from(payload.json.len()).unwrap_or(i64::MAX),
            platform,
            ..Descriptor::default()
        };
        self.is_oldest_form = true;
        Ok(())
    }

    /// In an entry of the oldest form, whether the manifest has the digest that the entry names.
    pub fn check_oldest_form(&self) -> Result<(), DigestMismatch> {
        let Some(payload) = self.payloads.first().filter(|_| self.is_oldest_form) else { return Ok(()) };
        let actual = Digest::of(&payload.json);
        if actual.as_str() == self.descriptor.digest {
            return Ok(());
        }
        Err(DigestMismatch { expected: self.descriptor.digest.clone(), actual })
    }

    /// The manifest inside.
    pub fn payload(&self) -> Result<&Payload, EntryError> {
        self.payloads.first().ok_or_else(|| EntryError::NoPayload(self.reference.clone()))
    }

    /// The reference that was resolved to this image; docker keeps none, and resolves nothing but images.
    #[must_use]
    pub fn source(&self) -> String {
        self.origin.as_ref().map_or_else(|| self.reference.to_string(), |origin| origin.source.clone())
    }

    /// What the digest of that reference was.
    #[must_use]
    pub fn source_digest(&self) -> &str {
        self.origin.as_ref().map_or(&self.descriptor.digest, |origin| &origin.digest)
    }

    /// Whether the image is docker's or OCI's.
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
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if !self.raw.is_empty() {
            return Some(self.raw.clone());
        }
        let payload = self.payloads.first()?;
        let width = match payload.image.kind {
            ImageKind::Docker => "   ",
            ImageKind::Oci => "  ",
        };
        indent(&compact(&payload.json).ok()?, width).ok()
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
        let image = Image::read(ImageKind::Oci, &raw).unwrap();
        let descriptor = Descriptor { media_type: OCI_MANIFEST.into(), ..Descriptor::default() };
        let entry = ImageManifest::new(Reference::parse("h.io/a").unwrap(), descriptor, image, raw.clone());
        let json = String::from_utf8(entry.to_json()).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"Ref":"h.io/a:latest","Descriptor":{{"mediaType":"{OCI_MANIFEST}","digest":"","size":0}},"Raw":"{}","OCIManifest":{{"config":{{"digest":"\u003c\u0026\u003e"}}}}}}"#,
                "ewogICJjb25maWciOiB7ImRpZ2VzdCI6ICI8Jj4ifQp9Cg=="
            )
        );
        let again = ImageManifest::from_json(json.as_bytes(), None).unwrap();
        assert_eq!(again.to_json(), json.as_bytes());
        assert_eq!(again.bytes().unwrap(), raw);
    }

    #[test]
    fn bytes_of_a_manifest_that_are_no_text_stay() {
        let raw = b"{\"x\":\"\xff\"}".to_vec();
        let image = Image::read(ImageKind::Oci, &raw).unwrap();
        let entry = ImageManifest::new(Reference::parse("h.io/a").unwrap(), Descriptor::default(), image, raw);
        assert!(entry.to_json().ends_with(b",\"OCIManifest\":{\"x\":\"\xff\"}}"));
    }

    #[test]
    fn the_oldest_form_is_read_and_checked() {
        let manifest = format!(r#"{{"mediaType":"{DOCKER_MANIFEST}"}}"#);
        let digest = Digest::of(manifest.as_bytes());
        let entry = |digest: &str| {
            let json = format!(
                r#"{{"Ref":"h.io/a:1","Digest":"{digest}","SchemaV2Manifest":{manifest},"Platform":{{"os":"linux","architecture":"arm"}}}}"#
            );
            ImageManifest::from_json(json.as_bytes(), None).unwrap()
        };
        let good = entry(digest.as_str());
        assert!(good.check_oldest_form().is_ok());
        assert_eq!(good.descriptor.size, i64::try_from(manifest.len()).unwrap());
        assert_eq!(good.descriptor.platform.unwrap().architecture, "arm");
        let message = entry("sha256:0").check_oldest_form().unwrap_err().to_string();
        assert_eq!(message, format!("image manifest digest mismatch (sha256:0 != {digest})"));
    }

    #[test]
    fn broken_entries_say_what_is_wrong_as_docker_does() {
        let message = |json: &str| ImageManifest::from_json(json.as_bytes(), None).unwrap_err().to_string();
        assert_eq!(message(""), "unexpected end of JSON input");
        assert_eq!(message("hello"), "invalid character 'h' looking for beginning of value");
        assert_eq!(message(r#"{"Ref":"ubuntu"}"#), "repository name must be canonical");
        assert_eq!(message(r#"{"Ref":"h.io/a:1","Digest":"x"}"#), "h.io/a:1 has no payload");
    }
}
