//! Errors of registry operations, and what registries say in error responses.

use crate::digest::Digest;
use crate::json::{self, Object};
use crate::manifest::ManifestError;
use crate::reference::Reference;
use crate::transport::{Attempts, Method, Response, TransportError, TransportFault, Url, display_url, status_name};
use std::fmt;
use thiserror::Error;

/// The maximum length of a registry's message, in characters.
const MESSAGE_LIMIT: usize = 500;
/// The maximum number of errors from one response.
const DIAGNOSTICS_LIMIT: usize = 10;

/// The codes that say what is wrong with a request (distribution-spec, "Error Codes"): it would fail again. `UNKNOWN`,
/// which is not in the specification, may mean anything, and an upload that is invalid or unknown can start over.
const PERMANENT: [&str; 11] = [
    "BLOB_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "UNSUPPORTED",
];

/// Why a registry operation failed.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The registry says that there is no such manifest.
    #[error("no such manifest: {0}")]
    NotFound(Reference),
    /// The registry says that there is no such repository.
    #[error("no such repository: {}", .0.name())]
    NoRepository(Reference),
    /// The registry says that there is no such blob.
    #[error("unknown blob")]
    BlobUnknown {
        /// The repository and the digest.
        url: String,
    },
    /// The registry answered with an error.
    #[error(transparent)]
    Refused(#[from] ErrorResponse),
    /// The registry or its token server refused a login that was tried.
    #[error("{host} refused this user name and password ({refusal})")]
    LoginRefused {
        /// The registry.
        host: String,
        /// What it answered.
        refusal: ErrorResponse,
    },
    /// A web page in the place of a manifest. The message is docker's.
    #[error("unsupported manifest media type and no default available: {content_type}")]
    WebPage {
        /// The manifest's URL.
        url: String,
        /// The media type of the response.
        content_type: String,
    },
    /// No response came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A host that is not valid in a URL.
    #[error("\"{0}\" is not the name of a registry")]
    BadHost(String),
    /// The token server's response holds no token.
    #[error("GET {url}: the token server's answer holds no token")]
    NoToken {
        /// The token server.
        url: String,
    },
    /// A token server, a redirect or an upload location that must not be used.
    #[error("{url}: refusing to go on to {target}: {reason}")]
    Unsafe {
        /// The server that named the target.
        url: String,
        /// The target.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// The manifest does not have the digest that was requested.
    #[error("manifest verification failed for digest {0}")]
    ManifestDigest(Digest),
    /// A blob does not have its digest.
    #[error("the registry sent a blob that does not have the digest {0}")]
    BlobDigest(Digest),
    /// A blob does not have the size that its descriptor states.
    #[error("the registry sent {sent} for the blob {digest}, which has {expected} bytes according to its manifest")]
    BlobSize {
        /// The blob.
        digest: Digest,
        /// The size in the descriptor, in bytes.
        expected: u64,
        /// What the registry sent, or says that it would send.
        sent: String,
    },
    /// The config does not have its digest.
    #[error("image config verification failed for digest {0}")]
    ConfigDigest(Digest),
    /// An answer of another form than the specification has.
    #[error("GET {url}: the answer is not {what}: {reason}")]
    Unreadable {
        /// What was asked for.
        url: String,
        /// What the answer should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The registry stored something other than what was sent.
    #[error("{url}: the registry says it stored {stored} where {sent} was sent")]
    StoredOther {
        /// The manifest's URL.
        url: String,
        /// The digest that the registry named.
        stored: String,
        /// The digest of what was sent.
        sent: Digest,
    },
}

impl RegistryError {
    /// A response that broke off.
    pub(super) fn broken(url: &Url, fault: TransportFault) -> Self {
        TransportError { method: Method::GET, url: display_url(url), fault, attempts: Attempts::default() }.into()
    }

    /// A response that is not `what` it should be.
    pub(super) fn unreadable(url: &Url, what: &'static str, error: &serde_json::Error) -> Self {
        Self::Unreadable { url: display_url(url), what, reason: error.to_string() }
    }

    /// Whether the registry refuses a list because an image in it does not exist in the repository.
    #[must_use]
    pub fn says_child_unknown(&self) -> bool {
        let codes = ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"];
        let says = |diagnostic: &Diagnostic| codes.contains(&diagnostic.code.as_str());
        matches!(self, Self::Refused(refusal) if refusal.diagnostics.iter().any(says))
    }

    /// The same error of a request that tried a login.
    pub(super) fn refused_login(self, host: &str) -> Self {
        match self {
            Self::Refused(refusal) if matches!(refusal.status, 401 | 403) => {
                Self::LoginRefused { host: host.to_owned(), refusal }
            }
            other => other,
        }
    }

    /// Adds the caller's explanation to an error that calls the request wrong.
    #[must_use]
    pub fn explained(mut self, explanation: &str) -> Self {
        if let Self::Refused(refusal) = &mut self
            && matches!(refusal.status, 400 | 415)
        {
            refusal.explanation = Some(explanation.to_owned());
        }
        self
    }
}

/// An error response.
#[derive(Debug)]
pub struct ErrorResponse {
    method: Method,
    url: String,
    /// The status code.
    pub status: u16,
    attempts: Attempts,
    /// The errors in the body.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the body was HTML.
    is_web_page: bool,
    /// The registry to log in to.
    pub(super) host: String,
    pub(super) had_login: bool,
    /// Whether the login itself is wrong, rather than insufficient.
    pub(super) is_login_refused: bool,
    /// What went wrong when a login was looked for, and what to do about it.
    pub(super) lookup_error: Option<String>,
    /// The caller's explanation.
    pub(super) explanation: Option<String>,
}

/// One error in the body of an error response (distribution-spec, "Error Codes").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code, such as `MANIFEST_UNKNOWN`; empty if the body has another form.
    pub code: String,
    /// The message, in one line.
    pub message: String,
}

impl Diagnostic {
    fn says_expired(&self) -> bool {
        let message = self.message.to_lowercase();
        message.contains("token") && message.contains("expired")
    }
}

impl ErrorResponse {
    pub(super) fn new(
        method: &Method,
        url: &str,
        response: &Response,
        host: &str,
        had_login: bool,
        lookup_error: Option<&str>,
    ) -> Self {
        Self {
            method: method.clone(),
            url: url.to_owned(),
            status: response.status,
            attempts: response.attempts,
            diagnostics: diagnostics(&response.body),
            is_web_page: is_web_page(&response.body),
            host: host.to_owned(),
            had_login,
            is_login_refused: had_login && response.status == 401 && !has_bearer_challenge(response),
            lookup_error: lookup_error.map(str::to_owned),
            explanation: None,
        }
    }

    /// Whether the manifest or blob does not exist. Registries say so in JSON or with an empty body; a web server's own
    /// 404 page means that the address is wrong.
    pub(super) fn is_not_found(&self) -> bool {
        let codes = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND", "BLOB_UNKNOWN"];
        let known = |diagnostic: &Diagnostic| {
            codes.contains(&diagnostic.code.as_str())
                || (diagnostic.code == "UNKNOWN" && diagnostic.message.to_lowercase().contains("not found"))
        };
        self.status == 404 && (self.diagnostics.iter().any(known) || (self.diagnostics.is_empty() && !self.is_web_page))
    }

    /// Whether the token may have expired since it was fetched. Some registries answer 400, with or without a reason.
    pub(super) fn may_be_stale_token(&self) -> bool {
        let says_so = || self.diagnostics.is_empty() || self.diagnostics.iter().any(Diagnostic::says_expired);
        self.status == 401 || (self.status == 400 && says_so())
    }

    /// Whether the tag is immutable.
    pub(super) fn says_immutable(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| {
            diagnostic.code == "TAG_INVALID" || diagnostic.message.to_lowercase().contains("immutable")
        })
    }
}

