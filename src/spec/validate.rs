//! Checks references, platforms and tags, and expands variables.

use super::document::{EntryDocument, ListDocument, PlatformDocument, PlatformFields, Text};
use super::error::{Position, SpecError};
use super::{ListSpec, SourceSpec, variables};
use crate::location::Location;
use crate::manifest::{IndexFormat, Platform, PlatformSelector, canonical_arch, is_known};
use crate::reference::Reference;
use crate::resolve::{Selection, Source, StatedPlatform};
use serde_saphyr::{Location as Place, Spanned};
use std::collections::BTreeMap;
use std::fmt::Display;

type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The list that a document describes, or everything that is wrong with it.
pub(super) fn list(file: &str, document: ListDocument, variable: Variable<'_>) -> Result<ListSpec, Vec<SpecError>> {
    let mut reader = Reader { file, variable, errors: Vec::new() };
    let place = document.image.referenced;
    let list = reader.list(document);
    match list {
        Some(list) if reader.errors.is_empty() => Ok(list),
        _ if reader.errors.is_empty() => Err(vec![SpecError::at(file, place, "this list cannot be read")]),
        _ => Err(reader.errors),
    }
}

/// Collects errors, so that one run reports all of them.
struct Reader<'a> {
    file: &'a str,
    variable: Variable<'a>,
    errors: Vec<SpecError>,
}

impl Reader<'_> {
    fn fail<T>(&mut self, place: Place, message: impl Display) -> Option<T> {
        self.errors.push(SpecError::at(self.file, place, message));
        None
    }

    /// A text with its variables expanded.
    fn text(&mut self, text: &Text) -> Option<String> {
        match variables::expand(&text.value, self.variable) {
            Ok(expanded) => Some(expanded),
            Err(error) => self.fail(text.referenced, error),
        }
    }

    /// A text, parsed.
    fn parse<T, E: Display>(&mut self, text: &Text, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let expanded = self.text(text)?;
        match parse(&expanded) {
            Ok(value) => Some(value),
            Err(error) => self.fail(text.referenced, format_args!("\"{expanded}\": {error}")),
        }
    }

    fn parse_all<T, E: Display>(&mut self, texts: Option<&Vec<Text>>, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        texts.into_iter().flatten().filter_map(|text| self.parse(text, &parse)).collect()
    }

    fn annotations(&mut self, annotations: Option<BTreeMap<String, Text>>) -> BTreeMap<String, String> {
        let annotations = annotations.unwrap_or_default().into_iter();
        annotations.filter_map(|(key, value)| Some((key, self.text(&value)?))).collect()
    }

    fn list(&mut self, document: ListDocument) -> Option<ListSpec> {
        let place = document.image.referenced;
        let image = self.parse(&document.image, Reference::parse);
        let tags = match &image {
            Some(image) => self.parse_all(document.tags.as_ref(), |tag| tagged(image, tag)),
            None => Vec::new(),
        };
        let targets = self.parse_all(document.targets.as_ref(), target);
        let format = |text: &str| IndexFormat::parse(text).ok_or("it must be auto, docker or oci");
        let format = document.media_type.as_ref().map(|text| self.parse(text, format));
        let annotations = self.annotations(document.annotations);
        let subject = |text: &str| Reference::parse(text).map(|_| text.to_owned());
        let subject = document.subject.as_ref().and_then(|text| self.parse(text, subject));
        let artifact_type = document.artifact_type.as_ref().and_then(|text| self.text(text));
        let require_platforms = self.parse_all(document.require_platforms.as_ref(), PlatformSelector::parse);
        if document.manifests.is_empty() {
            self.fail::<()>(place, "the list has no manifests");
        }
        let sources = document.manifests.into_iter().filter_map(|entry| self.entry(entry)).collect();
        Some(ListSpec {
            position: Position::new(self.file, place),
            image: image?,
            targets: [tags, targets].concat(),
            format: format.flatten().unwrap_or_default(),
            annotations,
            subject,
            artifact_type,
            require_platforms,
            sources,
        })
    }

    fn entry(&mut self, entry: EntryDocument) -> Option<SourceSpec> {
        let image = self.parse(&entry.image, Reference::parse);
        let platform = match entry.platform {
            None => Some(StatedPlatform::OfConfig),
            Some(Spanned { value: PlatformDocument::Word(word), referenced, .. }) => self.word(referenced, &word),
            Some(Spanned { value: PlatformDocument::Fields(fields), .. }) => self.fields(*fields),
        };
        let platforms = self.parse_all(entry.platforms.as_ref(), PlatformSelector::parse);
        let annotations = self.annotations(entry.annotations);
        let selection = Selection { platforms, without_attestations: false };
        let source = Source { location: Location::Registry(image?), platform: platform?, selection };
        Some(SourceSpec { source, annotations })
    }

    fn word(&mut self, place: Place, word: &str) -> Option<StatedPlatform> {
        let text = Spanned { value: word.to_owned(), referenced: place, defined: place };
        self.parse(&text, Platform::parse).and_then(|platform| self.known(place, platform)).map(StatedPlatform::Exact)
    }

    /// As in manifest-tool, fields that are missing or empty are taken from the image's config.
    fn fields(&mut self, fields: PlatformFields) -> Option<StatedPlatform> {
        let PlatformFields { os, architecture, variant, osversion, osfeatures } = fields;
        let place = architecture.as_ref().or(os.as_ref()).map(|text| text.referenced);
        let mut read = |text: Option<Text>| text.map_or(Some(String::new()), |text| self.text(&text));
        let (os, arch, variant, os_version) = (read(os)?, read(architecture)?, read(variant)?, read(osversion)?);
        let os_features = osfeatures.unwrap_or_default();
        let os_features = os_features.iter().filter_map(|feature| self.text(feature)).collect();
        let (architecture, implied) = canonical_arch(&arch);
        let variant = if variant.is_empty() { implied.unwrap_or_default().to_owned() } else { variant };
        let platform = Platform { architecture: architecture.to_owned(), os, os_version, os_features, variant };
        match place {
            Some(place) => self.known(place, platform).map(StatedPlatform::Completed),
            None => Some(StatedPlatform::Completed(platform)),
        }
    }

    /// Whether an operating system and an architecture go together, if both are stated.
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
