//! What becomes of a list when sources are resolved again: new images take the place of the old ones of the same
//! source, and what the user has annotated stays.

use crate::draft::{ListChange, SourceList};
use crate::manifest::{ListEntry, Platform};
use crate::reference::Reference;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A source that has another digest than it had.
#[expect(missing_docs, reason = "digests before and after")]
#[derive(Debug, PartialEq, Eq)]
pub struct Moved {
    pub source: String,
    pub old: String,
    pub new: String,
}

/// Plans how fetched images join a list. `unchanged` are entries that were not fetched because they cannot have
/// changed; they are written again, which brings legacy formats up to date.
#[must_use]
pub fn plan(
    current: &[ListEntry],
    fetched: &[ListEntry],
    lists: &[SourceList],
    unchanged: &[Reference],
) -> (ListChange, Vec<Moved>) {
    let mut by_source: HashMap<String, Vec<&ListEntry>> = HashMap::new();
    for entry in current {
        by_source.entry(entry.source()).or_default().push(entry);
    }
    let by_name: HashMap<&Reference, &ListEntry> = current.iter().map(|entry| (&entry.reference, entry)).collect();
    let names: HashSet<&Reference> = fetched.iter().map(|image| &image.reference).collect();
    let (mut upsert, mut moved, mut remove, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
    for image in fetched {
        let source = image.source();
        let old = by_source.get(&source).map(Vec::as_slice).unwrap_or_default();
        let mut image = image.clone();
        let predecessor = by_name.get(&image.reference).copied().or_else(|| for_same_platform(old, &image));
        // An entry that an old docker stored without its bytes is fetched by docker as if it were not there.
        if let Some(predecessor) = predecessor.filter(|old| !old.raw.is_empty()) {
            carry_over(predecessor, &mut image);
        }
        if seen.insert(source.clone()) {
            // A list that has not moved may have been resolved with another selection this time. What was an image and
            // is a list now is outdated even if that list was pushed from here.
            let outdated = old.iter().filter(|entry| {
                entry.source_digest() != image.source_digest() || entry.reference.to_string() == source
            });
            remove.extend(outdated.map(|entry| &entry.reference).filter(|name| !names.contains(name)).cloned());
            moved.extend(old.first().and_then(|old| movement(source, old, &image)));
        }
        upsert.push(image);
    }
    upsert.extend(unchanged.iter().filter_map(|name| by_name.get(name)).map(|&entry| entry.clone()));
    (ListChange { upsert, remove, lists: lists.to_vec(), settings: None }, moved)
}

fn movement(source: String, old: &ListEntry, new: &ListEntry) -> Option<Moved> {
    let (old, new) = (old.source_digest().to_owned(), new.source_digest().to_owned());
    (old != new).then_some(Moved { source, old, new })
}

fn for_same_platform<'a>(old: &[&'a ListEntry], new: &ListEntry) -> Option<&'a ListEntry> {
    let platform = &new.origin.as_ref()?.platform;
    let is_same = |old: &&&ListEntry| old.origin.as_ref().is_some_and(|origin| origin.platform.is_same(platform));
    old.iter().find(is_same).copied().filter(|old| !old.descriptor.is_attestation())
}

/// Copies what the user has changed about the old image to the new one. Without an origin everything counts as changed.
fn carry_over(old: &ListEntry, new: &mut ListEntry) {
    let (was, annotations) = match &old.origin {
        Some(origin) => (origin.platform.clone(), origin.annotations.clone()),
        None => (Platform::default(), BTreeMap::new()),
    };
    let is = old.descriptor.platform.clone().unwrap_or_default();
    let platform = new.descriptor.platform.get_or_insert_with(Platform::default);
    carry(&was.os, is.os, &mut platform.os);
    carry(&was.architecture, is.architecture, &mut platform.architecture);
    carry(&was.variant, is.variant, &mut platform.variant);
    carry(&was.os_version, is.os_version, &mut platform.os_version);
    carry(&was.os_features, is.os_features, &mut platform.os_features);
    for (key, value) in &old.descriptor.annotations {
        if annotations.get(key) != Some(value) {
            new.descriptor.annotations.insert(key.clone(), value.clone());
        }
    }
    let is_cleared = |key: &String| annotations.contains_key(key) && !old.descriptor.annotations.contains_key(key);
    new.descriptor.annotations.retain(|key, _| !is_cleared(key));
}

