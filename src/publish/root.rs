//! What is sent: manifests with everything below them.

use crate::digest::Digest;
use crate::draft::{Draft, FormatError};
use crate::location::Location;
use crate::manifest::{
    Descriptor, ImageKind, Links, ListEntry, ListError, Manifest, Platform, RawManifest, entry_digest, parse,
};
use crate::reference::Reference;
use crate::registry::FetchedManifest;
use bytes::Bytes;
use thiserror::Error;

/// Why a list cannot be pushed as it is, in docker's words.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The images cannot form a list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The list cannot have the requested format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A blob with an invalid digest.
    #[error("invalid digest format")]
    BlobDigest,
    /// Stored bytes that do not have the entry's digest.
    #[error("internal digest mismatch for {image}: expected {expected}, got {actual}")]
    DigestMismatch {
        /// The image.
        image: Reference,
        /// The digest in the store.
        expected: Digest,
        /// The digest of the stored bytes.
        actual: Digest,
    },
    /// An entry without a manifest and without a media type to fetch one by.
    #[error("{0} has no payload")]
    NoPayload(Reference),
}

/// A manifest to be put under names, with everything below it.
#[derive(Debug, Clone)]
pub struct Root {
    /// The manifest.
    pub manifest: Node,
    /// The names that it gets. A name without a tag stands for the manifest's digest.
    pub names: Vec<Location>,
    /// The manifests below it, each after those that it refers to.
    pub below: Vec<Node>,
    /// Whether it is a list of docker's and OCI images, which some registries refuse.
    pub is_mixed: bool,
    /// Whether it is attached to another root, as a signature is, and put before that.
    pub is_attached: bool,
    /// What lists of referrers say about it, if it has a subject.
    pub referrer: Option<Referrer>,
}

/// A manifest that refers to another one, as a list of referrers describes it (distribution-spec, "Listing Referrers").
#[derive(Debug, Clone)]
pub struct Referrer {
    /// The manifest that it refers to.
    pub subject: Digest,
    /// The manifest itself.
    pub descriptor: Descriptor,
}

impl Referrer {
    /// What is to be listed of a manifest, if it has a subject.
    #[must_use]
    pub fn new(manifest: &FetchedManifest, links: &Links) -> Option<Self> {
        let subject = Digest::parse(&links.subject.as_ref()?.digest).ok()?;
        let descriptor = Descriptor {
            media_type: manifest.content_type.split(';').next().unwrap_or_default().trim().to_owned(),
            digest: manifest.digest.to_string(),
            size: i64::try_from(manifest.bytes.len()).unwrap_or(i64::MAX),
            annotations: links.annotations.clone(),
            artifact_type: links.artifact_type.clone(),
            ..Descriptor::default()
        };
        Some(Self { subject, descriptor })
    }
}

/// A manifest with its blobs.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its digest.
    pub digest: Digest,
    /// The Content-Type to send it with.
    pub media_type: String,
    /// Its bytes; none if the store lacks them and all targets have the manifest.
    pub bytes: Option<Bytes>,
    /// A location beside it and its blobs; none for a manifest that is built here.
    pub location: Option<Location>,
    /// Its blobs.
    pub blobs: Vec<Blob>,
    /// The digests of the manifests that it refers to.
    pub children: Vec<Digest>,
    /// The platform that its list states.
    pub platform: Option<Platform>,
}

/// A blob of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, if known.
    pub size: Option<u64>,
    /// Whether it may be missing: registries need not have all layers of windows images.
    pub may_be_absent: bool,
    /// Whether it is a foreign layer, which is never uploaded.
    pub is_foreign: bool,
}

impl Blob {
    /// A blob as a manifest describes it.
    pub fn new(descriptor: &Descriptor, may_be_absent: bool) -> Result<Self, PlanError> {
        let is_foreign = descriptor.is_foreign();
        Ok(Self {
            digest: Digest::parse(&descriptor.digest).map_err(|_| PlanError::BlobDigest)?,
            size: u64::try_from(descriptor.size).ok().filter(|size| *size > 0),
            may_be_absent: may_be_absent || is_foreign,
            is_foreign,
        })
    }
}

impl Node {
    /// Whether the repository or layout of a location has it. An archive has nothing: it is written anew.
    #[must_use]
    pub fn is_in(&self, target: &Location) -> bool {
        !target.is_archive() && self.location.as_ref().is_some_and(|location| location.is_beside(target))
    }

