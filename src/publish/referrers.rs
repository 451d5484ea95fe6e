//! What refers to manifests: signatures, SBOMs, attestations. Finds it at a source, and lists it at a registry that does
//! not do so itself.

use super::collect::Collector;
use super::root::{Referrer, Root};
use crate::content::Content;
use crate::digest::Digest;
use crate::json::marshal;
use crate::location::Location;
use crate::manifest::{Descriptor, OCI_INDEX};
use crate::reference::Reference;
use crate::registry::digest_tag;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use std::collections::HashSet;

impl Collector<'_> {
    /// Roots for everything that refers to a root at this location, to what is below it, and to what refers to those:
    /// by `subject`, or by cosign's tags.
    pub async fn referrers(&self, location: &Location, root: &Root) -> anyhow::Result<Vec<Root>> {
        let mut known: HashSet<String> = HashSet::new();
        let mut subjects: Vec<Digest> = vec![root.manifest.digest.clone()];
        subjects.extend(root.below.iter().map(|node| node.digest.clone()));
        let mut found = Vec::new();
        while !subjects.is_empty() {
            let asked = subjects.iter().map(|digest| self.content.referrers(location, digest));
            let answers: Vec<_> = stream::iter(asked).buffered(self.content.concurrency()).try_collect().await?;
            let new = answers.into_iter().flatten();
            let new: Vec<_> =
                new.filter(|it| known.insert(it.tag.clone().unwrap_or_else(|| it.descriptor.digest.clone()))).collect();
            let fetched = new.iter().map(|it| self.attached(location, it, &root.names));
            let fetched: Vec<Root> = stream::iter(fetched).buffered(self.content.concurrency()).try_collect().await?;
            subjects = fetched.iter().map(|root| root.manifest.digest.clone()).collect();
            found.extend(fetched);
        }
        Ok(found)
    }

    /// A referrer as a root beside each of the names: under its tag, or by its digest.
    async fn attached(
        &self,
        location: &Location,
        referrer: &crate::content::Referrer,
        names: &[Location],
    ) -> anyhow::Result<Root> {
        let digest = Digest::parse(&referrer.descriptor.digest)?;
        let fetched = self.fetch(&location.sibling(digest.clone())).await?;
        let mut places: Vec<Location> = Vec::new();
        for name in names {
            if !places.iter().any(|place| place.is_beside(name)) {
                let beside = |tag: &String| name.tagged(tag);
                places.push(referrer.tag.as_ref().map_or_else(|| name.sibling(digest.clone()), beside));
            }
        }
        let root = self.root(location, &fetched, places).await?;
        Ok(Root { is_attached: true, ..root })
    }
}

/// The list of referrers under a fallback tag (distribution-spec, "Referrers Tag Schema").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersIndex<'a> {
    schema_version: u8,
    media_type: &'a str,
    manifests: &'a [Descriptor],
}

/// Lists a referrer under the fallback tag of its subject, unless the registry lists it itself (distribution-spec,
/// "Pushing Manifests with Subject").
pub(super) async fn list_referrer(content: &Content, repository: &Reference, new: &[&Referrer]) -> anyhow::Result<()> {
    let Some(subject) = new.first().map(|referrer| &referrer.subject) else { return Ok(()) };
    let listed = content.client.referrers(repository, subject).await?;
    let is_listed = |it: &Referrer| listed.manifests.iter().any(|known| known.digest == it.descriptor.digest);
    let missing: Vec<Descriptor> =
        new.iter().filter(|it| !is_listed(it)).map(|referrer| referrer.descriptor.clone()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let manifests = [listed.manifests, missing].concat();
    let index = marshal(&ReferrersIndex { schema_version: 2, media_type: OCI_INDEX, manifests: &manifests });
    let tag = repository.tagged(&digest_tag(subject));
    content.client.put_manifest(&tag, OCI_INDEX, &index.into()).await?;
    Ok(())
}
