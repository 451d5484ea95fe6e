//! Reads manifests and configs wherever they are.

use crate::digest::Digest;
use crate::layout::Layout;
use crate::location::Location;
use crate::registry::{Client, FetchedManifest};
use bytes::Bytes;

/// Registries and layouts behind one interface.
pub struct Content {
    /// For what only registries have.
    pub client: Client,
}

impl Content {
    /// Reads registries with this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// How many operations to run concurrently.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.client.concurrency()
    }

    /// The manifest at a location, which must not be larger than `limit` bytes.
    pub async fn manifest(&self, location: &Location, limit: usize) -> anyhow::Result<FetchedManifest> {
        match location {
            Location::Registry(reference) => Ok(self.client.manifest_within(reference, limit).await?),
            Location::Layout(layout) => Ok(Layout::open(&layout.directory)?.manifest(&layout.name, limit)?),
        }
    }

    /// The config of an image at a location.
    pub async fn config(&self, image: &Location, digest: &Digest) -> anyhow::Result<Bytes> {
        match image {
            Location::Registry(repository) => Ok(self.client.config(repository, digest).await?.into()),
            Location::Layout(layout) => Ok(Layout::open(&layout.directory)?.config(digest)?),
        }
    }
}
