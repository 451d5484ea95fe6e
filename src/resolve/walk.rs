//! Goes through lists, and lists in lists.

use super::ResolveError;
use super::limits::{ReadLimits, SharedMemory};
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{DOCKER_LIST, Descriptor, ImageIndex, Manifest, OCI_INDEX, RawManifest, parse};
use crate::registry::{FetchedManifest, MANIFEST_LIMIT};
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use tokio::sync::OnceCell;

/// How many levels of lists there may be.
pub const MAX_DEPTH: usize = 8;

/// A manifest that has been fetched, and what it says.
#[derive(Debug)]
pub struct Document {
    /// The bytes and their digest.
    pub fetched: FetchedManifest,
    /// What they say.
    pub manifest: Manifest,
}

impl Document {
    /// The bytes with their media type.
    #[must_use]
    pub fn raw(&self) -> RawManifest {
        let media_type = self.fetched.content_type.split(';').next().unwrap_or_default().trim().to_owned();
        RawManifest { media_type, bytes: self.fetched.bytes.clone() }
    }
}

/// A manifest that a list refers to and that is not a list itself.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// What the list says about it.
    pub(super) entry: Descriptor,
    pub(super) document: Rc<Document>,
}

/// A list with everything in it.
pub(super) struct Tree {
    /// In the order of the list; those of a list in the list stand in its place.
    pub(super) leaves: Vec<Leaf>,
    /// The lists in the list, each before those that refer to it.
    pub(super) nested: Vec<RawManifest>,
}

type Cached = Rc<OnceCell<Rc<Document>>>;

/// Fetches manifests, each once, within the limits of the run.
pub struct Walker<'a> {
    pub(super) content: &'a Content,
    limits: ReadLimits,
    documents: RefCell<HashMap<Location, Cached>>,
}

impl<'a> Walker<'a> {
    /// A walker that has read nothing yet.
    #[must_use]
    pub fn new(content: &'a Content) -> Self {
        Self { content, limits: ReadLimits::default(), documents: RefCell::default() }
    }

    /// A walker that shares memory with others. What it has read counts until it is dropped.
    #[must_use]
    pub fn sharing(content: &'a Content, memory: SharedMemory) -> Self {
        Self { limits: ReadLimits::sharing(memory), ..Self::new(content) }
    }

