//! What becomes of a list when images are resolved again: new images come in, the old ones of the same sources go, and
//! what the user has said about them stays.

use crate::manifest::{ImageManifest, Platform};
use crate::reference::Reference;
use crate::store::Amendment;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A source that is no longer what it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) source: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// Plans how images that have just been fetched join the list. `kept` are those that were not fetched because they
/// cannot have changed; they are written anew, which brings old forms up to date.
pub(super) fn plan(
    current: &[ImageManifest],
    fetched: &[ImageManifest],
    kept: &[Reference],
) -> (Amendment, Vec<Moved>) {
    let mut by_source: HashMap<String, Vec<&ImageManifest>> = HashMap::new();
    for entry in current {
        by_source.entry(entry.source()).or_default().push(entry);
    }
    let by_name: HashMap<&Reference, &ImageManifest> = current.iter().map(|entry| (&entry.reference, entry)).collect();
    let names: HashSet<&Reference> = fetched.iter().map(|image| &image.reference).collect();
    let (mut images, mut moved, mut gone, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
    for image in fetched {
        let source = image.source();
        let old = by_source.get(&source).map(Vec::as_slice).unwrap_or_default();
        let mut image = image.clone();
        let predecessor = by_name.get(&image.reference).copied().or_else(|| for_same_platform(old, &image));
        // What an old docker has stored without its bytes is fetched by docker as if it had not been there.
        if let Some(predecessor) = predecessor.filter(|old| !old.raw.is_empty()) {
            carry_over(predecessor, &mut image);
        }
        if seen.insert(source.clone()) {
            // A list that is what it was may have been asked for other images this time. What was an image, and is a
            // list now, is outdated even where that list has been pushed from here.
            let outdated = old.iter().filter(|entry| {
                entry.source_digest() != image.source_digest() || entry.reference.to_string() == source
            });
            gone.extend(outdated.map(|entry| &entry.reference).filter(|name| !names.contains(name)).cloned());
            moved.extend(old.first().and_then(|old| movement(source, old, &image)));
        }
        images.push(image);
    }
    images.extend(kept.iter().filter_map(|name| by_name.get(name)).map(|&entry| entry.clone()));
    (Amendment { images, gone }, moved)
}

fn movement(source: String, old: &ImageManifest, new: &ImageManifest) -> Option<Moved> {
    let (old, new) = (old.source_digest().to_owned(), new.source_digest().to_owned());
    (old != new).then_some(Moved { source, old, new })
}

fn for_same_platform<'a>(old: &[&'a ImageManifest], new: &ImageManifest) -> Option<&'a ImageManifest> {
    let platform = &new.origin.as_ref()?.platform;
    let is_same = |old: &&&ImageManifest| old.origin.as_ref().is_some_and(|origin| origin.platform.is_same(platform));
    old.iter().find(is_same).copied().filter(|old| !old.descriptor.is_attestation())
}

/// Gives a new image what the user has changed about the old one. Where it is not known what the old one was like
/// before, all that is said about it counts.
fn carry_over(old: &ImageManifest, new: &mut ImageManifest) {
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

    fn image(name: &str, source: &str, digest: &str, platform: Platform) -> ImageManifest {
        let descriptor = Descriptor {
            digest: format!("leaf of {digest}"),
            platform: Some(platform.clone()),
            ..Descriptor::default()
        };
        let mut image = ImageManifest::without_payload(Reference::parse(name).unwrap(), descriptor);
        image.raw = b"{}".to_vec();
        let (source, digest) = (source.to_owned(), digest.to_owned());
        image.origin = Some(Origin { source, digest, platform, ..Origin::default() });
        image
    }

    fn platforms(images: &[ImageManifest]) -> Vec<String> {
        images.iter().map(|image| image.descriptor.platform.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn what_the_user_said_outlives_the_image_it_was_said_about() {
        let mut old = image("h/a:1", "h/a:1", "one", linux("arm", ""));
        old.descriptor.platform = Some(linux("arm", "v7"));
        old.descriptor.annotations.insert("k".into(), "v".into());
        let new = image("h/a:1", "h/a:1", "two", linux("arm64", ""));
        let (amendment, moved) = plan(&[old], &[new], &[]);
        assert_eq!(platforms(&amendment.images), ["linux/arm64/v7"], "the architecture is the new image's");
        assert_eq!(amendment.images[0].descriptor.annotations["k"], "v");
        assert_eq!(moved, [Moved { source: "h/a:1".into(), old: "one".into(), new: "two".into() }]);
    }

    #[test]
    fn of_what_docker_made_everything_counts_as_said_by_the_user() {
        let mut old = image("h.io/a:1", "h.io/a:1", "one", linux("arm", "v6"));
        old.origin = None;
        let (amendment, _) = plan(&[old], &[image("h.io/a:1", "h.io/a:1", "two", linux("arm", ""))], &[]);
        assert_eq!(platforms(&amendment.images), ["linux/arm/v6"]);
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
        let (amendment, moved) = plan(&old, &new, &[]);
        assert_eq!(platforms(&amendment.images), ["linux/arm/v7", "linux/amd64"]);
        assert_eq!(amendment.gone, [old[0].reference.clone()]);
        assert_eq!(moved.len(), 1);
    }

    #[test]
    fn an_image_that_has_become_a_list_gives_way_to_its_images() {
        let mut old = image("h.io/a:1", "h.io/a:1", "one", linux("arm", ""));
        old.origin = None;
        let leaf = image(&format!("h.io/a:1@sha256:{}", "1".repeat(64)), "h.io/a:1", "two", linux("arm", ""));
        assert_eq!(plan(&[old.clone()], &[leaf], &[]).0.gone, [old.reference]);
    }
}
