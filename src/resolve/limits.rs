//! Limits on what one run reads into memory, whatever registries send.

use super::ResolveError;
use std::cell::Cell;

/// The most entries that all lists of a run may have together.
pub(super) const MAX_ENTRIES: usize = 5_000;
/// The most memory that the manifests of a run may take, in bytes, parsed and unparsed.
const MAX_MEMORY: usize = 24 * 1024 * 1024;
/// The most bytes that the lists in a list may have: drafts keep them.
pub(super) const MAX_NESTED: usize = 4 * 1024 * 1024;
/// What a parsed descriptor takes, in bytes, beside its text.
const DESCRIPTOR_COST: usize = 300;

/// What a run has read so far.
#[derive(Debug, Default)]
pub(super) struct ReadLimits {
    entries: Cell<usize>,
    memory: Cell<usize>,
}

impl ReadLimits {
    /// Counts the entries of a list.
    pub(super) fn add_entries(&self, count: usize, list: &str) -> Result<(), ResolveError> {
        Self::add(&self.entries, count, MAX_ENTRIES, list)
    }

    /// Counts a manifest of this many bytes and descriptors.
    pub(super) fn add_manifest(&self, bytes: usize, descriptors: usize, list: &str) -> Result<(), ResolveError> {
        Self::add(&self.memory, bytes + descriptors * DESCRIPTOR_COST, MAX_MEMORY, list)
    }

    fn add(total: &Cell<usize>, more: usize, limit: usize, list: &str) -> Result<(), ResolveError> {
        total.set(total.get().saturating_add(more));
        if total.get() > limit { Err(ResolveError::TooLarge(list.to_owned())) } else { Ok(()) }
    }
}