    /// Where manifests are read.
    #[must_use]
    pub fn content(&self) -> &'a Content {
        self.content
    }

    /// The manifest at a location.
    pub async fn root(&self, location: &Location) -> anyhow::Result<Rc<Document>> {
        let cell = Rc::clone(self.documents.borrow_mut().entry(location.clone()).or_default());
        let document = cell.get_or_try_init(|| async {
            let fetched = self.content.manifest(location, MANIFEST_LIMIT).await?;
            let document = Document { manifest: parse(&fetched.content_type, &fetched.bytes)?, fetched };
            anyhow::Ok(Rc::new(document))
        });
        let document = Rc::clone(document.await?);
        self.count(&document, location)?;
        Ok(document)
    }

    /// The manifest that an entry of a list points at.
    pub async fn child(&self, list: &Location, entry: &Descriptor) -> anyhow::Result<Rc<Document>> {
        let digest = Digest::parse(&entry.digest).with_context(|| format!("an entry of {list}"))?;
        let location = list.sibling(digest);
        let cell = Rc::clone(self.documents.borrow_mut().entry(location.clone()).or_default());
        let document = cell.get_or_try_init(|| async {
            let fetched = self.content.manifest(&location, size_limit(entry)).await?;
            let manifest = parse(&fetched.content_type, &fetched.bytes);
            let manifest = manifest.with_context(|| format!("{}, an entry of {list}", entry.digest))?;
            anyhow::Ok(Rc::new(Document { fetched, manifest }))
        });
        let document = Rc::clone(document.await?);
        // Every use counts: what is read once may be written many times. What is too much is not kept.
        self.count(&document, list).inspect_err(|_| drop(self.documents.borrow_mut().remove(&location)))?;
        Ok(document)
    }

    /// Counts entries of a list towards the limits of the run.
    pub fn count_entries(&self, index: &ImageIndex, list: &Location) -> Result<(), ResolveError> {
        self.limits.add_entries(index.manifests.len(), &list.to_string())
    }

    fn count(&self, document: &Document, list: &Location) -> Result<(), ResolveError> {
        let descriptors = match &document.manifest {
            Manifest::Image(image) => image.layers.len() + 1,
            Manifest::Index(index) => index.manifests.len(),
        };
        // Text is kept twice, as it was sent and parsed.
        self.limits.add_manifest(2 * document.fetched.bytes.len(), descriptors, &list.to_string())
    }

    /// Everything in a list, fetched level by level. `prefilter` leaves out entries before they are fetched.
    pub(super) async fn tree(
        &self,
        list: &Location,
        index: &ImageIndex,
        mut prefilter: impl FnMut(Vec<Descriptor>) -> Vec<Descriptor>,
    ) -> anyhow::Result<Tree> {
        self.count_entries(index, list)?;
        let top = prefilter(index.manifests.clone());
        let mut lists: HashMap<String, Vec<Descriptor>> = HashMap::new();
        let mut documents: HashMap<String, Rc<Document>> = HashMap::new();
        let mut level: Vec<Descriptor> = top.clone();
        for _ in 0..MAX_DEPTH {
            let fetched = self.children(list, &level).await?;
            level.clear();
            for (digest, document) in fetched {
                if let Manifest::Index(index) = &document.manifest
                    && !lists.contains_key(&digest)
                {
                    self.count_entries(index, list)?;
                    let entries = prefilter(index.manifests.clone());
                    level.extend(entries.iter().cloned());
                    lists.insert(digest.clone(), entries);
                }
                documents.insert(digest, document);
            }
            if level.is_empty() {
                let mut tree = Tree { leaves: Vec::new(), nested: Vec::new() };
                collect(&top, &lists, &documents, &mut HashSet::new(), &mut tree);
                return Ok(tree);
            }
        }
        Err(ResolveError::TooDeep(list.to_string()).into())
    }

    /// The manifests of these entries, each digest once, in the order of the entries.
    async fn children(&self, list: &Location, entries: &[Descriptor]) -> anyhow::Result<Vec<(String, Rc<Document>)>> {
        let mut asked = HashSet::new();
        let distinct = entries.iter().filter(|entry| asked.insert(&entry.digest));
        let fetches = distinct.map(|entry| async move {
            let document = self.child(list, entry).await?;
            anyhow::Ok((entry.digest.clone(), document))
        });
        stream::iter(fetches).buffered(self.content.concurrency()).try_collect().await
    }
}

/// Whether an entry says that it is a list.
#[must_use]
pub fn is_list(entry: &Descriptor) -> bool {
    [DOCKER_LIST, OCI_INDEX].contains(&entry.media_type.as_str())
}

/// Puts what has been fetched into the order of the lists.
fn collect(
    entries: &[Descriptor],
    lists: &HashMap<String, Vec<Descriptor>>,
    documents: &HashMap<String, Rc<Document>>,
    visited: &mut HashSet<String>,
    tree: &mut Tree,
) {
    for entry in entries {
        let Some(document) = documents.get(&entry.digest) else { continue };
        match lists.get(&entry.digest) {
            None => tree.leaves.push(Leaf { entry: entry.clone(), document: Rc::clone(document) }),
            // A list that stands in several places is taken in the first.
            Some(inner) if visited.insert(entry.digest.clone()) => {
                collect(inner, lists, documents, visited, tree);
                tree.nested.push(document.raw());
            }
            Some(_) => {}
        }
    }
}

/// The largest manifest that is accepted for an entry, in bytes: the size that the entry states.
#[must_use]
pub fn size_limit(entry: &Descriptor) -> usize {
    usize::try_from(entry.size).ok().filter(|size| (1..MANIFEST_LIMIT).contains(size)).unwrap_or(MANIFEST_LIMIT)
}
