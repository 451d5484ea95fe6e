//! `mfst inspect`: shows a manifest or a manifest list, local or in a registry.

use crate::app::App;
use crate::digest::Digest;
use crate::json::{SyntaxError, indent};
use crate::manifest::{
    DOCKER_LIST, Descriptor, Document, ImageManifest, Index, ManifestList, OCI_INDEX, Platform, PlatformSelector,
    entry_digest, parse,
};
use crate::reference::Reference;
use crate::registry::{Fetched, Registry};
use crate::resolve;
use anyhow::Context as _;
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// How many lists in a list are looked through for an image.
const MAX_LISTS: usize = 64;

/// What `inspect` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The local list that the image is in, as typed.
    pub list: Option<String>,
    /// The image or list, as typed.
    pub name: String,
    /// How to show it.
    pub look: Look,
    /// Which image of a list to show.
    pub platform: Option<PlatformSelector>,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
}

/// How a manifest is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As docker shows it.
    Plain,
    /// With everything that is known, as docker shows that.
    Verbose,
    /// Exactly as it is.
    Raw,
}

/// Why there is nothing to show.
#[derive(Debug, Error)]
enum InspectError {
    #[error("no image for {wanted}; there are: {there}")]
    NoSuchPlatform { wanted: PlatformSelector, there: String },
    #[error("the bytes of {0} have not been kept; `mfst create --amend` fetches them")]
    NoBytes(Reference),
}

/// Looks in the local store first and then in the registry.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let reference = Reference::parse(&options.name)?;
    if let Some(list) = &options.list {
        let image = [app.store.get(&Reference::parse(list)?, &reference)?];
        if let Some(wanted) = &options.platform {
            choose(&image, |image| &image.descriptor, wanted)?;
        }
        return app.print(show_image(&image[0], options.look)?);
    }
    // A local list that cannot be read is passed over, as docker does.
    if let Ok(images) = app.store.list(&reference) {
        let Some(wanted) = &options.platform else { return app.print(show_list(&images, options.look)?) };
        let image = choose(&images, |image| &image.descriptor, wanted)?;
        return app.print(show_image(image, options.look)?);
    }
    let registry = app.registry(options.insecure);
    let text = app.wait_for(async {
        let fetched = registry.manifest(&reference).await?;
        let Some(wanted) = &options.platform else {
            return show_fetched(app, &registry, &reference, fetched, None, options).await;
        };
        let (reference, fetched, platform) = descend(&registry, reference, fetched, wanted).await?;
        show_fetched(app, &registry, &reference, fetched, platform, options).await
    })??;
    app.print(text)
}

/// Goes from a list to the image in it that is for the platform, and tells what the list says about where that one
/// runs; lists in lists are gone through.
async fn descend(
    registry: &Registry,
    reference: Reference,
    fetched: Fetched,
    wanted: &PlatformSelector,
) -> anyhow::Result<(Reference, Fetched, Option<Platform>)> {
    let index = match parse(&fetched.content_type, &fetched.bytes)? {
        Document::Index(index) => index,
        Document::Image(image) => {
            let image = resolve::image(registry, &reference, fetched.clone(), image).await?;
            choose(&[image], |image| &image.descriptor, wanted)?;
            return Ok((reference, fetched, None));
        }
    };
    let mut there = Vec::new();
    let mut lists = VecDeque::from([index]);
    for _ in 0..MAX_LISTS {
        let Some(index) = lists.pop_front() else { break };
        let chosen = choose(&index.manifests, |entry| entry, wanted);
        let is_list = |entry: &&Descriptor| [DOCKER_LIST, OCI_INDEX].contains(&entry.media_type.as_str());
        let next: Vec<&Descriptor> = match &chosen {
            Ok(entry) => vec![entry],
            Err(_) => index.manifests.iter().filter(is_list).collect(),
        };
        for entry in next {
            let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {reference}"))?;
            let fetched = registry.manifest(&reference.at_digest(digest.clone())).await?;
            match parse(&fetched.content_type, &fetched.bytes)? {
                Document::Index(index) => lists.push_back(index),
                Document::Image(_) => return Ok((reference.with_digest(digest), fetched, entry.platform.clone())),
            }
        }
        there.extend(index.manifests.into_iter().filter(|entry| !is_list(&entry)));
    }
    choose(&there, |entry| entry, wanted)?;
    Err(InspectError::NoSuchPlatform { wanted: wanted.clone(), there: "lists within lists".to_owned() }.into())
}

