//! What can go wrong in the store.

use crate::manifest::{DigestMismatch, EntryError};
use crate::reference::Reference;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the store could not do what it was asked. Texts that docker has too are docker's.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store has no such list.
    #[error("No such manifest: {0}")]
    NotFound(Reference),
    /// The store has no such list, or the list no such image.
    #[error("No such manifest: {image}")]
    ImageNotFound {
        /// The image.
        image: Reference,
        /// The list that it was looked for in.
        list: Reference,
        /// Whether there is such a list.
        has_list: bool,
    },
    /// The list is there and may not be changed.
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
    /// An entry of the legacy_format with a manifest that is not the one it names.
    #[error("invalid manifest file {}: {error}", path.display())]
    LegacyFormat {
        /// The file.
        path: PathBuf,
        /// Expected and actual digest.
        error: DigestMismatch,
    },
    /// A list whose place is taken by a list of another name.
    #[error("{wanted} and {holder} have the same place in the local store, which holds {holder}")]
    ListNameTaken {
        /// The list asked for.
        wanted: Reference,
        /// The name of the list that is there.
        holder: String,
        /// The place.
        path: PathBuf,
    },
    /// An image whose place in the list is taken by an image of another name.
    #[error("{wanted} and {holder} have the same place in the manifest list, which holds {holder}")]
    ImageNameTaken {
        /// The image asked for.
        wanted: Reference,
        /// The image that is there.
        holder: Reference,
        /// The place.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("{operation} {}: {}", path.display(), reason(error))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The refusal.
        error: io::Error,
    },
}

impl StoreError {
    pub(super) fn io(operation: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), error }
    }

    /// What the user can do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound(list) | Self::ImageNotFound { list, has_list: false, .. } => {
                Some(format!("the local store has no list {list}; `mfst ls` shows those that it has"))
            }
            Self::ImageNotFound { image, list, .. } => {
                Some(format!("the local list {list} has no entry {image}; `mfst ls {list}` shows those that it has"))
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
            Self::ListNameTaken { holder, .. } => {
                Some(format!("`mfst rm {holder}` frees the place, or give the new list another name"))
            }
            Self::ImageNameTaken { .. } => {
                Some("name one of the two images by its digest, or give it another tag".to_owned())
            }
            Self::Io { error, .. } if is_refusal(error) => {
                Some("--config DIR or DOCKER_CONFIG=DIR puts the local store elsewhere".to_owned())
            }
            _ => None,
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotADirectory | StorageFull)
}

/// The operating system's words without the number, in lower case as Go prints them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
