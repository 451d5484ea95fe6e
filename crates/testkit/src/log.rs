//! What a server was asked: the outermost layer, so that it also sees what the
//! other layers refuse or break.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
pub use axum::http::{Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;

use crate::glob;
use crate::server::Connection;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The connection it came in on.
    pub connection: u64,
    /// The HTTP version spoken.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// Path and query, as sent.
    pub uri: String,
    /// All request headers.
    pub headers: HeaderMap,
    /// The answer's status; none when there was no answer.
    pub status: Option<StatusCode>,
    /// When the request's head had been read.
    pub started: Instant,
    /// When the answer was ready to be sent.
    pub ended: Option<Instant>,
}

impl Entry {
    /// A request header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The authorization scheme sent, in lower case, if any.
    pub fn scheme(&self) -> Option<String> {
        let (scheme, _) = self.header("authorization")?.split_once(' ')?;
        Some(scheme.to_lowercase())
    }

    /// `METHOD PATH STATUS`; `-` is the status of a request without an answer.
    pub fn line(&self) -> String {
        let status = self.status.map_or_else(|| "-".to_owned(), |s| s.as_str().to_owned());
        format!("{} {} {status}", self.method, self.uri)
    }
}

/// The shared, growing record; entries keep their number when it is cleared.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<BTreeMap<u64, Entry>>>, Arc<AtomicU64>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.0.lock().expect("the log")
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().values().cloned().collect()
    }

    /// All entries so far as lines, see [`Entry::line`].
    pub fn lines(&self) -> Vec<String> {
        self.lock().values().map(Entry::line).collect()
    }

    /// Forgets everything, so that a test can look at one command only.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many lines fit the pattern.
    pub fn count(&self, pattern: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| glob::fits(pattern, line)).count()
    }

    /// The lines of all requests that are meant to change something.
    pub fn writes(&self) -> Vec<String> {
        let reads = |line: &String| line.starts_with("GET ") || line.starts_with("HEAD ");
        self.lines().into_iter().filter(|line| !reads(line)).collect()
    }

    /// How many requests whose lines fit the pattern were under way at the busiest moment.
    pub fn most_at_once(&self, pattern: &str) -> usize {
        let mut entries = self.entries();
        entries.retain(|entry| glob::fits(pattern, &entry.line()));
        let running =
            |at: Instant| entries.iter().filter(|e| e.started <= at && e.ended.is_none_or(|end| end > at)).count();
        entries.iter().map(|entry| running(entry.started)).max().unwrap_or(0)
    }

    /// How many connections carried a request.
    pub fn connections(&self) -> usize {
        let ids: BTreeSet<u64> = self.lock().values().map(|entry| entry.connection).collect();
        ids.len()
    }

    /// The longest chain of requests each of which began after the one before
    /// had been answered: what the work costs in round trips.
    pub fn depth(&self) -> usize {
        let mut entries = self.entries();
        entries.sort_by_key(|entry| entry.started);
        let mut depths: Vec<usize> = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            let before = (0..at).filter(|i| entries[*i].ended.is_some_and(|end| end <= entry.started));
            let depth = 1 + before.map(|i| depths[i]).max().unwrap_or(0);
            depths.push(depth);
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Fails unless the requests were these patterns, each as often as it
    /// stands here, in any order.
    #[track_caller]
    pub fn assert_requests(&self, patterns: &[&str]) {
        let looks = |line: &String| glob::fits("HEAD /v2/*/manifests/* *", line);
        let counts_looks = patterns.iter().any(|pattern| pattern.starts_with("HEAD"));
        let mut unexpected = self.lines();
        unexpected.retain(|line| counts_looks || !looks(line));
        let mut missing = String::new();
        for pattern in patterns {
            match unexpected.iter().position(|line| glob::fits(pattern, line)) {
                Some(at) => drop(unexpected.remove(at)),
                None => writeln!(missing, "  {pattern}").expect("a string"),
            }
        }
        assert!(
            missing.is_empty() && unexpected.is_empty(),
            "missing requests:\n{missing}unexpected requests:\n  {}\nall:\n  {}",
            unexpected.join("\n  "),
            self.lines().join("\n  "),
        );
    }
}

/// The layer: notes the request when it arrives, so that those never answered
/// are in the record too.
pub async fn record(
    State(log): State<Log>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let number = log.1.fetch_add(1, Ordering::SeqCst);
    let uri = request.uri().path_and_query();
    let entry = Entry {
        connection: connection.id,
        version: request.version(),
        method: request.method().clone(),
        uri: uri.map_or_else(String::new, ToString::to_string),
        headers: request.headers().clone(),
        status: None,
        started: Instant::now(),
        ended: None,
    };
    log.lock().insert(number, entry);
    let response = next.run(request).await;
    // The record may have been cleared meanwhile.
    if let Some(entry) = log.lock().get_mut(&number) {
        entry.status = Some(response.status());
        entry.ended = Some(Instant::now());
    }
    response
}
