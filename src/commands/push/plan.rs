//! What a push will do, decided before it is done.

use crate::digest::Digest;
use crate::manifest::{Descriptor, ImageManifest, ListError, ManifestList, Platform, entry_digest};
use crate::reference::Reference;
use bytes::Bytes;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use thiserror::Error;

/// Why a list cannot be pushed as it is, in docker's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum PlanError {
    /// The images cannot form a list.
    #[error(transparent)]
    List(#[from] ListError),
    /// A blob that cannot be mounted because its digest is none.
    #[error("invalid digest format")]
    BlobDigest,
    /// Stored bytes that are not the manifest they should be.
    #[error("internal digest mismatch for {image}: expected {expected}, got {actual}")]
    DigestMismatch {
        /// The image.
        image: Reference,
        /// The digest in the store.
        expected: Digest,
        /// The digest of the stored bytes.
        actual: Digest,
    },
    /// An entry with no manifest, of no kind that could be fetched.
    #[error("{0} has no payload")]
    NoPayload(Reference),
}

/// A blob to be made part of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedBlob {
    /// The blob.
    pub digest: Digest,
    /// How large it is, in bytes, as far as is known.
    pub size: Option<u64>,
    /// An image of the repository that has it.
    pub source: Reference,
    /// Whether it can be mounted: it is on the same registry.
    pub is_near: bool,
    /// Whether the push goes on without it: windows images have layers that registries need not hold.
    pub may_be_absent: bool,
    /// Whether it is had from elsewhere, and never copied.
    pub is_foreign: bool,
}

/// A manifest to be put into a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChildManifest {
    /// The repository, and the manifest's digest.
    pub reference: Reference,
    /// The image as the user knows it.
    pub source: Reference,
    /// The Content-Type to send it with.
    pub media_type: &'static str,
    /// The manifest.
    pub bytes: Bytes,
    /// Whether it is in the plan already: it is announced for each entry of the list, and sent once.
    pub is_repeated: bool,
}

/// What one repository needs before the list can be put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryPlan {
    /// A reference in the repository.
    pub repository: Reference,
    /// Each blob once.
    pub blobs: Vec<PlannedBlob>,
    /// Images that are in other repositories so far.
    pub children: Vec<ChildManifest>,
}

/// A push, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PushPlan {
    /// What the list will be called, in one or several repositories.
    pub targets: Vec<Reference>,
    /// Each repository once, that of the first target first.
    pub repositories: Vec<RepositoryPlan>,
    /// The list itself.
    pub list: ManifestList,
}

impl PushPlan {
    /// Whether the images can form a list, which does not depend on their bytes.
    pub(super) fn check(images: &[ImageManifest]) -> Result<(), PlanError> {
        for image in images {
            if !image.descriptor.platform.as_ref().is_some_and(Platform::is_stated) {
                return Err(ListError::NoPlatform(image.reference.to_string()).into());
            }
            entry_digest(&image.reference, &image.descriptor)?;
        }
        Ok(())
    }

    /// Plans a push.
    pub(super) fn new(targets: &[Reference], images: &[ImageManifest]) -> Result<Self, PlanError> {
        Self::check(images)?;
        let list = ManifestList::build(images.iter().map(|image| &image.descriptor));
        let mut repositories: Vec<RepositoryPlan> = Vec::new();
        for target in targets {
            if !repositories.iter().any(|planned| planned.repository.name() == target.name()) {
                repositories.push(RepositoryPlan::new(target, images)?);
            }
        }
        Ok(Self { targets: targets.to_vec(), repositories, list })
    }

