//! Whether the tags that a list was made from still mean the same images.

use crate::digest::Digest;
use crate::manifest::ListEntry;
use crate::output::Console;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError};
use crate::warning::{self, Warning};
use futures_util::future::{Either, select};
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// How long the check may go on after the push has finished: it only leads to a warning.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

/// A list that is pushed.
#[derive(Debug, Clone, Copy)]
pub struct Pushed<'a> {
    /// Its name in the store.
    pub name: &'a Reference,
    /// The digest that it is pushed with.
    pub digest: &'a Digest,
    /// What is in it.
    pub entries: &'a [ListEntry],
}

/// The tags that the images came from, each with the digest that it had.
fn tags(images: &[ListEntry]) -> BTreeMap<Reference, String> {
    let tag = |image: &ListEntry| {
        let name = Reference::parse_canonical(&image.source()).ok()?;
        name.digest().is_none().then(|| (name, image.source_digest().to_owned()))
    };
    images.iter().filter_map(tag).collect()
}

/// A tag may also mean the list that is pushed, which may have the name of one of its sources.
fn compare(list: &Pushed<'_>, tag: &Reference, old: String, now: Option<Digest>) -> Option<Warning> {
    let source_name = tag.to_string();
    match now {
        Some(now) if now.as_str() == old || now == *list.digest => None,
        Some(now) => Some(Warning::Moved { list: list.name.clone(), source_name, old, new: now.to_string() }),
        None => Some(Warning::Gone { source_name, old }),
    }
}

/// What the tags that the images came from mean now; none where a registry has no such tag.
pub async fn current_digests(
    client: &Client,
    images: &[ListEntry],
) -> Result<BTreeMap<Reference, Option<Digest>>, RegistryError> {
    let tags = tags(images).into_keys();
    let look_up = |tag: Reference| async move { Ok((tag.clone(), client.digest(&tag).await?)) };
    stream::iter(tags.map(look_up)).buffer_unordered(client.concurrency()).try_collect().await
}

/// Fails unless every tag still means what it meant.
pub async fn verify(client: &Client, list: &Pushed<'_>) -> anyhow::Result<()> {
    let tags = tags(list.entries);
    let answers = stream::iter(tags.keys().map(|tag| client.digest(tag))).buffered(client.concurrency());
    let answers: Vec<Result<Option<Digest>, RegistryError>> = answers.collect().await;
    let mut warnings = Vec::new();
    for ((tag, old), now) in tags.into_iter().zip(answers) {
        warnings.extend(compare(list, &tag, old, now?));
    }
    warning::deny(warnings)
}

/// Warns of tags that have moved. Requests that fail are ignored.
pub async fn warn_if_moved(console: &Console, client: &Client, list: &Pushed<'_>) {
    let check = |(tag, old): (Reference, String)| async move {
        let now = client.digest(&tag).await.ok()?;
        compare(list, &tag, old, now)
    };
    let mut answers =
        pin!(stream::iter(tags(list.entries).into_iter().map(check)).buffer_unordered(client.concurrency()));
    while let Some(answer) = answers.next().await {
        if let Some(warning) = answer {
            warning::print(console, &warning);
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
