//! Carries a push out: blobs, then manifests, and last the list.

use super::plan::{self, ChildManifest, PlannedBlob, PushPlan};
use crate::app::App;
use crate::digest::Digest;
use crate::failure::Advised;
use crate::manifest::ImageManifest;
use crate::progress::{Progress, Step};
use crate::reference::Reference;
use crate::registry::{BlobCopy, Copied, Mount, Registry, RegistryError};
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use futures_util::{StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use std::collections::HashMap;
use std::pin::pin;
use thiserror::Error;

/// Why a registry may refuse a list that docker would push all the same.
const MIXED: &str = "the list mixes docker's and OCI images, which some registries do not take; \
     build all images in one of the two formats";

/// What was done about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Mounted,
    /// So many bytes were sent.
    Copied(u64),
    /// It was there.
    Present,
    /// It is nowhere, and need not be.
    Absent,
}

/// What was done about the blobs of the first repository.
pub(super) type Outcomes = HashMap<Digest, Outcome>;

#[derive(Debug, Error)]
enum DeliveryError {
    #[error("error mounting {blob} to {target}")]
    MountDeclined { blob: String, target: Reference },
    #[error("{target} lacks {digest}, which is {source_name}, and it cannot be put again: {reason}")]
    ChildUnknown { target: String, digest: Digest, source_name: Reference, reason: String },
}

/// Fills the repositories, all of them before the first list is put. Announces images on stdout.
pub(super) async fn deliver(
    app: &App,
    registry: &Registry,
    plan: &PushPlan,
    images: &[ImageManifest],
    is_quiet: bool,
) -> anyhow::Result<Outcomes> {
    // How many are under way at a time is the transport's affair.
    let brought = bring_all(registry, plan, app.progress(is_quiet)).await?;
    let children = plan.repositories.iter().flat_map(|repository| &repository.children);
    let children = children.map(|child| put(registry, child));
    let mut children = pin!(stream::iter(children).buffered(registry.in_hand()));
    // That nothing can be told is no reason to leave a push half done.
    let mut told = Ok(());
    while let Some((reference, digest)) = children.try_next().await? {
        if !is_quiet {
            told = told.and_then(|()| app.print(format!("Pushed ref {reference} with digest: {digest}\n")));
        }
    }
    put_lists(registry, plan, images).await?;
    told?;
    let planned = plan.repositories[0].blobs.iter().map(|blob| blob.digest.clone());
    Ok(planned.zip(brought).collect())
}

async fn bring_all(registry: &Registry, plan: &PushPlan, progress: Progress) -> anyhow::Result<Vec<Outcome>> {
    let blobs = || plan.repositories.iter().flat_map(|it| it.blobs.iter().map(|blob| (&it.repository, blob)));
    let ready = progress.parts("blobs ready:", blobs().count());
    let copied = progress.bytes("copied:");
    let bringing =
        blobs().map(|(target, blob)| bring(registry, target, blob, &copied).inspect_ok(|_| ready.advance(1)));
    stream::iter(bringing).buffered(registry.in_hand()).try_collect().await
}

/// Mounts a blob or, where that cannot be, copies it.
async fn bring(registry: &Registry, target: &Reference, blob: &PlannedBlob, copied: &Step) -> anyhow::Result<Outcome> {
    let name = || format!("{}@{}", blob.source.path(), blob.digest);
    let failed = || format!("failed to mount blob {} to {target}", name());
    let mut declined = None;
    if blob.is_near {
        match registry.mount(target, &blob.digest, blob.source.path()).await.with_context(failed)? {
            Mount::Done => return Ok(Outcome::Mounted),
            Mount::Declined(answer) => declined = Some(*answer),
        }
    }
    if blob.is_foreign {
        return Ok(Outcome::Absent);
    }
    let refusal = declined.as_mut().and_then(|declined| declined.refusal.take());
    let PlannedBlob { digest, size, source, .. } = blob;
    copied.expect(size.unwrap_or_default());
    let copy = BlobCopy { digest, size: *size, source, target };
    match (registry.copy_blob(copy, declined, copied.counter()).await, refusal) {
        (Ok(Copied::Present), _) => Ok(Outcome::Present),
        (Ok(Copied::Sent(bytes)), _) => Ok(Outcome::Copied(bytes)),
        (Err(RegistryError::BlobUnknown { .. }), None) if blob.may_be_absent => Ok(Outcome::Absent),
        (Err(RegistryError::BlobUnknown { .. }), None) if blob.is_near => {
            Err(DeliveryError::MountDeclined { blob: name(), target: target.clone() }.into())
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

/// Puts the list under all its names. When some fail, the error tells which.
async fn put_lists(registry: &Registry, plan: &PushPlan, images: &[ImageManifest]) -> anyhow::Result<()> {
    let results = join_all(plan.targets.iter().map(|target| put_list(registry, target, plan, images))).await;
    let (mut pushed, mut failed, mut first) = (Vec::new(), Vec::new(), None);
    for (target, result) in plan.targets.iter().zip(results) {
        match result {
            Ok(()) => pushed.push(target.to_string()),
            Err(error) => {
                failed.push(target.to_string());
                first = first.or(Some(error));
            }
        }
    }
    match first {
        None => Ok(()),
        Some(error) if plan.targets.len() == 1 => Err(error),
        Some(error) => {
            let pushed = if pushed.is_empty() { "none".to_owned() } else { pushed.join(", ") };
            let hint = format!("already pushed: {pushed}; not pushed: {}", failed.join(", "));
            Err(Advised { error, hint }.into())
        }
    }
}

async fn put_list(
    registry: &Registry,
    target: &Reference,
    plan: &PushPlan,
    images: &[ImageManifest],
) -> anyhow::Result<()> {
    let bytes = Bytes::from(plan.list.bytes.clone());
    let put = || registry.put_manifest(target, plan.list.media_type, &bytes);
    let mut digest = put().await;
    if digest.as_ref().is_err_and(RegistryError::says_child_unknown) {
        // An image that should have been there has been removed in the meantime.
        put_again(registry, target, images).await?;
        digest = put().await;
    }
    let is_mixed = super::doubt::mixture(images).is_some();
    let digest = digest.map_err(|error| if is_mixed { error.explained(MIXED) } else { error });
    digest.with_context(|| format!("failed to put manifest {target}"))?;
    Ok(())
}

/// Puts all images of the list into its repository, whatever was there.
async fn put_again(registry: &Registry, target: &Reference, images: &[ImageManifest]) -> anyhow::Result<()> {
    let again = images.iter().map(|image| async move {
        put_image_again(registry, target, image.clone()).await.map_err(|error| {
            let (target, source_name) = (target.name(), image.reference.clone());
            let digest = Digest::parse(&image.descriptor.digest).unwrap_or_else(|_| Digest::of(&image.raw));
            DeliveryError::ChildUnknown { target, digest, source_name, reason: format!("{error:#}") }
        })
    });
    // One that cannot be put is no reason not to put the others.
    let again: Vec<Result<(), DeliveryError>> = stream::iter(again).buffered(registry.in_hand()).collect().await;
    Ok(again.into_iter().collect::<Result<(), _>>()?)
}

/// Puts an image from the store's bytes or, where it has none that are right, from its source.
async fn put_image_again(registry: &Registry, target: &Reference, mut image: ImageManifest) -> anyhow::Result<()> {
    if plan::child(target, &image).is_err() {
        super::fetch_bytes(registry, &mut image).await?;
    }
    let child = plan::child(target, &image)?;
    registry.put_manifest(&child.reference, child.media_type, &child.bytes).await?;
    Ok(())
}
