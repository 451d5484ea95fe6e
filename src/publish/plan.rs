//! What a push sends where, decided before anything is sent.

use crate::digest::Digest;
use crate::draft::{Draft, FormatError};
use crate::manifest::{Descriptor, ListEntry, ListError, Manifest, Platform, RawManifest, entry_digest, parse};
use crate::reference::Reference;
use bytes::Bytes;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use thiserror::Error;

/// Why a list cannot be pushed as it is, in docker's words.
#[derive(Debug, Error)]
pub(super) enum PlanError {
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

/// A blob that a repository needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedBlob {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes, if known.
    pub size: Option<u64>,
    /// An image in the repository that has it.
    pub source: Reference,
    /// Whether it can be mounted: it is on the same registry.
    pub same_registry: bool,
    /// Whether it may be missing: registries need not have all layers of windows images.
    pub may_be_absent: bool,
    /// Whether it is a foreign layer, which is never uploaded.
    pub is_foreign: bool,
}

/// A manifest to be put into a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChildManifest {
    /// The repository, and the manifest's digest.
    pub reference: Reference,
    /// The Content-Type to send it with.
    pub media_type: String,
    /// The manifest.
    pub bytes: Bytes,
    /// Whether the plan has it already: docker prints it for each entry; it is sent once.
    pub is_repeated: bool,
}

/// What one repository needs before the list can be put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryPlan {
    /// A reference in the repository.
    pub repository: Reference,
    /// Each blob once.
    pub blobs: Vec<PlannedBlob>,
    /// Images that are in other repositories.
    pub children: Vec<ChildManifest>,
    /// The lists in a list that is sent as it is, level by level: each after those that it refers to.
    pub nested: Vec<Vec<ChildManifest>>,
}

/// A push, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PushPlan {
    /// The names that the list gets, in one or several repositories.
    pub targets: Vec<Reference>,
    /// Each repository once, that of the first target first.
    pub repositories: Vec<RepositoryPlan>,
    /// The list: built from the draft's entries, or the bytes of its source.
    pub root: RawManifest,
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

impl PushPlan {
    /// Plans a push.
    pub(super) fn new(targets: &[Reference], draft: &Draft) -> Result<Self, PlanError> {
        check(draft)?;
        let mut repositories: Vec<RepositoryPlan> = Vec::new();
        for target in targets {
            if !repositories.iter().any(|planned| planned.repository.name() == target.name()) {
                repositories.push(RepositoryPlan::new(target, draft)?);
            }
        }
        Ok(Self { targets: targets.to_vec(), repositories, root: draft.list() })
    }

    /// The requests that the push consists of, unless the registry refuses a mount. `address` is the URL of a
    /// reference's registry.
    pub(super) fn requests(&self, address: impl Fn(&Reference) -> String) -> Vec<String> {
        let base = |reference: &Reference| format!("{}/v2/{}", address(reference), reference.path());
        let mut requests = Vec::new();
        for RepositoryPlan { repository, blobs, .. } in &self.repositories {
            let uploads = format!("{}/blobs/uploads/", base(repository));
            for PlannedBlob { digest, source, same_registry, is_foreign, .. } in blobs {
                let from = source.path().replace('/', "%2F");
                match (same_registry, is_foreign) {
                    (true, _) => requests.push(format!("POST {uploads}?mount={digest}&from={from}")),
                    (false, true) => {}
                    (false, false) => requests.extend([
                        format!("GET {}/blobs/{digest}", base(source)),
                        format!("POST {uploads}"),
                        format!("PUT {uploads}...?digest={digest}"),
                    ]),
                }
            }
        }
        let children = self.repositories.iter().flat_map(|repository| &repository.children);
        let children = children.filter(|child| !child.is_repeated);
        let nested = self.repositories.iter().flat_map(|repository| repository.nested.iter().flatten());
        let manifests = children.chain(nested).map(|child| &child.reference).chain(&self.targets);
        // A list without a tag is put under its digest.
        let digest = self.root.digest();
        requests.extend(manifests.map(|manifest| {
            let name = manifest.tag().or(manifest.digest().map(Digest::as_str)).unwrap_or(digest.as_str());
            format!("PUT {}/manifests/{name}", base(manifest))
        }));
        requests
    }
}

impl RepositoryPlan {
    /// Images of the repository itself need nothing.
    fn new(repository: &Reference, draft: &Draft) -> Result<Self, PlanError> {
        let mut plan =
            Self { repository: repository.clone(), blobs: Vec::new(), children: Vec::new(), nested: Vec::new() };
        let (mut blobs, mut children) = (HashMap::new(), HashSet::new());
        for image in draft.entries.iter().filter(|image| image.reference.name() != repository.name()) {
            plan.add_blobs(image, &mut blobs)?;
            let mut child = child(repository, image)?;
            child.is_repeated = !children.insert(image.descriptor.digest.as_str());
            plan.children.push(child);
        }
        if !plan.children.is_empty() {
            plan.nested = nested(repository, draft);
        }
        Ok(plan)
    }

