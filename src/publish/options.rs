//! How to push, and where the results go.

use crate::error::WithHint;
use crate::manifest::{Platform, PlatformSelector};
use crate::output::{ProgressMode, ResultFile, ResultFileError};
use crate::reference::{Reference, states_registry};
use crate::registry::Precondition;
use std::fmt::Display;
use std::path::PathBuf;
use thiserror::Error;

/// The flags that all commands share that push.
#[derive(Debug, Clone, Default)]
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
    /// Platforms that the list must have images for.
    pub require_platforms: Vec<PlatformSelector>,
    /// What all tags must mean before they are moved.
    pub expect: Option<Precondition>,
}

/// A further name that a list cannot be pushed under.
#[derive(Debug, Error)]
enum TagError {
    #[error("{0} names a digest; a list is pushed under a tag")]
    Digest(Reference),
    #[error("--tag {tag} states no registry; it would be pushed to {reference}")]
    NoRegistry { tag: String, reference: Reference },
}

/// A list without images for platforms that it must have.
#[derive(Debug, Error)]
#[error("{list} has no image for {missing}; it has {available}")]
struct MissingPlatforms {
    list: String,
    missing: String,
    available: String,
}

impl PushOptions {
    /// Checks that the list of this name, which has images for `platforms`, has all that are required.
    pub fn check_platforms<'a>(
        &self,
        list: &impl Display,
        platforms: impl IntoIterator<Item = &'a Platform>,
    ) -> anyhow::Result<()> {
        let platforms: Vec<&Platform> = platforms.into_iter().collect();
        let is_missing = |required: &&PlatformSelector| !platforms.iter().any(|platform| required.matches(platform));
        let missing: Vec<String> = self.require_platforms.iter().filter(is_missing).map(ToString::to_string).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let available: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        let (missing, available) = (missing.join(", "), available.join(", "));
        Err(MissingPlatforms { list: list.to_string(), missing, available }.into())
    }

    /// All names that the list gets, its own first.
    pub fn targets(&self, list: &Reference) -> anyhow::Result<Vec<Reference>> {
        let mut targets = vec![list.clone()];
        for tag in &self.tags {
            let target = if is_tag(tag) {
                Reference::parse(&format!("{}:{tag}", list.name()))?
            } else {
                let target = Reference::parse(tag)?;
                check_registry(tag, &target, |tag| format!("{}:{tag}", list.name()))?;
                target
            };
            if target.digest().is_some() {
                return Err(TagError::Digest(target).into());
            }
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(targets)
    }

    /// Makes sure that the result files can be written.
    pub fn prepare_files(&self) -> Result<ResultFiles, ResultFileError> {
        let prepare =
            |path: &Option<PathBuf>| path.as_deref().filter(|_| !self.dry_run).map(ResultFile::prepare).transpose();
        Ok(ResultFiles { digest: prepare(&self.digest_file)?, metadata: prepare(&self.metadata_file)? })
    }
}

/// Whether a further name is a tag in the repository of the first name, rather than a full reference.
#[must_use]
pub fn is_tag(name: &str) -> bool {
    !name.contains(['/', ':', '@'])
}

/// Checks that a further name which is a full reference states its registry: by docker's default it would be on Docker
/// Hub. `tagged` is the first name with another tag.
pub fn check_registry(name: &str, reference: &Reference, tagged: impl FnOnce(&str) -> String) -> anyhow::Result<()> {
    if states_registry(name) {
        return Ok(());
    }
    let tag = reference.tag().unwrap_or_default();
    let hint = format!("--tag {tag} means {}; --tag {reference} means Docker Hub", tagged(tag));
    let error = TagError::NoRegistry { tag: name.to_owned(), reference: reference.clone() }.into();
    Err(WithHint { error, hint }.into())
}

/// The files for the results of a push, if they are requested.
pub struct ResultFiles {
    digest: Option<ResultFile>,
    metadata: Option<ResultFile>,
}

impl ResultFiles {
    /// Writes both.
    pub fn write(self, digest: &str, metadata: &[u8]) -> Result<(), ResultFileError> {
        self.digest.map_or(Ok(()), |file| file.write(digest.as_bytes()))?;
        self.metadata.map_or(Ok(()), |file| file.write(metadata))
    }
}
