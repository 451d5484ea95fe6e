//! `mfst remove`: removes images from a local manifest list.

use super::lines;
use crate::app::App;
use crate::digest::Digest;
use crate::draft::ListChange;
use crate::manifest::{ListEntry, PlatformSelector};
use crate::reference::Reference;
use crate::store::StoreError;
use std::collections::HashSet;
use thiserror::Error;

/// The arguments of `remove`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// References, digests or platforms, as typed.
    pub entries: Vec<String>,
}

/// Why an image cannot be removed.
#[derive(Debug, Error)]
enum RemoveError {
    #[error("{0} has no entries")]
    Empty(Reference),
    #[error("{entry} is not in {list}, which has: {there}")]
    NotThere { entry: String, list: Reference, there: String },
    #[error("{entry} may be any of {}; name one of them", candidates.join(", "))]
    Ambiguous { entry: String, candidates: Vec<String> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes all of the entries or, if one of them is unknown or ambiguous, none. Attestations are removed with their
/// image.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)?;
    // Looked up before anything is locked, so that a mistyped name leaves no trace.
    app.store.load(&list)?;
    let mut removed = Vec::new();
    app.store.amend(&list, |draft| {
        let current = draft.entries.as_slice();
        if current.is_empty() {
            return Err(RemoveError::Empty(list.clone()));
        }
        for entry in &options.entries {
            removed.extend(find(current, entry, &list)?.into_iter().map(|image| image.reference.clone()));
        }
        removed.extend(orphans(current, &removed));
        removed.sort();
        removed.dedup();
        Ok::<_, RemoveError>(ListChange { remove: removed.clone(), ..ListChange::default() })
    })?;
    app.print(lines(removed.iter().map(ToString::to_string)))
}

/// The attestations of removed images, unless the list still has the same image under another name.
fn orphans(current: &[ListEntry], removed: &[Reference]) -> Vec<Reference> {
    let goes = |image: &&ListEntry| removed.contains(&image.reference);
    let digests = |images: &mut dyn Iterator<Item = &ListEntry>| -> HashSet<String> {
        images.map(|image| image.descriptor.digest.clone()).collect()
    };
    let gone = digests(&mut current.iter().filter(goes));
    let left = digests(&mut current.iter().filter(|image| !goes(image)));
    let is_orphan = |image: &&ListEntry| {
        image.descriptor.attested_digest().is_some_and(|subject| gone.contains(subject) && !left.contains(subject))
    };
    current.iter().filter(is_orphan).map(|image| image.reference.clone()).collect()
}

/// The image that an argument names, by reference, else digest, else platform; or all images of a source list.
fn find<'a>(current: &'a [ListEntry], entry: &str, list: &Reference) -> Result<Vec<&'a ListEntry>, RemoveError> {
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
        Some(several) => {
            let candidates = several.iter().map(|image| image.reference.to_string()).collect();
            Err(RemoveError::Ambiguous { entry: entry.to_owned(), candidates })
        }
        None => {
            let name = |image: &ListEntry| match &image.descriptor.platform {
                Some(platform) => format!("{} ({platform})", image.reference),
                None => image.reference.to_string(),
            };
            let there = current.iter().map(name).collect::<Vec<_>>().join(", ");
            Err(RemoveError::NotThere { entry: entry.to_owned(), list: list.clone(), there })
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
