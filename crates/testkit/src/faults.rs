//! Scripted faults: responses in place of the server's, dropped connections, delays and damaged bodies.

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

/// A fault. It applies to `times` matching requests, after `skip` of them have passed. Of several faults that match a
/// request, the first one applies.
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
    /// A fault for requests with this method (`*` for any) whose path and query contain `pattern`, or match it as a whole
    /// if it has a `*`. Without an action the response passes, for use with [`Fault::header`] and
    /// [`Script::wait_until_hit`].
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

    /// Applies to this many requests instead of one.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies to every matching request. [`Script::assert_all_hit`] requires at least one.
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

    /// Responds in place of the server, which does not see the request.
    #[must_use]
    pub fn answer(self, status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a status code");
        self.with_action(Action::Answer(status, body.into()))
    }

    /// Drops the connection before the server handles the request.
    #[must_use]
    pub fn cut_before(self) -> Self {
        self.with_action(Action::CutBefore)
    }

    /// Drops the connection after the server has handled the request.
    #[must_use]
    pub fn cut_after(self) -> Self {
        self.with_action(Action::CutAfter)
    }

    /// Never responds.
    #[must_use]
    pub fn hang(self) -> Self {
        self.with_action(Action::Hang)
    }

    /// Handles the request after this time.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.with_action(Action::Delay(delay))
    }

    /// Flips one bit of the body.
    #[must_use]
    pub fn corrupt(self) -> Self {
        self.with_action(Action::Corrupt)
    }

    /// Keeps `Content-Length` and drops the connection after `length` bytes of the body.
    #[must_use]
    pub fn truncate(self, length: usize) -> Self {
        self.with_action(Action::Truncate(length))
    }

    /// Sets a header of the response.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.push((HeaderName::from_static(name), Some(value)));
        self
    }

    /// Removes a header of the response.
    #[must_use]
    pub fn without_header(mut self, name: &'static str) -> Self {
        self.headers.push((HeaderName::from_static(name), None));
        self
    }

    fn with_action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn matches(&self, method: &Method, uri: &str) -> bool {
        (self.method == "*" || self.method == method.as_str())
            && if self.pattern.contains('*') { glob::fits(&self.pattern, uri) } else { uri.contains(&self.pattern) }
    }

    /// Counts the request; true if the fault applies to it.
    fn is_due(&mut self) -> bool {
        self.seen += 1;
        self.seen > self.skip && self.times.is_none_or(|times| self.hits < times)
    }

    fn is_spent(&self) -> bool {
        self.hits >= self.times.unwrap_or(1)
    }

    fn change_headers(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            match value {
                Some(value) => drop(response.headers_mut().insert(name, value.clone())),
                None => drop(response.headers_mut().remove(name)),
            }
        }
        response
    }
}

/// The faults of one server.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<(Mutex<Vec<Fault>>, Condvar)>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.0.lock().expect("the script")
    }

    /// Adds a fault.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Fails unless every fault has been hit as often as it should be.
    #[track_caller]
    pub fn assert_all_hit(&self) {
        let mut left = String::new();
        for fault in self.lock().iter().filter(|fault| !fault.is_spent()) {
            writeln!(left, "  {fault:?}").expect("a string");
        }
        assert!(left.is_empty(), "faults that were not hit:\n{left}");
    }

    /// Waits until every fault has been hit, so that a test knows the client to be in the middle of a request. Panics after
    /// a minute.
    #[track_caller]
    pub fn wait_until_hit(&self) {
        let (rules, hit) = &*self.0;
        let waiting = |rules: &mut Vec<Fault>| !rules.iter().all(Fault::is_spent);
        let (rules, limit) = hit
            .wait_timeout_while(rules.lock().expect("the script"), Duration::from_secs(60), waiting)
            .expect("the script");
        assert!(!limit.timed_out(), "not hit within a minute: {rules:#?}");
    }

    fn take(&self, request: &Request) -> Option<Fault> {
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        let mut rules = self.lock();
        let at = rules.iter_mut().position(|rule| rule.matches(request.method(), uri) && rule.is_due())?;
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
            // Read the rest of the request while the response is on its way, as Go's servers do: closing the connection
            // while the client sends would discard the response.
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
        Action::Corrupt => flip_bit(next.run(request).await).await,
        Action::Truncate(length) => truncate_body(next.run(request).await, *length).await,
    };
    fault.change_headers(response)
}

async fn flip_bit(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    Response::from_parts(head, Body::from(body))
}

async fn truncate_body(response: Response, length: usize) -> Response {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let start = body.slice(..length.min(body.len()));
    let broken = std::io::Error::other("the body ends here");
    Response::from_parts(head, Body::from_stream(stream::iter([Ok(start), Err(broken)])))
}
