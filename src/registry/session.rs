//! One registry with one login: finds its scheme, and answers its challenges.

use super::authorization::Realm;
use super::challenge::Challenge;
use super::endpoint::Endpoint;
use super::error::{ErrorResponse, RegistryError, is_permanent, one_line};
use super::remembered::RememberedChallenges;
use super::scope::{ExpectedScopes, Scope, ScopeSet};
use super::token::Tokens;
use crate::auth::{CredentialSources, Keychain, Lookup};
use crate::output::Console;
use crate::transport::display_url;
use crate::transport::{
    Locality, Method, Operation, Request, Response, TransportError, TransportFault, UploadBody, Url,
};
use bytes::Bytes;
use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

/// A request to a registry whose origin and challenge may not be known yet.
#[derive(Clone)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// Path and query, from `/v2/` on.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// Whether the body of a successful response is left to be read chunk by chunk.
    pub(super) streams: bool,
    /// Whether such a body, or that of an upload, moves without a slot among the requests to the registry.
    pub(super) slotless: bool,
    /// The maximum size of a response that is read into memory, in bytes.
    pub(super) limit: usize,
    /// What a token must allow.
    pub(super) scopes: ScopeSet,
}

impl ApiRequest {
    pub(super) fn new(method: Method, path: String, limit: usize, scope: Scope) -> Self {
        let scopes = std::iter::once(scope).collect();
        Self { method, path, headers: Vec::new(), body: Bytes::new(), streams: false, slotless: false, limit, scopes }
    }

    /// The request for a URL, without authorization.
    pub(super) fn request(&self, url: Url) -> Request {
        let mut request = Request::new(self.method.clone(), url, self.limit);
        request.headers.clone_from(&self.headers);
        request.body = self.body.clone();
        (request.streams, request.slotless) = (self.streams, self.slotless);
        request.is_permanent = is_permanent;
        request
    }
}

/// A registry with one login or none.
pub(super) struct Session {
    pub(super) endpoint: Endpoint,
    pub(super) keychain: Rc<Keychain>,
    pub(super) sources: CredentialSources,
    /// Looked up when the registry first wants one, because that may run a program.
    pub(super) login: OnceCell<Lookup>,
    /// Why the login is not sent, though there may be one.
    pub(super) withheld: OnceCell<String>,
    /// Held while the first request finds the origin.
    opening: tokio::sync::Mutex<()>,
    origin: OnceCell<Origin>,
    /// The last challenge that was answered.
    pub(super) challenge: RefCell<Option<Rc<Challenge>>>,
    /// Its realm.
    pub(super) realm: RefCell<Option<Realm>>,
    /// What the run will need, so that few tokens can cover it.
    pub(super) expected_scopes: RefCell<ExpectedScopes>,
    pub(super) tokens: Tokens,
    /// None if nothing is to be remembered.
    pub(super) remembered: Option<Rc<RememberedChallenges>>,
    /// The registry's warnings that have been shown.
    warnings: RefCell<HashSet<String>>,
    pub(super) console: Console,
}

/// What the first request has found out about a registry.
pub(super) struct Origin {
    pub(super) url: Url,
    /// Where the registry is.
    pub(super) locality: Locality,
    /// Whether a login may be sent to it.
    pub(super) takes_login: bool,
}

impl Session {
    pub(super) fn new(
        endpoint: Endpoint,
        keychain: Rc<Keychain>,
        sources: CredentialSources,
        remembered: Option<Rc<RememberedChallenges>>,
        console: &Console,
    ) -> Self {
        Self {
            endpoint,
            keychain,
            sources,
            login: OnceCell::new(),
            withheld: OnceCell::new(),
            opening: tokio::sync::Mutex::default(),
            origin: OnceCell::new(),
            challenge: RefCell::default(),
            realm: RefCell::default(),
            expected_scopes: RefCell::default(),
            tokens: Tokens::default(),
            remembered,
            warnings: RefCell::default(),
            console: console.clone(),
        }
    }

    /// What the first request has found out; an error before there was one.
    pub(super) fn origin(&self) -> Result<&Origin, RegistryError> {
        self.origin.get().ok_or_else(|| self.bad_host())
    }

    /// The registry's host.
    pub(super) fn host(&self) -> &str {
        self.endpoint.host()
    }

