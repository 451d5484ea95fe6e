//! Puts blobs into repositories and layouts: mounts them, or moves those that are missing.

use super::plan::{Plan, PlannedBlob};
use super::target::{Target, TargetWriter};
use super::transfer::{Moved, Recipient, move_blob};
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::output::{Progress, bytes};
use crate::registry::{Mount, NotMounted, RegistryError, Transfer};
use anyhow::Context as _;
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;
use std::fmt;
use thiserror::Error;

/// How a target got a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Mounted,
    /// This many bytes were sent.
    Copied(u64),
    /// The target had it.
    Present,
    /// A foreign layer, or another blob that may be missing.
    Absent,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mounted => f.write_str("mounted"),
            Self::Copied(size) => write!(f, "copied {} of", bytes(*size)),
            Self::Present => f.write_str("found"),
            Self::Absent => f.write_str("skipped"),
        }
    }
}

/// How targets got blobs, by the position of the target in the plan.
pub(super) type Outcomes = HashMap<(usize, Digest), Outcome>;

#[derive(Debug, Error)]
#[error("error mounting {blob} to {target}")]
struct MountError {
    blob: String,
    target: String,
}

/// A blob and the targets that need it.
struct Task<'a> {
    digest: &'a Digest,
    /// The size in bytes, if known.
    size: Option<u64>,
    deliveries: Vec<Delivery<'a>>,
}

struct Delivery<'a> {
    position: usize,
    target: &'a Target,
    planned: &'a PlannedBlob,
}

/// A delivery for which the blob must be read.
struct Pending<'a> {
    delivery: &'a Delivery<'a>,
    /// What the registry said instead of mounting the blob.
    not_mounted: Option<Box<NotMounted>>,
}

/// Puts all blobs of the plan into their targets.
pub(super) async fn ensure_blobs(
    content: &Content,
    plan: &Plan<'_>,
    targets: &[Target],
    progress: &Progress,
) -> anyhow::Result<Outcomes> {
    let tasks = tasks(plan, targets);
    let phase = progress.phase("blobs ready", tasks.iter().map(|task| task.deliveries.len()).sum());
    let ensuring = tasks.iter().map(|task| async {
        let outcomes = ensure(content, task, progress).await?;
        for ((_, digest), outcome) in &outcomes {
            phase.advance_with(format_args!("{outcome} {digest}"));
        }
        anyhow::Ok(outcomes)
    });
    let outcomes: Vec<_> = stream::iter(ensuring).buffered(content.concurrency()).try_collect().await?;
    Ok(outcomes.into_iter().flatten().collect())
}

fn tasks<'a>(plan: &'a Plan<'_>, targets: &'a [Target]) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut known: HashMap<&Digest, usize> = HashMap::new();
    for (position, (repository, target)) in plan.repositories.iter().zip(targets).enumerate() {
        for planned in &repository.blobs {
            let digest = &planned.blob.digest;
            let place = *known.entry(digest).or_insert_with(|| {
                tasks.push(Task { digest, size: planned.blob.size, deliveries: Vec::new() });
                tasks.len() - 1
            });
            tasks[place].deliveries.push(Delivery { position, target, planned });
        }
    }
    tasks
}

async fn ensure(
    content: &Content,
    task: &Task<'_>,
    progress: &Progress,
) -> anyhow::Result<Vec<((usize, Digest), Outcome)>> {
    let transfer = content.client.transfer(task.digest, task.size);
    let preparing = task.deliveries.iter().map(|delivery| prepare(content, &transfer, delivery));
    let prepared = try_join_all(preparing).await?;
    let mut outcomes = Vec::with_capacity(prepared.len());
    let mut pending = Vec::new();
    for (delivery, prepared) in task.deliveries.iter().zip(prepared) {
        let key = (delivery.position, task.digest.clone());
        match prepared {
            Prepared::Done(outcome) => outcomes.push((key, outcome)),
            Prepared::Pending(one) => pending.push(one),
        }
    }
    if !pending.is_empty() {
        let places: Vec<usize> = pending.iter().map(|one| one.delivery.position).collect();
        let outcome = deliver(content, &transfer, task, pending, progress).await?;
        outcomes.extend(places.into_iter().map(|position| ((position, task.digest.clone()), outcome)));
    }
    Ok(outcomes)
}

