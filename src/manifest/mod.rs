//! Manifests: what registries send, what the store keeps, what is pushed.
//!
//! Manifests are passed on as the bytes that were received, never re-serialised; the parsed forms are for reading.

mod descriptor;
mod document;
mod extra_fields;
mod index;
mod links;
mod list_entry;
mod media_type;
mod platform;
mod raw;
mod selector;
mod spelling;

pub use descriptor::{Descriptor, Platform};
pub use document::{ImageIndex, ImageKind, ImageManifest, IndexHeader, Manifest, ManifestError, parse};
pub use extra_fields::extra_fields;
pub use index::{IndexFormat, ListError, ManifestList, entry_digest, needs_oci};
pub use links::Links;
pub use list_entry::{DigestMismatch, EntryError, ListEntry, Origin, Payload};
pub use media_type::{ACCEPT, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
pub use platform::{canonical_arch, is_known};
pub use raw::RawManifest;
pub use selector::{InvalidPlatform, PlatformSelector};
pub use spelling::{canonical_variant, known_variants, likely_arch};
