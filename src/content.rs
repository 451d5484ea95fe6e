//! Reads manifests, configs, tags and referrers wherever they are.

mod targets;

use crate::digest::Digest;
use crate::layout::{Layout, LayoutError};
use crate::location::{LayoutName, LayoutPath, Location};
use crate::manifest::Descriptor;
use crate::registry::{BlobStatus, CONFIG_LIMIT, Client, FetchedManifest, MANIFEST_LIMIT, cosign_tag_names};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use targets::Targets;

/// Registries and layouts behind one interface.
pub struct Content {
    /// For what only registries have.
    pub client: Client,
    /// The layouts that have been opened: an archive is searched only once.
    layouts: RefCell<HashMap<LayoutPath, Rc<Layout>>>,
    targets: Targets,
}

/// A manifest that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest. What its registry does not say of it is empty.
    pub descriptor: Descriptor,
    /// Its tag, if that is what connects it with the other manifest (cosign's tags).
    pub tag: Option<String>,
}

impl Content {
    /// Reads registries with this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, layouts: RefCell::default(), targets: Targets::default() }
    }

    /// How many operations to run concurrently.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.client.concurrency()
    }

    /// The layout at a path.
    pub fn layout(&self, path: &LayoutPath) -> Result<Rc<Layout>, LayoutError> {
        if let Some(layout) = self.layouts.borrow().get(path) {
            return Ok(Rc::clone(layout));
        }
        let layout = Rc::new(Layout::open(path)?);
        self.layouts.borrow_mut().insert(path.clone(), Rc::clone(&layout));
        Ok(layout)
    }

    /// The manifest at a location, which must not be larger than `limit` bytes. If its digest is known, the repositories
    /// that are written to are asked for it meanwhile.
    pub async fn manifest(&self, location: &Location, limit: usize) -> anyhow::Result<FetchedManifest> {
        match location {
            Location::Registry(reference) => {
                let fetching = self.client.manifest_within(reference, limit);
                Ok(match reference.digest() {
                    Some(digest) => self.asking_targets(location, digest, Box::pin(fetching)).await?,
                    None => fetching.await?,
                })
            }
            Location::Layout(layout) => Ok(self.layout(&layout.path)?.manifest(&layout.name, limit)?),
        }
    }

    /// The digest of the manifest at a location; none if there is no such manifest.
    pub async fn digest(&self, location: &Location) -> anyhow::Result<Option<Digest>> {
        match location {
            Location::Registry(reference) => Ok(self.client.confirmed_digest(reference).await?),
            Location::Layout(layout) => {
                let open = || self.layout(&layout.path)?.manifest(&layout.name, MANIFEST_LIMIT);
                match open() {
                    Ok(fetched) => Ok(Some(fetched.digest)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// The config of an image at a location.
    pub async fn config(&self, image: &Location, digest: &Digest) -> anyhow::Result<Bytes> {
        match image {
            Location::Registry(repository) => Ok(self.client.config(repository, digest).await?.into()),
            Location::Layout(layout) => Ok(self.layout(&layout.path)?.blob_within(digest, CONFIG_LIMIT)?),
        }
    }

    /// A blob beside the manifest at a location, which must not be larger than `limit` bytes.
    pub async fn blob(&self, beside: &Location, digest: &Digest, limit: usize) -> anyhow::Result<Bytes> {
        match beside {
            Location::Registry(repository) => Ok(self.client.blob_within(repository, digest, limit).await?.into()),
            Location::Layout(layout) => Ok(self.layout(&layout.path)?.blob_within(digest, limit)?),
        }
    }

    /// Whether a blob is beside the manifest at a location.
    pub async fn blob_status(&self, beside: &Location, digest: &Digest) -> anyhow::Result<BlobStatus> {
        match beside {
            Location::Registry(repository) => Ok(self.client.blob_status(repository, digest).await?),
            Location::Layout(layout) => match self.layout(&layout.path)?.blob_size(digest)? {
                Some(size) => Ok(BlobStatus::Present(Some(size))),
                None => Ok(BlobStatus::Missing),
            },
        }
    }

    /// Checks that a blob beside a manifest in a layout has its digest. Blobs in registries are not read.
    pub async fn check_local_bytes(&self, beside: &Location, digest: &Digest) -> anyhow::Result<()> {
        let Location::Layout(layout) = beside else { return Ok(()) };
        let mut blob = self.layout(&layout.path)?.blob(digest)?;
        let mut verifier = digest.verifier();
        while let Some(chunk) = blob.chunk()? {
            verifier.update(&chunk);
            // Reading a file never waits, so nothing else would run.
            tokio::task::yield_now().await;
        }
        if verifier.matches() {
            return Ok(());
        }
        Err(LayoutError::DigestMismatch { path: blob.path().to_owned(), digest: digest.clone() }.into())
    }

    /// The tags of the repository or layout of a location, in its order.
    pub async fn tags(&self, location: &Location) -> anyhow::Result<Vec<String>> {
        match location {
            Location::Registry(repository) => Ok(self.client.tags(repository).await?),
            Location::Layout(layout) => Ok(self.layout(&layout.path)?.tags()),
        }
    }

    /// What refers to the manifest with this digest beside the one at a location: by `subject`, or by one of cosign's
    /// tags.
    pub async fn referrers(&self, beside: &Location, digest: &Digest) -> anyhow::Result<Vec<Referrer>> {
        match beside {
            Location::Registry(repository) => {
                let (by_subject, by_tag) = futures_util::future::try_join(
                    self.client.referrers(repository, digest),
                    self.client.cosign_tags(repository, digest),
                )
                .await?;
                let by_subject = by_subject.manifests.into_iter().map(|descriptor| Referrer { descriptor, tag: None });
                let by_tag = by_tag.into_iter().map(|(tag, digest)| tagged(tag, &digest));
                Ok(by_subject.chain(by_tag).collect())
            }
            Location::Layout(layout) => referrers_in_layout(&*self.layout(&layout.path)?, digest),
        }
    }
}

fn tagged(tag: String, digest: &Digest) -> Referrer {
    Referrer { descriptor: Descriptor { digest: digest.to_string(), ..Descriptor::default() }, tag: Some(tag) }
}

/// A layout has no referrers API: its own manifests say what they refer to.
fn referrers_in_layout(layout: &Layout, digest: &Digest) -> anyhow::Result<Vec<Referrer>> {
    let by_subject = layout.referrers(digest).iter().cloned().map(|descriptor| Referrer { descriptor, tag: None });
    let mut referrers: Vec<Referrer> = by_subject.collect();
    let cosign = cosign_tag_names(digest);
    for tag in layout.tags().into_iter().filter(|tag| cosign.contains(tag)) {
        let fetched = layout.manifest(&LayoutName::Tag(tag.clone()), MANIFEST_LIMIT)?;
        referrers.push(tagged(tag, &fetched.digest));
    }
    Ok(referrers)
}
