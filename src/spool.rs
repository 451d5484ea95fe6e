//! Bytes that are too many for memory, on their way from one place to another.

use futures_util::stream::{self, Stream};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// How much is read at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// An unnamed temporary file, which the system removes whatever happens. It can be read as often as a request has to
/// be sent.
#[derive(Debug, Clone)]
pub struct Spool(Arc<File>);

impl Spool {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(tempfile::tempfile()?)))
    }

    /// How much is in it, in bytes.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Shows all of it, piece by piece.
    pub fn read(&self, mut show: impl FnMut(&[u8])) -> io::Result<()> {
        let mut at = 0;
        while let Some(piece) = self.piece(at)? {
            show(&piece);
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Empties it, for another try.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.0.set_len(0)
    }

    pub(crate) fn append(&self, piece: &[u8]) -> io::Result<()> {
        self.0.write_all_at(piece, self.length()?)
    }

    pub(crate) fn stream(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
        stream::try_unfold((self, 0), |(spool, at)| async move {
            let piece = spool.piece(at)?;
            Ok(piece.map(|piece| {
                let next = at + piece.len() as u64;
                (piece, (spool, next))
            }))
        })
    }

    fn piece(&self, at: u64) -> io::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; CHUNK];
        let read = self.0.read_at(&mut piece, at)?;
        piece.truncate(read);
        Ok((read > 0).then_some(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_as_often_as_wanted() {
        let spool = Spool::new().unwrap();
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        content.chunks(70_001).for_each(|piece| spool.append(piece).unwrap());
        for _ in 0..2 {
            let mut seen = Vec::new();
            spool.read(|piece| seen.extend_from_slice(piece)).unwrap();
            assert_eq!(seen, content);
        }
        spool.clear().unwrap();
        assert_eq!(spool.length().unwrap(), 0);
    }
}
