//! Turns the `image`, `index` and `define` lines of a scenario into images, and puts them where they belong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::parity::scenario::{Scenario, Seed};
use mfst_testkit::debian::Registry;
use mfst_testkit::images::{self, Child, Image, Kind, Platform, Recipe};
use mfst_testkit::json::Look;
use mfst_testkit::wire;

/// All images of a scenario by name.
pub type Images = BTreeMap<String, Image>;

/// Makes all images of a scenario.
pub fn make(scenario: &Scenario) -> Images {
    let mut images = Images::new();
    for seed in &scenario.seeds {
        let image = if seed.index { index(seed, &images) } else { image(seed, &images) };
        images.insert(seed.name.clone(), image);
    }
    images
}

/// Fills a registry with them.
pub fn push(scenario: &Scenario, images: &Images, registry: &dyn Registry) {
    for seed in scenario.seeds.iter().filter(|seed| seed.pushed) {
        let image = &images[&seed.name];
        let (repo, reference) = place(&seed.name, image);
        wire::put_image(registry.target(), repo, &reference, image);
    }
    for name in &scenario.deleted {
        let image = &images[name];
        wire::delete_manifest(registry.target(), place(name, image).0, &image.digest());
    }
}

/// `repo:tag`, or `repo@anything` for an image that is only addressed by its digest.
fn place<'a>(name: &'a str, image: &Image) -> (&'a str, String) {
    match name.split_once('@') {
        Some((repo, _)) => (repo, image.digest()),
        None => name.split_once(':').map(|(repo, tag)| (repo, tag.to_owned())).expect("REPO:TAG or REPO@NAME"),
    }
}

fn image(seed: &Seed, images: &Images) -> Image {
    let (kind, options) = seed.words.split_first().expect("an image has a kind");
    if kind == "attestation" {
        return images::attestation(&images[&options[0]], &seed.name).0;
    }
    let mut recipe = Recipe::new(Kind::named(kind), &seed.name);
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.to_owned();
        match name {
            "platform" => recipe.platform = Platform::parse(&value),
            "variant" => recipe.platform.variant = value,
            "os.version" => recipe.platform.os_version = value,
            "os.features" => recipe.platform.os_features = value.split(',').map(str::to_owned).collect(),
            "look" => recipe.look = Look::named(&value),
            "layers" => recipe.layers = value.parse().expect("layers=N"),
            "config" => recipe.config = Some(value),
            "config-type" => recipe.config_type = Some(value),
            "layer-type" => recipe.layer_type = Some(value),
            "salt" => recipe.salt = value,
            "no-own-type" => recipe.own_type = false,
            "unknown" => recipe.unknown = true,
            "foreign" => recipe.foreign = true,
            "annotations" => recipe.annotations = odd_annotations(),
            other => panic!("unknown word about an image: {other}"),
        }
    }
    recipe.make()
}

fn index(seed: &Seed, images: &Images) -> Image {
    let (kind, options) = seed.words.split_first().expect("an index has a kind");
    let mut children = Vec::new();
    let (mut look, mut own_type, mut annotations) = (Look::default(), true, Vec::new());
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "look" => look = Look::named(value),
            "no-own-type" => own_type = false,
            "annotations" => annotations = odd_annotations(),
            "child" => {
                let (child, platform) = value.split_once('=').unwrap_or((value, ""));
                let image = images.get(child).unwrap_or_else(|| panic!("no image {child}"));
                let platform = (!platform.is_empty()).then(|| Platform::parse(platform));
                children.push(Child::of(image, platform));
            }
            "attestation-of" => {
                let name = format!("{}@att", seed.name.split(':').next().unwrap_or_default());
                children.push(images::attestation(&images[value], &name).1);
            }
            other => panic!("unknown word about an index: {other}"),
        }
    }
    images::list(Kind::named(kind), look, own_type, &children, &annotations)
}

fn odd_annotations() -> Vec<(String, String)> {
    vec![
        ("org.opencontainers.image.title".into(), "a < b & c > d".into()),
        ("com.example.odd".into(), "line\u{2028}para\u{2029}é \u{1f433} \"quoted\" \\".into()),
    ]
}

/// Another name for the registry at an address, which makes it another registry.
pub fn other_name(host: &str) -> String {
    let (_, port) = host.split_once(':').expect("an address with a port");
    format!("localhost:{port}")
}

/// Replaces what stands in braces: `{R}` the registry, `{S}` its name inside the store's file names, `{L}` and `{M}` the
/// same for its other name, and images.
pub fn expand(text: &str, host: &str, images: &Images) -> String {
    let other = other_name(host);
    expand_images(text, images)
        .replace("{R}", host)
        .replace("{S}", &host.replace(':', "-"))
        .replace("{L}", &other)
        .replace("{M}", &other.replace(':', "-"))
}

/// Replaces `{digest:NAME}`, `{hex:NAME}`, `{size:NAME}`, `{type:NAME}`, `{text:NAME}`, `{base64:NAME}`.
pub fn expand_images(text: &str, images: &Images) -> String {
    let mut out = text.to_owned();
    for (name, image) in images {
        if !out.contains(name.as_str()) {
            continue;
        }
        let digest = image.digest();
        for (key, value) in [
            ("digest", digest.clone()),
            ("hex", digest["sha256:".len()..].to_owned()),
            ("size", image.manifest.len().to_string()),
            ("type", image.media_type.clone()),
            ("text", String::from_utf8_lossy(&image.manifest).into_owned()),
            ("base64", STANDARD.encode(&image.manifest)),
        ] {
            let pattern = format!("{{{key}:{name}}}");
            if out.contains(&pattern) {
                out = out.replace(&pattern, &value);
            }
        }
    }
    for key in ["digest", "hex", "size", "type", "text", "base64"] {
        assert!(!out.contains(&format!("{{{key}:")), "no such image: {out}");
    }
    out
}

/// The store file docker writes for an image.
pub fn entry(image_ref: &str, image: &Image, platform: &Platform) -> String {
    let compact = compact(&String::from_utf8_lossy(&image.manifest));
    let manifest = if image.media_type == images::DOCKER_MANIFEST { "SchemaV2Manifest" } else { "OCIManifest" };
    let mut platform_text = format!("\"architecture\":\"{}\",\"os\":\"{}\"", platform.arch, platform.os);
    if !platform.variant.is_empty() {
        write!(platform_text, ",\"variant\":\"{}\"", platform.variant).expect("a String takes all");
    }
    format!(
        "{{\"Ref\":\"{image_ref}\",\"Descriptor\":{{\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":{},\
         \"platform\":{{{platform_text}}}}},\"Raw\":\"{}\",\"{manifest}\":{compact}}}",
        image.media_type,
        image.digest(),
        image.manifest.len(),
        STANDARD.encode(&image.manifest),
    )
}

/// Leaves white space outside strings away, as Go does when a document goes into another.
fn compact(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = inside || !c.is_ascii_whitespace();
        inside ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        kept
    };
    text.chars().filter(keep).collect()
}

/// The platform an image's own config names.
pub fn platform(image: &Image) -> Platform {
    let config: serde_json::Value = serde_json::from_slice(&image.blobs[0]).expect("a config is JSON");
    let field = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    Platform { os: field("os"), arch: field("architecture"), variant: field("variant"), ..Platform::default() }
}
