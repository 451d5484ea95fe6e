//! The tree of referrers of a manifest.

use super::object::ReferrerTree;
use crate::content::{Content, Referrer};
use crate::digest::Digest;
use crate::location::Location;
use futures_util::future::{LocalBoxFuture, try_join_all};
use std::cell::Cell;
use thiserror::Error;

/// The number of levels of referrers that are fetched: an SBOM, its signature, and one more.
const MAX_DEPTH: usize = 3;
/// The maximum number of referrers in the tree.
const MAX_REFERRERS: usize = 500;

#[derive(Debug, Error)]
#[error("it has more than {MAX_REFERRERS} referrers")]
struct TooManyReferrers;

/// The referrers of the manifest with this digest, with their own referrers.
pub(super) async fn tree(content: &Content, beside: &Location, digest: &Digest) -> anyhow::Result<Vec<ReferrerTree>> {
    level(content, beside, digest.clone(), MAX_DEPTH, &Cell::new(0)).await
}

fn level<'a>(
    content: &'a Content,
    beside: &'a Location,
    digest: Digest,
    depth: usize,
    count: &'a Cell<usize>,
) -> LocalBoxFuture<'a, anyhow::Result<Vec<ReferrerTree>>> {
    Box::pin(async move {
        let found = content.referrers(beside, &digest).await?;
        count.set(count.get() + found.len());
        if count.get() > MAX_REFERRERS {
            return Err(TooManyReferrers.into());
        }
        let nodes = found.into_iter().map(|Referrer { descriptor, tag }| async move {
            let own = Digest::parse(&descriptor.digest).ok().filter(|_| depth > 1 && tag.is_none());
            let referrers = match own {
                Some(own) => level(content, beside, own, depth - 1, count).await?,
                None => Vec::new(),
            };
            let (digest, artifact_type) = (descriptor.digest, descriptor.artifact_type);
            anyhow::Ok(ReferrerTree { digest, artifact_type, tag, annotations: descriptor.annotations, referrers })
        });
        try_join_all(nodes).await
    })
}
