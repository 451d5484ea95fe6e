//! Which of the planned manifests the registries have already.

use super::plan::{Plan, RepositoryPlan};
use super::root::Root;
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;

/// Asks for every planned manifest, and plans the same without those that are present; none if nothing is. A repository
/// that has a manifest has its blobs, too; neither is sent again. Where a registry gives no clear answer, everything is
/// sent.
pub(super) async fn without_present<'a>(content: &Content, plan: &Plan<'a>) -> anyhow::Result<Option<Plan<'a>>> {
    let asked = plan.repositories.iter().enumerate().flat_map(|(position, repository)| {
        let wanted = wanted(plan.roots, repository).into_iter();
        wanted.map(move |digest| (position, repository.target.sibling(digest.clone()), digest))
    });
    let answers = asked.map(async |(position, location, digest)| match &location {
        Location::Registry(reference) => {
            let answer = content.is_in_target(reference).await;
            let is_present = answer.with_context(|| format!("failed to look for manifest {location}"))?;
            anyhow::Ok(is_present.then(|| (position, digest.clone())))
        }
        Location::Layout(_) => Ok(None),
    });
    let answers: Vec<_> = stream::iter(answers).buffer_unordered(content.concurrency()).try_collect().await?;
    let mut present = vec![HashSet::new(); plan.repositories.len()];
    for (position, digest) in answers.into_iter().flatten() {
        present[position].insert(digest);
    }
    let is_any_present = present.iter().any(|digests| !digests.is_empty());
    Ok(is_any_present.then(|| Plan::without(plan.roots, &present)))
}

/// The manifests that would be sent, and the images at the top whose blobs would be.
fn wanted<'a>(roots: &'a [Root], repository: &'a RepositoryPlan) -> HashSet<&'a Digest> {
    let below = repository.levels.iter().flatten().filter(|manifest| manifest.is_sent).map(|manifest| &manifest.digest);
    let roots = roots.iter().filter(|root| {
        let is_here = root.names.iter().any(|name| name.is_beside(&repository.target));
        is_here && !root.manifest.blobs.is_empty() && !root.manifest.is_in(&repository.target)
    });
    below.chain(roots.map(|root| &root.manifest.digest)).collect()
}
