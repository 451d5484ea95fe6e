//! Finds the image for a platform in a list.

use super::walk::{Document, MAX_DEPTH, Walker, is_list};
use crate::location::Location;
use crate::manifest::{Descriptor, ImageIndex, Manifest, Platform, PlatformSelector};
use crate::reference::Reference;
use std::rc::Rc;
use thiserror::Error;

/// The list has no image for the platform.
#[derive(Debug, Error)]
#[error("no image for {requested}; available: {available}")]
pub struct NoSuchPlatform {
    requested: PlatformSelector,
    available: String,
}

/// An image that was found in a list.
pub struct Found {
    /// The image.
    pub reference: Reference,
    /// Its manifest.
    pub document: Rc<Document>,
    /// The platform that the list states; none for an image that was not in a list.
    pub platform: Option<Platform>,
}

/// The image for a platform below a manifest: of the entries that match the one without a variant, else the first. Lists
/// in lists are searched if no entry matches.
pub async fn image(
    walker: &Walker<'_>,
    reference: &Reference,
    root: Rc<Document>,
    requested: &PlatformSelector,
) -> anyhow::Result<Found> {
    let index = match &root.manifest {
        Manifest::Index(index) => index,
        Manifest::Image(image) => {
            let entry = super::image(walker, reference, &root, image).await?;
            choose(&[entry], |entry| &entry.descriptor, requested)?;
            return Ok(Found { reference: reference.clone(), document: root, platform: None });
        }
    };
    let location = Location::Registry(reference.clone());
    let mut available = Vec::new();
    let mut lists: Vec<ImageIndex> = vec![index.clone()];
    for _ in 0..MAX_DEPTH {
        let mut inner = Vec::new();
        for index in lists {
            walker.count_entries(&index, &location)?;
            let next: Vec<&Descriptor> = match choose(&index.manifests, |entry| entry, requested) {
                Ok(entry) => vec![entry],
                Err(_) => index.manifests.iter().filter(|entry| is_list(entry)).collect(),
            };
            for entry in next {
                let document = walker.child(&location, entry).await?;
                match &document.manifest {
                    Manifest::Index(index) => inner.push(index.clone()),
                    Manifest::Image(_) => {
                        let reference = reference.pinned_to(document.fetched.digest.clone());
                        return Ok(Found { reference, document, platform: entry.platform.clone() });
                    }
                }
            }
            available.extend(index.manifests.into_iter().filter(|entry| !is_list(entry)));
        }
        lists = inner;
    }
    Err(no_such_platform(&available, |entry| entry, requested).into())
}

/// The entry for a platform: the one without a variant, else the first that matches.
pub fn choose<'a, T>(
    entries: &'a [T],
    descriptor: impl Fn(&T) -> &Descriptor,
    requested: &PlatformSelector,
) -> Result<&'a T, NoSuchPlatform> {
    let platform = |entry: &T| descriptor(entry).platform.clone().unwrap_or_default();
    let matching = || entries.iter().filter(|entry| requested.matches(&platform(entry)));
    let without_variant = matching().find(|entry| requested.is_any_variant() && platform(entry).variant.is_empty());
    without_variant.or_else(|| matching().next()).ok_or_else(|| no_such_platform(entries, &descriptor, requested))
}

fn no_such_platform<T>(
    entries: &[T],
    descriptor: impl Fn(&T) -> &Descriptor,
    requested: &PlatformSelector,
) -> NoSuchPlatform {
    let images = entries.iter().map(descriptor).filter(|entry| !entry.is_attestation());
    let platforms = images.map(|entry| entry.platform.clone().unwrap_or_default().to_string());
    NoSuchPlatform { requested: requested.clone(), available: platforms.collect::<Vec<_>>().join(", ") }
}
