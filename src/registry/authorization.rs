//! How a session answers challenges: with its login, or with a token.

use super::challenge::{self, Challenge};
use super::error::{RegistryError, one_line, says_expired};
use super::scope::ScopeSet;
use super::session::{ApiRequest, Session};
use super::token::{TokenServer, basic};
use super::{ANSWER_LIMIT, redirect};
use crate::auth::Lookup;
use crate::secret::Secret;
use crate::transport::{Locality, Method, Operation, Request, Response, UploadBody, Url, display_url};
use std::rc::Rc;

/// Why a login is not sent.
const PLAIN_HTTP: &str =
    "is not reached over TLS, and a login goes over plain HTTP only where a server answers a TLS handshake with it";

/// What a request is sent with.
pub(super) enum Authorization<'a> {
    /// This header.
    Header(String),
    /// A token of this server.
    Token(Box<TokenServer<'a>>),
    /// Nothing: there is nothing to answer the challenge with.
    None,
}

/// The realm of a challenge, as far as it does not depend on the request.
#[derive(Clone)]
pub(super) struct Realm {
    /// As the challenge names it.
    named: String,
    /// A request to it, without query parameters or authorization of ours.
    request: Rc<Request>,
    /// Whether a login may be sent to it.
    takes_login: bool,
}

impl Session {
    /// The stored login, unless it must not be sent to this registry.
    pub(super) fn login(&self) -> &Lookup {
        self.login.get_or_init(|| match self.origin() {
            Ok(origin) if !origin.takes_login && !self.sources.is_empty() => {
                self.withhold(self.host());
                Lookup::default()
            }
            _ => self.keychain.resolve(&self.sources, &self.console),
        })
    }

    /// Notes that the login is not sent to a host.
    fn withhold(&self, host: &str) {
        self.withheld.get_or_init(|| format!("{host} {PLAIN_HTTP}"));
    }

    /// The challenge that requests are known to meet.
    pub(super) fn known_challenge(&self) -> Option<Rc<Challenge>> {
        self.challenge.borrow().clone()
    }

    /// Remembers a response's challenge, if there is something to answer it with.
    pub(super) fn note_challenge(&self, response: &Response) -> Option<Rc<Challenge>> {
        let challenge = Rc::new(challenge_of(response).filter(|challenge| self.can_answer(challenge))?);
        self.challenge.replace(Some(Rc::clone(&challenge)));
        Some(challenge)
    }

    /// Anyone can have a token, for public images at least; Basic needs a user name and a password.
    fn can_answer(&self, challenge: &Challenge) -> bool {
        let login = || self.login().login.as_ref();
        match challenge {
            Challenge::Bearer { .. } => true,
            Challenge::Basic => login().is_some_and(|login| login.basic.is_some() || login.registry_token.is_some()),
        }
    }

    /// Answers the challenge of a response, if there is one, by sending the request again.
    pub(super) async fn answer(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
        response: Response,
    ) -> Result<Response, RegistryError> {
        match self.note_challenge(&response) {
            Some(challenge) => self.send_authorized(operation, call, &challenge).await,
            None => Ok(response),
        }
    }

    /// Sends a request with the authorization that a challenge wants.
    pub(super) async fn send_authorized(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
        challenge: &Challenge,
    ) -> Result<Response, RegistryError> {
        let mut request = self.request(call)?;
        match self.authorization(operation, challenge).await? {
            Authorization::Header(value) => authorize(&mut request, value),
            Authorization::Token(server) => return self.send_with_token(operation, call, request, &server).await,
            Authorization::None => {}
        }
        Ok(operation.send(&request).await?)
    }

    /// Sends an upload with the authorization that a challenge wants, once.
    pub(super) async fn upload_authorized(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
        body: UploadBody,
        challenge: &Challenge,
    ) -> Result<Response, RegistryError> {
        let mut request = self.request(call)?;
        match self.authorization(operation, challenge).await? {
            Authorization::Header(value) => authorize(&mut request, value),
            Authorization::None => {}
            Authorization::Token(server) => {
                let token = self.tokens.get(operation, &server, &self.token_scopes(call)).await?;
                authorize(&mut request, bearer(&token));
            }
        }
        Ok(operation.upload(&request, body).await?)
    }

