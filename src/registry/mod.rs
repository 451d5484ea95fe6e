//! The registry client: what registries are asked for, in the terms of the distribution specification.
//!
//! From the outside in: `Registry` knows the operations, `host` the login and the challenges of one registry,
//! `token` the token servers, `endpoint` where a registry is; [`crate::transport`] below does the talking.

pub mod challenge;
pub mod endpoint;
mod error;
mod hint;
mod scope;
mod session;
mod token;
mod upload;

pub use error::{Diagnostic, ErrorResponse, RegistryError};
pub use scope::{Scope, ScopeSet};
pub use upload::{BlobCopy, Copied};

use crate::auth::{CredentialSources, Keychain};
use crate::config::CertificateDirectories;
use crate::digest::Digest;
use crate::manifest::ACCEPT;
use crate::output::Console;
use crate::reference::Reference;
use crate::transport::{Body, Method, Request, Response, RetryPolicy, Transport, TransportFault, Url, display_url};
use bytes::Bytes;
use endpoint::Endpoint;
use session::{ApiRequest, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How large a manifest may be, in bytes. Registries refuse larger ones.
pub const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;
/// How large an image's config may be, in bytes.
pub const CONFIG_LIMIT: usize = 8 * 1024 * 1024;
/// How much of any other answer is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// How many blobs are copied at a time: they share the line.
const COPIES: usize = 8;
/// How often a redirect is followed.
const REDIRECT_LIMIT: usize = 10;

/// A manifest as a registry sent it.
#[derive(Debug, Clone)]
pub struct FetchedManifest {
    /// The Content-Type, with any parameters.
    pub content_type: String,
    /// The bytes, untouched.
    pub bytes: Bytes,
    /// The digest of the bytes, computed here.
    pub digest: Digest,
}

/// What became of a request to mount a blob.
#[derive(Debug)]
pub enum Mount {
    /// The target repository has the blob.
    Done,
    /// The registry wants the bytes, or nothing at all.
    NotMounted(Box<NotMounted>),
}

/// A mount that a registry has not carried out.
#[derive(Debug)]
pub struct NotMounted {
    /// The upload that the registry has opened instead.
    upload: Option<Url>,
    /// Why not, if the registry did not simply ask for the bytes.
    pub refusal: Option<ErrorResponse>,
}

/// What a client goes by.
pub struct Settings {
    /// Stored keychain.
    pub keychain: Keychain,
    /// Certificate files for single registries.
    pub certificates: CertificateDirectories,
    /// Whether unverified TLS is allowed, and plain HTTP where there is no TLS.
    pub insecure: bool,
    /// How much to put up with.
    pub retry_policy: RetryPolicy,
    /// How many requests a registry gets at a time, at most.
    pub jobs: usize,
}

/// A registry's domain, and where the login comes from.
type SessionKey = (String, CredentialSources);

/// Registries, each spoken to with the login stored for it.
pub struct Client {
    transport: Transport,
    keychain: Arc<Keychain>,
    console: Console,
    insecure: bool,
    /// How many blobs are on their way at a time.
    copies: Semaphore,
    hosts: Mutex<HashMap<SessionKey, Arc<Session>>>,
    concurrency: usize,
}

impl Client {
    /// A client that has not talked to any registry yet.
    #[must_use]
    pub fn new(settings: Settings, console: &Console) -> Self {
        let Settings { keychain, certificates, insecure, retry_policy, jobs } = settings;
        let transport = Transport::new(certificates, retry_policy, jobs, console);
        Self {
            transport,
            keychain: Arc::new(keychain),
            insecure,
            console: console.clone(),
            copies: Semaphore::new(COPIES.min(jobs.max(1))),
            hosts: Mutex::default(),
            concurrency: jobs.saturating_mul(2).max(1),
        }
    }

    /// How many operations are worth having in hand at a time: some more than are let through, so that the next is
    /// ready.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Tells what will be asked for, so that the first token asked for can serve for the whole run: access to each of
    /// these repositories with the login that is stored for it.
    pub fn request_scopes_upfront<'a>(&self, wanted: impl IntoIterator<Item = (&'a Reference, Scope)>) {
        let mut hosts: HashMap<SessionKey, (Arc<Session>, Vec<Scope>)> = HashMap::new();
        for (login, scope) in wanted {
            let key = (login.domain().to_owned(), self.keychain.sources(login));
            hosts.entry(key).or_insert_with(|| (self.host(login), Vec::new())).1.push(scope);
        }
        for (host, scopes) in hosts.into_values() {
            host.request_scopes_upfront(scopes);
        }
    }

    /// Where the registry of a reference is, as far as that is known before it has been asked.
    #[must_use]
    pub fn address(&self, reference: &Reference) -> String {
        format!("https://{}", self.host(reference).endpoint().host())
    }

    /// Fetches a manifest: by tag where the reference has one, and then it must have the reference's digest.
    pub async fn manifest(&self, reference: &Reference) -> Result<FetchedManifest, RegistryError> {
        self.manifest_within(reference, MANIFEST_LIMIT).await
    }

    /// The same, and the manifest must not be larger than this, in bytes.
    pub async fn manifest_within(&self, reference: &Reference, limit: usize) -> Result<FetchedManifest, RegistryError> {
        let host = self.host(reference);
        let path = format!("/v2/{}/manifests/{}", reference.path(), reference.tag_or_digest());
        // A refusal may be longer than the manifest.
        let mut call = ApiRequest::new(Method::GET, path, limit.max(ANSWER_LIMIT), Scope::pull(reference.path()));
        call.headers.push(("accept", ACCEPT.to_owned()));
        let (url, response) = self.follow(&host, call).await?;
        if !response.is_success() {
            let refusal = host.refusal("GET", &url, &response);
            let missing = refusal.is_not_found();
            return Err(if missing { RegistryError::NotFound(reference.clone()) } else { refusal.into() });
        }
        if response.body.len() > limit {
            return Err(RegistryError::broken(&url, TransportFault::TooLarge(limit)));
        }
        let content_type = response.header("content-type").unwrap_or_default().to_owned();
        if content_type.starts_with("text/html") && error::is_web_page(&response.body) {
            return Err(RegistryError::WebPage { url: display_url(&url), content_type });
        }
        if let Some(digest) = reference.digest().filter(|digest| !digest.matches(&response.body)) {
            return Err(RegistryError::ManifestDigest(digest.clone()));
        }
        Ok(FetchedManifest { content_type, digest: Digest::of(&response.body), bytes: response.body.into() })
    }

    /// The digest of the manifest behind a tag; none if there is none. The registry is taken at its word where it
    /// states a digest: this is for telling whether a tag has moved.
    pub async fn digest(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        let host = self.host(reference);
        let path = format!("/v2/{}/manifests/{}", reference.path(), reference.tag_or_digest());
        let mut call = ApiRequest::new(Method::HEAD, path, ANSWER_LIMIT, Scope::pull(reference.path()));
        call.headers.push(("accept", ACCEPT.to_owned()));
        let (url, response) = self.follow(&host, call).await?;
        let stated = response.header("docker-content-digest").and_then(|digest| Digest::parse(digest).ok());
        match stated.filter(|_| response.is_success()) {
            Some(digest) => Ok(Some(digest)),
            None if response.status == 404 => Ok(None),
            None if response.is_success() => Ok(Some(self.manifest(reference).await?.digest)),
            None => Err(host.refusal("HEAD", &url, &response).into()),
        }
    }

    /// Fetches a small blob, an image's config, from the repository of the reference.
    pub async fn config(&self, repository: &Reference, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let (_, response) = self.blob(repository, digest, CONFIG_LIMIT, false).await?;
        let is_right = digest.matches(&response.body);
        if is_right { Ok(response.body) } else { Err(RegistryError::ConfigDigest(digest.clone())) }
    }

    /// Fetches a blob, all at once or chunk by chunk. Whether it has its digest is for the caller to check.
    async fn blob(
        &self,
        repository: &Reference,
        digest: &Digest,
        limit: usize,
        streams: bool,
    ) -> Result<(Url, Response), RegistryError> {
        let host = self.host(repository);
        let path = format!("/v2/{}/blobs/{digest}", repository.path());
        let mut call = ApiRequest::new(Method::GET, path, limit, Scope::pull(repository.path()));
        call.streams = streams;
        let (url, response) = self.follow(&host, call).await?;
        match response.status {
            404 => Err(RegistryError::BlobUnknown { url: display_url(&url) }),
            _ if !response.is_success() => Err(host.refusal("GET", &url, &response).into()),
            _ => Ok((url, response)),
        }
    }

    /// Asks for a blob of another repository of the same registry to be attempts part of the target's repository.
    pub async fn mount(&self, target: &Reference, digest: &Digest, from: &str) -> Result<Mount, RegistryError> {
        let host = self.host(target);
        let path = format!("/v2/{}/blobs/uploads/?mount={digest}&from={}", target.path(), from.replace('/', "%2F"));
        let mut call = ApiRequest::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
        call.scopes = [Scope::push(target.path()), Scope::pull(from)].into_iter().collect();
        let (url, response) = host.send(&self.transport, &call).await?;
        Ok(match response.status {
            201 => Mount::Done,
            202 => Mount::NotMounted(Box::new(NotMounted { upload: upload::location(&url, &response), refusal: None })),
            _ => Mount::NotMounted(Box::new(NotMounted {
                upload: None,
                refusal: Some(host.refusal("POST", &url, &response)),
            })),
        })
    }

    /// Sends a manifest, under the reference's tag or else under its own digest, and returns its digest.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<Digest, RegistryError> {
        let host = self.host(reference);
        let digest = Digest::of(bytes);
        let reference = &stored_as(reference, &digest);
        let path = format!("/v2/{}/manifests/{}", reference.path(), reference.tag_or_digest());
        let mut call = ApiRequest::new(Method::PUT, path, ANSWER_LIMIT, Scope::push(reference.path()));
        call.headers.push(("content-type", media_type.to_owned()));
        call.body = Body::Bytes(bytes.clone());
        let (url, response) = host.send(&self.transport, &call).await?;
        if !matches!(response.status, 200..=202) {
            let refusal = host.refusal("PUT", &url, &response);
            // A tag that may not be changed and has this manifest already is as it should be.
            let is_there =
                refusal.says_immutable() && self.manifest(reference).await.is_ok_and(|it| it.digest == digest);
            return if is_there { Ok(digest) } else { Err(refusal.for_media_type(media_type).into()) };
        }
        let stored = match (response.header("docker-content-digest"), reference.tag()) {
            (Some(stored), _) => error::one_line(stored),
            // Who does not say what is stored under a tag is asked; a digest can stand for nothing else.
            (None, Some(_)) => self.manifest(reference).await?.digest.to_string(),
            (None, None) => return Ok(digest),
        };
        // Another algorithm is another digest, and no contradiction.
        if stored.starts_with("sha256:") && stored != digest.as_str() {
            return Err(RegistryError::StoredOther { url: display_url(&url), stored, sent: digest });
        }
        Ok(digest)
    }

    /// Sends a GET and follows redirects. What authorizes us to the registry is shown to the registry only.
    async fn follow(&self, host: &Session, mut call: ApiRequest) -> Result<(Url, Response), RegistryError> {
        let (mut url, mut response) = host.send(&self.transport, &call).await?;
        let home = url.origin();
        for _ in 0..REDIRECT_LIMIT {
            let Some(target) = redirect(&url, &response)? else { return Ok((url, response)) };
            (url, response) = if target.origin() == home {
                call.path = path_and_query(&target);
                host.send(&self.transport, &call).await?
            } else {
                let mut request = Request::new(call.method.clone(), target.clone(), call.limit);
                request.streams = call.streams;
                let verification = host.endpoint().verification_for(&target);
                (target, self.transport.send(request, verification).await?)
            };
        }
        let reason = "redirected too often";
        Err(RegistryError::Unsafe { url: display_url(&url), target: "another redirect".to_owned(), reason })
    }

    fn host(&self, reference: &Reference) -> Arc<Session> {
        let key = (reference.domain().to_owned(), self.keychain.sources(reference));
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(key).or_insert_with_key(|(domain, sources)| {
            let endpoint = Endpoint::new(domain, self.insecure);
            Arc::new(Session::new(endpoint, Arc::clone(&self.keychain), sources.clone(), &self.console))
        });
        Arc::clone(host)
    }
}

/// The name under which a manifest with this digest is put: its tag, or else its digest.
fn stored_as(reference: &Reference, digest: &Digest) -> Reference {
    if reference.tag().is_some() { reference.clone() } else { reference.digest_only(digest.clone()) }
}

/// Where a redirect leads, if the answer is one and may be followed.
fn redirect(url: &Url, response: &Response) -> Result<Option<Url>, RegistryError> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(target) = response.header("location").and_then(|location| url.join(location).ok()) else {
        return Ok(None);
    };
    check_target(url, &target)?;
    Ok(Some(target))
}

/// Refuses to be led from TLS to plain HTTP, or out of HTTP.
fn check_target(url: &Url, target: &Url) -> Result<(), RegistryError> {
    let is_downgrade = url.scheme() == "https" && target.scheme() == "http";
    if is_downgrade || !matches!(target.scheme(), "http" | "https") {
        let reason =
            if is_downgrade { "it is not encrypted, and the registry is" } else { "it is neither http nor https" };
        return Err(RegistryError::Unsafe { url: display_url(url), target: display_url(target), reason });
    }
    Ok(())
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
