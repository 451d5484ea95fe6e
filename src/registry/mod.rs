//! The registry client: the operations of the distribution specification.
//!
//! [`Client`] has the operations. A `Session` is one registry with one login: it finds the registry's origin, answers
//! challenges with tokens of a `TokenServer`, and follows redirects. [`crate::transport`] sends the requests.

mod authorization;
mod blob;
pub mod challenge;
mod early;
pub mod endpoint;
mod error;
mod hint;
mod login;
mod manifest_digest;
mod paging;
mod redirect;
mod referrers;
mod remembered;
mod scope;
mod session;
mod tags;
mod token;
mod transfer;

pub use blob::{BlobStatus, CONFIG_LIMIT, Mount, NotMounted};
pub use error::{Diagnostic, ErrorResponse, RegistryError};
pub use login::LoginCheck;
pub use referrers::{Referrers, cosign_tag_names, digest_tag, is_digest_tag};
pub use remembered::RememberedChallenges;
pub use scope::{Scope, ScopeSet};
pub use transfer::{Download, Transfer};

use crate::auth::{CredentialSources, Keychain};
use crate::config::{self, CertificateDirectories};
use crate::digest::Digest;
use crate::manifest::{ACCEPT, Descriptor};
use crate::output::Console;
use crate::reference::Reference;
use crate::transport::{
    Certificates, HTTP1_CONNECTIONS, Method, Operation, Response, RetryPolicy, Transport, TransportFault, display_url,
};
use bytes::Bytes;
use endpoint::Endpoint;
use session::{ApiRequest, Session};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::Semaphore;

/// The maximum size of a manifest, in bytes. Registries refuse larger ones.
pub const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;
/// The maximum size of any other response that is read into memory, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A manifest as a registry sent it.
#[derive(Debug, Clone)]
pub struct FetchedManifest {
    /// The Content-Type, with any parameters.
    pub content_type: String,
    /// The bytes, unchanged.
    pub bytes: Bytes,
    /// The digest of the bytes, computed here.
    pub digest: Digest,
}

impl FetchedManifest {
    /// Checks that a response is not a web page, and has the digest of the reference if that has one.
    fn of_response(reference: &Reference, response: Response) -> Result<Self, RegistryError> {
        let content_type = response.header("content-type").unwrap_or_default().to_owned();
        if content_type.starts_with("text/html") && error::is_web_page(&response.body) {
            return Err(RegistryError::WebPage { url: display_url(&response.url), content_type });
        }
        let digest = Digest::of(&response.body);
        let is_other = |wanted: &&Digest| **wanted != digest && !wanted.matches(&response.body);
        if let Some(wanted) = reference.digest().filter(is_other) {
            return Err(RegistryError::ManifestDigest(wanted.clone()));
        }
        Ok(Self { content_type, digest, bytes: response.body.into() })
    }

    /// A descriptor of the manifest, as one of this media type.
    #[must_use]
    pub fn descriptor(&self, media_type: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: self.digest.to_string(),
            size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            ..Descriptor::default()
        }
    }
}

/// What a tag must mean for a manifest to be put under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: there is no such tag.
    Absent,
    /// This digest.
    Digest(Digest),
}

impl Precondition {
    /// The request header that states it (RFC 9110, section 13.1). Registries use a manifest's digest as its entity tag.
    fn header(&self) -> (&'static str, String) {
        match self {
            Self::Absent => ("if-none-match", "*".to_owned()),
            Self::Digest(digest) => ("if-match", format!("\"{digest}\"")),
        }
    }
}

/// The settings of a client.
pub struct Settings {
    /// Stored logins.
    pub keychain: Keychain,
    /// Certificate files for single registries.
    pub certificates: CertificateDirectories,
    /// Whether unverified TLS is allowed, and plain HTTP where there is no TLS.
    pub insecure: bool,
    /// Retry limits of each operation.
    pub retry_policy: RetryPolicy,
    /// The maximum number of requests to a registry at a time.
    pub jobs: usize,
    /// Challenges of earlier runs; none if nothing is to be remembered.
    pub remembered: Option<Rc<RememberedChallenges>>,
}

