//! One registry with one login: finds out how it wants to be talked to, and answers its challenges.

use super::challenge::{self, Challenge};
use super::endpoint::Endpoint;
use super::error::{ErrorResponse, RegistryError, is_permanent, one_line, says_expired};
use super::scope::{Scope, ScopeSet};
use super::token::{TokenServer, Tokens, basic};
use crate::auth::{CredentialSources, Keychain, Lookup};
use crate::output::Console;
use crate::secret::Secret;
use crate::transport::{Body, Method, Request, Response, Transport, Url, display_url};
use bytes::Bytes;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::OnceCell;

/// How long the scopes may be that one token is asked for, in bytes: they are in a URL, and servers read 8 KiB of one.
const SCOPES_LIMIT: usize = 4 * 1024;

/// A request to a registry before it is known where exactly the registry is and what it wants to see.
#[derive(Clone)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// Path and query, from `/v2/` on.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    /// Whether a large answer is wanted chunk by chunk.
    pub(super) streams: bool,
    /// How many bytes of answer are accepted.
    pub(super) limit: usize,
    /// What a token must allow.
    pub(super) scopes: ScopeSet,
}

impl ApiRequest {
    pub(super) fn new(method: Method, path: String, limit: usize, scope: Scope) -> Self {
        let scopes = std::iter::once(scope).collect();
        Self { method, path, headers: Vec::new(), body: Body::Bytes(Bytes::new()), streams: false, limit, scopes }
    }

    pub(super) fn request(&self, url: Url) -> Request {
        let Self { method, headers, body, streams, limit, .. } = self.clone();
        Request { method, url, headers, body, limit, streams, is_permanent }
    }

    fn authorized(&self, url: &Url, authorization: String) -> Request {
        let mut request = self.request(url.clone());
        request.headers.push(("authorization", authorization));
        request
    }
}

/// A registry, spoken to with one login or none.
pub(super) struct Session {
    endpoint: Endpoint,
    keychain: Arc<Keychain>,
    sources: CredentialSources,
    /// Looked up when the registry first asks for it; that may run a program.
    login: OnceLock<Lookup>,
    /// The scheme is decided once, by the first request.
    origin: OnceCell<Url>,
    challenge: Mutex<Option<Challenge>>,
    /// What the run will need in all, so that one token can serve for everything.
    expected_scopes: Mutex<ScopeSet>,
    tokens: Tokens,
    /// The warnings of the registry that have been passed on.
    warnings: Mutex<HashSet<String>>,
    console: Console,
}

