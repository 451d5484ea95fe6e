//! What tags mean before they are moved: for `--expect`, and for the metadata file.
//!
//! Registries have no transactions: somebody else may move a tag between the check and the PUT. The PUT states the
//! condition too (`If-Match`, `If-None-Match`), for registries that check it.

use super::PushOptions;
use super::plan::Plan;
use crate::content::Content;
use crate::digest::Digest;
use crate::layout;
use crate::location::Location;
use crate::registry::Precondition;
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;

/// A tag that does not mean what `--expect` says.
#[derive(Debug, Error)]
enum UnexpectedTag {
    #[error("{tag} means {found}, not {expected} as expected; no tag has been moved")]
    Other { tag: Location, found: Digest, expected: Digest },
    #[error("{tag} does not exist, but {expected} was expected; no tag has been moved")]
    Missing { tag: Location, expected: Digest },
    #[error("{tag} exists, as {found}, but was expected not to; no tag has been moved")]
    Exists { tag: Location, found: Digest },
}

/// The names of a push without a digest, each with the digest that it had before.
pub(super) type PreviousTags = Vec<(Location, Option<Digest>)>;

/// Looks up what the names of a plan mean, if that is needed, and checks that it is what is expected.
pub(super) async fn check(content: &Content, plan: &Plan<'_>, options: &PushOptions) -> anyhow::Result<PreviousTags> {
    if options.expect.is_none() && options.metadata_file.is_none() {
        return Ok(PreviousTags::new());
    }
    let names = plan.names().filter(|(root, name)| !root.is_attached && name.digest().is_none());
    let lookups = names.map(async |(root, name)| {
        let found = current(content, name).await.with_context(|| format!("failed to look up {name}"))?;
        anyhow::Ok((name.clone(), found, &root.manifest.digest))
    });
    let tags: Vec<_> = stream::iter(lookups).buffered(content.concurrency()).try_collect().await?;
    if let Some(expected) = &options.expect {
        tags.iter().try_for_each(|(tag, found, new)| check_tag(expected, tag, found.as_ref(), new))?;
    }
    Ok(tags.into_iter().map(|(tag, found, _)| (tag, found)).collect())
}

/// Checks one tag. A tag that already means the new manifest was moved by an earlier attempt.
fn check_tag(
    expected: &Precondition,
    tag: &Location,
    found: Option<&Digest>,
    new: &Digest,
) -> Result<(), UnexpectedTag> {
    let tag = tag.clone();
    match (expected, found.cloned()) {
        (_, Some(found)) if found == *new => Ok(()),
        (Precondition::Absent, None) => Ok(()),
        (Precondition::Digest(expected), Some(found)) if found == *expected => Ok(()),
        (Precondition::Absent, Some(found)) => Err(UnexpectedTag::Exists { tag, found }),
        (Precondition::Digest(expected), Some(found)) => {
            Err(UnexpectedTag::Other { tag, found, expected: expected.clone() })
        }
        (Precondition::Digest(expected), None) => Err(UnexpectedTag::Missing { tag, expected: expected.clone() }),
    }
}

/// What a name means now.
pub(super) async fn current(content: &Content, name: &Location) -> anyhow::Result<Option<Digest>> {
    if is_new(name) || (name.tag().is_none() && name.digest().is_none()) {
        return Ok(None);
    }
    content.digest(name).await
}

/// Whether a target is a layout that does not exist yet.
pub(super) fn is_new(target: &Location) -> bool {
    match target {
        Location::Registry(_) => false,
        Location::Layout(layout) => !layout::exists(&layout.path),
    }
}
