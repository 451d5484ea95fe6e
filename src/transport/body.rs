//! Bodies that are too large for memory, on their way past us, and the watch over whether anything still moves.

use super::TransportFault;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may send or take nothing.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// A body that arrives chunk by chunk.
#[derive(Debug)]
pub struct ResponseBody(pub(super) reqwest::Response);

impl ResponseBody {
    /// How long the server says it is, in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next chunk; none at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportFault> {
        let chunk = with_stall_timeout(&Activity::default(), self.0.chunk()).await?;
        chunk.map_err(|error| TransportFault::of(&error))
    }
}

/// A body that leaves chunk by chunk. It can be sent once: a request with one is not tried again.
#[derive(Clone)]
pub struct UploadBody {
    length: Option<u64>,
    chunks: Arc<Mutex<Option<Chunks>>>,
    activity: Activity,
}

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl UploadBody {
    /// A body of this length in bytes, if it is known, attempts of these chunks.
    pub fn new(length: Option<u64>, chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let activity = Activity::default();
        let watched = activity.clone();
        let chunks = chunks.inspect(move |_| watched.note());
        Self { length, chunks: Arc::new(Mutex::new(Some(Box::pin(chunks)))), activity }
    }

    pub(super) fn attach(&self, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, TransportFault> {
        // What has been sent in part is started anew by whoever made it.
        let chunks =
            lock(&self.chunks).take().ok_or_else(|| TransportFault::Broken("half of it is sent".to_owned()))?;
        let request = match self.length {
            Some(length) => request.header("content-length", length),
            None => request,
        };
        Ok(request.body(reqwest::Body::wrap_stream(chunks)))
    }

    pub(super) fn activity(&self) -> Activity {
        self.activity.clone()
    }
}

/// When something last moved.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Activity {
    fn note(&self) {
        *lock(&self.0) = Instant::now();
    }
}

/// Waits for as long as something moves.
pub(super) async fn with_stall_timeout<T>(
    activity: &Activity,
    work: impl Future<Output = T>,
) -> Result<T, TransportFault> {
    let mut work = pin!(work);
    loop {
        let last = *lock(&activity.0);
        let left = STALL_LIMIT.checked_sub(last.elapsed()).ok_or(TransportFault::Timeout)?;
        if let Ok(done) = tokio::time::timeout(left, work.as_mut()).await {
            return Ok(done);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
