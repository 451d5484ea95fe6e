//! The description of an image or list that `show` prints. `docs/show.md` documents the JSON form.

use crate::manifest::{Descriptor, Platform};
use serde::Serialize;
use std::collections::BTreeMap;

/// An image, a list or an artifact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The full reference.
    pub name: String,
    /// Index, image or artifact.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The media type of the manifest.
    pub media_type: String,
    /// The digest of the manifest.
    pub digest: String,
    /// The size of the manifest in bytes.
    pub size: u64,
    /// When it was created (RFC 3339): by the annotation of that name, else by the config of a single image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The type of the artifact.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
    /// The manifest that it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The size of all configs and layers in bytes, each counted once.
    pub total_size: u64,
    /// The images of a list in its order, or the image itself.
    pub images: Vec<Image>,
    /// The lists in the list.
    pub lists: Vec<Descriptor>,
    /// Attestations that the list has beside its images.
    pub attestations: Vec<Attestation>,
    /// The config of a single image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// Why the config of a single image cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_problem: Option<String>,
    /// Its referrers, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrers: Option<Vec<ReferrerTree>>,
}

/// The kinds of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A manifest list or an image index.
    Index,
    /// An image for one platform.
    Image,
    /// Anything else: a chart, an SBOM, a signature.
    Artifact,
}

/// An image in a list, or a single one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The platform: the one that the list states, else that of the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the manifest.
    pub digest: String,
    /// The media type of the manifest.
    pub media_type: String,
    /// The size of the manifest in bytes.
    pub size: i64,
    /// The type of an artifact.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
    /// The annotations of the list's entry.
    pub annotations: BTreeMap<String, String>,
    /// The digest of the list in the list that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The size of its config and layers in bytes: what a pull transfers.
    pub compressed_size: u64,
    /// The size in bytes of the layers that other images of the list also have.
    pub shared_size: u64,
    /// The number of layers that other images of the list also have.
    pub shared_layers: usize,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// Why its manifest could not be read: `missing`, `wrong-digest`, `too-large`, `bad-digest` or `not-a-manifest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    #[serde(skip)]
    pub(super) config_digest: String,
    #[serde(skip)]
    pub(super) config_size: u64,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The digest of the blob.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

/// An attestation in a list (`BuildKit`, "Image attestation storage").
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// The digest of the manifest.
    pub digest: String,
    /// The digest of the image that it describes.
    pub subject: String,
    /// The in-toto predicate types of its statements.
    pub predicate_types: Vec<String>,
    /// Why its manifest could not be read, as in [`Image::problem`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
}

/// The essentials of an image's config.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The user that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// The command.
    pub cmd: Vec<String>,
    /// The environment, `NAME=VALUE`.
    pub env: Vec<String>,
    /// The ports that it listens on, `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// The directories that are volumes.
    pub volumes: Vec<String>,
    /// The signal that stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// A referrer, with its own referrers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrerTree {
    /// The digest of the manifest.
    pub digest: String,
    /// The type of the artifact; empty if the registry does not say it.
    pub artifact_type: String,
    /// cosign's tag, if it is a referrer by its tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its referrers.
    pub referrers: Vec<ReferrerTree>,
}
