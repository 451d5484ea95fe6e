//! What can go wrong in the store.

use crate::file::{ReadError, reason};
use crate::manifest::{DigestMismatch, EntryError};
use crate::reference::Reference;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an operation on the store failed. Where docker has a message, it is docker's.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store has no such list.
    #[error("No such manifest: {0}")]
    NotFound(Reference),
    /// The store has no such list, or the list has no such entry.
    #[error("No such manifest: {image}")]
    EntryNotFound {
        /// The entry.
        image: Reference,
        /// The list.
        list: Reference,
        /// Whether the store has the list.
        has_list: bool,
    },
    /// The list exists and may not be changed.
    #[error("refusing to amend an existing manifest list with no --amend flag")]
    ListExists,
    /// An entry that cannot be read.
    #[error("{error}")]
    BrokenEntry {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: EntryError,
    },
    /// An entry in the legacy format with another manifest than the one it names.
    #[error("invalid manifest file {}: {error}", path.display())]
    LegacyFormat {
        /// The file.
        path: PathBuf,
        /// Expected and actual digest.
        error: DigestMismatch,
    },
    /// A list whose directory belongs to a list of another name.
    #[error("{wanted} and {holder} map to the same directory of the local store, which holds {holder}")]
    ListNameTaken {
        /// The list asked for.
        wanted: Reference,
        /// The name of the existing list.
        holder: String,
        /// The directory.
        path: PathBuf,
    },
    /// An image whose file belongs to an image of another name.
    #[error("{wanted} and {holder} map to the same file of the manifest list, which holds {holder}")]
    ImageNameTaken {
        /// The image asked for.
        wanted: Reference,
        /// The existing image.
        holder: Reference,
        /// The file.
        path: PathBuf,
    },
    /// Something in a list's directory that is no entry and is not removed.
    #[error("{} is {kind}, not an entry of a manifest list", path.display())]
    NotAnEntry {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A symbolic link in mfst's own directory.
    #[error("{} is a symbolic link; mfst does not follow links in its own directory", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A file that must not be read or is too large.
    #[error("{operation} {}: {error}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        error: ReadError,
    },
    /// The operating system refused an operation.
    #[error("{operation} {}: {}", path.display(), reason(error))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl StoreError {
    pub(super) fn io(operation: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), error }
    }

    /// A file that cannot be opened or read.
    pub(super) fn file(operation: &'static str, path: &Path, error: ReadError) -> Self {
        let path = path.to_owned();
        match error {
            ReadError::Io(error) => Self::Io { operation, path, error },
            ReadError::Link => Self::Link { path },
            error => Self::File { operation, path, error },
        }
    }

    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// What the user can do, where the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound(list) | Self::EntryNotFound { list, has_list: false, .. } => {
                Some(format!("the local store has no list {list}; `mfst ls` shows the lists that it has"))
            }
            Self::EntryNotFound { list, .. } => {
                Some(format!("the local list {list} has no such entry; `mfst ls {list}` shows its entries"))
            }
            Self::ListExists => Some(
                "the local store has this list already: --replace starts it over, --amend adds to it; \
                 `mfst push --purge` removes it once it is pushed"
                    .to_owned(),
            ),
            Self::BrokenEntry { path, .. } => Some(format!(
                "{} is not an entry of a manifest list; remove the file, or the whole list with `mfst rm`",
                path.display()
            )),
            Self::NotAnEntry { .. } => Some("move it elsewhere, or remove the whole list with `mfst rm`".to_owned()),
            Self::Link { .. } => Some("remove the link; mfst makes what it needs".to_owned()),
            Self::ListNameTaken { holder, .. } => {
                Some(format!("remove the existing list with `mfst rm {holder}`, or give the new list another name"))
            }
            Self::ImageNameTaken { .. } => {
                Some("name one of the two images by its digest, or give it another tag".to_owned())
            }
            Self::Io { error, .. } if is_refusal(error) => {
                Some("--config DIR or DOCKER_CONFIG=DIR chooses another directory for the local store".to_owned())
            }
            _ => None,
        }
    }
}

/// Whether the place is at fault rather than the operation.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotADirectory | StorageFull)
}
