//! `mfst push`: puts a local manifest list into its registry.

mod plan;

use plan::{BlobMount, ChildManifest, PlanError, PushPlan};

use crate::app::App;
use crate::digest::Digest;
use crate::manifest::{ImageManifest, ListError, Payload};
use crate::reference::Reference;
use crate::registry::{Mount, Registry, RegistryError, Scope};
use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesOrdered;
use thiserror::Error;

/// Why a registry may refuse a list that docker would push all the same.
const MIXED: &str = "the list mixes docker's and OCI images, which some registries do not take; \
     build all images in one of the two formats";

/// What `push` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// Whether the local list goes once it is pushed.
    pub purge: bool,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
}

/// Why a list cannot be pushed.
#[derive(Debug, Error)]
enum PushError {
    #[error("{0} not found")]
    Empty(Reference),
    #[error("error mounting {blob} to {target}")]
    MountDeclined { blob: String, target: Reference },
}

/// Mounts the blobs of images from other repositories, puts their manifests, and last the list.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let target = Reference::parse(&options.list)?;
    let mut images = app.store.list_unchecked(&target)?;
    if images.is_empty() {
        return Err(PushError::Empty(target).into());
    }
    // Checked before anything is asked of the registry.
    PushPlan::check(&target, &images)?;
    let registry = app.registry(options.insecure);
    app.wait_for(async {
        foresee(&registry, &target, &images);
        restore(&registry, &target, &mut images).await?;
        carry_out(app, &registry, &PushPlan::new(&target, &images)?).await
    })??;
    if options.purge {
        app.store.remove(&target)?;
    }
    Ok(())
}

fn foresee(registry: &Registry, target: &Reference, images: &[ImageManifest]) {
    let sources = images.iter().map(|image| image.reference.path()).filter(|path| *path != target.path());
    registry.foresee(target, std::iter::once(Scope::push(target.path())).chain(sources.map(Scope::pull)));
}

/// Fetches manifests again whose bytes an old docker has not kept and that cannot be reconstructed.
async fn restore(registry: &Registry, target: &Reference, images: &mut [ImageManifest]) -> anyhow::Result<()> {
    for image in images.iter_mut().filter(|image| plan::lacks_bytes(target, image)) {
        let digest = Digest::parse(&image.descriptor.digest)
            .map_err(|error| ListError::Digest { image: image.reference.to_string(), error })?;
        let fetched = registry.manifest(&image.reference.at_digest(digest)).await?;
        let kind = plan::kind(image).ok_or_else(|| PlanError::NoPayload(image.reference.clone()))?;
        image.set_payload(Payload::read(kind, &fetched.bytes)?);
    }
    Ok(())
}

async fn carry_out(app: &App, registry: &Registry, plan: &PushPlan) -> anyhow::Result<()> {
    let target = &plan.target;
    // How many are under way at a time is the transport's affair.
    let mounts: FuturesOrdered<_> = plan.mounts.iter().map(|blob| mount(registry, target, blob)).collect();
    mounts.try_collect::<()>().await?;
    let mut children: FuturesOrdered<_> = plan.children.iter().map(|child| put(registry, child)).collect();
    // That nothing can be told is no reason to leave a push half done.
    let mut told = Ok(());
    while let Some((reference, digest)) = children.try_next().await? {
        told = told.and_then(|()| app.print(format!("Pushed ref {reference} with digest: {digest}\n")));
    }
    let digest = registry.put_manifest(target, plan.list.media_type, &plan.list.bytes).await;
    let digest = digest.map_err(|error| if plan.is_mixed { error.explained(MIXED) } else { error });
    let digest = digest.with_context(|| format!("failed to put manifest {target}"))?;
    told.and_then(|()| app.print(format!("{digest}\n")))
}

/// Mounts a blob or, where the registry would rather not, copies it.
async fn mount(registry: &Registry, target: &Reference, blob: &BlobMount) -> anyhow::Result<()> {
    let name = || format!("{}@{}", blob.source.path(), blob.digest);
    let failed = || format!("failed to mount blob {} to {target}", name());
    let Mount::Declined(mut declined) =
        registry.mount(target, &blob.digest, blob.source.path()).await.with_context(failed)?
    else {
        return Ok(());
    };
    let refusal = declined.refusal.take();
    match (registry.copy_blob(&blob.source, target, &blob.digest, *declined).await, refusal) {
        (Ok(()), _) => Ok(()),
        (Err(RegistryError::BlobUnknown { .. }), None) if blob.may_be_absent => Ok(()),
        (Err(RegistryError::BlobUnknown { .. }), None) => {
            Err(PushError::MountDeclined { blob: name(), target: target.clone() }.into())
        }
        // Why the mount was refused says more than that there is nothing to copy.
        (Err(RegistryError::BlobUnknown { .. }), Some(refusal)) => {
            Err(RegistryError::from(refusal)).with_context(failed)
        }
        (Err(error), _) => Err(error).with_context(|| format!("failed to copy blob {} to {target}", name())),
    }
}

async fn put<'a>(registry: &Registry, child: &'a ChildManifest) -> anyhow::Result<(&'a Reference, Digest)> {
    if let Some(digest) = child.reference.digest().filter(|_| child.is_repeated) {
        return Ok((&child.reference, digest.clone()));
    }
    let digest = registry.put_manifest(&child.reference, child.media_type, &child.bytes).await;
    Ok((&child.reference, digest.with_context(|| format!("failed to put manifest {}", child.reference))?))
}