impl std::error::Error for ErrorResponse {}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} {}", self.method, self.url, self.status, status_name(self.status))?;
        for (position, diagnostic) in self.diagnostics.iter().enumerate() {
            f.write_str(if position == 0 { ": " } else { "; " })?;
            match (diagnostic.code.as_str(), diagnostic.message.as_str()) {
                ("", text) | (text, "") => f.write_str(text)?,
                (code, message) => write!(f, "{code}: {message}")?,
            }
        }
        self.attempts.fmt(f)
    }
}

/// Reads an error body of any form. An HTML page says no more than the status code.
fn diagnostics(body: &[u8]) -> Vec<Diagnostic> {
    let text = String::from_utf8_lossy(body);
    match Object::parse(&text, "Errors") {
        Ok(object) => from_json(&object),
        Err(_) if is_web_page(body) => Vec::new(),
        Err(_) => plain(&text),
    }
}

/// Whether an error body says that a token has expired.
pub(super) fn says_expired(body: &[u8]) -> bool {
    diagnostics(body).iter().any(Diagnostic::says_expired)
}

/// Whether the registry wants a token. What it has refused is then a token, and not the login.
fn has_bearer_challenge(response: &Response) -> bool {
    let is_bearer = |value: &str| value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    response.headers("www-authenticate").any(is_bearer)
}

