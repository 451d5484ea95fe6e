//! Fetches manifests of any media type with everything below them.

use super::root::{Blob, Node, Referrer, Root};
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{Descriptor, Links};
use crate::registry::{FetchedManifest, MANIFEST_LIMIT};
use crate::resolve::{MAX_DEPTH, ReadLimits, ResolveError, size_limit};
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{HashMap, HashSet};

/// A manifest and what it refers to.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The manifest.
    pub manifest: FetchedManifest,
    /// What it refers to.
    pub links: Links,
}

/// Fetches manifests, within the limits of the run.
pub struct Collector<'a> {
    pub(super) content: &'a Content,
    limits: ReadLimits,
}

impl<'a> Collector<'a> {
    /// A collector that has fetched nothing.
    #[must_use]
    pub fn new(content: &'a Content) -> Self {
        Self { content, limits: ReadLimits::default() }
    }

    /// The manifest at a location.
    pub async fn fetch(&self, location: &Location) -> anyhow::Result<Fetched> {
        self.fetch_within(location, MANIFEST_LIMIT).await
    }

    async fn fetch_within(&self, location: &Location, limit: usize) -> anyhow::Result<Fetched> {
        let manifest = self.content.manifest(location, limit).await?;
        let links = Links::parse(&manifest.bytes).with_context(|| format!("{location} is not a manifest"))?;
        let descriptors = links.blobs.len() + links.manifests.len();
        self.limits.add_entries(links.manifests.len(), &location.to_string())?;
        // Text is kept twice, as it was sent and parsed.
        self.limits.add_manifest(2 * manifest.bytes.len(), descriptors, &location.to_string())?;
        Ok(Fetched { manifest, links })
    }

    /// A fetched manifest as something to be put under these names, with everything below it. If all names are where it
    /// is already, what is below it is there too, and is not fetched.
    pub async fn root(&self, location: &Location, fetched: &Fetched, names: Vec<Location>) -> anyhow::Result<Root> {
        let manifest = node(location, fetched, None)?;
        let is_there = names.iter().all(|name| manifest.is_in(name));
        let below = if is_there { Vec::new() } else { self.below(location, &fetched.links).await? };
        let referrer = Referrer::new(&fetched.manifest, &fetched.links);
        Ok(Root { manifest, names, below, is_mixed: false, is_attached: false, referrer })
    }

    /// Everything below a manifest at a location, each after those that it refers to.
    pub async fn below(&self, location: &Location, links: &Links) -> anyhow::Result<Vec<Node>> {
        let mut fetched: HashMap<String, Fetched> = HashMap::new();
        let mut level: Vec<Descriptor> = links.manifests.clone();
        for _ in 0..=MAX_DEPTH {
            let mut distinct = HashSet::new();
            level.retain(|entry| !fetched.contains_key(&entry.digest) && distinct.insert(entry.digest.clone()));
            if level.is_empty() {
                let mut nodes = Vec::new();
                arrange(location, &links.manifests, &fetched, &mut HashSet::new(), &mut nodes)?;
                return Ok(nodes);
            }
            let children = level.iter().map(|entry| async {
                let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {location}"))?;
                let child = self.fetch_within(&location.sibling(digest), size_limit(entry)).await?;
                anyhow::Ok((entry.digest.clone(), child))
            });
            let found: Vec<_> = stream::iter(children).buffered(self.content.concurrency()).try_collect().await?;
            level = found.iter().flat_map(|(_, child)| child.links.manifests.iter().cloned()).collect();
            fetched.extend(found);
        }
        Err(ResolveError::TooDeep(location.to_string()).into())
    }
}

/// Puts manifests into the order of the lists, each once and after those that it refers to.
fn arrange(
    location: &Location,
    entries: &[Descriptor],
    fetched: &HashMap<String, Fetched>,
    visited: &mut HashSet<String>,
    nodes: &mut Vec<Node>,
) -> anyhow::Result<()> {
    for entry in entries {
        if let Some(child) = fetched.get(&entry.digest).filter(|_| visited.insert(entry.digest.clone())) {
            arrange(location, &child.links.manifests, fetched, visited, nodes)?;
            nodes.push(node(location, child, Some(entry))?);
        }
    }
    Ok(())
}

/// A fetched manifest; `entry` is what a list says about it.
pub(super) fn node(location: &Location, fetched: &Fetched, entry: Option<&Descriptor>) -> anyhow::Result<Node> {
    let Fetched { manifest, links } = fetched;
    let media_type = manifest.content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let blobs = links.blobs.iter().map(|blob| Blob::new(blob, false)).collect::<Result<Vec<_>, _>>();
    // A root keeps the name that it was asked for by.
    let location = if entry.is_some() { location.sibling(manifest.digest.clone()) } else { location.clone() };
    let children = links.manifests.iter().filter_map(|entry| Digest::parse(&entry.digest).ok());
    Ok(Node {
        digest: manifest.digest.clone(),
        media_type,
        bytes: Some(manifest.bytes.clone()),
        blobs: blobs.with_context(|| format!("{}, at {location}", manifest.digest))?,
        location: Some(location),
        children: children.collect(),
        platform: entry.and_then(|entry| entry.platform.clone()),
    })
}
