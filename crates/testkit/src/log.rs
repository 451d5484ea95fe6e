//! The request log. It is the outermost layer, so that it also records what the other layers answer or drop.

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

/// A request and its response.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The number of its connection.
    pub connection: u64,
    /// The HTTP version.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// Path and query, as sent.
    pub uri: String,
    /// All request headers.
    pub headers: HeaderMap,
    /// The status of the response, if there was one.
    pub status: Option<StatusCode>,
    /// When the head of the request had been read.
    pub started: Instant,
    /// When the response was ready.
    pub ended: Option<Instant>,
}

impl Entry {
    /// A request header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The scheme of the `Authorization` header, in lower case.
    pub fn scheme(&self) -> Option<String> {
        let (scheme, _) = self.header("authorization")?.split_once(' ')?;
        Some(scheme.to_lowercase())
    }

    /// `METHOD PATH STATUS`; the status is `-` if there was no response.
    pub fn line(&self) -> String {
        let status = self.status.map_or_else(|| "-".to_owned(), |s| s.as_str().to_owned());
        format!("{} {} {status}", self.method, self.uri)
    }
}

/// When something began and, if it has, when it ended.
type Interval = (Instant, Option<Instant>);

/// The log. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Log {
    entries: Arc<Mutex<BTreeMap<u64, Entry>>>,
    count: Arc<AtomicU64>,
    handshakes: Arc<Mutex<Vec<Interval>>>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.entries.lock().expect("the log")
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().values().cloned().collect()
    }

    /// [`Entry::line`] of all entries so far.
    pub fn lines(&self) -> Vec<String> {
        self.lock().values().map(Entry::line).collect()
    }

    /// Removes all entries, so that a test can look at a single command.
    pub fn clear(&self) {
        self.lock().clear();
        self.handshakes().clear();
    }

    fn handshakes(&self) -> MutexGuard<'_, Vec<Interval>> {
        self.handshakes.lock().expect("the log")
    }

    /// Notes a TCP or TLS handshake.
    pub(crate) fn note_handshake(&self, started: Instant, ended: Instant) {
        self.handshakes().push((started, Some(ended)));
    }

    /// The number of lines that match the pattern.
    pub fn count(&self, pattern: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| glob::fits(pattern, line)).count()
    }

    /// The lines of all requests other than GET and HEAD.
    pub fn writes(&self) -> Vec<String> {
        let reads = |line: &String| line.starts_with("GET ") || line.starts_with("HEAD ");
        self.lines().into_iter().filter(|line| !reads(line)).collect()
    }

    /// The highest number of simultaneous requests whose lines match the pattern.
    pub fn max_concurrent(&self, pattern: &str) -> usize {
        let mut entries = self.entries();
        entries.retain(|entry| glob::fits(pattern, &entry.line()));
        let running =
            |at: Instant| entries.iter().filter(|e| e.started <= at && e.ended.is_none_or(|end| end > at)).count();
        entries.iter().map(|entry| running(entry.started)).max().unwrap_or(0)
    }

    /// The number of connections that carried a request.
    pub fn connections(&self) -> usize {
        let ids: BTreeSet<u64> = self.lock().values().map(|entry| entry.connection).collect();
        ids.len()
    }

    /// The length of the longest chain of requests that each started after the response to the one before.
    pub fn round_trips(&self) -> usize {
        longest_chain(self.requests())
    }

    /// The length of the longest chain of requests and of TCP and TLS handshakes to any of these servers.
    pub fn depth(servers: &[&Self]) -> usize {
        longest_chain(servers.iter().flat_map(|log| [log.requests(), log.handshakes().clone()].concat()).collect())
    }

    fn requests(&self) -> Vec<Interval> {
        self.lock().values().map(|entry| (entry.started, entry.ended)).collect()
    }

    /// Fails unless the requests match these patterns one to one, in any order. HEAD requests for manifests are ignored
    /// unless a pattern starts with `HEAD`.
    #[track_caller]
    pub fn assert_requests(&self, patterns: &[&str]) {
        let is_tag_check = |line: &String| glob::fits("HEAD /v2/*/manifests/* *", line);
        let with_heads = patterns.iter().any(|pattern| pattern.starts_with("HEAD"));
        let mut unexpected = self.lines();
        unexpected.retain(|line| with_heads || !is_tag_check(line));
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

/// The length of the longest chain of intervals that each began after the end of the one before.
fn longest_chain(mut intervals: Vec<Interval>) -> usize {
    intervals.sort_by_key(|(started, _)| *started);
    let mut depths: Vec<usize> = Vec::with_capacity(intervals.len());
    for (at, (started, _)) in intervals.iter().enumerate() {
        let before = (0..at).filter(|i| intervals[*i].1.is_some_and(|end| end <= *started));
        let depth = 1 + before.map(|i| depths[i]).max().unwrap_or(0);
        depths.push(depth);
    }
    depths.into_iter().max().unwrap_or(0)
}

/// The layer. It records a request when it arrives, so that those without a response are in the log as well.
pub async fn record(
    State(log): State<Log>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let number = log.count.fetch_add(1, Ordering::SeqCst);
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
    // The log may have been cleared in the meantime.
    if let Some(entry) = log.lock().get_mut(&number) {
        entry.status = Some(response.status());
        entry.ended = Some(Instant::now());
    }
    response
}
