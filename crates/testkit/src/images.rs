//! Makers of images as bytes: pure, deterministic, and as odd as the ones found in registries.

use sha2::{Digest as _, Sha256};

use crate::json::{Json, Look, object, text};

/// A docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The digest of some bytes as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Which family of media types a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `application/vnd.docker.…`
    Docker,
    /// `application/vnd.oci.…`
    Oci,
}

impl Kind {
    /// The kind a scenario names.
    pub fn named(name: &str) -> Self {
        match name {
            "docker" => Self::Docker,
            "oci" => Self::Oci,
            other => panic!("no such kind of image: {other}"),
        }
    }

    fn pick<'a>(self, docker: &'a str, oci: &'a str) -> &'a str {
        match self {
            Self::Docker => docker,
            Self::Oci => oci,
        }
    }
}

/// A platform as configs and lists spell it; empty means the field is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Platform {
    /// `os`
    pub os: String,
    /// `architecture`
    pub arch: String,
    /// `variant`
    pub variant: String,
    /// `os.version`
    pub os_version: String,
    /// `os.features`
    pub os_features: Vec<String>,
}

impl Platform {
    /// `os/arch[/variant]`.
    pub fn parse(short: &str) -> Self {
        let mut parts = short.split('/').map(str::to_owned);
        Self {
            os: parts.next().unwrap_or_default(),
            arch: parts.next().unwrap_or_default(),
            variant: parts.next().unwrap_or_default(),
            ..Self::default()
        }
    }

    fn write(&self, target: &mut Json) {
        for (name, value) in [("architecture", &self.arch), ("os", &self.os), ("os.version", &self.os_version)] {
            if !value.is_empty() {
                target.push(name, text(value));
            }
        }
        if !self.os_features.is_empty() {
            target.push("os.features", Json::List(self.os_features.iter().map(text).collect()));
        }
        if !self.variant.is_empty() {
            target.push("variant", text(&self.variant));
        }
    }
}

/// A manifest or index and the blobs it refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub manifest: Vec<u8>,
    /// The config, then the layers.
    pub blobs: Vec<Vec<u8>>,
}

impl Image {
    /// The digest of the document.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// How to make one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The family of its media types.
    pub kind: Kind,
    /// The platform in its config.
    pub platform: Platform,
    /// How its JSON is laid out.
    pub look: Look,
    /// What makes the bytes of this image its own.
    pub salt: String,
    /// The number of layers.
    pub layers: usize,
    /// The config blob itself, when it is to be odd.
    pub config: Option<String>,
    /// The media type of the config, if it is not the usual one.
    pub config_type: Option<String>,
    /// OCI lets a manifest leave its own media type out.
    pub own_type: bool,
    /// The annotations of the manifest.
    pub annotations: Vec<(String, String)>,
    /// Adds fields that no specification knows.
    pub unknown: bool,
    /// The first layer is one that Microsoft forbids to hand on: a URL, and no blob.
    pub foreign: bool,
    /// The media type of all layers, for what is no image at all.
    pub layer_type: Option<String>,
}

impl Recipe {
    /// A plain Linux image.
    pub fn new(kind: Kind, salt: &str) -> Self {
        Self {
            kind,
            platform: Platform::parse("linux/amd64"),
            look: kind_look(kind),
            salt: salt.to_owned(),
            layers: 2,
            config: None,
            config_type: None,
            own_type: true,
            annotations: Vec::new(),
            unknown: false,
            foreign: false,
            layer_type: None,
        }
    }

