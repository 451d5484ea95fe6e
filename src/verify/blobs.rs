//! Checks the configs and layers of images.

use super::finding::{Finding, Problem};
use super::inventory::Item;
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{Descriptor, Platform};
use crate::output::Progress;
use crate::registry::{BlobStatus, CONFIG_LIMIT};
use crate::resolve::Defect;
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::HashMap;
use tokio::sync::Semaphore;

/// The maximum size of the configs that are read at a time, in bytes.
const MEMORY: usize = 16 * 1024 * 1024;

/// The maximum size of the platform in a config, in bytes: one is kept for each image.
const MAX_PLATFORM: usize = 1024;

/// The result of checking a blob.
#[derive(Debug)]
struct Checked {
    problem: Option<Problem>,
    /// The platform that a config states.
    platform: Option<Platform>,
}

/// A blob to check.
struct Wanted<'a> {
    what: &'static str,
    descriptor: &'a Descriptor,
    /// Whether to read it: the config of an image.
    is_read: bool,
}

/// Checks the blobs of manifests. Returns findings, and for each manifest the platform in its config.
pub(super) async fn check(
    content: &Content,
    beside: &Location,
    items: &[Item],
    progress: &Progress,
) -> anyhow::Result<(Vec<Finding>, Vec<Option<Platform>>)> {
    let wanted = wanted(items);
    let (phase, memory) = (progress.phase("blobs checked", wanted.len()), Semaphore::new(MEMORY));
    let (phase, memory) = (&phase, &memory);
    let checks = wanted.iter().map(|blob| async move {
        let checked = check_one(content, beside, blob, memory).await;
        phase.advance();
        anyhow::Ok((blob.descriptor.digest.as_str(), checked.with_context(|| blob.descriptor.digest.clone())?))
    });
    let checked: Vec<(&str, Checked)> = stream::iter(checks).buffered(content.concurrency()).try_collect().await?;
    let mut checked: HashMap<&str, Checked> = checked.into_iter().collect();
    let mut findings = Vec::new();
    let mut platforms = Vec::new();
    for item in items {
        platforms.push(checked.get(item.image.config.digest.as_str()).and_then(|config| config.platform.clone()));
        // A blob of several images is reported for the first of them.
        for blob in item.image.blobs() {
            let problem = checked.get_mut(blob.digest.as_str()).and_then(|checked| checked.problem.take());
            findings.extend(problem.map(|problem| Finding { subject: item.subject.clone(), problem }));
        }
    }
    Ok((findings, platforms))
}

/// Each blob once. Foreign layers are not in registries.
fn wanted(items: &[Item]) -> Vec<Wanted<'_>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for item in items {
        let config = Wanted { what: "config", descriptor: &item.image.config, is_read: item.has_platform };
        let layers = item.image.layers.iter().filter(|layer| !layer.is_foreign());
        let layers = layers.map(|descriptor| Wanted { what: "layer", descriptor, is_read: false });
        for blob in std::iter::once(config).chain(layers) {
            if let Some(&place) = places.get(blob.descriptor.digest.as_str()) {
                wanted[place].is_read |= blob.is_read;
            } else {
                places.insert(&blob.descriptor.digest, wanted.len());
                wanted.push(blob);
            }
        }
    }
    wanted
}

async fn check_one(
    content: &Content,
    beside: &Location,
    blob: &Wanted<'_>,
    memory: &Semaphore,
) -> anyhow::Result<Checked> {
    let found = |problem| Ok(Checked { problem: Some(problem), platform: None });
    let (what, stated) = (blob.what, blob.descriptor.size);
    let defective = |defect| Problem::Blob { what, digest: blob.descriptor.digest.clone(), defect };
    let of_size = |actual| Problem::BlobSize { what, digest: blob.descriptor.digest.clone(), stated, actual };
    let Ok(digest) = Digest::parse(&blob.descriptor.digest) else { return found(defective(Defect::BadDigest)) };
    if !blob.is_read {
        return match content.blob_status(beside, &digest).await? {
            BlobStatus::Missing => found(defective(Defect::Missing)),
            BlobStatus::Present(Some(actual)) if i64::try_from(actual) != Ok(stated) => found(of_size(actual)),
            BlobStatus::Present(_) => match content.check_local_bytes(beside, &digest).await {
                Ok(()) => Ok(Checked { problem: None, platform: None }),
                Err(error) => found(defective(Defect::of(&error).ok_or(error)?)),
            },
        };
    }
    let limit = usize::try_from(stated).unwrap_or_default().clamp(1, CONFIG_LIMIT);
    let _permit = memory.acquire_many(u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let bytes = match content.blob(beside, &digest, limit).await {
        Ok(bytes) => bytes,
        Err(error) => return found(defective(Defect::of(&error).ok_or(error)?)),
    };
    let actual = bytes.len() as u64;
    if i64::try_from(actual) != Ok(stated) {
        return found(of_size(actual));
    }
    match Platform::from_config(&bytes) {
        Ok(platform) if platform.text_len() > MAX_PLATFORM => {
            found(Problem::Config { digest: digest.to_string(), reason: "its platform is too long".to_owned() })
        }
        Ok(platform) => Ok(Checked { problem: None, platform: Some(platform) }),
        Err(error) => found(Problem::Config { digest: digest.to_string(), reason: error.to_string() }),
    }
}
