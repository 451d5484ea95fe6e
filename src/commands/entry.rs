//! ENTRY of `annotate`, `inspect LIST` and `remove`: a reference, a digest or a platform.

use crate::app::App;
use crate::digest::Digest;
use crate::manifest::{ListEntry, PlatformSelector};
use crate::reference::{Reference, ReferenceError};
use crate::store::StoreError;
use thiserror::Error;

/// Why an argument does not name one entry.
#[derive(Debug, Error)]
pub(super) enum EntryError {
    /// The list is empty.
    #[error("{0} has no entries")]
    Empty(Reference),
    /// No entry matches.
    #[error("{entry} is not in {list}, which has: {there}")]
    NotFound {
        /// The entry, as typed.
        entry: String,
        /// The list.
        list: Reference,
        /// The entries of the list.
        there: String,
    },
    /// Several entries match.
    #[error("{entry} may be any of {}; name one of them", candidates.join(", "))]
    Ambiguous {
        /// The entry, as typed.
        entry: String,
        /// The entries that match.
        candidates: Vec<String>,
    },
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The list cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EntryError {
    /// The error behind it, if there is one: hints are found by its type.
    pub(super) fn into_cause(self) -> anyhow::Error {
        match self {
            Self::Reference(error) => error.into(),
            Self::Store(error) => error.into(),
            other => other.into(),
        }
    }
}

/// The name of the one entry that is meant: by name as docker looks it up, else by digest or platform. A reference that
/// matches nothing is returned as it is.
pub(super) fn resolve(app: &App, list: &Reference, typed: &str) -> Result<Reference, EntryError> {
    let reference = Reference::parse(typed);
    let is_selector = Digest::parse(typed).is_ok() || PlatformSelector::parse(typed).is_ok();
    let is_there = |name: &Reference| !matches!(app.store.get(list, name), Err(StoreError::EntryNotFound { .. }));
    if !is_selector || reference.as_ref().is_ok_and(is_there) {
        return Ok(reference?);
    }
    let draft = match app.store.load(list) {
        Err(StoreError::NotFound(_)) => return Ok(reference?),
        draft => draft?,
    };
    match find(&draft.entries, typed, list) {
        Ok(found) if found.len() == 1 => Ok(found[0].reference.clone()),
        Ok(several) => Err(ambiguous(typed, &several)),
        Err(EntryError::NotFound { .. }) => Ok(reference?),
        Err(error) => Err(error),
    }
}

fn ambiguous(typed: &str, candidates: &[&ListEntry]) -> EntryError {
    let candidates = candidates.iter().map(|entry| entry.reference.to_string()).collect();
    EntryError::Ambiguous { entry: typed.to_owned(), candidates }
}

/// The entry that an argument names, by reference, else digest, else platform; or all entries of a source list.
pub(super) fn find<'a>(
    current: &'a [ListEntry],
    entry: &str,
    list: &Reference,
) -> Result<Vec<&'a ListEntry>, EntryError> {
    let (name, digest) = (Reference::parse(entry).ok(), Digest::parse(entry).ok());
    let platform = PlatformSelector::parse(entry).ok();
    let choose = |is_meant: &dyn Fn(&ListEntry) -> bool| -> Vec<&'a ListEntry> {
        current.iter().filter(|image| is_meant(image)).collect()
    };
    let source = choose(&|image| {
        let origins = image.origin.iter();
        name.as_ref().is_some_and(|name| origins.into_iter().any(|origin| origin.is_any_of(std::slice::from_ref(name))))
    });
    let named = choose(&|image| name.as_ref() == Some(&image.reference));
    if named.is_empty() && !source.is_empty() {
        return Ok(source);
    }
    let has_digest = choose(&|image| digest.as_ref().is_some_and(|it| it.as_str() == image.descriptor.digest));
    let has_platform = choose(&|image| match (&platform, &image.descriptor.platform) {
        (Some(selector), Some(platform)) => selector.matches(platform),
        _ => false,
    });
    match [named, has_digest, has_platform].into_iter().find(|found| !found.is_empty()) {
        Some(found) if found.len() == 1 => Ok(found),
        Some(several) => Err(ambiguous(entry, &several)),
        None => {
            let name = |image: &ListEntry| match &image.descriptor.platform {
                Some(platform) => format!("{} ({platform})", image.reference),
                None => image.reference.to_string(),
            };
            let there = current.iter().map(name).collect::<Vec<_>>().join(", ");
            Err(EntryError::NotFound { entry: entry.to_owned(), list: list.clone(), there })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Descriptor, Platform};

    fn image(name: &str, digest: char, architecture: &str, variant: &str) -> ListEntry {
        let (architecture, variant) = (architecture.into(), variant.into());
        let platform = Platform { os: "linux".into(), architecture, variant, ..Platform::default() };
        let digest = format!("sha256:{}", digest.to_string().repeat(64));
        let descriptor = Descriptor { digest, platform: Some(platform), ..Descriptor::default() };
        ListEntry::without_payload(Reference::parse(name).unwrap(), descriptor)
    }

    #[test]
    fn an_entry_is_a_name_a_digest_or_a_platform() {
        let list = Reference::parse("h.io/list").unwrap();
        let images = [
            image("h.io/a:1", 'a', "arm", "v6"),
            image("h.io/b:1", 'b', "arm", "v7"),
            image("h.io/c", 'c', "amd64", ""),
        ];
        let found = |entry: &str| match find(&images, entry, &list) {
            Ok(images) => images.iter().map(|image| image.reference.to_string()).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(found("h.io/a:1"), "h.io/a:1");
        assert_eq!(found(&format!("sha256:{}", "b".repeat(64))), "h.io/b:1");
        assert_eq!(found("linux/arm/v7"), "h.io/b:1");
        assert_eq!(found("linux/x86_64"), "h.io/c:latest");
        assert_eq!(found("linux/arm"), "linux/arm may be any of h.io/a:1, h.io/b:1; name one of them");
        assert!(
            found("linux/386").starts_with("linux/386 is not in h.io/list:latest, which has: h.io/a:1 (linux/arm/v6)")
        );
    }
}
