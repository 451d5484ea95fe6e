//! Executes a push: blobs, then manifests, and last the list.

use super::plan::{self, ChildManifest, PlannedBlob, PushPlan};
use crate::app::App;
use crate::digest::Digest;
use crate::draft::Draft;
use crate::error::WithHint;
use crate::manifest::ListEntry;
use crate::output::{Bar, Progress};
use crate::reference::Reference;
use crate::registry::{BlobCopy, Client, Copied, Mount, RegistryError};
use anyhow::Context as _;
use futures_util::future::join_all;
use futures_util::stream;
use futures_util::{StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use std::collections::HashMap;
use std::pin::pin;
use thiserror::Error;

/// A likely reason why a registry refuses a list.
const MIXED: &str = "the list mixes docker's and OCI images, which some registries do not take; \
     build all images in one of the two formats";

/// What was done about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Mounted,
    /// This many bytes were sent.
    Copied(u64),
    /// The repository had it.
    Present,
    /// Foreign layer; not uploaded.
    Absent,
}

/// What was done about the blobs of the first repository.
pub(super) type Outcomes = HashMap<Digest, Outcome>;

#[derive(Debug, Error)]
enum DeliveryError {
    #[error("error mounting {blob} to {target}")]
    NotMounted { blob: String, target: Reference },
    #[error("{target} lacks {digest}, which is {source_name}, and it cannot be put again: {reason}")]
    ChildUnknown { target: String, digest: Digest, source_name: Reference, reason: String },
}

/// Fills all repositories before the first list is put. Prints each image on stdout, as docker does.
pub(super) async fn deliver(
    app: &App,
    client: &Client,
    plan: &PushPlan,
    draft: &Draft,
    is_quiet: bool,
) -> anyhow::Result<Outcomes> {
    let outcomes = ensure_blobs(client, plan, &app.progress(is_quiet)).await?;
    let children = plan.repositories.iter().flat_map(|repository| &repository.children);
    let children = children.map(|child| put(client, child));
    let mut children = pin!(stream::iter(children).buffered(client.concurrency()));
    // A broken stdout must not abort the push.
    let mut printed = Ok(());
    while let Some((reference, digest)) = children.try_next().await? {
        if !is_quiet {
            printed = printed.and_then(|()| app.print(format!("Pushed ref {reference} with digest: {digest}\n")));
        }
    }
    put_nested(client, plan).await?;
    put_lists(client, plan, draft).await?;
    printed?;
    let planned = plan.repositories[0].blobs.iter().map(|blob| blob.digest.clone());
    Ok(planned.zip(outcomes).collect())
}

/// Puts the lists in a list, level by level.
async fn put_nested(client: &Client, plan: &PushPlan) -> anyhow::Result<()> {
    let depth = plan.repositories.iter().map(|repository| repository.nested.len()).max().unwrap_or_default();
    for level in 0..depth {
        let lists = plan.repositories.iter().filter_map(|repository| repository.nested.get(level)).flatten();
        let puts = stream::iter(lists.map(|list| put(client, list)));
        puts.buffered(client.concurrency()).try_collect::<Vec<_>>().await?;
    }
    Ok(())
}

async fn ensure_blobs(client: &Client, plan: &PushPlan, progress: &Progress) -> anyhow::Result<Vec<Outcome>> {
    let blobs = || plan.repositories.iter().flat_map(|it| it.blobs.iter().map(|blob| (&it.repository, blob)));
    let ready = progress.items("blobs ready:", blobs().count());
    let copied = progress.bytes("copied:");
    let ensuring =
        blobs().map(|(target, blob)| ensure_blob(client, target, blob, &copied).inspect_ok(|_| ready.advance(1)));
    stream::iter(ensuring).buffered(client.concurrency()).try_collect().await
}