/// A registry's domain, and where the login comes from.
type SessionKey = (String, CredentialSources);

/// A client for all registries, with the login that is stored for each. It is used by one thread.
pub struct Client {
    transport: Transport,
    keychain: Rc<Keychain>,
    remembered: Option<Rc<RememberedChallenges>>,
    console: Console,
    insecure: bool,
    /// For downloads and uploads of large blobs: they share the line, and each needs a slot at any host.
    streams: Semaphore,
    max_streams: usize,
    sessions: RefCell<HashMap<SessionKey, Rc<Session>>>,
    concurrency: usize,
}

impl Client {
    /// A client that has not contacted any registry.
    #[must_use]
    pub fn new(settings: Settings, console: &Console) -> Self {
        let Settings { keychain, certificates, insecure, retry_policy, jobs, remembered } = settings;
        let max_streams = HTTP1_CONNECTIONS.min(jobs.max(1));
        let log = console.clone();
        let certificates = Certificates::new(move |host| certificates.load(host, &log), config::named_by_user());
        Self {
            transport: Transport::new(certificates, retry_policy, jobs, console),
            keychain: Rc::new(keychain),
            remembered,
            insecure,
            console: console.clone(),
            streams: Semaphore::new(max_streams),
            max_streams,
            sessions: RefCell::default(),
            concurrency: jobs.saturating_mul(2).max(1),
        }
    }

