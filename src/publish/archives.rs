//! An archive is written anew: checks that no tag is lost with the one that it replaces.

use super::plan::Plan;
use crate::layout::{self, LayoutError};
use crate::location::{LayoutPath, Location};
use crate::registry::{digest_tag, is_digest_tag};
use std::collections::HashSet;
use thiserror::Error;

/// Why an archive is not replaced.
#[derive(Debug, Error)]
pub(super) enum ArchiveError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(
        "{archive} is written anew and would lose the tags {}; choose another file, or remove it first",
        tags.join(", ")
    )]
    LosesTags { archive: LayoutPath, tags: Vec<String> },
}

/// Checks every archive that a plan writes.
pub(super) fn check(plan: &Plan<'_>) -> Result<(), ArchiveError> {
    for repository in &plan.repositories {
        if let Location::Layout(layout) = &repository.target
            && let LayoutPath::Archive(file) = &layout.path
        {
            let mut tags = layout::replaced_tags(file)?;
            let kept = kept_tags(plan, &repository.target);
            tags.retain(|tag| !kept.written.contains(tag.as_str()) && !kept.is_obsolete(tag));
            if !tags.is_empty() {
                return Err(ArchiveError::LosesTags { archive: layout.path.clone(), tags });
            }
        }
    }
    Ok(())
}

/// What a new archive has.
struct Kept<'a> {
    /// Its tags.
    written: HashSet<&'a str>,
    /// The tags that referrers of its manifests begin with.
    subjects: HashSet<String>,
}

impl Kept<'_> {
    /// Whether a tag belongs to a referrer of a manifest that is not in the new archive.
    fn is_obsolete(&self, tag: &str) -> bool {
        is_digest_tag(tag) && !tag.split('.').next().is_some_and(|subject| self.subjects.contains(subject))
    }
}

fn kept_tags<'a>(plan: &Plan<'a>, archive: &Location) -> Kept<'a> {
    let (mut written, mut subjects) = (HashSet::new(), HashSet::new());
    for (root, name) in plan.names().filter(|(_, name)| name.is_beside(archive)) {
        written.extend(name.tag());
        let manifests = std::iter::once(&root.manifest).chain(&root.below);
        subjects.extend(manifests.map(|manifest| digest_tag(&manifest.digest)));
    }
    Kept { written, subjects }
}
