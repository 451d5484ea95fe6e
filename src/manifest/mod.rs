//! Manifests: what registries send, what the store keeps, what is pushed.
//!
//! The bytes are the truth. Nothing here is ever re-serialised on its way from one registry path to another; the
//! parsed forms only say what the bytes mean.

mod descriptor;
mod document;
mod image_manifest;
mod list;
mod media_type;
mod platform;
mod selector;

pub use descriptor::{Descriptor, Platform};
pub use document::{Document, Image, ImageKind, Index, ManifestError, parse};
pub use image_manifest::{DigestMismatch, EntryError, ImageManifest, Origin, Payload};
pub use list::{ListError, ManifestList, entry_digest};
pub use media_type::{ACCEPT, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
pub use platform::{canonical_arch, is_known};
pub use selector::{NotPlatform, PlatformSelector};
