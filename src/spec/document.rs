//! The keys of a document, and what their values mean. `docs/apply.schema.json` describes the same for editors.

use super::budget::Budget;
use super::error::{Position, SpecError};
use super::reader::{Reader, Variable};
use super::yaml::{Node, Place, Value};
use super::{ListSpec, SourceSpec};
use crate::location::Location;
use crate::manifest::{IndexFormat, Platform, PlatformSelector, canonical_arch, is_known};
use crate::reference::Reference;
use crate::resolve::{MAX_ENTRIES, ResolveError, Selection, Source, StatedPlatform};

const LIST_KEYS: [&str; 9] = [
    "image",
    "tags",
    "targets",
    "mediaType",
    "annotations",
    "subject",
    "artifactType",
    "requirePlatforms",
    "manifests",
];
const MANIFEST_KEYS: [&str; 4] = ["image", "platform", "platforms", "annotations"];
/// manifest-tool's names, and OCI's.
const PLATFORM_KEYS: [&str; 7] =
    ["os", "architecture", "variant", "osversion", "os.version", "osfeatures", "os.features"];

/// The list that a document describes, or everything that is wrong with it.
pub(super) fn list(
    file: &str,
    document: &Node,
    variable: Variable<'_>,
    budget: &mut Budget,
) -> Result<ListSpec, Vec<SpecError>> {
    let mut reader = Reader { file, variable, budget, errors: Vec::new() };
    let list = reader.document(document);
    match list {
        Some(list) if reader.errors.is_empty() => Ok(list),
        _ => Err(reader.errors),
    }
}

impl Reader<'_> {
    fn document(&mut self, document: &Node) -> Option<ListSpec> {
        let fields = self.fields(document, &LIST_KEYS, &["image", "manifests"])?;
        let image = fields.any("image").and_then(|node| self.parse(node, Reference::parse));
        let place = fields.any("image").map_or(document.place, |node| node.place);
        let tags = match &image {
            Some(image) => self.parse_all(fields.get("tags"), |tag| tagged(image, tag)),
            None => Vec::new(),
        };
        let targets = self.parse_all(fields.get("targets"), target);
        let format = |text: &str| IndexFormat::parse(text).ok_or("it must be auto, docker or oci");
        let format = fields.get("mediaType").and_then(|node| self.parse(node, format)).unwrap_or_default();
        let annotations = self.strings(fields.get("annotations"));
        let subject = |text: &str| Reference::parse(text).map(|_| text.to_owned());
        let subject = fields.get("subject").and_then(|node| self.parse(node, subject));
        let artifact_type = fields.get("artifactType").and_then(|node| self.text(node));
        let require_platforms = self.parse_all(fields.get("requirePlatforms"), PlatformSelector::parse);
        let is_empty = |node: &Node| match &node.value {
            Value::List(items) => items.is_empty(),
            other => matches!(other, Value::Null),
        };
        if fields.any("manifests").is_some_and(is_empty) {
            self.fail::<()>(place, "the list has no manifests");
        }
        let manifests = self.list(fields.get("manifests"));
        if let Some(image) = image.as_ref().filter(|_| manifests.len() > MAX_ENTRIES) {
            return self.fail(place, ResolveError::TooLarge(image.to_string()));
        }
        let sources = manifests.iter().filter_map(|manifest| self.manifest(manifest)).collect();
        Some(ListSpec {
            position: Position::new(self.file, place),
            image: image?,
            targets: [tags, targets].concat(),
            format,
            annotations,
            subject,
            artifact_type,
            require_platforms,
            sources,
        })
    }

    fn manifest(&mut self, manifest: &Node) -> Option<SourceSpec> {
        let fields = self.fields(manifest, &MANIFEST_KEYS, &["image"])?;
        let location = |text: &str| Location::parse_source(text).map(Location::absolute);
        let location = fields.any("image").and_then(|node| self.parse(node, location));
        let platform = fields.get("platform").map_or(Some(StatedPlatform::OfConfig), |node| self.platform(node));
        let platforms = self.parse_all(fields.get("platforms"), PlatformSelector::parse);
        let annotations = self.strings(fields.get("annotations"));
        let selection = Selection { platforms, without_attestations: false };
        let source = Source { location: location?, platform: platform?, selection };
        Some(SourceSpec { source, annotations })
    }

    fn platform(&mut self, node: &Node) -> Option<StatedPlatform> {
        match &node.value {
            Value::Scalar(_) => {
                let platform = self.parse(node, Platform::parse)?;
                self.known(node.place, platform).map(StatedPlatform::Exact)
            }
            Value::Mapping(_) => self.platform_fields(node),
            _ => self.fail(node.place, "this must be a mapping, or a string such as linux/arm64"),
        }
    }

    /// As in manifest-tool, fields that are missing or empty are taken from the image's config.
    fn platform_fields(&mut self, node: &Node) -> Option<StatedPlatform> {
        let fields = self.fields(node, &PLATFORM_KEYS, &[])?;
        for (one, other) in [("osversion", "os.version"), ("osfeatures", "os.features")] {
            if let (Some(_), Some(node)) = (fields.get(one), fields.get(other)) {
                return self.fail(node.place, format_args!("{one} and {other} are the same; give one of them"));
            }
        }
        let either = |one, other| fields.get(one).or(fields.get(other));
        let mut read = |node: Option<&Node>| node.map_or(Some(String::new()), |node| self.text(node));
        let (os, arch) = (read(fields.get("os"))?, read(fields.get("architecture"))?);
        let (variant, os_version) = (read(fields.get("variant"))?, read(either("osversion", "os.version"))?);
        let os_features = self.list(either("osfeatures", "os.features"));
        let os_features = os_features.iter().filter_map(|feature| self.text(feature)).collect();
        let (architecture, implied) = canonical_arch(&arch);
        let variant = if variant.is_empty() { implied.unwrap_or_default().to_owned() } else { variant };
        let platform = Platform { architecture: architecture.to_owned(), os, os_version, os_features, variant };
        let place = fields.get("architecture").map_or(node.place, |node| node.place);
        self.known(place, platform).map(StatedPlatform::Completed)
    }

    /// Checks that an operating system and an architecture go together, if both are stated.
    fn known(&mut self, place: Place, platform: Platform) -> Option<Platform> {
        if platform.is_specified() && !is_known(&platform.os, &platform.architecture) {
            return self.fail(place, format_args!("there are no images for {platform}"));
        }
        Some(platform)
    }
}

/// A tag in the repository of the list.
fn tagged(image: &Reference, tag: &str) -> Result<Reference, &'static str> {
    let reference = Reference::parse(&format!("{}:{tag}", image.name())).ok();
    let reference = reference.filter(|reference| reference.tag() == Some(tag) && reference.digest().is_none());
    reference.ok_or("it must be a tag; other names go under targets")
}

/// Another name of the list.
fn target(text: &str) -> Result<Reference, String> {
    let reference = Reference::parse(text).map_err(|error| error.to_string())?;
    if reference.digest().is_some() {
        return Err("it names a digest; a list is pushed under a tag".to_owned());
    }
    Ok(reference)
}
