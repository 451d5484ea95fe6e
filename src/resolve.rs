//! Turns references into images: their manifests and, from their configs, where they run.

use crate::digest::Digest;
use crate::manifest::{Descriptor, Document, Image, ImageManifest, Index, Platform, parse};
use crate::reference::Reference;
use crate::registry::{Fetched, Registry, RegistryError, Scope};
use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesOrdered;
use thiserror::Error;

/// Why a reference is no image.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The reference names a manifest list.
    #[error("{0} is a manifest list")]
    IsList(Reference),
    /// The manifest names its config in a way that cannot be fetched.
    #[error("invalid digest format")]
    ConfigDigest,
}

/// Fetches images, several at a time. The result is in the order of the references, and so is the error: the one
/// of the first image that cannot be had.
pub async fn images(registry: &Registry, references: &[Reference]) -> anyhow::Result<Vec<ImageManifest>> {
    for reference in references {
        let scopes = references.iter().filter(|other| other.domain() == reference.domain());
        registry.foresee(reference, scopes.map(|other| Scope::pull(other.path())));
    }
    let fetches: FuturesOrdered<_> = references.iter().map(|reference| fetch(registry, reference)).collect();
    fetches.try_collect().await
}

async fn fetch(registry: &Registry, reference: &Reference) -> anyhow::Result<ImageManifest> {
    let fetched = match registry.manifest(reference).await {
        // That it is a list is the better reason, whichever list it is.
        Err(RegistryError::ManifestDigest { is_list: true, .. }) => {
            return Err(ResolveError::IsList(reference.clone()).into());
        }
        fetched => fetched?,
    };
    match parse(&fetched.content_type, &fetched.bytes)? {
        Document::Image(manifest) => image(registry, reference, fetched, manifest).await,
        Document::Index(_) => Err(ResolveError::IsList(reference.clone()).into()),
    }
}

/// Completes a manifest that has been fetched with the platform that its config states.
pub async fn image(
    registry: &Registry,
    reference: &Reference,
    fetched: Fetched,
    manifest: Image,
) -> anyhow::Result<ImageManifest> {
    let config = Digest::parse(&manifest.config.digest).map_err(|_| ResolveError::ConfigDigest)?;
    let config = registry.config(reference, &config).await?;
    let platform = Platform::from_config(&config)?;
    Ok(assemble(reference.clone(), fetched, manifest, platform))
}

/// Fetches the images that a list in a registry consists of. An entry that is not there, or that is no image, comes
/// without a manifest.
pub async fn children(registry: &Registry, list: &Reference, index: Index) -> anyhow::Result<Vec<ImageManifest>> {
    let children: FuturesOrdered<_> = index.manifests.into_iter().map(|entry| child(registry, list, entry)).collect();
    children.try_collect().await
}

async fn child(registry: &Registry, list: &Reference, entry: Descriptor) -> anyhow::Result<ImageManifest> {
    let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {list}"))?;
    let reference = list.with_digest(digest.clone());
    let fetched = match registry.manifest(&list.at_digest(digest)).await {
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
