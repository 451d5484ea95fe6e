//! Turns references into images: their manifests and where they run.

mod flatten;
mod selection;

pub use selection::{NothingLeft, Selection};

use crate::digest::Digest;
use crate::manifest::{Descriptor, Document, Image, ImageManifest, Index, Origin, Platform, parse};
use crate::progress::Progress;
use crate::reference::Reference;
use crate::registry::{Fetched, Registry, RegistryError};
use anyhow::Context as _;
use flatten::{Extent, flatten, limit};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::OnceCell;

/// Why a reference is no image.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// A list with nothing in it.
    #[error("{0} is an empty manifest list")]
    Empty(Reference),
    /// A list of lists of lists.
    #[error("{0} has more than {max} levels of manifest lists in it", max = flatten::MAX_DEPTH)]
    TooDeep(Reference),
    /// More than anyone means to put into a list.
    #[error("{0} has more than {max} entries, or too large ones", max = flatten::MAX_ENTRIES)]
    TooMany(Reference),
    /// The manifest names its config in a way that cannot be fetched.
    #[error("invalid digest format")]
    ConfigDigest,
}

/// What references have been resolved to.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The images, those of lists among them. A list may name one image for several platforms.
    pub images: Vec<ImageManifest>,
    /// The platforms of images that were not wanted.
    pub passed_over: Vec<Platform>,
}

/// Fetches the images that are wanted of these references, several at a time. The result is in the order of the
/// references, and so is the error: the one of the first reference that cannot be had.
pub async fn images(
    registry: &Registry,
    references: &[Reference],
    selection: &Selection,
    progress: Progress,
) -> anyhow::Result<Resolved> {
    let step = progress.parts("resolving images:", references.len());
    let platforms = Platforms::default();
    let sources = references.iter().map(|reference| source(registry, reference, selection, &platforms));
    let mut sources = pin!(stream::iter(sources).buffered(registry.in_hand()));
    let mut all = Resolved::default();
    while let Some(source) = sources.try_next().await? {
        step.advance(1);
        all.images.extend(source.images);
        all.passed_over.extend(source.passed_over);
    }
    Ok(all)
}

async fn source(
    registry: &Registry,
    reference: &Reference,
    selection: &Selection,
    platforms: &Platforms,
) -> anyhow::Result<Resolved> {
    let fetched = registry.manifest(reference).await?;
    match parse(&fetched.content_type, &fetched.bytes)? {
        Document::Image(manifest) => {
            let platform = platforms.of(registry, reference, &manifest).await?;
            let image = with_platform(reference, fetched, manifest, platform);
            Ok(Resolved { images: vec![image], passed_over: Vec::new() })
        }
        Document::Index(index) => flatten(registry, reference, &fetched.digest, index, selection, platforms).await,
    }
}

/// Completes a manifest that has been fetched with the platform that its config states.
pub async fn image(
    registry: &Registry,
    reference: &Reference,
    fetched: Fetched,
    manifest: Image,
) -> anyhow::Result<ImageManifest> {
    let platform = Platforms::default().of(registry, reference, &manifest).await?;
    Ok(with_platform(reference, fetched, manifest, platform))
}

fn with_platform(reference: &Reference, fetched: Fetched, manifest: Image, platform: Platform) -> ImageManifest {
    let (source, digest) = (reference.to_string(), fetched.digest.to_string());
    let mut image = assemble(reference.clone(), fetched, manifest, platform.clone());
    image.origin = Some(Origin { source, digest, platform, ..Origin::default() });
    image
}

/// The platforms that images' configs state, each config being read once.
#[derive(Debug, Default)]
struct Platforms(Mutex<HashMap<Digest, Arc<OnceCell<Platform>>>>);

impl Platforms {
    async fn of(&self, registry: &Registry, repository: &Reference, manifest: &Image) -> anyhow::Result<Platform> {
        let digest = Digest::parse(&manifest.config.digest).map_err(|_| ResolveError::ConfigDigest)?;
        let cell = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(digest.clone()).or_default());
        let platform = cell.get_or_try_init(|| async {
            let config = registry.config(repository, &digest).await?;
            anyhow::Ok(Platform::from_config(&config)?)
        });
        Ok(platform.await?.clone())
    }
}

/// Fetches the images that a list in a registry consists of. An entry that is not there, or that is no image, comes
/// without a manifest.
pub async fn children(registry: &Registry, list: &Reference, index: Index) -> anyhow::Result<Vec<ImageManifest>> {
    Extent::of(&index).check(list)?;
    let children = index.manifests.into_iter().map(|entry| child(registry, list, entry));
    stream::iter(children).buffered(registry.in_hand()).try_collect().await
}

async fn child(registry: &Registry, list: &Reference, entry: Descriptor) -> anyhow::Result<ImageManifest> {
    let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {list}"))?;
    let reference = list.with_digest(digest.clone());
    let fetched = match registry.manifest_within(&list.at_digest(digest), limit(&entry)).await {
        Err(RegistryError::NotFound(_)) => return Ok(ImageManifest::without_payload(reference, entry)),
        fetched => fetched?,
    };
    match parse(&fetched.content_type, &fetched.bytes) {
        Ok(Document::Image(manifest)) => Ok(assemble(reference, fetched, manifest, entry.platform.unwrap_or_default())),
        _ => Ok(ImageManifest::without_payload(reference, entry)),
    }
}

fn assemble(reference: Reference, fetched: Fetched, manifest: Image, platform: Platform) -> ImageManifest {
    let descriptor = Descriptor {
        media_type: manifest.kind.media_type().to_owned(),
        digest: fetched.digest.to_string(),
        size: i64::try_from(fetched.bytes.len()).unwrap_or(i64::MAX),
        platform: Some(platform),
        ..Descriptor::default()
    };
    ImageManifest::new(reference, descriptor, manifest, fetched.bytes)
}
