//! Fetches all entries of a list, including those that are missing or broken.

use super::ResolveError;
use super::walk::{Document, MAX_DEPTH, Walker};
use crate::digest::DigestError;
use crate::layout::LayoutError;
use crate::location::Location;
use crate::manifest::{Descriptor, ImageIndex, Manifest, ManifestError};
use crate::registry::RegistryError;
use crate::transport::TransportFault;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::HashSet;
use std::rc::Rc;

/// Why an entry of a list has no usable manifest. The registry or layout itself could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// It does not exist.
    Missing,
    /// Its bytes do not have the digest.
    WrongDigest,
    /// It is larger than the entry says.
    TooLarge,
    /// The entry has no valid digest.
    BadDigest,
    /// It is not a manifest, or has an unknown media type.
    NotAManifest(ManifestError),
}

impl Defect {
    /// Its name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::WrongDigest => "wrong-digest",
            Self::TooLarge => "too-large",
            Self::BadDigest => "bad-digest",
            Self::NotAManifest(_) => "not-a-manifest",
        }
    }

    /// The defect that an error means; none for other errors, such as those of the network.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Option<Self> {
        error.chain().find_map(|cause| {
            let of_registry = cause.downcast_ref().and_then(Self::of_registry);
            let of_layout = || cause.downcast_ref().and_then(Self::of_layout);
            let of_manifest = || cause.downcast_ref::<ManifestError>().cloned().map(Self::NotAManifest);
            let of_digest = || cause.is::<DigestError>().then_some(Self::BadDigest);
            of_registry.or_else(of_layout).or_else(of_manifest).or_else(of_digest)
        })
    }

    fn of_registry(error: &RegistryError) -> Option<Self> {
        match error {
            RegistryError::NotFound(_) | RegistryError::BlobUnknown { .. } => Some(Self::Missing),
            RegistryError::ManifestDigest(_) | RegistryError::BlobDigest(_) | RegistryError::ConfigDigest(_) => {
                Some(Self::WrongDigest)
            }
            RegistryError::Transport(error) if matches!(error.fault, TransportFault::TooLarge(_)) => {
                Some(Self::TooLarge)
            }
            _ => None,
        }
    }

    fn of_layout(error: &LayoutError) -> Option<Self> {
        match error {
            LayoutError::DigestMismatch { .. } => Some(Self::WrongDigest),
            LayoutError::TooLarge { .. } => Some(Self::TooLarge),
            error if error.is_not_found() => Some(Self::Missing),
            _ => None,
        }
    }
}

/// An entry of a list, or of a list in it.
#[derive(Debug)]
pub struct Surveyed {
    /// The list's entry.
    pub entry: Descriptor,
    /// The digest of the nested list that it is an entry of; none for the list at the top.
    pub list: Option<String>,
    /// The manifest.
    pub document: Result<Rc<Document>, Defect>,
}

/// All entries of a list, fetched level by level. The first occurrence of a nested list is followed
/// by its own entries.
pub async fn survey(walker: &Walker<'_>, list: &Location, index: &ImageIndex) -> anyhow::Result<Vec<Surveyed>> {
    walker.count_entries(index, list)?;
    let mut all = fetch(walker, list, None, &index.manifests).await?;
    let mut expanded = HashSet::new();
    for _ in 0..MAX_DEPTH {
        let inner: Vec<(usize, Rc<Document>)> = all
            .iter()
            .enumerate()
            .filter_map(|(at, surveyed)| Some((at, Rc::clone(surveyed.document.as_ref().ok()?))))
            .filter(|(_, document)| matches!(document.manifest, Manifest::Index(_)))
            .filter(|(_, document)| expanded.insert(document.fetched.digest.clone()))
            .collect();
        if inner.is_empty() {
            return Ok(all);
        }
        let fetches = inner.iter().map(|(_, document)| async move {
            let Manifest::Index(index) = &document.manifest else { return Ok(Vec::new()) };
            walker.count_entries(index, list)?;
            fetch(walker, list, Some(&document.fetched.digest.to_string()), &index.manifests).await
        });
        let expansions: Vec<Vec<Surveyed>> =
            stream::iter(fetches).buffered(walker.content.concurrency()).try_collect().await?;
        for ((at, ..), entries) in inner.iter().zip(expansions).rev() {
            all.splice(at + 1..=*at, entries);
        }
    }
    Err(ResolveError::TooDeep(list.to_string()).into())
}

async fn fetch(
    walker: &Walker<'_>,
    list: &Location,
    within: Option<&String>,
    entries: &[Descriptor],
) -> anyhow::Result<Vec<Surveyed>> {
    let fetches = entries.iter().map(|entry| async move {
        let document = match walker.child(list, entry).await {
            Ok(document) => Ok(document),
            Err(error) => Err(Defect::of(&error).ok_or(error)?),
        };
        anyhow::Ok(Surveyed { entry: entry.clone(), list: within.cloned(), document })
    });
    stream::iter(fetches).buffered(walker.content.concurrency()).try_collect().await
}
