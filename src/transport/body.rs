//! Bodies that are too large for memory.

use super::TransportFault;
use super::budget::Clock;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use std::io;

/// The body of a response, read chunk by chunk.
#[derive(Debug)]
pub struct ResponseBody {
    response: reqwest::Response,
    clock: Clock,
}

impl ResponseBody {
    pub(super) fn new(response: reqwest::Response, clock: Clock) -> Self {
        clock.begin();
        Self { response, clock }
    }

    /// The length that the server states, in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next chunk; none at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportFault> {
        let chunk = self.clock.answer(self.response.chunk()).await?.map_err(|error| TransportFault::of(&error))?;
        self.clock.moved(chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }
}

/// The body of a request, sent chunk by chunk.
pub struct UploadBody {
    length: u64,
    body: reqwest::Body,
}

impl UploadBody {
    /// A body of `length` bytes, in these chunks. `clock` is that of the operation: it stands still while they move.
    pub(super) fn new(
        length: u64,
        clock: Clock,
        chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        clock.begin();
        let watched = futures_util::stream::unfold((Box::pin(chunks), clock), async |(mut chunks, clock)| {
            clock.set_waiting(false);
            let chunk = chunks.next().await?;
            clock.moved(chunk.as_ref().map_or(0, Bytes::len));
            clock.set_waiting(true);
            Some((chunk, (chunks, clock)))
        });
        Self { length, body: reqwest::Body::wrap_stream(watched) }
    }

    pub(super) fn attach(self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.header("content-length", self.length).body(self.body)
    }
}
