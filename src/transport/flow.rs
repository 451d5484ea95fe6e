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

/// A body that arrives piece by piece.
#[derive(Debug)]
pub struct Incoming(pub(super) reqwest::Response);

impl Incoming {
    /// How long the server says it is, in bytes.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next piece; none at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, TransportFault> {
        let piece = while_moving(&Activity::default(), self.0.chunk()).await?;
        piece.map_err(|error| TransportFault::of(&error))
    }
}

/// A body that leaves piece by piece. It can be sent once: a request with one is not tried again.
#[derive(Clone)]
pub struct Outgoing {
    length: Option<u64>,
    pieces: Arc<Mutex<Option<Pieces>>>,
    activity: Activity,
}

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Outgoing {
    /// A body of this length in bytes, if it is known, made of these pieces.
    pub fn new(length: Option<u64>, pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let activity = Activity::default();
        let watched = activity.clone();
        let pieces = pieces.inspect(move |_| watched.note());
        Self { length, pieces: Arc::new(Mutex::new(Some(Box::pin(pieces)))), activity }
    }

    pub(super) fn attach(&self, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, TransportFault> {
        // What has been sent in part is begun anew by whoever made it.
        let pieces =
            lock(&self.pieces).take().ok_or_else(|| TransportFault::Broken("half of it is sent".to_owned()))?;
        let request = match self.length {
            Some(length) => request.header("content-length", length),
            None => request,
        };
        Ok(request.body(reqwest::Body::wrap_stream(pieces)))
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
pub(super) async fn while_moving<T>(activity: &Activity, work: impl Future<Output = T>) -> Result<T, TransportFault> {
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
