//! Why a server's certificate is not trusted.

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use std::time::{Duration, UNIX_EPOCH};
use thiserror::Error;

/// What is wrong with a server's certificate. Dates are in UTC.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CertificateFault {
    /// It is its own authority, and is not trusted.
    #[error("it is self-signed, and not trusted")]
    SelfSigned,
    /// It is self-signed, or its authority is not trusted.
    #[error("it is signed by an authority that is not trusted")]
    UnknownIssuer,
    /// It is no longer valid.
    #[error("it expired{0}")]
    Expired(ValidityDate),
    /// It is not valid yet.
    #[error("it is not valid yet{0}")]
    NotValidYet(ValidityDate),
    /// It is for other names.
    #[error("it is for {}, not for {wanted}", if names.is_empty() { "other names".to_owned() } else { names.join(", ") })]
    OtherName {
        /// The name of the server.
        wanted: String,
        /// The names in the certificate, if they are known.
        names: Vec<String>,
    },
    /// Anything else, in the words of the TLS library.
    #[error("{0}")]
    Other(String),
}

/// Marks a certificate that has signed itself and is no authority, for which the TLS library has no error of its own.
#[derive(Debug, Error)]
#[error("the certificate is self-signed")]
pub(super) struct SelfSigned;

/// An end of a validity period, if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidityDate {
    preposition: &'static str,
    time: Option<UnixTime>,
}

impl std::fmt::Display for ValidityDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(time) = self.time else { return Ok(()) };
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs())).unwrap_or(UNIX_EPOCH);
        let date = humantime::format_rfc3339_seconds(time).to_string();
        write!(f, " {} {}", self.preposition, date.split('T').next().unwrap_or_default())
    }
}

impl CertificateFault {
    pub(super) fn of(error: &CertificateError) -> Self {
        let expired = |time| Self::Expired(ValidityDate { preposition: "on", time });
        let not_valid_yet = |time| Self::NotValidYet(ValidityDate { preposition: "but from", time });
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired => expired(None),
            CertificateError::ExpiredContext { not_after, .. } => expired(Some(*not_after)),
            CertificateError::NotValidYet => not_valid_yet(None),
            CertificateError::NotValidYetContext { not_before, .. } => not_valid_yet(Some(*not_before)),
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names = presented.iter().map(|name| plain(name).to_owned()).collect();
                Self::OtherName { wanted: expected.to_str().into_owned(), names }
            }
            // A certificate that is an authority is never accepted as a server's unless it is trusted itself.
            CertificateError::Other(other)
                if other.0.is::<SelfSigned>() || other.to_string().contains("CaUsedAsEndEntity") =>
            {
                Self::SelfSigned
            }
            other => Self::Other(other.to_string()),
        }
    }
}

/// The name in the TLS library's `DnsName("other.test")`.
fn plain(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}