enum Prepared<'a> {
    Done(Outcome),
    Pending(Pending<'a>),
}

/// Mounts a blob, or checks whether the target has it.
async fn prepare<'a>(
    content: &Content,
    transfer: &Transfer<'_>,
    delivery: &'a Delivery<'a>,
) -> anyhow::Result<Prepared<'a>> {
    let Delivery { target, planned, .. } = delivery;
    let blob = &planned.blob;
    let mut not_mounted = None;
    match &target.writer {
        TargetWriter::Layout(layout) => {
            if layout.has_blob(&blob.digest, blob.size) {
                return Ok(Prepared::Done(Outcome::Present));
            }
            if blob.is_foreign {
                return Ok(Prepared::Done(Outcome::Absent));
            }
        }
        TargetWriter::Registry(repository) => {
            if let Some(source) = planned.mountable_from(&target.location) {
                let mount = content.client.mount(repository, &blob.digest, source.path()).await;
                match mount.with_context(|| not_mounted_message(delivery))? {
                    Mount::Done => return Ok(Prepared::Done(Outcome::Mounted)),
                    Mount::NotMounted(answer) => not_mounted = Some(answer),
                }
            }
            if blob.is_foreign {
                return Ok(Prepared::Done(Outcome::Absent));
            }
            if transfer.is_in(repository).await {
                return Ok(Prepared::Done(Outcome::Present));
            }
        }
    }
    Ok(Prepared::Pending(Pending { delivery, not_mounted }))
}

/// Moves a blob to all targets that lack it.
async fn deliver(
    content: &Content,
    transfer: &Transfer<'_>,
    task: &Task<'_>,
    pending: Vec<Pending<'_>>,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let first = pending[0].delivery;
    let size = task.size.unwrap_or_default();
    let may_be_absent = pending.iter().all(|one| one.delivery.planned.blob.may_be_absent);
    let shown = progress.blob(task.digest.as_str(), task.size);
    let (mut recipients, mut refusal) = (Vec::new(), None);
    for Pending { delivery, mut not_mounted } in pending {
        refusal = refusal.or(not_mounted.as_mut().and_then(|answer| answer.refusal.take()));
        recipients.push(Recipient { target: delivery.target, not_mounted });
    }
    let moved = Moved { digest: task.digest, size, source: &first.planned.source };
    match move_blob(content, transfer, &moved, recipients, shown.meter()).await {
        Ok(()) => Ok(Outcome::Copied(size)),
        Err(error) if error.says_blob_unknown() => match refusal {
            // The refusal of the mount is the cause of the failure.
            Some(refusal) => Err(RegistryError::from(refusal)).with_context(|| not_mounted_message(first)),
            None if may_be_absent => Ok(Outcome::Absent),
            None if first.planned.mountable_from(&first.target.location).is_some() => {
                Err(MountError { blob: blob_name(first), target: first.target.location.to_string() }.into())
            }
            None => Err(error.into_cause().context(not_copied_message(first))),
        },
        Err(error) => Err(error.into_cause().context(not_copied_message(first))),
    }
}

fn blob_name(delivery: &Delivery<'_>) -> String {
    let digest = &delivery.planned.blob.digest;
    match &delivery.planned.source {
        Location::Registry(source) => format!("{}@{digest}", source.path()),
        Location::Layout(layout) => format!("{}@{digest}", layout.path),
    }
}

fn not_mounted_message(delivery: &Delivery<'_>) -> String {
    format!("failed to mount blob {} to {}", blob_name(delivery), delivery.target.location)
}

fn not_copied_message(delivery: &Delivery<'_>) -> String {
    format!("failed to copy blob {} to {}", blob_name(delivery), delivery.target.location)
}
