//! How to push, and where the results go.

use crate::digest::Digest;
use crate::error::WithHint;
use crate::output::{ProgressMode, ResultFile, ResultFileError};
use crate::reference::{Reference, states_registry};
use std::path::PathBuf;
use thiserror::Error;

/// The flags that all commands share that push.
#[derive(Debug, Default)]
pub struct PushOptions {
    /// Further tags, or full references.
    pub tags: Vec<String>,
    /// Whether to print the digest only.
    pub quiet: bool,
    /// How to show progress.
    pub progress: ProgressMode,
    /// A file for the digest.
    pub digest_file: Option<PathBuf>,
    /// A file for the metadata of the push.
    pub metadata_file: Option<PathBuf>,
    /// Whether to print what would be done, and to do nothing.
    pub dry_run: bool,
    /// Whether warnings are errors.
    pub strict: bool,
}

/// A further name that a list cannot be pushed under.
#[derive(Debug, Error)]
enum TagError {
    #[error("{0} names a digest; a list is pushed under a tag")]
    Digest(Reference),
    #[error("--tag {tag} states no registry; it would be pushed to {reference}")]
    NoRegistry { tag: String, reference: Reference },
}

impl PushOptions {
    /// All names that the list gets, its own first.
    pub fn targets(&self, list: &Reference) -> anyhow::Result<Vec<Reference>> {
        let mut targets = vec![list.clone()];
        for tag in &self.tags {
            let is_tag = !tag.contains(['/', ':', '@']);
            let target = Reference::parse(&if is_tag { format!("{}:{tag}", list.name()) } else { tag.clone() })?;
            if target.digest().is_some() {
                return Err(TagError::Digest(target).into());
            }
            if !is_tag && !states_registry(tag) {
                return Err(without_registry(tag, target, list));
            }
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(targets)
    }

    /// Makes sure that the result files can be written.
    pub(super) fn prepare_files(&self) -> Result<ResultFiles, ResultFileError> {
        let prepare =
            |path: &Option<PathBuf>| path.as_deref().filter(|_| !self.dry_run).map(ResultFile::prepare).transpose();
        Ok(ResultFiles { digest: prepare(&self.digest_file)?, metadata: prepare(&self.metadata_file)? })
    }
}

/// A full reference must state its registry: docker's default would push to Docker Hub without a word.
fn without_registry(tag: &str, reference: Reference, list: &Reference) -> anyhow::Error {
    let only_tag = reference.tag().unwrap_or_default();
    let hint = format!("--tag {only_tag} means {}:{only_tag}; --tag {reference} means Docker Hub", list.name());
    let error = TagError::NoRegistry { tag: tag.to_owned(), reference }.into();
    WithHint { error, hint }.into()
}

/// The files for the results of a push, if they are requested.
pub(super) struct ResultFiles {
    digest: Option<ResultFile>,
    metadata: Option<ResultFile>,
}

impl ResultFiles {
    /// Writes both.
    pub(super) fn write(self, digest: &Digest, metadata: &[u8]) -> Result<(), ResultFileError> {
        self.digest.map_or(Ok(()), |file| file.write(digest.as_str().as_bytes()))?;
        self.metadata.map_or(Ok(()), |file| file.write(metadata))
    }
}
