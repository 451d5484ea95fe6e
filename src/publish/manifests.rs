//! Puts manifests: level by level what is below the roots, and then the roots under their names.

use super::plan::{Plan, PlannedManifest};
use super::referrers::list_referrer;
use super::root::{Node, Referrer, Root};
use super::target::{Target, TargetWriter};
use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::error::WithHint;
use crate::layout::{LayoutEntry, LayoutWriter};
use crate::location::Location;
use crate::output::Phase;
use crate::reference::Reference;
use crate::registry::{MANIFEST_LIMIT, Precondition, RegistryError};
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeMap;
use std::pin::pin;
use thiserror::Error;

/// A likely reason why a registry refuses a list.
const MIXED: &str = "the list mixes docker's and OCI images, which some registries do not take; \
     build all images in one of the two formats";

#[derive(Debug, Error)]
#[error("{target} lacks {digest}, which is {source_name}, and it cannot be put again: {reason}")]
struct ChildUnknown {
    target: String,
    digest: Digest,
    source_name: String,
    reason: String,
}

/// Whether a registry misses something that a root refers to.
pub(super) fn says_child_unknown(error: &anyhow::Error) -> bool {
    let is_refusal = |error: &RegistryError| error.says_child_unknown();
    error.is::<ChildUnknown>() || error.chain().any(|cause| cause.downcast_ref().is_some_and(is_refusal))
}

/// Puts what is below the roots, each level after the one that it refers to. The manifests that refer to no other are
/// printed as docker prints them, if requested. The inner result says whether they could be printed: a broken stdout does
/// not abort a push.
pub(super) async fn put_levels(
    app: &App,
    content: &Content,
    plan: &Plan<'_>,
    targets: &[Target],
    is_announced: bool,
    phase: &Phase,
) -> anyhow::Result<anyhow::Result<()>> {
    let depth = plan.repositories.iter().map(|repository| repository.levels.len()).max().unwrap_or_default();
    let mut printed = Ok(());
    for level in 0..depth {
        let manifests = plan.repositories.iter().zip(targets).flat_map(|(repository, target)| {
            repository.levels.get(level).into_iter().flatten().map(move |manifest| (target, manifest))
        });
        let puts = manifests.map(|(target, manifest)| put_child(content, target, manifest));
        let mut puts = pin!(stream::iter(puts).buffered(content.concurrency()));
        while let Some((location, digest)) = puts.try_next().await? {
            phase.advance();
            if is_announced && level == 0 {
                printed = printed.and_then(|()| app.print(format!("Pushed ref {location} with digest: {digest}\n")));
            }
        }
    }
    Ok(printed)
}

async fn put_child(
    content: &Content,
    target: &Target,
    manifest: &PlannedManifest,
) -> anyhow::Result<(Location, Digest)> {
    let PlannedManifest { digest, media_type, bytes, is_sent } = manifest;
    let location = target.location.sibling(digest.clone());
    if *is_sent {
        put(content, target, &location, digest, media_type, bytes)
            .await
            .with_context(|| format!("failed to put manifest {location}"))?;
    }
    Ok((location, digest.clone()))
}

async fn put(
    content: &Content,
    target: &Target,
    location: &Location,
    digest: &Digest,
    media_type: &str,
    bytes: &Bytes,
) -> anyhow::Result<()> {
    match (&target.writer, location) {
        (TargetWriter::Layout(layout), _) => Ok(layout.put(digest, bytes)?),
        (TargetWriter::Registry(_), Location::Registry(reference)) => {
            content.client.put_manifest(reference, media_type, bytes).await?;
            Ok(())
        }
        (TargetWriter::Registry(_), Location::Layout(_)) => Ok(()),
    }
}

/// Puts the roots that are attached to others, such as signatures.
pub(super) async fn put_attached(
    content: &Content,
    plan: &Plan<'_>,
    targets: &[Target],
    phase: &Phase,
) -> anyhow::Result<()> {
    for target in targets {
        let names = registry_names(plan, target, true);
        put_in_registry(content, target, &names, None, phase).await.into_iter().try_for_each(|(_, result)| result)?;
    }
    Ok(())
}

/// Puts the other roots under all their names. If some fail, a hint lists those that succeeded.
pub(super) async fn put_roots(
    content: &Content,
    plan: &Plan<'_>,
    targets: &[Target],
    expected: Option<&Precondition>,
    phase: &Phase,
) -> anyhow::Result<()> {
    let puts = targets.iter().map(async |target| match &target.writer {
        TargetWriter::Registry(_) => {
            put_in_registry(content, target, &registry_names(plan, target, false), expected, phase).await
        }
        TargetWriter::Layout(layout) => {
            let names: Vec<_> = plan.names().filter(|(_, name)| target.location.is_beside(name)).collect();
            let result = commit(layout, &names).map_err(|error| format!("{error:#}"));
            let names = names.into_iter().map(|(_, name)| name.clone());
            names.map(|name| (name, result.clone().map_err(anyhow::Error::msg))).collect()
        }
    });
    report(join_all(puts).await.into_iter().flatten().collect())
}

/// The roots that have names in a repository: either those that are attached to others, or all other ones.
fn registry_names<'a>(plan: &'a Plan<'_>, target: &Target, is_attached: bool) -> Vec<(&'a Root, &'a Reference)> {
    let names = plan.names().filter(|(root, name)| root.is_attached == is_attached && target.location.is_beside(name));
    let reference = |(root, name): (&'a Root, &'a Location)| match name {
        Location::Registry(reference) => Some((root, reference)),
        Location::Layout(_) => None,
    };
    names.filter_map(reference).collect()
}

