//! What a copy would do, found out without changing anything.

use super::plan::{Plan, PlannedBlob, RepositoryPlan};
use super::presence;
use super::tags::{current, is_new};
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::registry::BlobStatus;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// What would be done about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Skip,
    Mount,
    Stream,
    /// It is downloaded from elsewhere, and never copied.
    Foreign,
}

/// One line for everything that would be done, target by target.
pub(super) async fn preview(content: &Content, plan: &Plan<'_>) -> anyhow::Result<Vec<String>> {
    let without_present = presence::without_present(content, plan).await?;
    let plan = without_present.as_ref().unwrap_or(plan);
    let mut lines = Vec::new();
    for repository in &plan.repositories {
        lines.push(repository.target.container());
        let (mut streamed, mut count) = (0, 0);
        for (planned, step) in steps(content, repository).await? {
            if step == Step::Stream {
                (streamed, count) = (streamed + planned.blob.size.unwrap_or_default(), count + 1);
            }
            lines.push(blob_line(planned, step));
        }
        for manifest in repository.levels.iter().flatten().filter(|manifest| manifest.is_sent) {
            let size = manifest.bytes.len();
            lines.push(format!("  put     {}  {size} bytes  {}", manifest.digest, manifest.media_type));
        }
        let names: Vec<_> = plan.names().filter(|(_, name)| repository.target.is_beside(name)).collect();
        let old = names.iter().map(|(_, name)| current(content, name));
        let old: Vec<Option<Digest>> = stream::iter(old).buffered(content.concurrency()).try_collect().await?;
        for ((root, name), old) in names.into_iter().zip(old) {
            let new = &root.manifest.digest;
            let old = old.map_or_else(|| "none".to_owned(), |old| old.to_string());
            lines.push(format!("  tag     {name}  {old} -> {new}"));
        }
        lines.push(format!("  {count} blobs to stream, {streamed} bytes"));
    }
    Ok(lines)
}

async fn steps<'a>(content: &Content, plan: &'a RepositoryPlan) -> anyhow::Result<Vec<(&'a PlannedBlob, Step)>> {
    let steps = plan.blobs.iter().map(async |planned| {
        let step = match () {
            () if planned.blob.is_foreign => Step::Foreign,
            () if is_there(content, &plan.target, planned).await? => Step::Skip,
            () if planned.mountable_from(&plan.target).is_some() => Step::Mount,
            () => Step::Stream,
        };
        anyhow::Ok((planned, step))
    });
    stream::iter(steps).buffered(content.concurrency()).try_collect().await
}

async fn is_there(content: &Content, target: &Location, planned: &PlannedBlob) -> anyhow::Result<bool> {
    if is_new(target) {
        return Ok(false);
    }
    Ok(matches!(content.blob_status(target, &planned.blob.digest).await?, BlobStatus::Present(_)))
}

fn blob_line(planned: &PlannedBlob, step: Step) -> String {
    let PlannedBlob { blob, source } = planned;
    let size = blob.size.map_or_else(|| "size unknown".to_owned(), |size| format!("{size} bytes"));
    match step {
        Step::Skip => format!("  skip    {}  {size}", blob.digest),
        Step::Mount => format!("  mount   {}  {size}  from {}", blob.digest, source.container()),
        Step::Stream => format!("  stream  {}  {size}  from {}", blob.digest, source.container()),
        Step::Foreign => format!("  skip    {}  {size}  foreign layer", blob.digest),
    }
}
