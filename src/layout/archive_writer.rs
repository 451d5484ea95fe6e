//! Writes layouts in tar files. A blob's region is reserved before it is written, so that several blobs can be written at
//! a time. The file is renamed when it is complete.

use super::archive::BLOCK;
use super::archive_file::{directory, follow};
use super::writer::LayoutEntry;
use super::{INDEX_FILE, LayoutError, MARKER, MARKER_FILE, blob_name, index, staged};
use crate::digest::Digest;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};
use tempfile::NamedTempFile;

/// An archive ends with two blocks of zeros.
const END: u64 = 2 * BLOCK;

/// A layout in a tar file.
#[derive(Debug)]
pub struct ArchiveWriter {
    path: PathBuf,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    /// None after it has got its name.
    staged: Option<NamedTempFile>,
    /// Where the next member begins.
    end: u64,
    /// Where the content of each blob begins.
    blobs: HashMap<Digest, u64>,
    finished: HashSet<Digest>,
}

/// The place of a blob in an archive.
#[derive(Debug)]
pub struct RegionWriter<'a> {
    archive: &'a ArchiveWriter,
    digest: Digest,
    position: u64,
    end: u64,
}

impl ArchiveWriter {
    pub(super) fn open(path: &Path) -> Result<Self, LayoutError> {
        let path = follow(path);
        let directory = directory(&path);
        staged::remove_stale(directory);
        let staged = Some(staged::stage(directory).map_err(|error| LayoutError::write(&path, error))?);
        let archive = Self {
            path,
            state: RefCell::new(State { staged, end: 0, blobs: HashMap::new(), finished: HashSet::new() }),
        };
        archive.append(MARKER_FILE, MARKER)?;
        Ok(archive)
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> bool {
        self.state.borrow().finished.contains(digest)
    }

    pub(super) fn start_blob(&self, digest: &Digest, size: u64) -> Result<RegionWriter<'_>, LayoutError> {
        let known = self.state.borrow().blobs.get(digest).copied();
        let position = if let Some(position) = known {
            position
        } else {
            let position = self.reserve(&blob_name(digest), size)?;
            self.state.borrow_mut().blobs.insert(digest.clone(), position);
            position
        };
        Ok(RegionWriter { archive: self, digest: digest.clone(), position, end: position + size })
    }

    /// Writes the index and gives the file its name.
    pub(super) fn commit(&self, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
        self.append(INDEX_FILE, &index::merge(&self.path, None, entries)?)?;
        let mut state = self.state.borrow_mut();
        let length = state.end + END;
        let Some(staged) = state.staged.take() else { return Ok(()) };
        let named = staged.as_file().set_len(length).and_then(|()| staged.as_file().sync_data());
        let named = named.and_then(|()| staged.persist(&self.path).map_err(Into::into));
        named.map(drop).map_err(|error| LayoutError::write(&self.path, error))
    }

    fn append(&self, name: &str, content: &[u8]) -> Result<(), LayoutError> {
        let position = self.reserve(name, content.len() as u64)?;
        self.write_at(content, position)
    }

    /// Writes the header of a member, and tells where its content begins.
    fn reserve(&self, name: &str, size: u64) -> Result<u64, LayoutError> {
        let mut header = Header::new_gnu();
        if header.set_path(name).is_err() {
            // The name is too long for a header (GNU tar, "@LongLink").
            let content = [name.as_bytes(), b"\0"].concat();
            let position = self.reserve_member(&mut Header::new_gnu(), EntryType::GNULongName, content.len() as u64)?;
            self.write_at(&content, position)?;
        }
        self.reserve_member(&mut header, EntryType::Regular, size)
    }

    fn reserve_member(&self, header: &mut Header, kind: EntryType, size: u64) -> Result<u64, LayoutError> {
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        let start = self.state.borrow().end;
        self.write_at(header.as_bytes(), start)?;
        let length = size.checked_next_multiple_of(BLOCK);
        let end = length.and_then(|length| (start + BLOCK).checked_add(length));
        let end = end.filter(|end| i64::try_from(*end).is_ok());
        let too_large = || LayoutError::write(&self.path, io::ErrorKind::FileTooLarge.into());
        self.state.borrow_mut().end = end.ok_or_else(too_large)?;
        Ok(start + BLOCK)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<(), LayoutError> {
        let state = self.state.borrow();
        let Some(staged) = &state.staged else { return Ok(()) };
        staged.as_file().write_all_at(bytes, position).map_err(|error| LayoutError::write(&self.path, error))
    }
}

impl RegionWriter<'_> {
    /// Writes the next bytes, none past the size that was stated.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        let next = self.position + bytes.len() as u64;
        if next > self.end {
            return Err(LayoutError::DigestMismatch { path: self.archive.path.clone(), digest: self.digest.clone() });
        }
        self.archive.write_at(bytes, self.position)?;
        self.position = next;
        Ok(())
    }

    pub(super) fn finish(self) {
        self.archive.state.borrow_mut().finished.insert(self.digest);
    }
}