    /// Adds the blobs of an image; `known` has the positions of the blobs so far.
    fn add_blobs(&mut self, image: &ListEntry, known: &mut HashMap<Digest, usize>) -> Result<(), PlanError> {
        let is_windows = image.descriptor.platform.as_ref().is_some_and(|platform| platform.os == "windows");
        let same_registry = image.reference.domain() == self.repository.domain();
        for blob in image.payload().iter().flat_map(|payload| payload.image.blobs()) {
            let digest = Digest::parse(&blob.digest).map_err(|_| PlanError::BlobDigest)?;
            let is_foreign = blob.is_foreign();
            let may_be_absent = is_windows || is_foreign;
            match known.entry(digest.clone()) {
                Entry::Occupied(place) => {
                    let planned = &mut self.blobs[*place.get()];
                    planned.may_be_absent &= may_be_absent;
                    planned.is_foreign &= is_foreign;
                    if same_registry && !planned.same_registry {
                        (planned.same_registry, planned.source) = (true, image.reference.clone());
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(self.blobs.len());
                    let (size, source) = (size(blob), image.reference.clone());
                    self.blobs.push(PlannedBlob { digest, size, source, same_registry, may_be_absent, is_foreign });
                }
            }
        }
        Ok(())
    }
}

fn size(blob: &Descriptor) -> Option<u64> {
    Some(blob.byte_count()).filter(|size| *size > 0)
}

/// An image's manifest as it is put into a repository.
pub(super) fn child(repository: &Reference, image: &ListEntry) -> Result<ChildManifest, PlanError> {
    let no_payload = || PlanError::NoPayload(image.reference.clone());
    let bytes = image.bytes().ok_or_else(no_payload)?;
    let media_type = image.kind().ok_or_else(no_payload)?.media_type().to_owned();
    let expected = entry_digest(&image.reference, &image.descriptor)?;
    if !expected.matches(&bytes) {
        let actual = Digest::of(&bytes);
        return Err(PlanError::DigestMismatch { image: image.reference.clone(), expected, actual });
    }
    Ok(ChildManifest { reference: repository.digest_only(expected), media_type, bytes, is_repeated: false })
}

/// The lists in a list that is sent as it is, grouped so that each comes after those that it refers to.
pub(super) fn nested(repository: &Reference, draft: &Draft) -> Vec<Vec<ChildManifest>> {
    let lists = draft.verbatim().map(|verbatim| verbatim.nested.as_slice()).unwrap_or_default();
    let mut depths: HashMap<String, usize> = HashMap::new();
    let mut levels: Vec<Vec<ChildManifest>> = Vec::new();
    for list in lists {
        let digest = list.digest();
        let depth = entries(list).iter().filter_map(|entry| depths.get(entry)).map(|depth| depth + 1).max();
        let depth = depth.unwrap_or_default();
        levels.resize_with(levels.len().max(depth + 1), Vec::new);
        depths.insert(digest.to_string(), depth);
        levels[depth].push(ChildManifest {
            reference: repository.digest_only(digest),
            media_type: list.media_type.clone(),
            bytes: list.bytes.clone(),
            is_repeated: false,
        });
    }
    levels
}

/// The digests that a list refers to.
fn entries(list: &RawManifest) -> Vec<String> {
    match parse(&list.media_type, &list.bytes) {
        Ok(Manifest::Index(index)) => index.manifests.into_iter().map(|entry| entry.digest).collect(),
        _ => Vec::new(),
    }
}

/// Whether an image's manifest will be needed and the store cannot give it: an old docker stored it without its white
/// space, and indenting it again does not give the right digest.
pub(super) fn needs_refetch(targets: &[Reference], image: &ListEntry) -> bool {
    if image.check_legacy_format().is_err() {
        return true;
    }
    let is_right = |bytes: Bytes| Digest::of(&bytes).as_str() == image.descriptor.digest;
    let is_elsewhere = targets.iter().any(|target| target.name() != image.reference.name());
    is_elsewhere && image.raw.is_empty() && !image.bytes().is_some_and(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::ListSettings;
    use crate::manifest::{ImageKind, ImageManifest, OCI_MANIFEST};

    fn reference(name: &str) -> Reference {
        Reference::parse(name).unwrap()
    }

    fn image(name: &str, os: &str, blobs: &[&str]) -> ListEntry {
        let digest = |blob: &&str| format!(r#"{{"digest":"{}"}}"#, Digest::of(blob.as_bytes()));
        let layers: Vec<_> = blobs[1..].iter().map(digest).collect();
        let raw = format!(r#"{{"config":{},"layers":[{}]}}"#, digest(&blobs[0]), layers.join(",")).into_bytes();
        let descriptor = Descriptor {
            media_type: OCI_MANIFEST.to_owned(),
            digest: Digest::of(&raw).to_string(),
            size: 1,
            platform: Some(Platform { architecture: "amd64".into(), os: os.into(), ..Platform::default() }),
            ..Descriptor::default()
        };
        ListEntry::new(
            reference(name),
            descriptor,
            ImageManifest::read(ImageKind::Oci, &raw).unwrap().into(),
            raw.into(),
        )
    }

    fn draft(images: &[ListEntry]) -> Draft {
        Draft::new(reference("h.io/list"), images.to_vec(), Vec::new(), ListSettings::default())
    }

    /// What the one repository of a target needs.
    fn planned(target: &str, images: &[ListEntry]) -> Result<RepositoryPlan, PlanError> {
        Ok(PushPlan::new(&[reference(target)], &draft(images))?.repositories.remove(0))
    }

    #[test]
    fn a_blob_of_several_images_is_mounted_once() {
        let images =
            [image("h.io/a", "linux", &["c1", "base", "x"]), image("h.io/b", "linux", &["c2", "base", "y", "y"])];
        let plan = planned("h.io/list", &images).unwrap();
        let mounts: Vec<_> = plan.blobs.iter().map(|blob| (blob.digest.clone(), blob.source.path())).collect();
        let expected = [("c1", "a"), ("base", "a"), ("x", "a"), ("c2", "b"), ("y", "b")];
        assert_eq!(mounts, expected.map(|(blob, from)| (Digest::of(blob.as_bytes()), from)));
        assert_eq!(plan.children.len(), 2);
    }

    #[test]
    fn images_in_the_target_repository_need_nothing() {
        let plan = planned("h.io/app:list", &[image("h.io/app:a", "linux", &["c"])]).unwrap();
        assert!(plan.blobs.is_empty() && plan.children.is_empty());
    }

    #[test]
    fn only_what_no_linux_image_needs_may_be_absent() {
        let images = [image("h.io/a", "windows", &["c", "shared"]), image("h.io/b", "linux", &["d", "shared"])];
        let plan = planned("h.io/list", &images).unwrap();
        let absent: Vec<_> = plan.blobs.iter().map(|blob| blob.may_be_absent).collect();
        assert_eq!(absent, [true, false, false]);
    }

    #[test]
    fn an_image_without_a_platform_is_refused() {
        let nowhere = image("h.io/a", "", &["c"]);
        let message = PushPlan::new(&[reference("h.io/list")], &draft(&[nowhere])).unwrap_err().to_string();
        assert_eq!(message, "manifest h.io/a:latest must have an OS and Architecture to be pushed to a registry");
    }

    #[test]
    fn bytes_with_another_digest_are_refused() {
        let mut changed = image("h.io/a", "linux", &["c"]);
        changed.raw = [&changed.raw[..], b"\n"].concat().into();
        let error = PushPlan::new(&[reference("h.io/list")], &draft(&[changed])).unwrap_err();
        assert!(matches!(error, PlanError::DigestMismatch { .. }));
    }

    #[test]
    fn what_is_on_the_same_registry_is_mounted_rather_than_copied() {
        let images = [image("far.io/a", "linux", &["c1", "base"]), image("h.io/b", "linux", &["c2", "base"])];
        let plan = planned("h.io/list", &images).unwrap();
        let near: Vec<_> = plan.blobs.iter().map(|blob| (blob.same_registry, blob.source.domain())).collect();
        assert_eq!(near, [(false, "far.io"), (true, "h.io"), (true, "h.io")]);
    }

    #[test]
    fn each_repository_is_prepared_once() {
        let targets = ["h.io/a:1", "h.io/b:1", "h.io/a:2"].map(reference);
        let plan = PushPlan::new(&targets, &draft(&[image("h.io/a:x", "linux", &["c"])])).unwrap();
        let children: Vec<_> = plan.repositories.iter().map(|it| (it.repository.path(), it.children.len())).collect();
        assert_eq!(children, [("a", 0), ("b", 1)]);
        let requests = plan.requests(|reference| reference.domain().to_owned());
        assert_eq!(requests.iter().filter(|line| line.starts_with("PUT")).count(), 4, "{requests:?}");
    }
}
