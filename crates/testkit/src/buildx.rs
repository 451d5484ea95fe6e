//! The result of `docker buildx build --push`.

use serde_json::Value;

use crate::embedded::Embedded;
use crate::sample::{OCI_INDEX, Sample, digest, index};
use crate::wire::{self, Target};

/// An OCI index with one image per platform, followed by one attestation per image.
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

    /// The same from other sources: all its digests differ from those of other builds.
    pub fn salted(salt: &str, platforms: &[&str]) -> Self {
        let image = |platform: &&str| Sample::oci_with_layers(platform, &[&format!("{platform} {salt}")]);
        let images: Vec<Sample> = platforms.iter().map(image).collect();
        let attestations = images.iter().map(Sample::attestation).collect();
        Self { images, attestations }
    }

    /// A build of these images, with the provenance of each.
    pub fn with_provenance(images: Vec<Sample>) -> Self {
        let attestations = images.iter().map(Sample::provenance).collect();
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

    /// The images and attestations.
    pub fn leaves(&self) -> impl Iterator<Item = &Sample> {
        self.images.iter().chain(&self.attestations)
    }

    /// The descriptors in the index.
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

    /// Stores everything directly in the embedded registry.
    pub fn put(&self, registry: &Embedded, repo: &str, tag: &str) -> String {
        for leaf in self.leaves() {
            registry.put_image(repo, &leaf.digest(), leaf);
        }
        registry.put_manifest(repo, tag, OCI_INDEX, &self.index())
    }

    /// Pushes everything to a registry over HTTP.
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
