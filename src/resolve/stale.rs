//! Whether the tags that a list was made from still mean the same images.

use crate::digest::Digest;
use crate::manifest::ListEntry;
use crate::output::Console;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError};
use crate::warning::{self, Warning};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// How long the check may go on after the push has finished: it only leads to a warning.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// The tags that the images came from, each with the digest that it had.
fn tags(images: &[ListEntry]) -> BTreeMap<Reference, String> {
    let tag = |image: &ListEntry| {
        let name = Reference::parse_canonical(&image.source()).ok()?;
        name.digest().is_none().then(|| (name, image.source_digest().to_owned()))
    };
    images.iter().filter_map(tag).collect()
}

/// A tag may also mean the list that is pushed, which may have the name of one of its sources.
fn compare(tag: &Reference, old: String, now: Option<Digest>, list: &Digest) -> Option<Warning> {
    let source_name = tag.to_string();
    match now {
        Some(now) if now.as_str() == old || now == *list => None,
        Some(now) => Some(Warning::Moved { source_name, old, new: now.to_string() }),
        None => Some(Warning::Gone { source_name, old }),
    }
}

/// Fails unless every tag still means what it meant.
pub async fn verify(client: &Client, images: &[ListEntry], list: &Digest) -> anyhow::Result<()> {
    let tags = tags(images);
    let answers = stream::iter(tags.keys().map(|tag| client.digest(tag))).buffered(client.concurrency());
    let answers: Vec<Result<Option<Digest>, RegistryError>> = answers.collect().await;
    let mut warnings = Vec::new();
    for ((tag, old), now) in tags.into_iter().zip(answers) {
        warnings.extend(compare(&tag, old, now?, list));
    }
    warning::deny(warnings, "`mfst create --amend LIST IMAGE` takes what the tag means now")
}

/// Warns of tags that have moved. Requests that fail are ignored.
pub async fn warn_if_moved(console: &Console, client: &Client, images: &[ListEntry], list: &Digest) {
    let check = |(tag, old): (Reference, String)| async move {
        let now = client.digest(&tag).await.ok()?;
        compare(&tag, old, now, list)
    };
    let mut answers = pin!(stream::iter(tags(images).into_iter().map(check)).buffer_unordered(client.concurrency()));
    while let Some(answer) = answers.next().await {
        if let Some(warning) = answer {
            console.warn(warning);
        }
    }
}

/// Runs the check beside the work. It may go on a little longer than the work, and ends with it if the work fails.
pub async fn run_alongside<T, E>(
    check: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match select(pin!(check), pin!(work)).await {
        Either::Left(((), work)) => work.await,
        Either::Right((done, check)) => {
            if done.is_ok() {
                let _ = tokio::time::timeout(GRACE_PERIOD, check).await;
            }
            done
        }
    }
}
