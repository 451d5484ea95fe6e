//! Flags of `create` and `annotate` for the list itself: annotations, format, subject, artifact type.

use crate::content::Content;
use crate::digest::Digest;
use crate::draft::{Draft, ListChange, ListSettings, Setting};
use crate::location::Location;
use crate::manifest::{Descriptor, IndexFormat, ListEntry, PlatformSelector};
use crate::reference::Reference;
use crate::registry::MANIFEST_LIMIT;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// Flags about a list.
#[derive(Debug, Default)]
pub struct ListOptions {
    /// Annotations to set.
    pub annotations: Vec<Annotation>,
    /// docker list or OCI index.
    pub format: Option<IndexFormat>,
    /// The manifest that the list refers to, as typed.
    pub subject: Option<String>,
    /// The type of the artifact that the list describes.
    pub artifact_type: Option<String>,
}

/// `[SELECTOR:]KEY=VALUE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// What is annotated, if it is stated.
    pub selector: Option<AnnotationSelector>,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// What an annotation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnnotationSelector {
    /// The list itself.
    Index,
    /// The images for a platform.
    Platform(PlatformSelector),
    /// The entry with this digest.
    Digest(Digest),
}

/// A selector that selects nothing.
#[derive(Debug, Error)]
#[error("no entry of the list is {0}")]
pub struct NothingSelected(AnnotationSelector);

impl Annotation {
    /// Reads `[SELECTOR:]KEY=VALUE`. A key may have colons: only what can be a selector is one. A key that begins like a
    /// digest is a digest with a typo.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let (selector, key) = split_selector(name);
        let is_digest_like = selector.is_none() && ["sha256:", "sha512:"].iter().any(|it| key.starts_with(it));
        (!key.is_empty() && !is_digest_like).then(|| Self { selector, key: key.to_owned(), value: value.to_owned() })
    }
}

fn split_selector(name: &str) -> (Option<AnnotationSelector>, &str) {
    for (at, _) in name.match_indices(':').collect::<Vec<_>>().into_iter().rev() {
        let (selector, key) = (&name[..at], &name[at + 1..]);
        let digest = || Digest::parse(selector).ok().map(AnnotationSelector::Digest);
        let platform = || PlatformSelector::parse(selector).ok().map(AnnotationSelector::Platform);
        let index = || (selector == "index").then_some(AnnotationSelector::Index);
        if let Some(selector) = index().or_else(digest).or_else(platform) {
            return (Some(selector), key);
        }
    }
    (None, name)
}

impl fmt::Display for AnnotationSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("index"),
            Self::Platform(platform) => platform.fmt(f),
            Self::Digest(digest) => f.write_str(digest.as_str()),
        }
    }
}

impl AnnotationSelector {
    fn selects(&self, entry: &Descriptor) -> bool {
        match self {
            Self::Index => false,
            Self::Platform(selector) => entry.platform.as_ref().is_some_and(|platform| selector.matches(platform)),
            Self::Digest(digest) => digest.as_str() == entry.digest,
        }
    }
}

impl ListOptions {
    /// Whether no flag is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { annotations, format, subject, artifact_type } = self;
        annotations.is_empty() && format.is_none() && subject.is_none() && artifact_type.is_none()
    }

    /// Whether only annotations without a selector are set, which an entry can have too.
    #[must_use]
    pub fn is_for_one_entry(&self) -> bool {
        let is_plain = self.annotations.iter().all(|annotation| annotation.selector.is_none());
        is_plain && self.format.is_none() && self.subject.is_none() && self.artifact_type.is_none()
    }

    /// The descriptor of the subject, from its registry.
    pub(super) async fn fetch_subject(&self, content: &Content) -> anyhow::Result<Option<Descriptor>> {
        match &self.subject {
            Some(subject) => subject_descriptor(content, subject).await.map(Some),
            None => Ok(None),
        }
    }

    /// The settings of the list after the change. `subject` is what [`Self::fetch_subject`] found.
    pub(super) fn apply(&self, mut settings: ListSettings, subject: Option<Descriptor>) -> ListSettings {
        settings.format = self.format.unwrap_or(settings.format);
        for Annotation { selector, key, value } in &self.annotations {
            if matches!(selector, None | Some(AnnotationSelector::Index)) {
                settings.annotations.set(key, value);
            }
        }
        if let Some(subject) = subject {
            settings.subject = Setting::Set(subject);
        }
        if let Some(artifact_type) = &self.artifact_type {
            settings.artifact_type = Setting::Set(artifact_type.clone());
        }
        settings
    }

    /// Annotates the entries that selectors name, and returns their names.
    pub(super) fn annotate(&self, entries: &mut [ListEntry]) -> Result<BTreeSet<Reference>, NothingSelected> {
        let mut annotated = BTreeSet::new();
        for Annotation { selector, key, value } in &self.annotations {
            let Some(selector) = selector.as_ref().filter(|it| **it != AnnotationSelector::Index) else { continue };
            let selected: Vec<_> = entries.iter_mut().filter(|entry| selector.selects(&entry.descriptor)).collect();
            if selected.is_empty() {
                return Err(NothingSelected(selector.clone()));
            }
            for entry in selected {
                entry.descriptor.annotations.insert(key.clone(), value.clone());
                annotated.insert(entry.reference.clone());
            }
        }
        Ok(annotated)
    }
}

impl ListOptions {
    /// Annotates the entries that the draft has after the change.
    pub(super) fn annotate_change(&self, draft: &Draft, change: &mut ListChange) -> Result<(), NothingSelected> {
        let mut entries = change.apply(draft).entries;
        let annotated = self.annotate(&mut entries)?;
        for entry in entries.into_iter().filter(|entry| annotated.contains(&entry.reference)) {
            change.upsert.retain(|other| other.reference != entry.reference);
            change.upsert.push(entry);
        }
        Ok(())
    }
}

/// The descriptor of a manifest in a registry.
pub(super) async fn subject_descriptor(content: &Content, subject: &str) -> anyhow::Result<Descriptor> {
    let failed = || format!("subject {subject}");
    let location = Location::parse(subject).with_context(failed)?;
    let found = content.manifest(&location, MANIFEST_LIMIT).await.with_context(failed)?;
    let media_type = found.content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let size = i64::try_from(found.bytes.len()).unwrap_or(i64::MAX);
    Ok(Descriptor { media_type, digest: found.digest.to_string(), size, ..Descriptor::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_selector_is_one() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let parsed = |text: &str| {
            let Annotation { selector, key, value } = Annotation::parse(text).unwrap();
            (selector.map(|selector| selector.to_string()).unwrap_or_default(), key, value)
        };
        let expected = |selector: &str, key: &str, value: &str| (selector.to_owned(), key.to_owned(), value.to_owned());
        assert_eq!(parsed("k=v=w"), expected("", "k", "v=w"));
        assert_eq!(parsed("index:k=v"), expected("index", "k", "v"));
        assert_eq!(parsed("linux/x86_64:k=v"), expected("linux/amd64", "k", "v"));
        assert_eq!(parsed("windows/amd64:10.0:k=v"), expected("windows/amd64:10.0", "k", "v"));
        assert_eq!(parsed(&format!("{digest}:k=v")), expected(&digest, "k", "v"));
        assert_eq!(parsed("a:b=v"), expected("", "a:b", "v"));
        assert!(Annotation::parse("sha256:d9f3fbec:k=v").is_none());
        assert!(Annotation::parse("k").is_none() && Annotation::parse("index:=v").is_none());
    }
}
