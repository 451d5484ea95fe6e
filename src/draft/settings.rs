//! What the user wants of the list itself, beyond what its sources say.

use crate::manifest::{Descriptor, IndexFormat, IndexHeader};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the user wants of the list itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListSettings {
    /// docker list or OCI index.
    pub format: IndexFormat,
    /// Annotations of the list.
    #[serde(skip_serializing_if = "AnnotationChange::is_empty")]
    pub annotations: AnnotationChange,
    /// The manifest that the list refers to.
    #[serde(skip_serializing_if = "Setting::is_inherited")]
    pub subject: Setting<Descriptor>,
    /// The type of the artifact that the list describes.
    #[serde(skip_serializing_if = "Setting::is_inherited")]
    pub artifact_type: Setting<String>,
}

/// One field of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting<T> {
    /// What the source lists agree on.
    #[default]
    Inherited,
    /// Nothing.
    Cleared,
    /// This value.
    Set(T),
}

/// Annotations to set and to clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnnotationChange {
    /// Whether all annotations of the source lists are cleared.
    clear_all: bool,
    /// The values that are set; none for an annotation that is cleared.
    values: BTreeMap<String, Option<String>>,
}

impl<T> Setting<T> {
    /// Whether the source lists decide.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        matches!(self, Self::Inherited)
    }
}

impl AnnotationChange {
    /// Sets an annotation.
    pub fn set(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), Some(value.to_owned()));
    }

    /// Clears an annotation.
    pub fn clear(&mut self, key: &str) {
        self.values.insert(key.to_owned(), None);
    }

    /// Clears all annotations, those that were set before included.
    pub fn clear_all(&mut self) {
        *self = Self { clear_all: true, ..Self::default() };
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn decides(&self, key: &str) -> bool {
        self.clear_all || self.values.contains_key(key)
    }

    fn apply(&self, annotations: &mut BTreeMap<String, String>) {
        if self.clear_all {
            annotations.clear();
        }
        for (key, value) in &self.values {
            match value {
                Some(value) => drop(annotations.insert(key.clone(), value.clone())),
                None => drop(annotations.remove(key)),
            }
        }
    }
}

impl ListSettings {
    /// What the list says beside its entries, when its sources say `inherited`.
    #[must_use]
    pub fn header(&self, inherited: IndexHeader) -> IndexHeader {
        let IndexHeader { mut annotations, subject, artifact_type } = inherited;
        self.annotations.apply(&mut annotations);
        let subject = match &self.subject {
            Setting::Inherited => subject,
            Setting::Cleared => None,
            Setting::Set(subject) => Some(subject.clone()),
        };
        let artifact_type = match &self.artifact_type {
            Setting::Inherited => artifact_type,
            Setting::Cleared => String::new(),
            Setting::Set(artifact_type) => artifact_type.clone(),
        };
        IndexHeader { annotations, subject, artifact_type }
    }

    /// What of a source list's header the user has not decided about.
    pub(super) fn undecided(&self, header: &IndexHeader) -> IndexHeader {
        let mut header = header.clone();
        header.annotations.retain(|key, _| !self.annotations.decides(key));
        header.subject = header.subject.filter(|_| self.subject.is_inherited());
        if !self.artifact_type.is_inherited() {
            header.artifact_type.clear();
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(annotations: &[(&str, &str)], artifact_type: &str) -> IndexHeader {
        let annotations = annotations.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        IndexHeader { annotations, subject: None, artifact_type: artifact_type.into() }
    }

    #[test]
    fn settings_are_laid_over_what_the_sources_say() {
        let inherited = header(&[("a", "1"), ("b", "2")], "t");
        let mut settings = ListSettings::default();
        assert_eq!(settings.header(inherited.clone()), inherited);
        settings.annotations.set("c", "3");
        settings.annotations.clear("a");
        assert_eq!(settings.header(inherited.clone()), header(&[("b", "2"), ("c", "3")], "t"));
        assert_eq!(settings.undecided(&inherited), header(&[("b", "2")], "t"));
        settings.annotations.clear_all();
        settings.artifact_type = Setting::Cleared;
        assert_eq!(settings.header(inherited.clone()), IndexHeader::default());
        assert_eq!(settings.undecided(&inherited), IndexHeader::default());
    }

    #[test]
    fn settings_survive_being_stored() {
        let mut settings = ListSettings { format: IndexFormat::Oci, ..ListSettings::default() };
        settings.annotations.set("a", "1");
        settings.artifact_type = Setting::Set("t".into());
        settings.subject = Setting::Cleared;
        for settings in [settings, ListSettings::default()] {
            let json = serde_json::to_string(&settings).unwrap();
            assert_eq!(serde_json::from_str::<ListSettings>(&json).unwrap(), settings, "{json}");
        }
    }
}
