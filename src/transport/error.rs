//! Why no answer came.

use super::{Attempts, CertificateFault, Method};
use std::error::Error;
use thiserror::Error;

/// A request without an answer.
#[derive(Debug, Error)]
#[error("{method} {url}: {fault}{attempts}")]
pub struct TransportError {
    /// The request's method.
    pub method: Method,
    /// The request's URL, without secrets.
    pub url: String,
    /// What happened.
    pub fault: TransportFault,
    /// How often the request was sent.
    pub attempts: Attempts,
}

/// What kept an answer from coming.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TransportFault {
    /// No connection: refused, unreachable, no such host.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// A connection, but no TLS on it.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// The server's certificate is not trusted.
    #[error("TLS handshake failed: the certificate is not accepted: {0}")]
    Certificate(CertificateFault),
    /// The server speaks something else than TLS, plain HTTP most likely.
    #[error("the server does not speak TLS on this port")]
    NotTls,
    /// No connection through the proxy that the environment names.
    #[error("cannot connect through the proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy, without secrets.
        proxy: String,
        /// Why not.
        reason: String,
    },
    /// The certificate files for this registry cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// Too slow.
    #[error("timed out")]
    Timeout,
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// More than is accepted, in bytes.
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
        // Without the number that the operating system has for it.
        let reason = || innermost(error).to_string().split(" (os error").next().unwrap_or_default().to_owned();
        match error {
            // Over HTTP/2 what the TLS library says arrives as text. After the handshake it is about our certificate.
            _ if reason().starts_with("received fatal alert") => Self::Tls(reason()),
            _ if error.is_timeout() => Self::Timeout,
            _ if error.is_connect() => Self::Connect(reason()),
            _ => Self::Broken(reason()),
        }
    }

    /// Whether the server was never asked: nothing was sent that it could have acted on.
    #[must_use]
    pub fn is_before_request(&self) -> bool {
        matches!(
            self,
            Self::Connect(_) | Self::Proxy { .. } | Self::Tls(_) | Self::Certificate(_) | Self::NotTls | Self::Timeout
        )
    }
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}

/// Looks for an error of a type anywhere below; an I/O error may hold one without being its `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let inside = inside.and_then(|inner| find::<T>(inner));
    error.downcast_ref().or(inside).or_else(|| find::<T>(error.source()?))
}
