//! Bounds the memory that the bodies of responses take at the same time.

use super::TransportFault;
use super::budget::Clock;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes all large bodies may have together: any single one fits.
const TOTAL: usize = 8 * 1024 * 1024;
/// A body up to this size, in bytes, is always read; there are no more of them than requests.
const SMALL: usize = 64 * 1024;

/// The memory for large bodies.
#[derive(Debug)]
pub(super) struct Memory(Arc<Semaphore>);

/// Memory that a body may take. Dropping it lets others have it.
#[derive(Debug, Default)]
pub(super) struct Share {
    bytes: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What reading a body came to.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it, and its share of the memory.
    Whole(Vec<u8>, Share),
    /// There is no room, and the rest has been dropped: the request has to be sent again when there is. Over HTTP/2,
    /// bodies that nobody reads hold up those that have room.
    NoRoom,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TOTAL)))
    }

    /// Waits for memory for so many bytes.
    pub(super) async fn reserve(&self, bytes: usize) -> Share {
        let permit = Arc::clone(&self.0).acquire_many_owned(permits(bytes)).await;
        Share { bytes, _permit: permit.ok() }
    }

    fn try_reserve(&self, bytes: usize) -> Option<Share> {
        let permit = Arc::clone(&self.0).try_acquire_many_owned(permits(bytes)).ok()?;
        Some(Share { bytes, _permit: Some(permit) })
    }

    /// Reads a body of at most `limit` bytes into memory. `share` is what has been reserved for it.
    pub(super) async fn read(
        &self,
        response: &mut reqwest::Response,
        limit: usize,
        mut share: Share,
        clock: &Clock,
    ) -> Result<Body, TransportFault> {
        let stated = response.content_length().and_then(|length| usize::try_from(length).ok());
        let whole = stated.unwrap_or(limit).min(limit);
        let mut bytes = Vec::with_capacity(stated.unwrap_or_default().min(limit).min(SMALL));
        while let Some(chunk) = clock.answer(response.chunk()).await?.map_err(|error| TransportFault::of(&error))? {
            let length = bytes.len() + chunk.len();
            if length > limit {
                return Err(TransportFault::TooLarge(limit));
            }
            if length > SMALL.max(share.bytes) {
                match self.try_reserve(whole) {
                    Some(reserved) => share = reserved,
                    None => return Ok(Body::NoRoom),
                }
                bytes.reserve_exact(whole.saturating_sub(bytes.len()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body::Whole(bytes, share))
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(TOTAL)).unwrap_or(u32::MAX)
}