impl Session {
    pub(super) fn new(
        endpoint: Endpoint,
        keychain: Arc<Keychain>,
        sources: CredentialSources,
        console: &Console,
    ) -> Self {
        Self {
            endpoint,
            keychain,
            sources,
            login: OnceLock::new(),
            origin: OnceCell::new(),
            challenge: Mutex::default(),
            expected_scopes: Mutex::default(),
            tokens: Tokens::default(),
            warnings: Mutex::default(),
            console: console.clone(),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether a URL is on this registry. A registry behind a TLS front may believe that it is reached over plain
    /// HTTP, and say so.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        let host = |url: &Url| (url.host_str().map(str::to_owned), url.port());
        self.origin.get().is_some_and(|origin| host(origin) == host(url))
    }

    /// Where this registry has turned out to be.
    pub(super) fn origin(&self) -> Option<&Url> {
        self.origin.get()
    }

    /// Tells what will be asked for later in this run. What is too much for one token is asked for when it is needed.
    pub(super) fn request_scopes_upfront(&self, scopes: impl IntoIterator<Item = Scope>) {
        let mut expected_scopes = lock(&self.expected_scopes);
        *expected_scopes = expected_scopes.iter().cloned().chain(scopes).collect::<ScopeSet>().within(SCOPES_LIMIT);
    }

    /// An answer of this registry, as an error.
    pub(super) fn refusal(&self, method: &str, url: &Url, response: &Response) -> ErrorResponse {
        // Only these have to do with keychain, and looking for one may run a program.
        let found = matches!(response.status, 401 | 403 | 429).then(|| self.login());
        let had_login = found.is_some_and(|found| found.login.is_some());
        let lookup_error = found.and_then(|found| found.lookup_error.as_deref());
        let mut refusal =
            ErrorResponse::new(method, &display_url(url), response, self.endpoint.host(), had_login, lookup_error);
        refusal.is_login_refused |= self.tokens.login_was_refused();
        refusal
    }

    fn login(&self) -> &Lookup {
        self.login.get_or_init(|| self.keychain.resolve(&self.sources, &self.console))
    }

    /// Sends a request with whatever authorization the registry turns out to want, and returns the answer, be it a
    /// refusal, with the URL that was asked.
    pub(super) async fn send(
        &self,
        transport: &Transport,
        call: &ApiRequest,
    ) -> Result<(Url, Response), RegistryError> {
        // The first request of the run decides about the scheme and brings the challenge; the others wait for it.
        let mut first = None;
        let opened = self.origin.get_or_try_init(|| async {
            let (origin, response) = self.find_origin(transport, call).await?;
            first = Some(response);
            Ok::<_, RegistryError>(origin)
        });
        let url = join(opened.await?, &call.path);
        let known = lock(&self.challenge).clone();
        let response = match (first, known) {
            (None, Some(challenge)) if self.can_answer(&challenge) => {
                self.send_authorized(transport, call, &url, &challenge).await?
            }
            (first, _) => {
                let response = match first {
                    Some(response) => response,
                    None => transport.send(call.request(url.clone()), self.endpoint.verification()).await?,
                };
                match challenge_of(&response).filter(|challenge| self.can_answer(challenge)) {
                    None => response,
                    Some(challenge) => {
                        *lock(&self.challenge) = Some(challenge.clone());
                        self.send_authorized(transport, call, &url, &challenge).await?
                    }
                }
            }
        };
        self.pass_on_warnings(&response);
        Ok((url, response))
    }

    /// Sends the first request, over HTTPS or, where that is allowed and HTTPS cannot be had, over plain HTTP.
    async fn find_origin(&self, transport: &Transport, call: &ApiRequest) -> Result<(Url, Response), RegistryError> {
        let schemes: &[&str] = if self.endpoint.may_be_plain() { &["https", "http"] } else { &["https"] };
        let origins: Option<Vec<Url>> = schemes.iter().map(|scheme| self.endpoint.origin(scheme)).collect();
        let origins = origins.ok_or_else(|| RegistryError::BadHost(self.endpoint.host().to_owned()))?;
        let requests: Vec<_> = origins.iter().map(|origin| call.request(join(origin, &call.path))).collect();
        let (chosen, response) = transport.send_any(&requests, self.endpoint.verification()).await?;
        Ok((origins[chosen].clone(), response))
    }

    /// Tokens are given to anyone, for public images at least; Basic needs a user and a password.
    fn can_answer(&self, challenge: &Challenge) -> bool {
        let login = || self.login().login.as_ref();
        match challenge {
            Challenge::Bearer { .. } => true,
            Challenge::Basic => login().is_some_and(|login| login.basic.is_some() || login.registry_token.is_some()),
        }
    }

    async fn send_authorized(
        &self,
        transport: &Transport,
        call: &ApiRequest,
        url: &Url,
        challenge: &Challenge,
    ) -> Result<Response, RegistryError> {
        let login = self.login().login.as_ref();
        let ready = match (challenge, login) {
            (_, Some(login)) if login.registry_token.is_some() => login.registry_token.as_ref().map(bearer),
            (Challenge::Basic, Some(login)) => login.basic.as_ref().map(basic),
            _ => None,
        };
        if let Some(authorization) = ready {
            return Ok(transport.send(call.authorized(url, authorization), self.endpoint.verification()).await?);
        }
        let Challenge::Bearer { realm, service, .. } = challenge else {
            return Ok(transport.send(call.request(url.clone()), self.endpoint.verification()).await?);
        };
        let realm = self.realm(url, realm, service)?;
        self.send_with_token(transport, call, url, &realm).await
    }

    /// Sends a request with a token: first one for everything this run needs, and, where the token server or the
    /// registry does not take that, one for this request.
    async fn send_with_token(
        &self,
        transport: &Transport,
        call: &ApiRequest,
        url: &Url,
        realm: &TokenServer<'_>,
    ) -> Result<Response, RegistryError> {
        let expected_scopes = lock(&self.expected_scopes).clone();
        let mut choices = VecDeque::from([call.scopes.clone()]);
        if expected_scopes.covers(&call.scopes) && expected_scopes != call.scopes {
            choices.push_front(expected_scopes);
        }
        let (mut renewed, mut widened) = (false, false);
        let mut refused = None;
        while let Some(scopes) = choices.pop_front() {
            let token = match self.tokens.get(transport, realm, &scopes).await {
                Err(_) if !choices.is_empty() => {
                    *lock(&self.expected_scopes) = ScopeSet::default();
                    continue;
                }
                token => token?,
            };
            let response = transport.send(call.authorized(url, bearer(&token)), self.endpoint.verification()).await?;
            match rejection(&response) {
                None => {
                    if refused.is_some() && scopes == call.scopes {
                        // Here one token does not serve for everything; the other requests need not find out again.
                        *lock(&self.expected_scopes) = ScopeSet::default();
                    }
                    return Ok(response);
                }
                Some(Rejection::Scope(asked)) if !widened && !scopes.covers(&asked) => {
                    widened = true;
                    choices.push_front(scopes.union(&asked));
                }
                Some(Rejection::Token) if !renewed => {
                    renewed = true;
                    self.tokens.forget(&scopes, &token).await;
                    choices.push_front(scopes);
                }
                Some(_) => {}
            }
            refused = Some(response);
        }
        refused.ok_or_else(|| RegistryError::NoToken { url: display_url(&realm.url) })
    }

    fn realm<'a>(&'a self, url: &Url, realm: &str, service: &'a str) -> Result<TokenServer<'a>, RegistryError> {
        let found = self.login();
        let realm = self.safe_realm(url, realm)?;
        Ok(TokenServer {
            verification: self.endpoint.verification_for(&realm),
            url: realm,
            service,
            host: self.endpoint.host(),
            login: found.login.as_ref(),
            lookup_error: found.lookup_error.as_deref(),
            console: self.console.clone(),
        })
    }

    /// A token server is named by the registry, so the registry must not be able to make us send a password in clear
    /// text that would have gone to it encrypted, nor to send anything to a machine that only we can reach.
    fn safe_realm(&self, url: &Url, realm: &str) -> Result<Url, RegistryError> {
        let refuse = |reason| RegistryError::Unsafe { url: display_url(url), target: one_line(realm), reason };
        let target = Url::parse(realm).map_err(|_| refuse("it is not a URL"))?;
        let to_loopback = Endpoint::new(target.host_str().unwrap_or_default(), false).is_loopback();
        match target.scheme() {
            "http" | "https" if to_loopback && !self.endpoint.is_loopback() => {
                Err(refuse("it is on this machine, and the registry is not"))
            }
            "https" => Ok(target),
            "http" if url.scheme() == "http" || to_loopback => Ok(target),
            "http" => Err(refuse("it is not encrypted, and the registry is")),
            _ => Err(refuse("it is neither http nor https")),
        }
    }

    /// Shows what a registry wants its users to know (distribution-spec, "Warnings"), once.
    fn pass_on_warnings(&self, response: &Response) {
        for warning in response.headers("warning") {
            let text = warning.strip_prefix("299 ").and_then(|rest| Some(rest.split_once('"')?.1.rsplit_once('"')?.0));
            let text = text.map(|text| one_line(&text.replace("\\\"", "\"")));
            if let Some(text) = text.filter(|text| lock(&self.warnings).insert(text.clone())) {
                self.console.warn(format_args!("{}: {text}", self.endpoint.host()));
            }
        }
    }
}

/// Why a registry did not take a token.
enum Rejection {
    /// It allows too little; the registry has said what is missing.
    Scope(ScopeSet),
    /// It is no longer good.
    Token,
    /// It is good, but not for this.
    Other,
}

fn rejection(response: &Response) -> Option<Rejection> {
    match (response.status, challenge_of(response)) {
        (401, Some(Challenge::Bearer { error, scope, .. })) => Some(match error.as_str() {
            "insufficient_scope" => Rejection::Scope(ScopeSet::parse(&scope)),
            "invalid_token" => Rejection::Token,
            _ => Rejection::Other,
        }),
        (401 | 403, _) => Some(Rejection::Other),
        // ECR Public says it this way, or without a word.
        (400, _) if response.body.is_empty() || says_expired(&response.body) => Some(Rejection::Token),
        _ => None,
    }
}

/// The challenge of a 401.
fn challenge_of(response: &Response) -> Option<Challenge> {
    if response.status == 401 { challenge::choose(response.headers("www-authenticate")) } else { None }
}

/// Puts path and query behind an origin, and never leaves it: in a reference to be resolved, a path that begins with two
/// slashes would name another host.
fn join(origin: &Url, path: &str) -> Url {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut url = origin.clone();
    url.set_path(path);
    url.set_query(query);
    url
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.reveal())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
