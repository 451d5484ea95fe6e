//! Why a layout cannot be read or written.

use crate::digest::Digest;
use crate::file::{self, ReadError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a layout cannot be read or written.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A file that cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: ReadError,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {}", path.display(), file::reason(error))]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        error: io::Error,
    },
    /// A file with too many bytes.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: usize,
    },
    /// An `index.json` that is not one.
    #[error("{} is not an image index: {error}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A file that is not a tar file with a layout in it.
    #[error("{} is not an archive of an OCI layout: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something other than a regular file where an archive is to be written.
    #[error("{} is {kind}; an archive needs a regular file", path.display())]
    NotReplaceable {
        /// Where the archive is to be written.
        path: PathBuf,
        /// What there is, as part of a sentence.
        kind: &'static str,
    },
    /// Another file where an archive is to be written.
    #[error("{} is not an OCI archive; remove it or choose another file", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
    },
    /// No manifest of that name.
    #[error("{} has no manifest {name}; it has: {available}", path.display())]
    NotFound {
        /// The layout.
        path: PathBuf,
        /// The tag or digest.
        name: String,
        /// The tags that there are.
        available: String,
    },
    /// Several manifests and no name.
    #[error("{} has several manifests; name one of them: {available}", path.display())]
    Ambiguous {
        /// The layout.
        path: PathBuf,
        /// The tags or digests that there are.
        available: String,
    },
    /// A blob that is not there.
    #[error("{} has no blob {digest}", path.display())]
    NoBlob {
        /// The layout.
        path: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A blob of another size than its descriptor states.
    #[error("{}: the blob {digest} has {found} bytes, and {expected} according to its manifest", path.display())]
    BlobSize {
        /// The layout.
        path: PathBuf,
        /// The blob.
        digest: Digest,
        /// The size in the descriptor, in bytes.
        expected: u64,
        /// Its size in bytes.
        found: u64,
    },
    /// Bytes that are not those of the digest.
    #[error("{}: the blob {digest} does not have this digest", path.display())]
    DigestMismatch {
        /// The layout.
        path: PathBuf,
        /// The digest that it is named after.
        digest: Digest,
    },
}

impl LayoutError {
    pub(super) fn read(path: &Path, error: impl Into<ReadError>) -> Self {
        Self::Read { path: path.to_owned(), error: error.into() }
    }

    pub(super) fn write(path: &Path, error: io::Error) -> Self {
        Self::Write { path: path.to_owned(), error }
    }

    /// Whether what was asked for is not there, rather than unreadable.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::NoBlob { .. } => true,
            Self::Read { error, .. } => error.is_not_found(),
            _ => false,
        }
    }
}
