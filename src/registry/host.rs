//! One registry with one login: finds out how it wants to be talked to, and answers its challenges.

use super::challenge::{self, Challenge};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::scope::{Scope, ScopeSet};
use super::token::{Realm, Tokens, basic};
use crate::config::Credentials;
use crate::transport::{Method, Request, Response, Transport, Url, display_url};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// A request to a registry before it is known where exactly the registry is and what it wants to see.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query, from `/v2/` on.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// How many bytes of answer are accepted.
    pub(super) limit: usize,
    /// What a token must allow.
    pub(super) scopes: ScopeSet,
}

impl Call {
    pub(super) fn new(method: Method, path: String, limit: usize, scope: Scope) -> Self {
        let scopes = std::iter::once(scope).collect();
        Self { method, path, headers: Vec::new(), body: Vec::new(), limit, scopes }
    }
}

/// A registry, spoken to with one login or none.
#[derive(Debug)]
pub(super) struct Host {
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    /// The scheme is decided once, by the first request.
    origin: OnceCell<Url>,
    challenge: Mutex<Option<Challenge>>,
    /// What the run will need in all, so that one token can serve for everything.
    foreseen: Mutex<ScopeSet>,
    tokens: Tokens,
}

impl Host {
    pub(super) fn new(endpoint: Endpoint, credentials: Option<Credentials>) -> Self {
        Self {
            endpoint,
            credentials,
            origin: OnceCell::new(),
            challenge: Mutex::default(),
            foreseen: Mutex::default(),
            tokens: Tokens::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.endpoint.host()
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Tells what will be asked for later in this run.
    pub(super) fn foresee(&self, scopes: impl IntoIterator<Item = Scope>) {
        let mut foreseen = lock(&self.foreseen);
        *foreseen = foreseen.iter().cloned().chain(scopes).collect();
    }

    /// Sends a request with whatever authorization the registry turns out to want, and returns the answer, be it a
    /// refusal, with the URL that was asked.
    pub(super) async fn send(&self, transport: &Transport, call: &Call) -> Result<(Url, Response), RegistryError> {
        // The first request of the run decides about the scheme and brings the challenge; the others wait for it.
        let mut first = None;
        let opened = self.origin.get_or_try_init(|| async {
            let (origin, response) = self.find_origin(transport, call).await?;
            first = Some(response);
            Ok::<_, RegistryError>(origin)
        });
        let origin = opened.await?.clone();
        let url = join(&origin, &call.path);
        let response = if let Some(response) = first {
            response
        } else {
            let known = lock(&self.challenge).clone();
            if let Some(challenge) = known.filter(|challenge| self.can_answer(challenge)) {
                let response = self.send_authorized(transport, call, &url, &challenge).await?;
                return Ok((url, response));
            }
            transport.send(request(call, url.clone()), self.endpoint.trust()).await?
        };
        let challenge = Some(&response).filter(|response| response.status == 401).and_then(challenge_of);
        let Some(challenge) = challenge.filter(|challenge| self.can_answer(challenge)) else {
            return Ok((url, response));
        };
        *lock(&self.challenge) = Some(challenge.clone());
        let response = self.send_authorized(transport, call, &url, &challenge).await?;
        Ok((url, response))
    }

    /// Sends the first request, over HTTPS or, where that is allowed and HTTPS cannot be had, over plain HTTP.
    async fn find_origin(&self, transport: &Transport, call: &Call) -> Result<(Url, Response), RegistryError> {
        let schemes: &[&str] = if self.endpoint.may_be_plain() { &["https", "http"] } else { &["https"] };
        let origins: Option<Vec<Url>> = schemes.iter().map(|scheme| self.endpoint.origin(scheme)).collect();
        let origins = origins.ok_or_else(|| RegistryError::BadHost(self.endpoint.host().to_owned()))?;
        let requests: Vec<_> = origins.iter().map(|origin| request(call, join(origin, &call.path))).collect();
        let (chosen, response) = transport.send_any(&requests, self.endpoint.trust()).await?;
        Ok((origins[chosen].clone(), response))
    }

    /// Tokens are given to anyone, for public images at least; Basic needs a login.
    fn can_answer(&self, challenge: &Challenge) -> bool {
        self.credentials.is_some() || matches!(challenge, Challenge::Bearer { .. })
    }

    async fn send_authorized(
        &self,
        transport: &Transport,
        call: &Call,
        url: &Url,
        challenge: &Challenge,
    ) -> Result<Response, RegistryError> {
        let Challenge::Bearer { realm, service } = challenge else {
            let authorization = self.credentials.as_ref().map(basic);
            let request = authorized(call, url.clone(), authorization.unwrap_or_default());
            return Ok(transport.send(request, self.endpoint.trust()).await?);
        };
        let realm = self.safe_realm(url, realm)?;
        let realm = Realm {
            trust: self.endpoint.trust_for(&realm),
            url: realm,
            service,
            host: self.name(),
            credentials: self.credentials.as_ref(),
        };
        let foreseen = lock(&self.foreseen).clone();
        if foreseen.covers(&call.scopes) && foreseen != call.scopes {
            // A server that refuses the whole because of a part, or reads only one scope, is asked again for the part.
            if let Ok(token) = self.tokens.get(transport, &realm, &foreseen).await {
                let response = transport.send(bearer(call, url, &token), self.endpoint.trust()).await?;
                if !matches!(response.status, 401 | 403) {
                    return Ok(response);
                }
            }
        }
        let token = self.tokens.get(transport, &realm, &call.scopes).await?;
        let response = transport.send(bearer(call, url, &token), self.endpoint.trust()).await?;
        if response.status == 401 {
            self.tokens.forget(&call.scopes);
        }
        Ok(response)
    }

    /// A token server is named by the registry, so the registry must not be able to make us send a password in clear
    /// text that would have gone to it encrypted.
    fn safe_realm(&self, url: &Url, realm: &str) -> Result<Url, RegistryError> {
        let refuse =
            |reason| RegistryError::Unsafe { url: display_url(url), target: super::error::one_line(realm), reason };
        let target = url.join(realm).map_err(|_| refuse("it is not a URL"))?;
        let on_this_machine =
            || self.endpoint.is_loopback() && Endpoint::new(target.host_str().unwrap_or_default(), false).is_loopback();
        match target.scheme() {
            "https" => Ok(target),
            "http" if url.scheme() == "http" || on_this_machine() => Ok(target),
            "http" => Err(refuse("it is not encrypted, and the registry is")),
            _ => Err(refuse("it is neither http nor https")),
        }
    }
}

fn challenge_of(response: &Response) -> Option<Challenge> {
    challenge::choose(response.headers("www-authenticate"))
}

/// Puts path and query behind an origin. The path has been built from a reference or taken from a URL, so it is valid.
fn join(origin: &Url, path: &str) -> Url {
    origin.join(path).unwrap_or_else(|_| origin.clone())
}

fn request(call: &Call, url: Url) -> Request {
    let Call { method, headers, body, limit, .. } = call.clone();
    Request { method, url, headers, body, limit }
}

fn authorized(call: &Call, url: Url, authorization: String) -> Request {
    let mut request = request(call, url);
    request.headers.push(("authorization", authorization));
    request
}

fn bearer(call: &Call, url: &Url, token: &crate::secret::Secret) -> Request {
    authorized(call, url.clone(), format!("Bearer {}", token.reveal()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
