//! Limits on what one run reads into memory, whatever registries send.

use super::ResolveError;
use std::cell::Cell;
use std::rc::Rc;

/// The most entries that all lists of a walker may have together, and the most of a list that is built.
pub const MAX_ENTRIES: usize = 5_000;
/// The most memory that the manifests of a walker may take, in bytes, parsed and unparsed.
const MAX_MEMORY: usize = 24 * 1024 * 1024;
/// The most bytes that the lists in a list may have: drafts keep them.
pub(super) const MAX_NESTED: usize = 4 * 1024 * 1024;
/// What a parsed descriptor takes, in bytes, beside its text.
const DESCRIPTOR_COST: usize = 300;

/// The memory for the manifests of several walkers at a time.
#[derive(Debug, Clone)]
pub struct SharedMemory {
    used: Rc<Cell<usize>>,
    /// In bytes.
    limit: usize,
}

impl SharedMemory {
    /// Memory of this many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { used: Rc::default(), limit }
    }
}

/// What a walker has read so far.
#[derive(Debug)]
pub struct ReadLimits {
    entries: Cell<usize>,
    /// Of the shared memory, in bytes.
    own: Cell<usize>,
    memory: SharedMemory,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self::sharing(SharedMemory::new(MAX_MEMORY))
    }
}

impl ReadLimits {
    pub(super) fn sharing(memory: SharedMemory) -> Self {
        Self { entries: Cell::default(), own: Cell::default(), memory }
    }

    /// Counts the entries of a list.
    pub fn add_entries(&self, count: usize, list: &str) -> Result<(), ResolveError> {
        self.entries.set(self.entries.get().saturating_add(count));
        if self.entries.get() > MAX_ENTRIES { Err(ResolveError::TooLarge(list.to_owned())) } else { Ok(()) }
    }

    /// Counts a manifest of this many bytes and descriptors.
    pub fn add_manifest(&self, bytes: usize, descriptors: usize, list: &str) -> Result<(), ResolveError> {
        let more = bytes + descriptors * DESCRIPTOR_COST;
        let used = self.memory.used.get().saturating_add(more);
        if used > self.memory.limit {
            return Err(ResolveError::TooLarge(list.to_owned()));
        }
        self.memory.used.set(used);
        self.own.set(self.own.get() + more);
        Ok(())
    }
}

impl Drop for ReadLimits {
    /// Returns what it has used.
    fn drop(&mut self) {
        self.memory.used.set(self.memory.used.get().saturating_sub(self.own.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_by_those_that_use_it_at_a_time() {
        let memory = SharedMemory::new(100);
        let (one, other) = (ReadLimits::sharing(memory.clone()), ReadLimits::sharing(memory));
        one.add_manifest(60, 0, "one").unwrap();
        assert!(other.add_manifest(60, 0, "other").is_err());
        drop(one);
        other.add_manifest(60, 0, "other").unwrap();
    }
}
