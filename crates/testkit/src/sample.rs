//! Small images for a single platform.

use ferro_blob_store::Digest;
use serde_json::{Map, Value, json};

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The media types of one family.
struct Family {
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

const OCI: Family = Family {
    manifest: OCI_MANIFEST,
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};
const DOCKER: Family = Family {
    manifest: DOCKER_MANIFEST,
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/// The sha256 digest of some bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    Digest::sha256_of(bytes).to_string()
}

/// Media type of a layer that must not be pushed to other registries.
const FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// Media type of the one layer of an attestation.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An image: its manifest and all blobs.
#[derive(Debug, Clone)]
pub struct Sample {
    media_type: &'static str,
    manifest: Vec<u8>,
    blobs: Vec<Vec<u8>>,
    /// The annotations of its descriptor in an index.
    annotations: Map<String, Value>,
}

impl Sample {
    /// An OCI image for a platform such as `linux/arm/v7`, with one layer.
    pub fn oci(platform: &str) -> Self {
        Self::new(&OCI, platform, &[platform])
    }

    /// A docker schema 2 image for a platform, with one layer.
    pub fn docker(platform: &str) -> Self {
        Self::new(&DOCKER, platform, &[platform])
    }

    /// An OCI image with these layers; equal texts make equal layers.
    pub fn oci_with_layers(platform: &str, layers: &[&str]) -> Self {
        Self::new(&OCI, platform, layers)
    }

    /// The attestation that buildx adds for an image: an image for `unknown/unknown`.
    pub fn attestation(subject: &Self) -> Self {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": subject.digest()});
        let layer = statement.to_string().into_bytes();
        let mut attestation = Self::of(&OCI, "unknown/unknown", &[(IN_TOTO, layer)], &[]);
        attestation.annotations.insert("vnd.docker.reference.digest".to_owned(), subject.digest().into());
        attestation.annotations.insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".into());
        attestation
    }

    /// The same with the predicate type of its statement: SLSA provenance.
    pub fn provenance(subject: &Self) -> Self {
        let mut attestation = Self::attestation(subject);
        let mut manifest: Value = serde_json::from_slice(&attestation.manifest).expect("JSON");
        manifest["layers"][0]["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"});
        attestation.manifest = serde_json::to_vec_pretty(&manifest).expect("JSON");
        attestation
    }

    /// A docker image with one foreign layer and one normal layer.
    pub fn with_foreign_layer(platform: &str) -> Self {
        let mut foreign = descriptor(FOREIGN_LAYER, &Self::foreign_layer());
        foreign["urls"] = json!(["https://example.com/foreign"]);
        Self::of(&DOCKER, platform, &[(DOCKER.layer, layer("own"))], &[foreign])
    }

    /// An OCI image with this many different layers of this size.
    pub fn large(platform: &str, layers: usize, bytes: usize) -> Self {
        let layer = |number: usize| (OCI.layer, format!("large {number} ").bytes().cycle().take(bytes).collect());
        Self::of(&OCI, platform, &(0..layers).map(layer).collect::<Vec<_>>(), &[])
    }

    /// An OCI image with layers of these sizes, in bytes, which it shares with no image for another platform.
    pub fn sized(platform: &str, layers: &[usize]) -> Self {
        let layer = |(number, bytes): (usize, &usize)| {
            let text = format!("{platform} {number} ");
            let mut layer = text.repeat(bytes / text.len() + 1).into_bytes();
            layer.truncate(*bytes);
            (OCI.layer, layer)
        };
        Self::of(&OCI, platform, &layers.iter().enumerate().map(layer).collect::<Vec<_>>(), &[])
    }

    /// The bytes of the foreign layer.
    pub fn foreign_layer() -> Vec<u8> {
        layer("foreign")
    }

    fn new(family: &Family, platform: &str, layers: &[&str]) -> Self {
        let layers: Vec<_> = layers.iter().map(|text| (family.layer, layer(text))).collect();
        Self::of(family, platform, &layers, &[])
    }

    fn of(family: &Family, platform: &str, layers: &[(&str, Vec<u8>)], foreign: &[Value]) -> Self {
        let descriptors: Vec<Value> = layers.iter().map(|(kind, layer)| descriptor(kind, layer)).collect();
        let descriptors = [foreign, &descriptors].concat();
        let layers: Vec<Vec<u8>> = layers.iter().map(|(_, layer)| layer.clone()).collect();
        let config = config(platform, &layers).into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": family.manifest,
            "config": descriptor(family.config, &config),
            "layers": descriptors,
        });
        let manifest = serde_json::to_vec_pretty(&manifest).expect("JSON");
        let blobs = [vec![config], layers].concat();
        Self { media_type: family.manifest, manifest, blobs, annotations: Map::new() }
    }

    /// The manifest's media type.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The manifest's bytes.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The manifest's digest.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// The config, then the layers.
    pub fn blobs(&self) -> &[Vec<u8>] {
        &self.blobs
    }

    /// The digests of [`Self::blobs`].
    pub fn blob_digests(&self) -> Vec<String> {
        self.blobs.iter().map(|blob| digest(blob)).collect()
    }

    /// Its descriptor in an index, with the platform of its config.
    pub fn index_entry(&self) -> Value {
        let config: Value = serde_json::from_slice(&self.blobs[0]).expect("the config");
        let mut entry = descriptor(self.media_type, &self.manifest);
        let mut platform = Map::new();
        for field in ["architecture", "os", "variant"] {
            if let Some(value) = config.get(field) {
                platform.insert(field.to_owned(), value.clone());
            }
        }
        entry["platform"] = Value::Object(platform);
        if !self.annotations.is_empty() {
            entry["annotations"] = Value::Object(self.annotations.clone());
        }
        entry
    }
}

/// An index with these entries.
pub fn index(media_type: &str, entries: &[Value]) -> Vec<u8> {
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    serde_json::to_vec_pretty(&index).expect("JSON")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

fn config(platform: &str, layers: &[Vec<u8>]) -> String {
    let mut parts = platform.split('/');
    let os = parts.next().expect("an operating system");
    let architecture = parts.next().expect("an architecture");
    let mut config = json!({
        "architecture": architecture,
        "os": os,
        "config": {"Cmd": ["/bin/hello"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>(),
        },
    });
    if let Some(variant) = parts.next() {
        config["variant"] = variant.into();
    }
    config.to_string()
}

/// A gzip member that stores `text` uncompressed: the same bytes with every compressor.
fn layer(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(crc32(text.as_bytes()).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let mask = (crc & 1).wrapping_neg();
            crc = (crc >> 1) ^ (0xedb8_8320 & mask);
        }
    }
    !crc
}