    /// The image this recipe describes.
    pub fn make(&self) -> Image {
        let config = self.config_blob();
        let config_type = self.config_type.clone().unwrap_or_else(|| self.kind.pick(DOCKER_CONFIG, OCI_CONFIG).into());
        let media_type = self.kind.pick(DOCKER_MANIFEST, OCI_MANIFEST);
        let mut blobs = vec![config.clone()];
        let mut layers = Vec::new();
        for number in 0..self.layers {
            let layer = format!("layer {number} of {}\n", self.salt).into_bytes();
            if self.foreign && number == 0 {
                let mut foreign = descriptor(DOCKER_FOREIGN, &layer);
                let url = format!("https://example.com/{}", digest(&layer));
                foreign.push("urls", Json::List(vec![text(url)]));
                layers.push(foreign);
            } else {
                let plain = self.kind.pick(DOCKER_LAYER, OCI_LAYER);
                layers.push(descriptor(self.layer_type.as_deref().unwrap_or(plain), &layer));
                blobs.push(layer);
            }
        }
        let mut manifest = object([("schemaVersion", Json::Number(2))]);
        if self.own_type {
            manifest.push("mediaType", text(media_type));
        }
        if self.unknown {
            manifest.push("com.example.first", Json::List(vec![Json::Null, Json::Bool(true)]));
        }
        let mut config = descriptor(&config_type, &config);
        if self.unknown {
            config.push("com.example.note", text("a < b & c > d"));
        }
        manifest.push("config", config);
        manifest.push("layers", Json::List(layers));
        push_annotations(&mut manifest, &self.annotations);
        if self.unknown {
            manifest.push("x-last", object([("deep", object([("er", Json::Number(1))]))]));
        }
        Image { media_type: media_type.into(), manifest: manifest.render(self.look), blobs }
    }

    fn config_blob(&self) -> Vec<u8> {
        if let Some(config) = &self.config {
            return config.clone().into_bytes();
        }
        let mut config = object([]);
        self.platform.write(&mut config);
        config.push("config", object([("Env", Json::List(vec![text(format!("IMAGE={}", self.salt))]))]));
        config.push("rootfs", object([("type", text("layers")), ("diff_ids", Json::List(Vec::new()))]));
        config.render(Look::Compact)
    }
}

/// One child of a list, with the platform the list claims for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: usize,
    /// Its platform, as the list states it.
    pub platform: Option<Platform>,
    /// The annotations of its descriptor.
    pub annotations: Vec<(String, String)>,
}

impl Child {
    /// A list's entry for `image`.
    pub fn of(image: &Image, platform: Option<Platform>) -> Self {
        Self {
            media_type: image.media_type.clone(),
            digest: image.digest(),
            size: image.manifest.len(),
            platform,
            annotations: Vec::new(),
        }
    }
}

/// A docker manifest list or an OCI index. It has no blobs of its own.
pub fn list(kind: Kind, look: Look, own_type: bool, children: &[Child], annotations: &[(String, String)]) -> Image {
    let media_type = kind.pick(DOCKER_LIST, OCI_INDEX);
    let mut list = object([("schemaVersion", Json::Number(2))]);
    if own_type {
        list.push("mediaType", text(media_type));
    }
    let entries = children.iter().map(|child| {
        let mut entry = object([
            ("mediaType", text(&child.media_type)),
            ("size", Json::Number(child.size as u64)),
            ("digest", text(&child.digest)),
        ]);
        if let Some(platform) = &child.platform {
            let mut value = object([]);
            platform.write(&mut value);
            entry.push("platform", value);
        }
        push_annotations(&mut entry, &child.annotations);
        entry
    });
    list.push("manifests", Json::List(entries.collect()));
    push_annotations(&mut list, annotations);
    Image { media_type: media_type.into(), manifest: list.render(look), blobs: Vec::new() }
}

/// What `BuildKit` puts beside every image: an "image" for `unknown/unknown` that holds provenance.
pub fn attestation(subject: &Image, salt: &str) -> (Image, Child) {
    let mut recipe = Recipe::new(Kind::Oci, &format!("attestation {salt}"));
    recipe.platform = Platform::parse("unknown/unknown");
    recipe.layers = 1;
    recipe.layer_type = Some(IN_TOTO.into());
    let image = recipe.make();
    let mut child = Child::of(&image, Some(Platform::parse("unknown/unknown")));
    child.annotations = vec![
        ("vnd.docker.reference.digest".into(), subject.digest()),
        ("vnd.docker.reference.type".into(), "attestation-manifest".into()),
    ];
    (image, child)
}

fn kind_look(kind: Kind) -> Look {
    match kind {
        Kind::Docker => Look::Three,
        Kind::Oci => Look::Two,
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Json {
    object([
        ("mediaType", text(media_type)),
        ("size", Json::Number(bytes.len() as u64)),
        ("digest", text(digest(bytes))),
    ])
}

fn push_annotations(target: &mut Json, annotations: &[(String, String)]) {
    if !annotations.is_empty() {
        let fields = annotations.iter().map(|(name, value)| (name.clone(), text(value)));
        target.push("annotations", Json::Object(fields.collect()));
    }
}
