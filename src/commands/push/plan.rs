//! What a push will do, decided before it is done.

use crate::digest::Digest;
use crate::manifest::{DOCKER_MANIFEST, ImageKind, ImageManifest, ListError, ManifestList, OCI_MANIFEST, check_entry};
use crate::reference::Reference;
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

/// A blob to be made part of the target's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobMount {
    /// The blob.
    pub digest: Digest,
    /// An image of the repository that has it.
    pub source: Reference,
    /// Whether the push goes on without it: windows images have layers that registries need not hold.
    pub may_be_absent: bool,
}

/// A manifest to be put into the target's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChildManifest {
    /// The target's repository, and the manifest's digest.
    pub reference: Reference,
    /// The Content-Type to send it with.
    pub media_type: &'static str,
    /// The manifest.
    pub bytes: Vec<u8>,
    /// Whether it is in the plan already: it is announced for each entry of the list, and sent once.
    pub is_repeated: bool,
}

/// A push, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PushPlan {
    /// Where the list goes.
    pub target: Reference,
    /// Each blob once.
    pub mounts: Vec<BlobMount>,
    /// Images that are in other repositories so far.
    pub children: Vec<ChildManifest>,
    /// The list itself.
    pub list: ManifestList,
    /// Whether it has images of docker's kind and of OCI's.
    pub is_mixed: bool,
}

impl PushPlan {
    /// Whether the images can form a list, which does not depend on their bytes.
    pub(super) fn check(target: &Reference, images: &[ImageManifest]) -> Result<(), PlanError> {
        for image in images {
            let platform = image.descriptor.platform.as_ref();
            if platform.is_none_or(|platform| platform.os.is_empty() || platform.architecture.is_empty()) {
                return Err(ListError::NoPlatform(image.reference.to_string()).into());
            }
            check_entry(target, &image.reference, &image.descriptor)?;
        }
        Ok(())
    }

    /// Plans a push. Images that are in the target's repository already need nothing.
    pub(super) fn new(target: &Reference, images: &[ImageManifest]) -> Result<Self, PlanError> {
        Self::check(target, images)?;
        let list = ManifestList::build(images.iter().map(|image| &image.descriptor));
        let is_mixed = images.iter().any(|image| kind(image) != kind(&images[0]));
        let mut plan = Self { target: target.clone(), mounts: Vec::new(), children: Vec::new(), list, is_mixed };
        for image in images.iter().filter(|image| image.reference.path() != target.path()) {
            plan.add_blobs(image)?;
            plan.add_manifest(image)?;
        }
        Ok(plan)
    }

    fn add_blobs(&mut self, image: &ImageManifest) -> Result<(), PlanError> {
        let may_be_absent = image.descriptor.platform.as_ref().is_some_and(|platform| platform.os == "windows");
        for blob in image.payload().iter().flat_map(|payload| payload.image.blobs()) {
            let digest = Digest::parse(&blob.digest).map_err(|_| PlanError::BlobDigest)?;
            if let Some(planned) = self.mounts.iter_mut().find(|mount| mount.digest == digest) {
                planned.may_be_absent &= may_be_absent;
            } else {
                let source = image.reference.clone();
                self.mounts.push(BlobMount { digest, source, may_be_absent });
            }
        }
        Ok(())
    }

    fn add_manifest(&mut self, image: &ImageManifest) -> Result<(), PlanError> {
        let no_payload = || PlanError::NoPayload(image.reference.clone());
        let bytes = image.bytes().ok_or_else(no_payload)?;
        let media_type = kind(image).ok_or_else(no_payload)?.media_type();
        let expected = check_entry(&self.target, &image.reference, &image.descriptor)?;
        if !expected.matches(&bytes) {
            let actual = Digest::of(&bytes);
            return Err(PlanError::DigestMismatch { image: image.reference.clone(), expected, actual });
        }
        let is_repeated = self.children.iter().any(|child| child.reference.digest() == Some(&expected));
        let reference = self.target.at_digest(expected);
        self.children.push(ChildManifest { reference, media_type, bytes, is_repeated });
        Ok(())
    }
}

/// Whether an image's manifest will be needed and the store cannot give it: an old docker stored it without its
/// white space, and laying it out again does not give the right digest.
pub(super) fn lacks_bytes(target: &Reference, image: &ImageManifest) -> bool {
    if image.check_oldest_form().is_err() {
        return true;
    }
    let right = |bytes: Vec<u8>| Digest::of(&bytes).as_str() == image.descriptor.digest;
    image.reference.path() != target.path() && image.raw.is_empty() && !image.bytes().is_some_and(right)
}

/// Whether an image is docker's or OCI's.
pub(super) fn kind(image: &ImageManifest) -> Option<ImageKind> {
    match (image.payload(), image.descriptor.media_type.as_str()) {
        (Ok(payload), _) => Some(payload.image.kind),
        (Err(_), DOCKER_MANIFEST) => Some(ImageKind::Docker),
        (Err(_), OCI_MANIFEST) => Some(ImageKind::Oci),
        (Err(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Descriptor, Image, Platform};

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

    #[test]
    fn a_blob_of_several_images_is_mounted_once() {
        let images =
            [image("h.io/a", "linux", &["c1", "base", "x"]), image("h.io/b", "linux", &["c2", "base", "y", "y"])];
        let plan = PushPlan::new(&reference("h.io/list"), &images).unwrap();
        let mounts: Vec<_> = plan.mounts.iter().map(|mount| (mount.digest.clone(), mount.source.path())).collect();
        let expected = [("c1", "a"), ("base", "a"), ("x", "a"), ("c2", "b"), ("y", "b")];
        assert_eq!(mounts, expected.map(|(blob, from)| (Digest::of(blob.as_bytes()), from)));
        assert_eq!(plan.children.len(), 2);
    }

    #[test]
    fn images_in_the_target_repository_need_nothing() {
        let plan = PushPlan::new(&reference("h.io/app:list"), &[image("h.io/app:a", "linux", &["c"])]).unwrap();
        assert!(plan.mounts.is_empty() && plan.children.is_empty());
    }

    #[test]
    fn only_what_no_linux_image_needs_may_be_absent() {
        let images = [image("h.io/w", "windows", &["c", "shared"]), image("h.io/l", "linux", &["d", "shared"])];
        let plan = PushPlan::new(&reference("h.io/list"), &images).unwrap();
        let absent: Vec<_> = plan.mounts.iter().map(|mount| mount.may_be_absent).collect();
        assert_eq!(absent, [true, false, false]);
    }

    #[test]
    fn an_image_without_a_platform_is_refused() {
        let nowhere = image("h.io/a", "", &["c"]);
        let message = PushPlan::new(&reference("h.io/list"), &[nowhere]).unwrap_err().to_string();
        assert_eq!(message, "manifest h.io/a:latest must have an OS and Architecture to be pushed to a registry");
    }

    #[test]
    fn bytes_with_another_digest_are_refused() {
        let mut changed = image("h.io/a", "linux", &["c"]);
        changed.raw.push(b'\n');
        let error = PushPlan::new(&reference("h.io/list"), &[changed]).unwrap_err();
        assert!(matches!(error, PlanError::DigestMismatch { .. }));
    }
}
