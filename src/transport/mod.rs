//! One HTTP request, one answer: connections, TLS, time limits and size limits, and nothing about registries.
//!
//! This is the only module that names the HTTP and TLS libraries.

mod body;
mod certificate;
mod error;
mod limits;
mod proxy;
mod retry;
mod tls;

pub use body::{ResponseBody, UploadBody};
pub use certificate::CertificateFault;
pub use error::{TransportError, TransportFault};
pub use limits::DEFAULT_JOBS;
pub use reqwest::{Method, Url};
pub use retry::{Attempts, RetryPolicy};

use crate::config::{CertificateDirectories, HostCertificates};
use crate::output::Console;
use body::{Activity, with_stall_timeout};
use bytes::Bytes;
use limits::HostLimits;
use proxy::Proxies;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use retry::Retryable;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long a connection may take to be attempts, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The same where plain HTTP is tried next: a plain HTTP server may let a TLS handshake hang for ever.
const CONNECT_LIMIT_BEFORE_FALLBACK: Duration = Duration::from_secs(10);

/// Whether a server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertVerification {
    /// Against the trusted certificate authorities.
    Enabled,
    /// Not at all: `--insecure`, or a registry on this machine.
    Disabled,
}

/// What to send. It may hold secrets, and is never shown.
#[derive(Clone)]
pub struct Request {
    /// GET, HEAD, POST, PUT or DELETE.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers; the values are checked when sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// How many bytes of answer are accepted.
    pub limit: usize,
    /// Whether the body of a success is wanted chunk by chunk.
    pub streams: bool,
    /// Whether an error response, by its body, says that the request would fail again.
    pub is_permanent: fn(&[u8]) -> bool,
}

/// What a request carries.
#[derive(Clone)]
pub enum Body {
    /// Bytes in memory; none for no body.
    Bytes(Bytes),
    /// More than should be in memory.
    Stream(UploadBody),
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, limit: usize) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Body::Bytes(Bytes::new()),
            limit,
            streams: false,
            is_permanent: |_| false,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// How often the request was sent.
    pub attempts: Attempts,
    headers: HeaderMap,
    /// The whole body, unless it is wanted chunk by chunk.
    pub body: Vec<u8>,
    /// The body of a success that is wanted chunk by chunk.
    pub stream: Option<ResponseBody>,
}

impl Response {
    /// A header's first value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header that are text.
    pub fn headers<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// Whether the status says success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why something did not work.
#[derive(Debug, Clone, Copy)]
pub enum Failure<'a> {
    /// No answer came.
    Fault(&'a TransportFault),
    /// This status came.
    Status(u16),
}

/// What a client is made for: a verification, and the host whose certificate files it knows, if there are any.
type ClientKey = (CertVerification, Option<String>);

/// Sends requests. Connections are kept and shared by all requests with the same verification and the same certificates.
pub struct Transport {
    clients: Mutex<HashMap<ClientKey, reqwest::Client>>,
    proxies: OnceLock<Proxies>,
    certificates: CertificateDirectories,
    retry_policy: RetryPolicy,
    limits: HostLimits,
    console: Console,
}

impl Transport {
    /// A transport that has done nothing yet; what TLS needs is set up when it is needed.
    #[must_use]
    pub fn new(
        certificates: CertificateDirectories,
        retry_policy: RetryPolicy,
        jobs: usize,
        console: &Console,
    ) -> Self {
        Self {
            clients: Mutex::default(),
            proxies: OnceLock::new(),
            certificates,
            retry_policy,
            limits: HostLimits::new(jobs),
            console: console.clone(),
        }
    }

    /// Sends a request and reads the whole answer, of any status. Passing faults are put up with as far as retry_policy
    /// goes. Redirects are not followed.
    pub async fn send(&self, request: Request, verification: CertVerification) -> Result<Response, TransportError> {
        self.send_any(&[request], verification).await.map(|(_, response)| response)
    }

