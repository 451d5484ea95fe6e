//! What tags mean before a push moves them: for `--expect`, and for the metadata file.
//!
//! Registries offer no transaction: between the check and the put, somebody else may move the tag. The condition is sent
//! with the put too, as `If-Match` or `If-None-Match` (RFC 9110, 13.1), for registries that heed it.

use crate::digest::Digest;
use crate::reference::Reference;
use crate::registry::{Client, Precondition, RegistryError};
use futures_util::future::try_join_all;
use thiserror::Error;

/// A tag that does not mean what `--expect` says.
#[derive(Debug, Error)]
pub(super) enum UnexpectedTag {
    #[error("{tag} means {found}, and {expected} is expected; nothing has been moved")]
    Other { tag: Reference, found: Digest, expected: Digest },
    #[error("{tag} does not exist, and {expected} is expected; nothing has been moved")]
    Missing { tag: Reference, expected: Digest },
    #[error("{tag} exists already, as {found}; nothing has been moved")]
    Exists { tag: Reference, found: Digest },
}

/// The tags of a push, each with the digest it had before.
pub(super) type PreviousTags = Vec<(Reference, Option<Digest>)>;

/// Asks what the tags among these references mean.
pub(super) async fn previous(client: &Client, targets: &[Reference]) -> Result<PreviousTags, RegistryError> {
    let tags = targets.iter().filter(|target| target.digest().is_none());
    try_join_all(tags.map(|tag| async move { Ok((tag.clone(), client.digest(tag).await?)) })).await
}

/// Whether all tags mean what is expected. One that means the new list already has been moved by an earlier attempt.
pub(super) fn check(expected: &Precondition, tags: &PreviousTags, new: &Digest) -> Result<(), UnexpectedTag> {
    for (tag, found) in tags {
        let tag = tag.clone();
        match (expected, found) {
            (_, Some(found)) if found == new => {}
            (Precondition::Absent, None) => {}
            (Precondition::Digest(expected), Some(found)) if found == expected => {}
            (Precondition::Absent, Some(found)) => return Err(UnexpectedTag::Exists { tag, found: found.clone() }),
            (Precondition::Digest(expected), Some(found)) => {
                return Err(UnexpectedTag::Other { tag, found: found.clone(), expected: expected.clone() });
            }
            (Precondition::Digest(expected), None) => {
                return Err(UnexpectedTag::Missing { tag, expected: expected.clone() });
            }
        }
    }
    Ok(())
}