/// The first image for a platform.
fn choose<'a, T>(
    entries: &'a [T],
    descriptor: impl Fn(&T) -> &Descriptor,
    wanted: &PlatformSelector,
) -> Result<&'a T, InspectError> {
    let platform = |entry: &T| descriptor(entry).platform.clone().unwrap_or_default();
    entries.iter().find(|entry| wanted.matches(&platform(entry))).ok_or_else(|| {
        let images = entries.iter().filter(|entry| !descriptor(entry).is_attestation());
        let there = images.map(|entry| platform(entry).to_string()).collect::<Vec<_>>().join(", ");
        InspectError::NoSuchPlatform { wanted: wanted.clone(), there }
    })
}

async fn show_fetched(
    app: &App,
    registry: &Registry,
    reference: &Reference,
    fetched: Fetched,
    platform: Option<Platform>,
    options: &Options,
) -> anyhow::Result<Vec<u8>> {
    if options.look == Look::Raw {
        return Ok(fetched.bytes);
    }
    match (parse(&fetched.content_type, &fetched.bytes)?, options.look) {
        (Document::Image(image), Look::Verbose) => {
            let mut image = resolve::image(registry, reference, fetched, image).await?;
            image.descriptor.platform = platform.or(image.descriptor.platform);
            show_image(&image, Look::Verbose)
        }
        (Document::Image(_), _) => Ok(indented(&fetched.bytes)?),
        (Document::Index(index), Look::Verbose) => show_index_in_full(app, registry, reference, index).await,
        // Shown from its own bytes: an entry that is missing, nested or no image at all is still an entry.
        (Document::Index(index), _) => Ok(show_index(index)),
    }
}

fn show_image(image: &ImageManifest, look: Look) -> anyhow::Result<Vec<u8>> {
    match look {
        Look::Plain => Ok(indented(&image.payload()?.json)?),
        Look::Verbose => Ok(indented(&image.to_json())?),
        Look::Raw => {
            let bytes = image.bytes().filter(|bytes| Digest::of(bytes).as_str() == image.descriptor.digest);
            Ok(bytes.ok_or_else(|| InspectError::NoBytes(image.reference.clone()))?)
        }
    }
}

fn show_list(images: &[ImageManifest], look: Look) -> anyhow::Result<Vec<u8>> {
    if look == Look::Verbose {
        return show_records(images);
    }
    for image in images {
        entry_digest(&image.reference, &image.descriptor).context("failed to assemble ManifestDescriptor")?;
    }
    let mut text = ManifestList::build(images.iter().map(|image| &image.descriptor)).bytes;
    if look == Look::Plain {
        text.push(b'\n');
    }
    Ok(text)
}

/// A list in a registry as docker shows it: without annotations, in its own order.
fn show_index(mut index: Index) -> Vec<u8> {
    index.manifests.iter_mut().for_each(|entry| entry.annotations = BTreeMap::new());
    let mut text = ManifestList::build(&index.manifests).bytes;
    text.push(b'\n');
    text
}

async fn show_index_in_full(
    app: &App,
    registry: &Registry,
    reference: &Reference,
    index: Index,
) -> anyhow::Result<Vec<u8>> {
    let children = resolve::children(registry, reference, index).await?;
    for child in children.iter().filter(|child| child.payload().is_err()) {
        app.log.warn(format_args!("{} is in the list, but there is no image behind it", child.reference));
    }
    show_records(&children)
}

fn show_records(images: &[ImageManifest]) -> anyhow::Result<Vec<u8>> {
    let records: Vec<_> = images.iter().map(ImageManifest::to_json).collect();
    Ok(indented(&[b"[", records.join(&b',').as_slice(), b"]"].concat())?)
}

fn indented(json: &[u8]) -> Result<Vec<u8>, SyntaxError> {
    let mut text = indent(json, "\t")?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_as_they_are() {
        assert_eq!(indented(b"{\"x\":\"\xff\"}").unwrap(), b"{\n\t\"x\": \"\xff\"\n}\n");
    }
}