    pub(super) async fn authorization<'a>(
        &'a self,
        operation: &Operation<'_>,
        challenge: &'a Challenge,
    ) -> Result<Authorization<'a>, RegistryError> {
        let login = self.login().login.as_ref();
        if let Some(token) = login.and_then(|login| login.registry_token.as_ref()) {
            return Ok(Authorization::Header(bearer(token)));
        }
        match challenge {
            Challenge::Basic => {
                let credentials = login.and_then(|login| login.basic.as_ref());
                Ok(credentials.map_or(Authorization::None, |credentials| Authorization::Header(basic(credentials))))
            }
            Challenge::Bearer { realm, service, .. } => {
                Ok(Authorization::Token(Box::new(self.token_server(operation, realm, service).await?)))
            }
        }
    }

    async fn token_server<'a>(
        &'a self,
        operation: &Operation<'_>,
        realm: &str,
        service: &'a str,
    ) -> Result<TokenServer<'a>, RegistryError> {
        let known = self.realm.borrow().as_ref().filter(|known| known.named == realm).cloned();
        let Realm { request, takes_login, .. } = match known {
            Some(known) => known,
            None => self.read_realm(operation, realm).await?,
        };
        let Lookup { login, lookup_error } = self.login();
        let login = login.as_ref().filter(|_| takes_login);
        let lookup_error = self.withheld.get().or(lookup_error.as_ref()).map(String::as_str);
        let origin = self.origin()?;
        let remembered = self.remembered.as_deref().filter(|_| self.is_verified(&origin.url, origin.locality));
        let (host, console) = (self.host(), self.console.clone());
        Ok(TokenServer { request, service, host, login, lookup_error, remembered, console })
    }

    /// What a challenge names as the token server. The registry names it, so it must not be a way to make us send a login
    /// unencrypted that the registry itself would have got over TLS.
    async fn read_realm(&self, operation: &Operation<'_>, realm: &str) -> Result<Realm, RegistryError> {
        let origin = self.origin()?;
        let refuse = |reason| RegistryError::Unsafe { url: display_url(&origin.url), target: one_line(realm), reason };
        let url = Url::parse(realm).map_err(|_| refuse("it is not a URL"))?;
        // What is sent within this machine needs no encryption; whether the registry may lead there is checked later.
        if url.scheme() != "http" || Locality::stated(&url) != Some(Locality::ThisMachine) {
            redirect::check_scheme(&origin.url, &url)?;
        }
        let request = self.linked(Request::new(Method::GET, url, ANSWER_LIMIT))?;
        let takes_login = self.login().login.is_none() || operation.may_send_secrets(&request).await;
        if !takes_login {
            self.withhold(request.url.host_str().unwrap_or_default());
        }
        let read = Realm { named: realm.to_owned(), request: Rc::new(request), takes_login };
        self.realm.replace(Some(read.clone()));
        Ok(read)
    }

    /// The scopes of the token that a request is sent with at first: those of the run, if they are enough.
    pub(super) fn token_scopes(&self, call: &ApiRequest) -> ScopeSet {
        self.expected_scopes.borrow().covering(&call.scopes).unwrap_or(&call.scopes).clone()
    }

    /// Sends a request with a token, and once more with another token for each reason why one is rejected: it has
    /// expired, it allows too little, or the registry does not accept one token for the whole run.
    async fn send_with_token(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
        mut request: Request,
        server: &TokenServer<'_>,
    ) -> Result<Response, RegistryError> {
        let mut scopes = self.token_scopes(call);
        // The request's own scopes, unless they are tried at first.
        let mut own = Some(call.scopes.clone()).filter(|own| *own != scopes);
        let (mut has_renewed, mut has_widened, mut was_rejected) = (false, false, false);
        loop {
            let token = match self.tokens.get(operation, server, &scopes).await {
                Ok(token) => token,
                Err(error) => {
                    scopes = own.take().ok_or(error)?;
                    self.expected_scopes.take();
                    continue;
                }
            };
            authorize(&mut request, bearer(&token));
            let response = operation.send(&request).await?;
            scopes = match rejection(&response) {
                None => {
                    if was_rejected && scopes == call.scopes {
                        // Other requests need not find out that one token is not enough.
                        self.expected_scopes.take();
                    }
                    return Ok(response);
                }
                Some(Rejection::Scope(missing)) if !has_widened && !scopes.covers(&missing) => {
                    has_widened = true;
                    scopes.union(&missing)
                }
                Some(Rejection::Token) if !has_renewed => {
                    has_renewed = true;
                    self.tokens.forget(&scopes, &token).await;
                    scopes
                }
                Some(_) => match own.take() {
                    Some(own) => own,
                    None => return Ok(response),
                },
            };
            was_rejected = true;
        }
    }
}

/// Why a registry rejects a token.
enum Rejection {
    /// It allows too little; the registry has said what is missing.
    Scope(ScopeSet),
    /// It is no longer valid.
    Token,
    /// It is valid, but not for this.
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
        // ECR Public answers an expired token this way, sometimes without a body.
        (400, _) if response.body.is_empty() || says_expired(&response.body) => Some(Rejection::Token),
        _ => None,
    }
}

/// The challenge of a 401.
pub(super) fn challenge_of(response: &Response) -> Option<Challenge> {
    if response.status == 401 { challenge::choose(response.headers("www-authenticate")) } else { None }
}

/// Sets the authorization of a request.
fn authorize(request: &mut Request, value: String) {
    request.headers.retain(|(name, _)| *name != "authorization");
    request.headers.push(("authorization", value));
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.reveal())
}
