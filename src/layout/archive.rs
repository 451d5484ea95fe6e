//! Reads a layout in a tar file in place. Nothing is unpacked, so paths, links and sizes in it are harmless.

use super::reader::{BlobReader, open_regular};
use super::{INDEX_FILE, LayoutError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tar::{EntryType, Header, PaxExtensions};

/// The unit of a tar file, in bytes.
pub(super) const BLOCK: u64 = 512;
/// The most members that are looked at.
const MAX_MEMBERS: usize = 100_000;
/// The longest name of a blob's file, in bytes; one for SHA-512 has 141. Longer names are not kept.
const MAX_NAME: usize = 256;
/// The largest extended header that is read, in bytes.
const EXTENSION_LIMIT: u64 = 64 * 1024;

/// Where a member's content is, in bytes.
#[derive(Debug, Clone, Copy)]
struct Member {
    offset: u64,
    size: u64,
}

/// A tar file and the members of it that belong to a layout.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: Arc<File>,
    members: HashMap<String, Member>,
}

/// What extended headers say of the member that follows.
#[derive(Debug, Default)]
struct Extension {
    name: Option<String>,
    size: Option<u64>,
}

impl Archive {
    /// Finds the members of a tar file.
    pub(super) fn open(path: &Path) -> Result<Self, LayoutError> {
        let (file, length) = open_regular(path).map_err(|error| LayoutError::read(path, error))?;
        let members = Scanner { path, file: &file, length }.members()?;
        if !members.contains_key(INDEX_FILE) {
            return Err(invalid(path, format!("it has no {INDEX_FILE}")));
        }
        Ok(Self { path: path.to_owned(), file: Arc::new(file), members })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a member.
    pub(super) fn open_member(&self, name: &str) -> Result<BlobReader, LayoutError> {
        let Some(Member { offset, size }) = self.members.get(name).copied() else {
            return Err(LayoutError::read(&self.path.join(name), io::Error::from(ErrorKind::NotFound)));
        };
        Ok(BlobReader::part(&self.path, Arc::clone(&self.file), offset, size))
    }
}

fn invalid(path: &Path, reason: impl Into<String>) -> LayoutError {
    LayoutError::Archive { path: path.to_owned(), reason: reason.into() }
}

struct Scanner<'a> {
    path: &'a Path,
    file: &'a File,
    length: u64,
}

impl Scanner<'_> {
    fn members(&self) -> Result<HashMap<String, Member>, LayoutError> {
        let mut members = HashMap::new();
        let (mut position, mut extension) = (0, Extension::default());
        for _ in 0..MAX_MEMBERS {
            let Some(header) = self.header(position)? else { return Ok(members) };
            let kind = header.entry_type();
            let (member, end) = self.locate(&header, position, &extension)?;
            position = end;
            match kind {
                EntryType::XHeader => self.read_pax(member, &mut extension)?,
                EntryType::GNULongName => {
                    let name = self.read_extension(member)?;
                    extension.name = Some(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned());
                }
                EntryType::XGlobalHeader | EntryType::GNULongLink => {}
                _ => {
                    let own = String::from_utf8_lossy(&header.path_bytes()).into_owned();
                    let name = std::mem::take(&mut extension).name.unwrap_or(own);
                    let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
                    if is_of_layout(&name) {
                        self.add(&mut members, name, kind, member)?;
                    }
                }
            }
        }
        Err(invalid(self.path, format!("it has more than {MAX_MEMBERS} members")))
    }

    /// The content of the member whose header is at a position, and where the next header is.
    fn locate(&self, header: &Header, position: u64, extension: &Extension) -> Result<(Member, u64), LayoutError> {
        let is_extension = matches!(
            header.entry_type(),
            EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink
        );
        let stated = header.entry_size().map_err(|error| invalid(self.path, error.to_string()))?;
        let size = extension.size.filter(|_| !is_extension).unwrap_or(stated);
        let offset = position + BLOCK;
        let padded = size.checked_next_multiple_of(BLOCK).and_then(|size| size.checked_add(offset));
        match padded.filter(|_| size <= self.length.saturating_sub(offset)) {
            Some(end) => Ok((Member { offset, size }, end)),
            None => Err(invalid(self.path, "it is truncated: a member is longer than the file")),
        }
    }

    /// The header at a position; none at the end.
    fn header(&self, position: u64) -> Result<Option<Header>, LayoutError> {
        if position >= self.length {
            return Ok(None);
        }
        let mut header = Header::new_old();
        if self.length - position < BLOCK {
            return Err(invalid(self.path, "it is truncated"));
        }
        let read = self.file.read_exact_at(header.as_mut_bytes(), position);
        read.map_err(|error| LayoutError::read(self.path, error))?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if position == 0 && (bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])) {
            return Err(invalid(self.path, "it is compressed; decompress it first"));
        }
        // The checksum counts its own field as spaces (POSIX pax, "ustar Interchange Format").
        let sum = |range: std::ops::Range<usize>| bytes[range].iter().map(|byte| u32::from(*byte)).sum::<u32>();
        if header.cksum().ok() != Some(sum(0..148) + 8 * u32::from(b' ') + sum(156..512)) {
            return Err(invalid(self.path, format!("there is no tar header at byte {position}")));
        }
        Ok(Some(header))
    }

    fn read_pax(&self, member: Member, extension: &mut Extension) -> Result<(), LayoutError> {
        let bytes = self.read_extension(member)?;
        for record in PaxExtensions::new(&bytes) {
            let record = record.map_err(|error| invalid(self.path, error.to_string()))?;
            match (record.key(), record.value()) {
                (Ok("path"), Ok(path)) => extension.name = Some(path.to_owned()),
                (Ok("size"), Ok(size)) => {
                    extension.size = Some(size.parse().map_err(|_| invalid(self.path, "a size is not a number"))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_extension(&self, Member { offset, size }: Member) -> Result<Vec<u8>, LayoutError> {
        if size > EXTENSION_LIMIT {
            return Err(invalid(self.path, "a member has too long a header"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| LayoutError::read(self.path, error))?;
        Ok(bytes)
    }

    fn add(
        &self,
        members: &mut HashMap<String, Member>,
        name: String,
        kind: EntryType,
        member: Member,
    ) -> Result<(), LayoutError> {
        match (kind, members.entry(name)) {
            (EntryType::Directory, _) => Ok(()),
            (EntryType::Regular | EntryType::Continuous, Entry::Vacant(place)) => {
                place.insert(member);
                Ok(())
            }
            (EntryType::Regular | EntryType::Continuous, Entry::Occupied(place)) => {
                Err(invalid(self.path, format!("it has {} twice", place.key())))
            }
            (_, entry) => Err(invalid(self.path, format!("{} is not a regular file", entry.key()))),
        }
    }
}

/// Whether a layout has a file of this name.
fn is_of_layout(name: &str) -> bool {
    name == INDEX_FILE || name.starts_with("blobs/") && name.len() <= MAX_NAME
}
