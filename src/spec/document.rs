//! The structure of the YAML. `docs/apply.schema.json` describes the same for editors.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::{Error, Spanned};
use std::collections::BTreeMap;
use std::fmt;

/// A text with its place in the file, before variables are expanded.
pub(super) type Text = Spanned<String>;

/// One list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListDocument {
    pub(super) image: Text,
    pub(super) tags: Option<Vec<Text>>,
    pub(super) targets: Option<Vec<Text>>,
    pub(super) media_type: Option<Text>,
    pub(super) annotations: Option<BTreeMap<String, Text>>,
    pub(super) subject: Option<Text>,
    pub(super) artifact_type: Option<Text>,
    pub(super) require_platforms: Option<Vec<Text>>,
    pub(super) manifests: Vec<EntryDocument>,
}

/// One of the images or lists that a list is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryDocument {
    pub(super) image: Text,
    pub(super) platform: Option<Spanned<PlatformDocument>>,
    pub(super) platforms: Option<Vec<Text>>,
    pub(super) annotations: Option<BTreeMap<String, Text>>,
}

/// A platform, in one word or field by field.
#[derive(Debug)]
pub(super) enum PlatformDocument {
    Word(String),
    Fields(Box<PlatformFields>),
}

/// The fields of a platform, with manifest-tool's names and OCI's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFields {
    pub(super) os: Option<Text>,
    pub(super) architecture: Option<Text>,
    pub(super) variant: Option<Text>,
    #[serde(alias = "os.version")]
    pub(super) osversion: Option<Text>,
    #[serde(alias = "os.features")]
    pub(super) osfeatures: Option<Vec<Text>>,
}

impl<'de> Deserialize<'de> for PlatformDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlatformVisitor)
    }
}

struct PlatformVisitor;

impl<'de> Visitor<'de> for PlatformVisitor {
    type Value = PlatformDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a platform: a mapping, or a word such as linux/arm64")
    }

    fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
        Ok(PlatformDocument::Word(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        PlatformFields::deserialize(MapAccessDeserializer::new(map))
            .map(|fields| PlatformDocument::Fields(Box::new(fields)))
    }
}

/// Reads all documents of a text; empty ones do not count.
pub(super) fn parse(text: &str) -> Result<Vec<ListDocument>, Error> {
    serde_saphyr::from_multiple_with_options(text, serde_saphyr::options! { with_snippet: false })
}