    /// The requests that will be sent; what a registry has already or will not mount may change them. `address` tells
    /// where the registry of a reference is.
    pub(super) fn requests(&self, address: impl Fn(&Reference) -> String) -> Vec<String> {
        let base = |reference: &Reference| format!("{}/v2/{}", address(reference), reference.path());
        let mut requests = Vec::new();
        for RepositoryPlan { repository, blobs, .. } in &self.repositories {
            let uploads = format!("{}/blobs/uploads/", base(repository));
            for PlannedBlob { digest, source, is_near, is_foreign, .. } in blobs {
                let from = source.path().replace('/', "%2F");
                match (is_near, is_foreign) {
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
        let children = children.filter(|child| !child.is_repeated).map(|child| &child.reference);
        let manifests = children.chain(&self.targets);
        // A list without a tag is put under its digest.
        let digest = self.list.digest();
        requests.extend(manifests.map(|manifest| {
            let name = manifest.tag().or(manifest.digest().map(Digest::as_str)).unwrap_or(digest.as_str());
            format!("PUT {}/manifests/{name}", base(manifest))
        }));
        requests
    }
}

impl RepositoryPlan {
    /// Images that are in the repository already need nothing.
    fn new(repository: &Reference, images: &[ImageManifest]) -> Result<Self, PlanError> {
        let mut plan = Self { repository: repository.clone(), blobs: Vec::new(), children: Vec::new() };
        let (mut blobs, mut children) = (HashMap::new(), HashSet::new());
        for image in images.iter().filter(|image| image.reference.name() != repository.name()) {
            plan.add_blobs(image, &mut blobs)?;
            let mut child = child(repository, image)?;
            child.is_repeated = !children.insert(image.descriptor.digest.as_str());
            plan.children.push(child);
        }
        Ok(plan)
    }

    /// `known` tells where in the plan a blob is.
    fn add_blobs(&mut self, image: &ImageManifest, known: &mut HashMap<Digest, usize>) -> Result<(), PlanError> {
        let is_windows = image.descriptor.platform.as_ref().is_some_and(|platform| platform.os == "windows");
        let is_near = image.reference.domain() == self.repository.domain();
        for blob in image.payload().iter().flat_map(|payload| payload.image.blobs()) {
            let digest = Digest::parse(&blob.digest).map_err(|_| PlanError::BlobDigest)?;
            let is_foreign = blob.is_foreign();
            let may_be_absent = is_windows || is_foreign;
            match known.entry(digest.clone()) {
                Entry::Occupied(place) => {
                    let planned = &mut self.blobs[*place.get()];
                    planned.may_be_absent &= may_be_absent;
                    planned.is_foreign &= is_foreign;
                    if is_near && !planned.is_near {
                        (planned.is_near, planned.source) = (true, image.reference.clone());
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(self.blobs.len());
                    let (size, source) = (size(blob), image.reference.clone());
                    self.blobs.push(PlannedBlob { digest, size, source, is_near, may_be_absent, is_foreign });
                }
            }
        }
        Ok(())
    }
}

fn size(blob: &Descriptor) -> Option<u64> {
    u64::try_from(blob.size).ok().filter(|size| *size > 0)
}

/// An image's manifest as it is put into a repository.
pub(super) fn child(repository: &Reference, image: &ImageManifest) -> Result<ChildManifest, PlanError> {
    let no_payload = || PlanError::NoPayload(image.reference.clone());
    let bytes = image.bytes().ok_or_else(no_payload)?;
    let media_type = image.kind().ok_or_else(no_payload)?.media_type();
    let expected = entry_digest(&image.reference, &image.descriptor)?;
    if !expected.matches(&bytes) {
        let actual = Digest::of(&bytes);
        return Err(PlanError::DigestMismatch { image: image.reference.clone(), expected, actual });
    }
    let (reference, source) = (repository.at_digest(expected), image.reference.clone());
    Ok(ChildManifest { reference, source, media_type, bytes: bytes.into(), is_repeated: false })
}

/// Whether an image's manifest will be needed and the store cannot give it: an old docker stored it without its
/// white space, and laying it out again does not give the right digest.
pub(super) fn lacks_bytes(targets: &[Reference], image: &ImageManifest) -> bool {
    if image.check_oldest_form().is_err() {
        return true;
    }
    let right = |bytes: Vec<u8>| Digest::of(&bytes).as_str() == image.descriptor.digest;
    let is_elsewhere = targets.iter().any(|target| target.name() != image.reference.name());
    is_elsewhere && image.raw.is_empty() && !image.bytes().is_some_and(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Image, ImageKind, OCI_MANIFEST};

    fn reference(name: &str) -> Reference {
        Reference::parse(name).unwrap()
    }

    fn image(name: &str, os: &str, blobs: &[&str]) -> ImageManifest {
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
        ImageManifest::new(reference(name), descriptor, Image::read(ImageKind::Oci, &raw).unwrap(), raw)
    }

    /// What the one repository of a target needs.
    fn planned(target: &str, images: &[ImageManifest]) -> Result<RepositoryPlan, PlanError> {
        Ok(PushPlan::new(&[reference(target)], images)?.repositories.remove(0))
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
        let images = [image("h.io/w", "windows", &["c", "shared"]), image("h.io/l", "linux", &["d", "shared"])];
        let plan = planned("h.io/list", &images).unwrap();
        let absent: Vec<_> = plan.blobs.iter().map(|blob| blob.may_be_absent).collect();
        assert_eq!(absent, [true, false, false]);
    }

    #[test]
    fn an_image_without_a_platform_is_refused() {
        let nowhere = image("h.io/a", "", &["c"]);
        let message = PushPlan::new(&[reference("h.io/list")], &[nowhere]).unwrap_err().to_string();
        assert_eq!(message, "manifest h.io/a:latest must have an OS and Architecture to be pushed to a registry");
    }

    #[test]
    fn bytes_with_another_digest_are_refused() {
        let mut changed = image("h.io/a", "linux", &["c"]);
        changed.raw.push(b'\n');
        let error = PushPlan::new(&[reference("h.io/list")], &[changed]).unwrap_err();
        assert!(matches!(error, PlanError::DigestMismatch { .. }));
    }

    #[test]
    fn what_is_on_the_same_registry_is_mounted_rather_than_copied() {
        let images = [image("far.io/a", "linux", &["c1", "base"]), image("h.io/b", "linux", &["c2", "base"])];
        let plan = planned("h.io/list", &images).unwrap();
        let near: Vec<_> = plan.blobs.iter().map(|blob| (blob.is_near, blob.source.domain())).collect();
        assert_eq!(near, [(false, "far.io"), (true, "h.io"), (true, "h.io")]);
    }

    #[test]
    fn each_repository_is_prepared_once() {
        let targets = ["h.io/a:1", "h.io/b:1", "h.io/a:2"].map(reference);
        let plan = PushPlan::new(&targets, &[image("h.io/a:x", "linux", &["c"])]).unwrap();
        let children: Vec<_> = plan.repositories.iter().map(|it| (it.repository.path(), it.children.len())).collect();
        assert_eq!(children, [("a", 0), ("b", 1)]);
        let requests = plan.requests(|reference| reference.domain().to_owned());
        assert_eq!(requests.iter().filter(|line| line.starts_with("PUT")).count(), 4, "{requests:?}");
    }
}
