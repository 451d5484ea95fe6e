//! HTTP: connections, TLS, proxies, retries, and limits on time, size and concurrency. It knows nothing of registries.
//!
//! This is the only module that names the HTTP and TLS libraries. Everything in it runs on one thread.

mod body;
mod budget;
mod certificate;
mod client;
mod error;
mod limits;
mod locality;
mod memory;
mod operation;
mod proxy;
mod resolver;
mod retry;
mod tls;

pub use body::{ResponseBody, UploadBody};
pub use certificate::CertificateFault;
pub use client::Transport;
pub use error::{TransportError, TransportFault};
pub use limits::{DEFAULT_JOBS, HTTP1_CONNECTIONS};
pub use locality::Locality;
pub use operation::{Failure, Operation};
pub use reqwest::{Method, Url};
pub use retry::{Attempts, RetryPolicy};
pub use tls::{CertVerification, Certificates, TrustedByName};

use bytes::Bytes;
use limits::Slot;
use memory::Share;
use reqwest::header::HeaderMap;

/// A request. It may hold secrets, and has no `Debug`.
#[derive(Clone)]
pub struct Request {
    /// GET, HEAD, POST, PUT or DELETE.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// Headers; the values are checked when they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty for none.
    pub body: Bytes,
    /// The maximum size of a response that is read into memory, in bytes.
    pub limit: usize,
    /// Whether the body of a successful response is left to be read chunk by chunk.
    pub streams: bool,
    /// Whether a body that is not in memory moves without a slot among the requests to the host.
    pub slotless: bool,
    /// Whether the server's certificate is verified.
    pub verification: CertVerification,
    /// The nearest place that the request may go to: that of the server which named the URL.
    pub nearest: Locality,
    /// Whether the body of an error response says that the request would fail again.
    pub is_permanent: fn(&[u8]) -> bool,
}

impl Request {
    /// A request without headers and body to a host that the user has not named: its certificate is verified, and it is
    /// neither on this machine nor on this link.
    #[must_use]
    pub fn new(method: Method, url: Url, limit: usize) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            limit,
            streams: false,
            slotless: false,
            verification: CertVerification::Enabled,
            nearest: Locality::Elsewhere,
            is_permanent: |_| false,
        }
    }
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The URL of the request.
    pub url: Url,
    /// Where the host is.
    pub locality: Locality,
    /// The status code.
    pub status: u16,
    /// The attempts that it took.
    pub attempts: Attempts,
    /// Whether it is an error that would come again.
    is_permanent: bool,
    headers: HeaderMap,
    /// The body, unless it is left to be read chunk by chunk.
    pub body: Vec<u8>,
    /// The body of a successful response to a request that asked for one.
    pub stream: Option<ResponseBody>,
    /// What the response takes up as long as it is kept.
    _held: Held,
}

/// Memory for the body, and for a body that is read chunk by chunk a slot among the requests to its host.
#[derive(Debug)]
struct Held {
    _share: Share,
    _slot: Option<Slot>,
}

impl Response {
    /// Whether it is a failure that may be temporary, and has lasted for all attempts.
    #[must_use]
    pub fn is_temporary_failure(&self) -> bool {
        // Attempts are noted for such failures only.
        self.attempts.count > 0
    }

    /// A header's first value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header that are text.
    pub fn headers<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// Whether the status code means success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A URL without its query, which may hold signatures, and without user information.
#[must_use]
pub fn display_url(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.to_string()
}

/// `host` or `host:port`, the port only if it is not the scheme's own.
fn host_and_port(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

/// The name of a status code, such as `Not Found`.
#[must_use]
pub fn status_name(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        let url = Url::parse("https://user:pass@h.io/v2/a?X-Sig=secret#token=secret").unwrap();
        assert_eq!(display_url(&url), "https://h.io/v2/a");
    }
}