pub(super) fn is_web_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Whether an error body says that the request would fail again: distribution answers 500 to a manifest with foreign
/// layers.
pub(super) fn is_permanent(body: &[u8]) -> bool {
    diagnostics(body).iter().any(|diagnostic| PERMANENT.contains(&diagnostic.code.as_str()))
}

fn from_json(object: &Object) -> Vec<Diagnostic> {
    let listed = object.array("errors").ok().flatten().unwrap_or_default();
    if !listed.is_empty() {
        return listed.into_iter().filter_map(|json| from_entry(json).ok()).take(DIAGNOSTICS_LIMIT).collect();
    }
    ["details", "message", "error"]
        .iter()
        .filter_map(|field| object.string(field).ok())
        .find(|text| !text.is_empty())
        .map_or_else(Vec::new, |text| plain(&text))
}

fn from_entry(json: &str) -> Result<Diagnostic, json::Error> {
    let entry = Object::parse(json, "Error")?;
    Ok(Diagnostic { code: one_line(&entry.string("code")?), message: one_line(&entry.string("message")?) })
}

fn plain(text: &str) -> Vec<Diagnostic> {
    let message = one_line(text);
    if message.is_empty() { Vec::new() } else { vec![Diagnostic { code: String::new(), message }] }
}

/// A registry's text as one short line.
pub(super) fn one_line(text: &str) -> String {
    crate::output::one_line(text, MESSAGE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> ErrorResponse {
        let (body, method, url, host) = (body.as_bytes(), Method::GET, "https://h/v2/".into(), "h".into());
        let (diagnostics, is_web_page) = (diagnostics(body), is_web_page(body));
        ErrorResponse {
            method,
            url,
            status,
            attempts: Attempts::default(),
            diagnostics,
            is_web_page,
            host,
            had_login: false,
            is_login_refused: false,
            lookup_error: None,
            explanation: None,
        }
    }

    fn shown(body: &str) -> String {
        refusal(403, body).to_string()
    }

    #[test]
    fn error_bodies_of_any_form_are_told_in_one_line() {
        let bare = "GET https://h/v2/: 403 Forbidden";
        assert_eq!(
            shown(r#"{"errors":[{"code":"DENIED","message":"no","detail":{}},{"code":"X"}]}"#),
            format!("{bare}: DENIED: no; X")
        );
        assert_eq!(shown(r#"{"details":"bad\nlogin"}"#), format!("{bare}: bad login"));
        assert_eq!(shown(r#"{"error":"e"}"#), format!("{bare}: e"));
        assert_eq!(shown("<html><h1>403</h1>"), bare);
        assert_eq!(shown(""), bare);
        assert_eq!(shown("\u{1b}[31mred\u{7}"), format!("{bare}: [31mred"));
        assert_eq!(shown(&"x".repeat(1000)).len(), bare.len() + 2 + MESSAGE_LIMIT);
    }

    #[test]
    fn only_a_registrys_own_404_means_not_found() {
        let not_found = |status, body: &str| refusal(status, body).is_not_found();
        assert!(not_found(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"m"}]}"#));
        assert!(not_found(404, r#"{"errors":[{"code":"UNKNOWN","message":"repository not found"}]}"#));
        assert!(not_found(404, ""));
        assert!(not_found(404, r#"{"errors":[]}"#));
        assert!(!not_found(404, "404 page not found"));
        assert!(!not_found(404, " <html>"));
        assert!(!not_found(404, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#));
        assert!(!not_found(403, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#));
    }
}