fn carry<T: PartialEq>(was: &T, is: T, new: &mut T) {
    if is != *was {
        *new = is;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Descriptor, Origin};

    fn linux(architecture: &str, variant: &str) -> Platform {
        let (architecture, variant) = (architecture.into(), variant.into());
        Platform { architecture, os: "linux".into(), variant, ..Platform::default() }
    }

    fn image(name: &str, source: &str, digest: &str, platform: Platform) -> ListEntry {
        let descriptor = Descriptor {
            digest: format!("leaf of {digest}"),
            platform: Some(platform.clone()),
            ..Descriptor::default()
        };
        let mut image = ListEntry::without_payload(Reference::parse(name).unwrap(), descriptor);
        image.raw = b"{}".to_vec().into();
        let (source, digest) = (source.to_owned(), digest.to_owned());
        image.origin = Some(Origin { source, digest, platform, ..Origin::default() });
        image
    }

    fn platforms(images: &[ListEntry]) -> Vec<String> {
        images.iter().map(|image| image.descriptor.platform.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn what_the_user_said_outlives_the_image_it_was_said_about() {
        let mut old = image("h/a:1", "h/a:1", "one", linux("arm", ""));
        old.descriptor.platform = Some(linux("arm", "v7"));
        old.descriptor.annotations.insert("k".into(), "v".into());
        let new = image("h/a:1", "h/a:1", "two", linux("arm64", ""));
        let (change, moved) = plan(&[old], &[new], &[], &[]);
        assert_eq!(platforms(&change.upsert), ["linux/arm64/v7"], "the architecture is the new image's");
        assert_eq!(change.upsert[0].descriptor.annotations["k"], "v");
        assert_eq!(moved, [Moved { source: "h/a:1".into(), old: "one".into(), new: "two".into() }]);
    }

    #[test]
    fn of_what_docker_made_everything_counts_as_said_by_the_user() {
        let mut old = image("h.io/a:1", "h.io/a:1", "one", linux("arm", "v6"));
        old.origin = None;
        let (change, _) = plan(&[old], &[image("h.io/a:1", "h.io/a:1", "two", linux("arm", ""))], &[], &[]);
        assert_eq!(platforms(&change.upsert), ["linux/arm/v6"]);
    }

    #[test]
    fn the_images_of_a_list_that_moved_take_the_place_of_the_old_ones() {
        let name = |digit: char| format!("h.io/a:1@sha256:{}", digit.to_string().repeat(64));
        let mut annotated = image(&name('1'), "h.io/a:1", "one", linux("arm", ""));
        annotated.descriptor.platform = Some(linux("arm", "v7"));
        let old = [
            annotated,
            image(&name('2'), "h.io/a:1", "one", linux("amd64", "")),
            image("h.io/b:1", "h.io/b:1", "b", linux("386", "")),
        ];
        let new = [
            image(&name('3'), "h.io/a:1", "two", linux("arm", "")),
            image(&name('2'), "h.io/a:1", "two", linux("amd64", "")),
        ];
        let (change, moved) = plan(&old, &new, &[], &[]);
        assert_eq!(platforms(&change.upsert), ["linux/arm/v7", "linux/amd64"]);
        assert_eq!(change.remove, [old[0].reference.clone()]);
        assert_eq!(moved.len(), 1);
    }

    #[test]
    fn an_image_that_has_become_a_list_gives_way_to_its_images() {
        let mut old = image("h.io/a:1", "h.io/a:1", "one", linux("arm", ""));
        old.origin = None;
        let leaf = image(&format!("h.io/a:1@sha256:{}", "1".repeat(64)), "h.io/a:1", "two", linux("arm", ""));
        assert_eq!(plan(&[old.clone()], &[leaf], &[], &[]).0.remove, [old.reference]);
    }
}
