//! What `docker buildx build --push` leaves in a registry.

use serde_json::Value;

use crate::embedded::Embedded;
use crate::sample::{OCI_INDEX, Sample, digest, index};
use crate::wire::{self, Target};

/// An OCI index of one image for each platform, and then of one attestation for each image.
#[derive(Debug, Clone)]
pub struct Build {
    images: Vec<Sample>,
    attestations: Vec<Sample>,
}

impl Build {
    /// A build for these platforms.
    pub fn of(platforms: &[&str]) -> Self {
        Self::salted("", platforms)
    }

    /// The same from other sources: no image is that of another build.
    pub fn salted(salt: &str, platforms: &[&str]) -> Self {
        let image = |platform: &&str| Sample::oci_with_layers(platform, &[&format!("{platform} {salt}")]);
        let images: Vec<Sample> = platforms.iter().map(image).collect();
        let attestations = images.iter().map(Sample::attestation).collect();
        Self { images, attestations }
    }

    /// The images, in the order of the platforms.
    pub fn images(&self) -> &[Sample] {
        &self.images
    }

    /// The attestations, in the order of the images.
    pub fn attestations(&self) -> &[Sample] {
        &self.attestations
    }

    /// Everything that the index refers to.
    pub fn leaves(&self) -> impl Iterator<Item = &Sample> {
        self.images.iter().chain(&self.attestations)
    }

    /// What the index says of them.
    pub fn entries(&self) -> Vec<Value> {
        self.leaves().map(Sample::index_entry).collect()
    }

    /// The index.
    pub fn index(&self) -> Vec<u8> {
        index(OCI_INDEX, &self.entries())
    }

    /// The digest of the index.
    pub fn digest(&self) -> String {
        digest(&self.index())
    }

    /// Stores everything in a registry, past the network.
    pub fn put(&self, registry: &Embedded, repo: &str, tag: &str) -> String {
        for leaf in self.leaves() {
            registry.put_image(repo, &leaf.digest(), leaf);
        }
        registry.put_manifest(repo, tag, OCI_INDEX, &self.index())
    }

    /// Pushes everything to any registry.
    pub fn push(&self, target: &Target, repo: &str, tag: &str) {
        for leaf in self.leaves() {
            for blob in leaf.blobs() {
                wire::put_blob(target, repo, blob);
            }
            wire::put_manifest(target, repo, &leaf.digest(), leaf.media_type(), leaf.manifest());
        }
        wire::put_manifest(target, repo, tag, OCI_INDEX, &self.index());
    }
}