    /// Sends the first of several requests that reaches a server, and tells which one it was.
    pub async fn send_any(
        &self,
        choices: &[Request],
        verification: CertVerification,
    ) -> Result<(usize, Response), TransportError> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            // What is large may take as long as something moves, and can only be sent once.
            let is_large = choices.iter().any(|it| matches!(it.body, Body::Stream(_)));
            let limit = if is_large { Duration::MAX } else { self.retry_policy.limit };
            let left = limit.saturating_sub(started.elapsed());
            let outcome = tokio::time::timeout(left, self.try_each(choices, verification)).await;
            let mut outcome = outcome.unwrap_or_else(|_| Err(timed_out(&choices[0])));
            attempts += 1;
            let made = Attempts { count: attempts, time: started.elapsed() };
            let retryable = match &mut outcome {
                _ if is_large => return outcome,
                Ok((chosen, response)) => {
                    response.attempts = made;
                    let is_permanent = !response.is_success() && (choices[*chosen].is_permanent)(&response.body);
                    if is_permanent { Retryable::Final } else { retry::classify_response(response, SystemTime::now()) }
                }
                Err(error) => {
                    error.attempts = made;
                    retry::classify_fault(&error.fault)
                }
            };
            let Some(wait) = retry::wait(self.retry_policy, retryable, attempts, started.elapsed(), fastrand::f64())
            else {
                return outcome;
            };
            let reason = match &outcome {
                Ok((_, response)) => format!("{} {}", response.status, status_name(response.status)),
                Err(error) => error.fault.to_string(),
            };
            if let Ok((chosen, Response { status: 429, .. })) = &outcome {
                self.limits.limit_for(&server(&choices[*chosen].url)).pause(wait);
            }
            self.pause(&server(&choices[0].url), &reason, attempts, wait).await;
        }
    }

    /// Waits before a retry, and says so.
    async fn pause(&self, host: &str, reason: &str, retry: u32, wait: Duration) {
        self.console.debug(format_args!("trying again in {} ms (retry {retry})", wait.as_millis()));
        let retries = self.retry_policy.retries;
        let what = format!("waiting for {host}: {}, retry {retry} of {retries}", reason.trim());
        let _shown = self.console.wait(what, wait);
        tokio::time::sleep(wait).await;
    }

    /// Waits before something that takes several requests is tried again as a whole; false if it should not be.
    pub async fn wait_to_retry(&self, host: &str, failure: Failure<'_>, attempts: u32, started: Instant) -> bool {
        let retryable = match failure {
            Failure::Fault(fault) => retry::classify_fault(fault),
            Failure::Status(status) => retry::classify_status(status, None),
        };
        // How long it takes says nothing about how often it has failed.
        let spent = started.elapsed().min(self.retry_policy.limit / 2);
        let Some(wait) = retry::wait(self.retry_policy, retryable, attempts, spent, fastrand::f64()) else {
            return false;
        };
        let reason = match failure {
            Failure::Fault(fault) => fault.to_string(),
            Failure::Status(status) => format!("{status} {}", status_name(status)),
        };
        self.pause(host, &reason, attempts, wait).await;
        true
    }

    async fn try_each(
        &self,
        choices: &[Request],
        verification: CertVerification,
    ) -> Result<(usize, Response), TransportError> {
        let mut missed: Option<TransportError> = None;
        for (position, request) in choices.iter().enumerate() {
            match self.try_once(request, verification).await {
                Ok(response) => return Ok((position, response)),
                Err(error) if error.fault.is_before_request() => {
                    // What kept the first choice from working is the better story, unless it was that the server
                    // does not speak TLS.
                    missed = missed.filter(|first| first.fault != TransportFault::NotTls).or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(missed.unwrap_or_else(|| unreachable!("there is at least one choice")))
    }

    async fn try_once(&self, request: &Request, verification: CertVerification) -> Result<Response, TransportError> {
        let started = Instant::now();
        let (method, url) = (request.method.clone(), display_url(&request.url));
        let result = self.exchange(request.clone(), verification).await;
        let outcome = match &result {
            Ok(response) => response.status.to_string(),
            Err(fault) => fault.to_string(),
        };
        self.console.debug(format_args!("{method} {url}: {outcome} ({} ms)", started.elapsed().as_millis()));
        result.map_err(|fault| TransportError { method, url, fault, attempts: Attempts::default() })
    }

    async fn exchange(&self, request: Request, verification: CertVerification) -> Result<Response, TransportFault> {
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(&value).map_err(|_| TransportFault::BadHeader(name))?;
            value.set_sensitive(name == "authorization");
            headers.insert(HeaderName::from_static(name), value);
        }
        let url = request.url.clone();
        let builder = self.client(&url, verification)?.request(request.method, request.url).headers(headers);
        let limit_for = self.limits.limit_for(&server(&url));
        let _slot = limit_for.enter().await;
        let (builder, activity) = match request.body {
            Body::Bytes(bytes) => (builder.body(bytes), Activity::default()),
            Body::Stream(outgoing) => (outgoing.attach(builder)?, outgoing.activity()),
        };
        let response =
            with_stall_timeout(&activity, builder.send()).await?.map_err(|error| self.fault(&error, &url))?;
        if response.version() < reqwest::Version::HTTP_2 {
            self.limits.cap_http1(&limit_for);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if request.streams && (200..300).contains(&status) {
            // What is read for long keeps nobody from asking: what it is sent on to needs a place too.
            return Ok(Response {
                status,
                attempts: Attempts::default(),
                headers,
                body: Vec::new(),
                stream: Some(ResponseBody(response)),
            });
        }
        let body = read_body(ResponseBody(response), request.limit).await?;
        Ok(Response { status, attempts: Attempts::default(), headers, body, stream: None })
    }

    /// What kept a request from being answered; that a proxy was in the way is worth telling.
    fn fault(&self, error: &reqwest::Error, url: &Url) -> TransportFault {
        match (TransportFault::of(error), self.proxies().proxy_for(url)) {
            (TransportFault::Connect(reason), Some(proxy)) => {
                TransportFault::Proxy { proxy: display_url(&proxy), reason }
            }
            (fault, _) => fault,
        }
    }

    fn proxies(&self) -> &Proxies {
        self.proxies.get_or_init(Proxies::from_environment)
    }

    fn client(&self, url: &Url, verification: CertVerification) -> Result<reqwest::Client, TransportFault> {
        let host = server(url);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(verification, Some(host.clone()))) {
            return Ok(client.clone());
        }
        let files = if url.scheme() == "https" {
            self.certificates.load(&host, &self.console)
        } else {
            Ok(HostCertificates::default())
        };
        let files = match files {
            // Who trusts anyone is not stopped by files about whom to trust.
            Err(_) if verification == CertVerification::Disabled => HostCertificates::default(),
            files => files.map_err(TransportFault::Certificates)?,
        };
        let is_special = files != HostCertificates::default();
        let key = (verification, is_special.then_some(host));
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = client(verification, &files, self.proxies().clone())?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn timed_out(request: &Request) -> TransportError {
    let (method, url) = (request.method.clone(), display_url(&request.url));
    TransportError { method, url, fault: TransportFault::Timeout, attempts: Attempts::default() }
}

fn client(
    verification: CertVerification,
    files: &HostCertificates,
    proxies: Proxies,
) -> Result<reqwest::Client, TransportFault> {
    let connect_limit = match verification {
        CertVerification::Enabled => CONNECT_LIMIT,
        CertVerification::Disabled => CONNECT_LIMIT_BEFORE_FALLBACK,
    };
    let built = reqwest::Client::builder()
        .proxy(reqwest::Proxy::custom(move |url| proxies.proxy_for(url)))
        .user_agent(concat!("mfst/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect_limit)
        .tls_backend_preconfigured(tls::configuration(verification, files).map_err(TransportFault::Certificates)?)
        .build();
    built.map_err(|error| TransportFault::Broken(error.to_string()))
}

/// Reads a whole body into memory.
async fn read_body(mut incoming: ResponseBody, limit: usize) -> Result<Vec<u8>, TransportFault> {
    let mut body = Vec::new();
    while let Some(chunk) = incoming.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(TransportFault::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The server that a URL is on, `host` or `host:port`.
fn server(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// A URL without its query, which may hold signatures, and without user information.
#[must_use]
pub fn display_url(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.to_string()
}

/// Fields in the form of `application/x-www-form-urlencoded`.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://localhost/").unwrap_or_else(|_| unreachable!("a fixed URL"));
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// The usual name of a status code, `Not Lookup`.
#[must_use]
pub fn status_name(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        let url = Url::parse("https://user:pass@h.io/v2/a?X-Sig=secret").unwrap();
        assert_eq!(display_url(&url), "https://h.io/v2/a");
    }
}