/// Puts roots under names in a repository.
async fn put_in_registry(
    content: &Content,
    target: &Target,
    names: &[(&Root, &Reference)],
    expected: Option<&Precondition>,
    phase: &Phase,
) -> Vec<(Location, anyhow::Result<()>)> {
    let puts = names.iter().map(async |(root, reference)| {
        let result = put_root(content, target, root, reference, expected).await;
        phase.advance();
        (Location::Registry((*reference).clone()), result)
    });
    let mut results: Vec<_> = stream::iter(puts).buffered(content.concurrency()).collect().await;
    if results.iter().all(|(_, result)| result.is_ok())
        && let Err(error) = list_referrers(content, names).await
        && let Some((_, result)) = results.last_mut()
    {
        *result = Err(error);
    }
    results
}

/// Lists those of the roots that have a subject, where the registry does not.
async fn list_referrers(content: &Content, names: &[(&Root, &Reference)]) -> anyhow::Result<()> {
    let mut by_subject: BTreeMap<(&str, &str), (&Reference, Vec<&Referrer>)> = BTreeMap::new();
    for (root, reference) in names {
        if let Some(referrer) = &root.referrer {
            let key = (reference.path(), referrer.subject.as_str());
            by_subject.entry(key).or_insert_with(|| (reference, Vec::new())).1.push(referrer);
        }
    }
    let listing = by_subject
        .into_values()
        .map(async |(reference, referrers)| list_referrer(content, reference, &referrers).await);
    stream::iter(listing).buffered(content.concurrency()).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Makes one result of those of all names.
fn report(results: Vec<(Location, anyhow::Result<()>)>) -> anyhow::Result<()> {
    let count = results.len();
    let (mut pushed, mut failed, mut first) = (Vec::new(), Vec::new(), None);
    for (name, result) in results {
        match result {
            Ok(()) => pushed.push(name.to_string()),
            Err(error) => {
                failed.push(name.to_string());
                first = first.or(Some(error));
            }
        }
    }
    match first {
        None => Ok(()),
        Some(error) if count == 1 => Err(error),
        Some(error) => {
            let pushed = if pushed.is_empty() { "none".to_owned() } else { pushed.join(", ") };
            let hint = format!("already pushed: {pushed}; not pushed: {}", failed.join(", "));
            Err(WithHint { error, hint }.into())
        }
    }
}

/// Names roots in the index of a layout, all at once.
fn commit(layout: &LayoutWriter, names: &[(&Root, &Location)]) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    for (root, name) in names {
        let Node { digest, media_type, bytes, .. } = &root.manifest;
        let bytes = bytes.clone().unwrap_or_default();
        layout.put(digest, &bytes)?;
        let tag = name.tag().map(str::to_owned);
        let (media_type, digest, size) = (media_type.clone(), digest.clone(), bytes.len() as u64);
        entries.push(LayoutEntry { tag, media_type, digest, size });
    }
    Ok(layout.commit(&entries)?)
}

async fn put_root(
    content: &Content,
    target: &Target,
    root: &Root,
    name: &Reference,
    expected: Option<&Precondition>,
) -> anyhow::Result<()> {
    let bytes = root.manifest.bytes.clone().unwrap_or_default();
    let expected = expected.filter(|_| name.digest().is_none());
    // Under a name without a tag, docker puts a list by the digest that it has.
    let name = if name.tag().is_some() { name } else { &name.digest_only(root.manifest.digest.clone()) };
    let put = || content.client.put_manifest_if(name, &root.manifest.media_type, &bytes, expected);
    let mut digest = put().await;
    if digest.as_ref().is_err_and(RegistryError::says_child_unknown) && !root.below.is_empty() {
        // A child that the plan took for present has been removed from the registry.
        reput_children(content, target, &root.below).await?;
        digest = put().await;
    }
    let digest = digest.map_err(|error| if root.is_mixed { error.explained(MIXED) } else { error });
    digest.with_context(|| format!("failed to put manifest {name}"))?;
    Ok(())
}

/// Puts everything below a root into its repository again: images first, and then lists.
async fn reput_children(content: &Content, target: &Target, below: &[Node]) -> anyhow::Result<()> {
    let again = below.iter().filter(|node| node.children.is_empty()).map(|node| async move {
        reput_child(content, target, node).await.map_err(|error| ChildUnknown {
            target: target.location.container(),
            digest: node.digest.clone(),
            source_name: node.location.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason: format!("{error:#}"),
        })
    });
    // All are tried, even if one fails.
    let again: Vec<Result<(), ChildUnknown>> = stream::iter(again).buffered(content.concurrency()).collect().await;
    again.into_iter().collect::<Result<(), _>>()?;
    for list in below.iter().filter(|node| !node.children.is_empty()) {
        reput_child(content, target, list).await?;
    }
    Ok(())
}

/// Puts a manifest, fetching it if its bytes are unknown.
async fn reput_child(content: &Content, target: &Target, node: &Node) -> anyhow::Result<()> {
    let bytes = match (&node.bytes, &node.location) {
        (Some(bytes), _) => bytes.clone(),
        (None, Some(location)) => content.manifest(&location.sibling(node.digest.clone()), MANIFEST_LIMIT).await?.bytes,
        (None, None) => Bytes::new(),
    };
    let location = target.location.sibling(node.digest.clone());
    put(content, target, &location, &node.digest, &node.media_type, &bytes).await
}
