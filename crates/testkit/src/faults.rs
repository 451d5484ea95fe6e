//! Scripted misbehaviour: rules that answer in the registry's stead, break the
//! connection before or after the work is done, or spoil the answer.

use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::glob;
use crate::server::Connection;

#[derive(Debug, Clone)]
enum Action {
    Answer(StatusCode, Bytes),
    CutBefore,
    CutAfter,
    Hang,
    Delay(Duration),
    Pass,
    Corrupt,
    Truncate(usize),
}

/// One rule. It applies to the first `times` matching requests after the first
/// `skip`, one rule to a request, the first that fits.
#[derive(Debug, Clone)]
pub struct Fault {
    method: String,
    pattern: String,
    skip: usize,
    times: Option<usize>,
    action: Action,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    seen: usize,
    hits: usize,
}

impl Fault {
    /// A rule for requests with this method (`*` for any) whose path and query
    /// contain `pattern`, or fit it as a whole when it has a `*`. Without an
    /// action it lets the answer through, which is of use with
    /// [`Fault::header`] and for waiting.
    pub fn on(method: &str, pattern: &str) -> Self {
        Self {
            method: method.to_owned(),
            pattern: pattern.to_owned(),
            skip: 0,
            times: Some(1),
            action: Action::Pass,
            headers: Vec::new(),
            seen: 0,
            hits: 0,
        }
    }

    /// Applies this often instead of once.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies to every request, of which there must be at least one.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Answers in the registry's stead; nothing reaches it.
    #[must_use]
    pub fn answer(self, status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a status code");
        self.act(Action::Answer(status, body.into()))
    }

    /// Drops the connection before the registry has done the work.
    #[must_use]
    pub fn cut_before(self) -> Self {
        self.act(Action::CutBefore)
    }

    /// Drops the connection after the registry has done the work.
    #[must_use]
    pub fn cut_after(self) -> Self {
        self.act(Action::CutAfter)
    }

    /// Never answers.
    #[must_use]
    pub fn hang(self) -> Self {
        self.act(Action::Hang)
    }

    /// Answers late.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.act(Action::Delay(delay))
    }

    /// Changes one bit of the body.
    #[must_use]
    pub fn corrupt(self) -> Self {
        self.act(Action::Corrupt)
    }

    /// Announces the whole body and breaks off after `length` bytes.
    #[must_use]
    pub fn truncate(self, length: usize) -> Self {
        self.act(Action::Truncate(length))
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.push((HeaderName::from_static(name), Some(value)));
        self
    }

    /// Takes a header away from the answer.
    #[must_use]
    pub fn without_header(mut self, name: &'static str) -> Self {
        self.headers.push((HeaderName::from_static(name), None));
        self
    }

    fn act(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn wants(&self, method: &Method, uri: &str) -> bool {
        (self.method == "*" || self.method == method.as_str())
            && if self.pattern.contains('*') { glob::fits(&self.pattern, uri) } else { uri.contains(&self.pattern) }
    }

    /// Counts the request and tells whether the rule applies to it.
    fn is_due(&mut self) -> bool {
        self.seen += 1;
        self.seen > self.skip && self.times.is_none_or(|times| self.hits < times)
    }

    fn is_played(&self) -> bool {
        self.hits >= self.times.unwrap_or(1)
    }

    fn dress(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            match value {
                Some(value) => drop(response.headers_mut().insert(name, value.clone())),
                None => drop(response.headers_mut().remove(name)),
            }
        }
        response
    }
}

/// The rules of one server.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<(Mutex<Vec<Fault>>, Condvar)>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.0.lock().expect("the script")
    }

    /// Adds a rule.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Fails unless every rule was met as often as it said.
    #[track_caller]
    pub fn assert_played(&self) {
        let mut left = String::new();
        for fault in self.lock().iter().filter(|fault| !fault.is_played()) {
            writeln!(left, "  {fault:?}").expect("a string");
        }
        assert!(left.is_empty(), "faults that were never met:\n{left}");
    }

    /// Waits until every rule was met, which is how a test catches a client in
    /// the middle of a request. The limit only keeps a broken test from
    /// hanging.
    #[track_caller]
    pub fn wait_until_played(&self) {
        let (rules, met) = &*self.0;
        let waiting = |rules: &mut Vec<Fault>| !rules.iter().all(Fault::is_played);
        let (rules, limit) = met
            .wait_timeout_while(rules.lock().expect("the script"), Duration::from_secs(60), waiting)
            .expect("the script");
        assert!(!limit.timed_out(), "not met within a minute: {rules:#?}");
    }

    fn take(&self, request: &Request) -> Option<Fault> {
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        let mut rules = self.lock();
        let at = rules.iter_mut().position(|rule| rule.wants(request.method(), uri) && rule.is_due())?;
        rules[at].hits += 1;
        let rule = rules[at].clone();
        self.0.1.notify_all();
        Some(rule)
    }
}

/// The layer.
pub async fn apply(
    State(script): State<Script>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = script.take(&request) else {
        return next.run(request).await;
    };
    let response = match &fault.action {
        Action::Answer(status, body) => {
            // The answer goes out at once, but the rest of the request is still taken in, as Go's servers do for a
            // while: closing on a client that is still sending would throw the answer away.
            tokio::spawn(http_body_util::BodyExt::collect(request.into_body()));
            (*status, body.clone()).into_response()
        }
        Action::CutBefore => connection.cut().await,
        Action::CutAfter => {
            next.run(request).await;
            connection.cut().await
        }
        Action::Hang => std::future::pending().await,
        Action::Delay(delay) => {
            tokio::time::sleep(*delay).await;
            next.run(request).await
        }
        Action::Pass => next.run(request).await,
        Action::Corrupt => corrupted(next.run(request).await).await,
        Action::Truncate(length) => truncated(next.run(request).await, *length).await,
    };
    fault.dress(response)
}

async fn corrupted(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    Response::from_parts(head, Body::from(body))
}

async fn truncated(response: Response, length: usize) -> Response {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let start = body.slice(..length.min(body.len()));
    let broken = std::io::Error::other("the body ends here");
    Response::from_parts(head, Body::from_stream(stream::iter([Ok(start), Err(broken)])))
}