    /// The number of operations to run concurrently: more than are sent at a time, so that the next one is ready.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Adds scopes that will be needed together, so that one token covers the run, or a few: each with a reference whose
    /// login will be used.
    pub fn expect_scopes<'a>(&self, wanted: impl IntoIterator<Item = (&'a Reference, Scope)>) {
        let mut sessions: HashMap<SessionKey, (Rc<Session>, Vec<Scope>)> = HashMap::new();
        for (login, scope) in wanted {
            let (key, session) = self.session_and_key(login);
            sessions.entry(key).or_insert_with(|| (session, Vec::new())).1.push(scope);
        }
        for (session, scopes) in sessions.into_values() {
            session.expect_scopes(scopes);
        }
    }

    /// Connects to a registry that will be written to, and fetches a token if it wants one, before the first request needs
    /// that. What fails is left to that request.
    pub async fn connect(&self, target: &Reference) {
        let operation = self.transport.begin().single_attempt();
        self.session(target).connect(&operation, Scope::push(target.path())).await;
    }

    /// The URL of a reference's registry before it has been contacted.
    #[must_use]
    pub fn address(&self, reference: &Reference) -> String {
        format!("https://{}", self.session(reference).host())
    }

    /// Fetches a manifest: by its tag if the reference has one, and then it must have the reference's digest.
    pub async fn manifest(&self, reference: &Reference) -> Result<FetchedManifest, RegistryError> {
        self.manifest_within(reference, MANIFEST_LIMIT).await
    }

    /// Fetches a manifest of at most `limit` bytes.
    pub async fn manifest_within(&self, reference: &Reference, limit: usize) -> Result<FetchedManifest, RegistryError> {
        self.fetch_manifest(&self.transport.begin(), reference, limit).await
    }

    async fn fetch_manifest(
        &self,
        operation: &Operation<'_>,
        reference: &Reference,
        limit: usize,
    ) -> Result<FetchedManifest, RegistryError> {
        FetchedManifest::of_response(reference, self.get_manifest(operation, reference, limit).await?)
    }

    /// The response with a manifest of at most `limit` bytes, of which neither form nor digest has been checked.
    async fn get_manifest(
        &self,
        operation: &Operation<'_>,
        reference: &Reference,
        limit: usize,
    ) -> Result<Response, RegistryError> {
        let session = self.session(reference);
        // An error response may be larger than the manifest.
        let call = manifest_request(Method::GET, reference, limit.max(ANSWER_LIMIT));
        let response = session.follow(operation, call).await?;
        if !response.is_success() {
            let refusal = session.refusal(&Method::GET, &response);
            let missing = refusal.is_not_found();
            return Err(if missing { RegistryError::NotFound(reference.clone()) } else { refusal.into() });
        }
        if response.body.len() > limit {
            return Err(RegistryError::broken(&response.url, TransportFault::TooLarge(limit)));
        }
        Ok(response)
    }

    /// Puts a manifest, under the reference's tag or else under its own digest, and returns its digest. A reference with
    /// nothing but a digest has the manifest's.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<Digest, RegistryError> {
        self.put_manifest_if(reference, media_type, bytes, None).await
    }

    /// Puts a manifest on a condition, which many registries ignore.
    pub async fn put_manifest_if(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &Bytes,
        precondition: Option<&Precondition>,
    ) -> Result<Digest, RegistryError> {
        let (session, operation) = (self.session(reference), self.transport.begin());
        let known =
            reference.digest().filter(|digest| reference.tag().is_none() && digest.as_str().starts_with("sha256:"));
        let digest = known.cloned().unwrap_or_else(|| Digest::of(bytes));
        let reference =
            &if reference.tag().is_some() { reference.clone() } else { reference.digest_only(digest.clone()) };
        let path = manifest_path(reference);
        let mut call = ApiRequest::new(Method::PUT, path, ANSWER_LIMIT, Scope::push(reference.path()));
        call.headers.push(("content-type", media_type.to_owned()));
        call.headers.extend(precondition.map(Precondition::header));
        call.body = bytes.clone();
        let response = session.send(&operation, &call).await?;
        let stored =
            async || self.fetch_manifest(&operation, reference, MANIFEST_LIMIT).await.map(|manifest| manifest.digest);
        if !matches!(response.status, 200..=202) {
            let refusal = session.refusal(&Method::PUT, &response);
            // A tag that already has this manifest is as it should be, whether it is immutable or was put by an attempt
            // whose response was lost.
            let may_be_there = refusal.says_immutable() || (response.status == 412 && precondition.is_some());
            let is_there = may_be_there && stored().await.is_ok_and(|stored| stored == digest);
            return if is_there { Ok(digest) } else { Err(refusal.for_media_type(media_type).into()) };
        }
        let stored = match (response.header("docker-content-digest"), reference.tag()) {
            (Some(stated), _) => error::one_line(stated),
            // Without a header, fetch what is stored under a tag. A digest can have no other manifest.
            (None, Some(_)) => stored().await.map(|stored| stored.to_string())?,
            (None, None) => return Ok(digest),
        };
        // The digest of another algorithm cannot be compared.
        if stored.starts_with("sha256:") && stored != digest.as_str() {
            return Err(RegistryError::StoredOther { url: display_url(&response.url), stored, sent: digest });
        }
        Ok(digest)
    }

    fn session(&self, reference: &Reference) -> Rc<Session> {
        self.session_and_key(reference).1
    }

    fn session_and_key(&self, reference: &Reference) -> (SessionKey, Rc<Session>) {
        let key = (reference.domain().to_owned(), self.keychain.sources(reference));
        let mut sessions = self.sessions.borrow_mut();
        let session = sessions.entry(key.clone()).or_insert_with_key(|(domain, sources)| {
            let endpoint = Endpoint::new(domain, self.insecure);
            let (keychain, remembered) = (Rc::clone(&self.keychain), self.remembered.clone());
            Rc::new(Session::new(endpoint, keychain, sources.clone(), remembered, &self.console))
        });
        (key, Rc::clone(session))
    }
}

fn manifest_path(reference: &Reference) -> String {
    format!("/v2/{}/manifests/{}", reference.path(), reference.tag_or_digest())
}

fn manifest_request(method: Method, reference: &Reference, limit: usize) -> ApiRequest {
    let mut call = ApiRequest::new(method, manifest_path(reference), limit, Scope::pull(reference.path()));
    call.headers.push(("accept", ACCEPT.to_owned()));
    call
}