/// Mounts a blob or, if the registry does not mount it, copies it.
async fn ensure_blob(client: &Client, target: &Reference, blob: &PlannedBlob, copied: &Bar) -> anyhow::Result<Outcome> {
    let name = || format!("{}@{}", blob.source.path(), blob.digest);
    let failed = || format!("failed to mount blob {} to {target}", name());
    let mut not_mounted = None;
    if blob.same_registry {
        match client.mount(target, &blob.digest, blob.source.path()).await.with_context(failed)? {
            Mount::Done => return Ok(Outcome::Mounted),
            Mount::NotMounted(answer) => not_mounted = Some(*answer),
        }
    }
    if blob.is_foreign {
        return Ok(Outcome::Absent);
    }
    let refusal = not_mounted.as_mut().and_then(|not_mounted| not_mounted.refusal.take());
    let PlannedBlob { digest, size, source, .. } = blob;
    copied.raise_total(size.unwrap_or_default());
    let copy = BlobCopy { digest, size: *size, source, target };
    match (client.copy_blob(copy, not_mounted, copied.counter()).await, refusal) {
        (Ok(Copied::Present), _) => Ok(Outcome::Present),
        (Ok(Copied::Sent(bytes)), _) => Ok(Outcome::Copied(bytes)),
        (Err(RegistryError::BlobUnknown { .. }), None) if blob.may_be_absent => Ok(Outcome::Absent),
        (Err(RegistryError::BlobUnknown { .. }), None) if blob.same_registry => {
            Err(DeliveryError::NotMounted { blob: name(), target: target.clone() }.into())
        }
        // The refusal of the mount is the cause of the failure.
        (Err(RegistryError::BlobUnknown { .. }), Some(refusal)) => {
            Err(RegistryError::from(refusal)).with_context(failed)
        }
        (Err(error), _) => Err(error).with_context(|| format!("failed to copy blob {} to {target}", name())),
    }
}

async fn put<'a>(client: &Client, child: &'a ChildManifest) -> anyhow::Result<(&'a Reference, Digest)> {
    if let Some(digest) = child.reference.digest().filter(|_| child.is_repeated) {
        return Ok((&child.reference, digest.clone()));
    }
    let digest = client.put_manifest(&child.reference, &child.media_type, &child.bytes).await;
    Ok((&child.reference, digest.with_context(|| format!("failed to put manifest {}", child.reference))?))
}

/// Puts the list under all its names. If some fail, a hint lists those that succeeded.
async fn put_lists(client: &Client, plan: &PushPlan, draft: &Draft) -> anyhow::Result<()> {
    let results = join_all(plan.targets.iter().map(|target| put_list(client, target, plan, draft))).await;
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
            Err(WithHint { error, hint }.into())
        }
    }
}

async fn put_list(client: &Client, target: &Reference, plan: &PushPlan, draft: &Draft) -> anyhow::Result<()> {
    let put = || client.put_manifest(target, &plan.root.media_type, &plan.root.bytes);
    let mut digest = put().await;
    if digest.as_ref().is_err_and(RegistryError::says_child_unknown) {
        // A child that the plan took for present has been removed from the registry.
        reput_children(client, target, &draft.entries).await?;
        for list in plan::nested(target, draft).iter().flatten() {
            self::put(client, list).await?;
        }
        digest = put().await;
    }
    let is_mixed = crate::warning::mixed_formats(&draft.entries).is_some();
    let digest = digest.map_err(|error| if is_mixed { error.explained(MIXED) } else { error });
    digest.with_context(|| format!("failed to put manifest {target}"))?;
    Ok(())
}

/// Puts all images of the list into its repository again.
async fn reput_children(client: &Client, target: &Reference, images: &[ListEntry]) -> anyhow::Result<()> {
    let again = images.iter().map(|image| async move {
        reput_child(client, target, image.clone()).await.map_err(|error| {
            let (target, source_name) = (target.name(), image.reference.clone());
            let digest = Digest::parse(&image.descriptor.digest).unwrap_or_else(|_| Digest::of(&image.raw));
            DeliveryError::ChildUnknown { target, digest, source_name, reason: format!("{error:#}") }
        })
    });
    // All are tried, even if one fails.
    let again: Vec<Result<(), DeliveryError>> = stream::iter(again).buffered(client.concurrency()).collect().await;
    Ok(again.into_iter().collect::<Result<(), _>>()?)
}

/// Puts an image from the store's bytes or, if they do not have its digest, from its source.
async fn reput_child(client: &Client, target: &Reference, mut image: ListEntry) -> anyhow::Result<()> {
    if plan::child(target, &image).is_err() {
        super::fetch_bytes(client, &mut image).await?;
    }
    let child = plan::child(target, &image)?;
    client.put_manifest(&child.reference, &child.media_type, &child.bytes).await?;
    Ok(())
}
