//! Whether the tags that a list was made from still mean the same images.

use crate::app::App;
use crate::commands::doubt::{self, Doubt};
use crate::digest::Digest;
use crate::manifest::ImageManifest;
use crate::reference::Reference;
use crate::registry::{Registry, RegistryError};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// How much longer than the push itself looking after tags may take: it only makes for a warning.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tags that the images came from, each with the digest it had.
fn tags(images: &[ImageManifest]) -> BTreeMap<Reference, String> {
    let tag = |image: &ImageManifest| {
        let name = Reference::parse(&image.source()).ok()?;
        name.digest().is_none().then(|| (name, image.source_digest().to_owned()))
    };
    images.iter().filter_map(tag).collect()
}

/// A tag may also mean the list that is pushed: a list may be named as one of its sources was.
fn judge(tag: &Reference, old: String, now: Option<Digest>, list: &Digest) -> Option<Doubt> {
    let source_name = tag.to_string();
    match now {
        Some(now) if now.as_str() == old || now == *list => None,
        Some(now) => Some(Doubt::Moved { source_name, old, new: now.to_string() }),
        None => Some(Doubt::Gone { source_name, old }),
    }
}

/// Ends with an error unless every tag is where it was.
pub(super) async fn verify(registry: &Registry, images: &[ImageManifest], list: &Digest) -> anyhow::Result<()> {
    let tags = tags(images);
    let answers = stream::iter(tags.keys().map(|tag| registry.digest(tag))).buffered(registry.in_hand());
    let answers: Vec<Result<Option<Digest>, RegistryError>> = answers.collect().await;
    let mut doubts = Vec::new();
    for ((tag, old), now) in tags.into_iter().zip(answers) {
        doubts.extend(judge(&tag, old, now?, list));
    }
    doubt::refuse(doubts, "`mfst create --amend LIST IMAGE` takes what the tag means now")
}

/// Warns of tags that have moved. What cannot be found out is no reason to stop.
pub(super) async fn watch(app: &App, registry: &Registry, images: &[ImageManifest], list: &Digest) {
    let look = |(tag, old): (Reference, String)| async move {
        let now = registry.digest(&tag).await.ok()?;
        judge(&tag, old, now, list)
    };
    let mut answers = pin!(stream::iter(tags(images).into_iter().map(look)).buffer_unordered(registry.in_hand()));
    while let Some(answer) = answers.next().await {
        if let Some(doubt) = answer {
            app.log.warn(doubt);
        }
    }
}

/// Does the work, and lets the watch go on beside it and a little longer; after a failure not even that.
pub(super) async fn beside<T, E>(
    watch: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match select(pin!(watch), pin!(work)).await {
        Either::Left(((), work)) => work.await,
        Either::Right((done, watch)) => {
            if done.is_ok() {
                let _ = tokio::time::timeout(PATIENCE, watch).await;
            }
            done
        }
    }
}