    /// Whether a URL is on this registry. A registry behind a TLS terminator may take itself for a plain HTTP server,
    /// and write its URLs that way.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        let host = |url: &Url| (url.host_str().map(str::to_owned), url.port());
        self.origin.get().is_some_and(|origin| host(&origin.url) == host(url))
    }

    /// Whether the registry has asked for a login or a token.
    pub(super) fn was_challenged(&self) -> bool {
        self.challenge.borrow().is_some()
    }

    /// Adds scopes that will be needed together later in this run.
    pub(super) fn expect_scopes(&self, scopes: impl IntoIterator<Item = Scope>) {
        self.expected_scopes.borrow_mut().add(scopes);
    }

    /// Sends a request, with whatever authorization the registry turns out to want, and returns the response, even if
    /// it is a refusal.
    pub(super) async fn send(&self, operation: &Operation<'_>, call: &ApiRequest) -> Result<Response, RegistryError> {
        let first = self.open(operation, call).await?;
        let response = match (first, self.known_challenge()) {
            (None, Some(challenge)) => self.send_authorized(operation, call, &challenge).await?,
            (None, None) => {
                let response = operation.send(&self.request(call)?).await?;
                self.answer(operation, call, response).await?
            }
            (Some(response), _) => self.answer(operation, call, response).await?,
        };
        self.show_warnings(&response);
        Ok(response)
    }

    /// Sends a request with a large body, once, with the authorization that the last request to the registry needed. If
    /// that is refused, the upload has to start over.
    pub(super) async fn upload(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
        body: UploadBody,
    ) -> Result<Response, RegistryError> {
        let response = match self.known_challenge() {
            Some(challenge) => self.upload_authorized(operation, call, body, &challenge).await?,
            None => operation.upload(&self.request(call)?, body).await?,
        };
        self.show_warnings(&response);
        Ok(response)
    }

    /// A request to the registry itself, without authorization.
    pub(super) fn request(&self, call: &ApiRequest) -> Result<Request, RegistryError> {
        let origin = self.origin()?;
        Ok(self.own_request(call, &origin.url, origin.locality))
    }

    /// Prepares a request to a URL that the registry has named. It must not lead to a place that is nearer than the
    /// registry.
    pub(super) fn linked(&self, mut request: Request) -> Result<Request, RegistryError> {
        let origin = self.origin()?;
        request.nearest = origin.locality;
        request.verification = if origin.url.origin() == request.url.origin() {
            self.endpoint.own_verification(origin.locality)
        } else {
            self.endpoint.linked_verification()
        };
        Ok(request)
    }

    fn own_request(&self, call: &ApiRequest, origin: &Url, locality: Locality) -> Request {
        let mut request = call.request(join(origin, &call.path));
        request.nearest = Locality::ThisMachine;
        request.verification = self.endpoint.own_verification(locality);
        request
    }

    /// Whether a request has found the origin or is about to.
    pub(super) fn is_opening(&self) -> bool {
        self.origin.get().is_some() || self.opening.try_lock().is_err()
    }

    /// Sends the first request of the run, which finds the registry's origin. Requests at the same time wait for that,
    /// and get no response here.
    pub(super) async fn open(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
    ) -> Result<Option<Response>, RegistryError> {
        if self.origin.get().is_some() {
            return Ok(None);
        }
        let _opening = operation.uncounted(self.opening.lock()).await;
        if self.origin.get().is_some() {
            return Ok(None);
        }
        let (origin, response) = Box::pin(self.meet(operation, call)).await?;
        self.origin.get_or_init(|| origin);
        Ok(Some(response))
    }

    /// Sends a request over HTTPS or, where that is allowed and there is no TLS, over plain HTTP.
    pub(super) async fn find_origin(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
    ) -> Result<(Origin, Response), RegistryError> {
        let origin = |scheme| self.endpoint.origin(scheme).ok_or_else(|| self.bad_host());
        let (secure, plain) = (origin("https")?, origin("http")?);
        let attempt = async || {
            let locality = operation.locality(&self.own_request(call, &secure, Locality::Elsewhere)).await?;
            let send = async |origin: &Url| {
                let response = operation.send_once(&self.own_request(call, origin, locality)).await?;
                Ok::<_, TransportError>((Origin { url: origin.clone(), locality, takes_login: false }, response))
            };
            match send(&secure).await {
                Err(error) if error.fault.is_before_request() && self.endpoint.may_be_plain(locality) => {
                    send(&plain).await.map_err(|second| better_error(error, second))
                }
                outcome => outcome,
            }
        };
        let (mut origin, response) = operation.retrying(attempt).await?;
        let request = self.own_request(call, &origin.url, origin.locality);
        origin.takes_login = operation.may_send_secrets(&request).await;
        Ok((origin, response))
    }

    fn bad_host(&self) -> RegistryError {
        RegistryError::BadHost(self.host().to_owned())
    }

    /// A response of this registry, as an error.
    pub(super) fn refusal(&self, method: &Method, response: &Response) -> ErrorResponse {
        // Only these have to do with logins, and looking for one may run a program.
        let found = matches!(response.status, 401 | 403 | 429).then(|| self.login());
        let withheld = self.withheld.get();
        let had_login = withheld.is_none() && found.is_some_and(|found| found.login.is_some());
        let lookup_error = withheld.or_else(|| found?.lookup_error.as_ref()).map(String::as_str);
        let url = display_url(&response.url);
        let mut refusal = ErrorResponse::new(method, &url, response, self.host(), had_login, lookup_error);
        refusal.is_login_refused |= had_login && self.tokens.login_was_refused();
        refusal
    }

    /// Shows the registry's warnings to its users (distribution-spec, "Warnings"), each once.
    fn show_warnings(&self, response: &Response) {
        for warning in response.headers("warning") {
            let text = warning.strip_prefix("299 ").and_then(|rest| Some(rest.split_once('"')?.1.rsplit_once('"')?.0));
            let text = text.map(|text| one_line(&text.replace("\\\"", "\"")));
            if let Some(text) = text.filter(|text| self.warnings.borrow_mut().insert(text.clone())) {
                self.console.warn(format_args!("{}: {text}", self.host()));
            }
        }
    }
}

/// Of the errors of an attempt over TLS and of one over plain HTTP, the one that says more.
fn better_error(secure: TransportError, plain: TransportError) -> TransportError {
    let plain_was_sent = !plain.fault.is_before_request();
    if plain_was_sent || secure.fault == TransportFault::NotTls { plain } else { secure }
}

/// Puts a path and a query behind an origin. The result is always on that origin: a relative reference that begins with
/// two slashes would name another host.
fn join(origin: &Url, path: &str) -> Url {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut url = origin.clone();
    url.set_path(path);
    url.set_query(query);
    url
}
