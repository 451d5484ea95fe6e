//! Why no response came.

use super::{Attempts, CertificateFault, Locality, Method, Url, host_and_port};
use std::error::Error;
use thiserror::Error;

/// A request without a response.
#[derive(Debug, Error)]
#[error("{method} {url}: {fault}{attempts}")]
pub struct TransportError {
    /// The request's method.
    pub method: Method,
    /// The request's URL, without secrets.
    pub url: String,
    /// What went wrong.
    pub fault: TransportFault,
    /// How often the request was sent.
    pub attempts: Attempts,
}

impl TransportError {
    /// The host of the URL, with its port if it is not the scheme's.
    #[must_use]
    pub fn host(&self) -> String {
        Url::parse(&self.url).map(|url| host_and_port(&url).to_owned()).unwrap_or_default()
    }
}

/// What kept a response from coming.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TransportFault {
    /// No connection: refused, unreachable, no such host.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No connection in time, or no TLS on it.
    #[error("timed out while connecting")]
    ConnectTimeout,
    /// A connection, but no TLS on it.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// The server's certificate is not trusted.
    #[error("TLS handshake failed: the certificate is not accepted: {0}")]
    Certificate(CertificateFault),
    /// The server answered the TLS handshake with something else, most likely plain HTTP.
    #[error("the server does not speak TLS on this port")]
    NotTls,
    /// No connection through the proxy.
    #[error("cannot connect through the proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy, without secrets.
        proxy: String,
        /// Why not.
        reason: String,
    },
    /// The environment names a proxy that cannot be used. The value is not shown: it may hold a password.
    #[error("{variable} does not name a usable proxy: {reason}")]
    BadProxy {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate files for this host cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// A server led us to a host that is nearer than itself; see [`Locality`].
    #[error("refusing to connect: it is {}", match .0 {
        Locality::ThisMachine => "on this machine, and the registry is not",
        Locality::ThisLink | Locality::Elsewhere => "a link-local address, and the registry is further away",
    })]
    TooNear(Locality),
    /// No response in time.
    #[error("timed out")]
    Timeout,
    /// The connection broke, or the response was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A response larger than the limit, in bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// A header that cannot be sent.
    #[error("cannot send header {0}: invalid value")]
    BadHeader(&'static str),
}

impl TransportFault {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if let Some(tls) = find::<rustls::Error>(error) {
            return match tls {
                rustls::Error::InvalidMessage(_) => Self::NotTls,
                rustls::Error::InvalidCertificate(error) => Self::Certificate(CertificateFault::of(error)),
                other => Self::Tls(other.to_string()),
            };
        }
        // Without Rust's ` (os error 111)`.
        let reason = || innermost(error).to_string().split(" (os error").next().unwrap_or_default().to_owned();
        match error {
            // Over HTTP/2 an alert arrives as text. After the handshake it is about the client's certificate.
            _ if reason().starts_with("received fatal alert") => Self::Tls(reason()),
            _ if error.is_timeout() && error.is_connect() => Self::ConnectTimeout,
            _ if error.is_timeout() => Self::Timeout,
            _ if error.is_connect() => Self::Connect(reason()),
            _ => Self::Broken(reason()),
        }
    }

    /// Whether the request was never sent, so that the server cannot have acted on it.
    #[must_use]
    pub fn is_before_request(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::ConnectTimeout
                | Self::Proxy { .. }
                | Self::Tls(_)
                | Self::Certificate(_)
                | Self::NotTls
        )
    }
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}

/// Looks for an error of a type in the chain of sources; an I/O error may hold one that is not its `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let inside = inside.and_then(|inner| find::<T>(inner));
    error.downcast_ref().or(inside).or_else(|| find::<T>(error.source()?))
}