    /// A list of which only the bytes are known.
    fn list(raw: &RawManifest, location: Option<Location>) -> Self {
        Self {
            digest: raw.digest(),
            media_type: raw.media_type.clone(),
            bytes: Some(raw.bytes.clone()),
            location,
            blobs: Vec::new(),
            children: children(raw),
            platform: None,
        }
    }
}

impl Root {
    /// A draft: its list, built or as it was, and its images.
    pub fn of_draft(draft: &Draft, names: Vec<Location>) -> Result<Self, PlanError> {
        check(draft)?;
        let mut below =
            draft.entries.iter().map(|entry| node_of_entry(entry, &names)).collect::<Result<Vec<_>, _>>()?;
        if let Some(verbatim) = draft.verbatim() {
            let source = draft.lists.first().and_then(|list| Location::parse_stored(&list.source));
            below.extend(verbatim.nested.iter().map(|list| Node::list(list, source.clone())));
        }
        let is_mixed = crate::warning::mixed_formats(&draft.entries).is_some();
        let list = draft.list();
        let manifest = Node::list(&list, None);
        let (content_type, bytes, digest) = (list.media_type, list.bytes, manifest.digest.clone());
        let fetched = FetchedManifest { content_type, bytes, digest };
        let links = Links { subject: draft.header().subject, ..Links::default() };
        let referrer = Referrer::new(&fetched, &links);
        Ok(Self { manifest, names, below, is_mixed, is_attached: false, referrer })
    }
}

/// Whether the draft can be pushed, as far as that does not depend on the bytes of its images.
pub(super) fn check(draft: &Draft) -> Result<(), PlanError> {
    draft.check_format()?;
    for image in &draft.entries {
        let has_platform = image.descriptor.platform.as_ref().is_some_and(Platform::is_specified);
        if !has_platform && draft.verbatim().is_none() {
            return Err(ListError::NoPlatform(image.reference.to_string()).into());
        }
        entry_digest(&image.reference, &image.descriptor)?;
    }
    Ok(())
}

/// An image of a draft. Its manifest may be incomplete if all targets have the image.
fn node_of_entry(entry: &ListEntry, names: &[Location]) -> Result<Node, PlanError> {
    let no_payload = || PlanError::NoPayload(entry.reference.clone());
    let digest = entry_digest(&entry.reference, &entry.descriptor)?;
    let location = Location::of_image(entry);
    let is_needed = names.iter().any(|name| !location.is_beside(name));
    let is_windows = entry.descriptor.platform.as_ref().is_some_and(|platform| platform.os == "windows");
    let blobs = entry.payload().into_iter().flat_map(|payload| payload.image.blobs());
    let blobs = blobs.map(|blob| Blob::new(blob, is_windows)).filter(|blob| is_needed || blob.is_ok());
    let blobs = blobs.collect::<Result<Vec<_>, _>>()?;
    let bytes = entry.bytes();
    let is_right = bytes.as_ref().map(|bytes| digest.matches(bytes));
    if is_needed && !is_right.ok_or_else(no_payload)? {
        let actual = Digest::of(&bytes.unwrap_or_default());
        return Err(PlanError::DigestMismatch { image: entry.reference.clone(), expected: digest, actual });
    }
    let media_type = match entry.kind().map(ImageKind::media_type) {
        Some(media_type) => media_type.to_owned(),
        None if is_needed => return Err(no_payload()),
        None => entry.descriptor.media_type.clone(),
    };
    let bytes = bytes.filter(|_| is_right == Some(true));
    let platform = entry.descriptor.platform.clone();
    Ok(Node { digest, media_type, bytes, location: Some(location), blobs, children: Vec::new(), platform })
}

/// The digests that a list refers to.
fn children(list: &RawManifest) -> Vec<Digest> {
    match parse(&list.media_type, &list.bytes) {
        Ok(Manifest::Index(index)) => {
            index.manifests.iter().filter_map(|entry| Digest::parse(&entry.digest).ok()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an image's manifest is needed and must be fetched again: an old docker stored it without its white space, and
/// indenting it again does not give the right digest.
pub(super) fn needs_refetch(names: &[Location], entry: &ListEntry) -> bool {
    if entry.check_legacy_format().is_err() {
        return true;
    }
    let is_right = |bytes: Bytes| Digest::of(&bytes).as_str() == entry.descriptor.digest;
    let location = Location::of_image(entry);
    let is_elsewhere = names.iter().any(|name| !location.is_beside(name));
    is_elsewhere && entry.raw.is_empty() && !entry.bytes().is_some_and(is_right)
}
