//! Bearer tokens: fetched from a token server and kept until they expire (distribution, "Token Authentication
//! Specification" and "Oauth2 Token Authentication").

use super::error::{ErrorResponse, RegistryError};
use super::remembered::{RememberedChallenges, TokenSource};
use super::scope::ScopeSet;
use crate::auth::{Credentials, Login};
use crate::json::Object;
use crate::output::Console;
use crate::secret::Secret;
use crate::transport::{Method, Operation, Request, Response, display_url};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use url::form_urlencoded;

/// The minimum lifetime of a token (in the specification too), whatever its server says.
const MINIMUM_LIFETIME: Duration = Duration::from_secs(60);
/// How long before its end a token is renewed, so that it does not expire on the way to the registry.
const RENEWAL: Duration = Duration::from_secs(5);
/// The `client_id` of this program.
const CLIENT_ID: &str = "mfst";

/// A token server, as named by a registry's challenge, and the login to use there.
pub(super) struct TokenServer<'a> {
    /// A request to the realm, without query parameters or authorization of ours.
    pub(super) request: Rc<Request>,
    pub(super) service: &'a str,
    /// The registry, for messages.
    pub(super) host: &'a str,
    pub(super) login: Option<&'a Login>,
    /// Why there is no login, if one was looked for.
    pub(super) lookup_error: Option<&'a str>,
    /// Where it is noted that the server has accepted the login; none if that must not be remembered.
    pub(super) remembered: Option<&'a RememberedChallenges>,
    pub(super) console: Console,
}

/// A token and when it expires.
#[derive(Debug, Clone)]
pub(super) struct Token {
    secret: Secret,
    expires: Instant,
    /// Whether it was issued without the login, because the login was refused.
    is_anonymous: bool,
}

type Cell = Rc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of one login at one registry.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_scopes: RefCell<Vec<(ScopeSet, Cell)>>,
    login_was_refused: std::cell::Cell<bool>,
}

impl Tokens {
    /// A token for these scopes. Requests that need the same token at the same time share one fetch.
    pub(super) async fn get(
        &self,
        operation: &Operation<'_>,
        server: &TokenServer<'_>,
        scopes: &ScopeSet,
    ) -> Result<Secret, RegistryError> {
        let cell = self.cell(scopes);
        let mut known = operation.uncounted(cell.lock()).await;
        match &*known {
            Some(token) if Instant::now() + RENEWAL < token.expires => Ok(token.secret.clone()),
            _ => {
                let token = server.fetch(operation, scopes).await?;
                self.login_was_refused.set(self.login_was_refused.get() || token.is_anonymous);
                Ok(known.insert(token).secret.clone())
            }
        }
    }

    /// Keeps a token that was fetched for these scopes.
    pub(super) async fn insert(&self, scopes: &ScopeSet, token: Token) {
        *self.cell(scopes).lock().await = Some(token);
    }

    /// Drops a token that the registry no longer accepts, unless it has already been replaced.
    pub(super) async fn forget(&self, scopes: &ScopeSet, rejected: &Secret) {
        let cell = self.cell(scopes);
        let mut known = cell.lock().await;
        if known.as_ref().is_some_and(|token| token.secret == *rejected) {
            *known = None;
        }
    }

    /// Whether the token server has refused the login, and issued a token without it.
    pub(super) fn login_was_refused(&self) -> bool {
        self.login_was_refused.get()
    }

    fn cell(&self, scopes: &ScopeSet) -> Cell {
        let mut cells = self.by_scopes.borrow_mut();
        if let Some((_, cell)) = cells.iter().find(|(known, _)| known == scopes) {
            return Rc::clone(cell);
        }
        let cell = Cell::default();
        cells.push((scopes.clone(), Rc::clone(&cell)));
        cell
    }
}

/// The value of an Authorization header for a user name and a password.
pub(super) fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.username, credentials.password.reveal());
    format!("Basic {}", STANDARD.encode(pair))
}

impl TokenServer<'_> {
    async fn fetch(&self, operation: &Operation<'_>, scopes: &ScopeSet) -> Result<Token, RegistryError> {
        let (method, response) = self.exchange(operation, scopes).await?;
        if response.is_success() {
            let token = self.read(&response)?;
            self.remember();
            return Ok(token);
        }
        let refusal = self.refusal(&method, &response, scopes);
        // A login that is no longer valid should not keep anyone from public images. A token without scopes is for
        // `login`.
        let is_for_reading = !scopes.is_empty() && scopes.iter().all(|scope| !scope.push);
        if self.login.is_some() && matches!(response.status, 401 | 403) && is_for_reading {
            let anonymous = self.get(operation, scopes, None).await?;
            if anonymous.is_success() {
                self.console.warn(format_args!("going on without the stored login for {}: {refusal}", self.host));
                return self.read(&anonymous).map(|token| Token { is_anonymous: true, ..token });
            }
        }
        Err(refusal.into())
    }

    /// Fetches a token with the login, if there is one; none if that is refused.
    pub(super) async fn fetch_once(
        &self,
        operation: &Operation<'_>,
        scopes: &ScopeSet,
    ) -> Result<Option<Token>, RegistryError> {
        let (_, response) = self.exchange(operation, scopes).await?;
        if response.is_success() { self.read(&response).map(Some) } else { Ok(None) }
    }

    /// Notes that the login has been accepted.
    fn remember(&self) {
        let source = TokenSource::new(self.request.url.as_str(), self.service);
        if let Some((remembered, source)) = self.remembered.zip(source) {
            remembered.learn(self.host, source, self.login);
        }
    }

    /// Requests a token with what the login consists of. Not every server knows both methods.
    async fn exchange(
        &self,
        operation: &Operation<'_>,
        scopes: &ScopeSet,
    ) -> Result<(Method, Response), RegistryError> {
        let basic = self.login.and_then(|login| login.basic.as_ref());
        let identity = self.login.and_then(|login| login.identity_token.as_ref());
        if let Some(token) = identity {
            let grant = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
            let response = self.post(operation, scopes, &grant).await?;
            if basic.is_none() || !matches!(response.status, 400 | 401 | 404 | 405) {
                return Ok((Method::POST, response));
            }
        }
        let response = self.get(operation, scopes, basic).await?;
        match basic {
            Some(login) if identity.is_none() && matches!(response.status, 404 | 405) => {
                let password = login.password.reveal();
                let grant = [("grant_type", "password"), ("username", &login.username), ("password", password)];
                Ok((Method::POST, self.post(operation, scopes, &grant).await?))
            }
            _ => Ok((Method::GET, response)),
        }
    }

    async fn get(
        &self,
        operation: &Operation<'_>,
        scopes: &ScopeSet,
        login: Option<&Credentials>,
    ) -> Result<Response, RegistryError> {
        let mut request = Request::clone(&self.request);
        let mut query = request.url.query_pairs_mut();
        if !self.service.is_empty() {
            query.append_pair("service", self.service);
        }
        for scope in scopes.iter() {
            query.append_pair("scope", &scope.to_string());
        }
        if let Some(login) = login {
            query.append_pair("account", &login.username);
        }
        drop(query);
        request.headers.extend(login.map(|login| ("authorization", basic(login))));
        Ok(operation.send(&request).await?)
    }

    async fn post(
        &self,
        operation: &Operation<'_>,
        scopes: &ScopeSet,
        grant: &[(&str, &str)],
    ) -> Result<Response, RegistryError> {
        let scope = scopes.to_string();
        let fields = [("client_id", CLIENT_ID), ("service", self.service), ("scope", &scope)];
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).extend_pairs(grant);
        let mut request = Request::clone(&self.request);
        request.method = Method::POST;
        request.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        request.body = form.finish().into();
        Ok(operation.send(&request).await?)
    }

    fn refusal(&self, method: &Method, response: &Response, scopes: &ScopeSet) -> ErrorResponse {
        let url = format!("{} for {scopes}", display_url(&self.request.url));
        ErrorResponse::new(method, &url, response, self.host, self.login.is_some(), self.lookup_error)
    }

    fn read(&self, response: &Response) -> Result<Token, RegistryError> {
        let url = || display_url(&self.request.url);
        read_token(&response.body, Instant::now()).ok_or_else(|| RegistryError::NoToken { url: url() })
    }
}

/// The token in a response. Servers use either name for it, and some both. Its lifetime is counted from now, because
/// `issued_at` may be anything.
fn read_token(body: &[u8], now: Instant) -> Option<Token> {
    let text = String::from_utf8_lossy(body);
    let answer = Object::parse(&text, "TokenResponse").ok()?;
    let named = |name| answer.string(name).ok().filter(|token| !token.is_empty());
    let secret = Secret::new(named("access_token").or_else(|| named("token"))?);
    let life = answer.integer("expires_in").ok().and_then(|seconds| u64::try_from(seconds).ok());
    // A year is longer than any run, and cannot overflow.
    let life = Duration::from_secs(life.unwrap_or_default().min(365 * 24 * 3600)).max(MINIMUM_LIFETIME);
    Some(Token { secret, expires: now + life, is_anonymous: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &str) -> Option<(String, u64)> {
        let now = Instant::now();
        read_token(json.as_bytes(), now)
            .map(|token| (token.secret.reveal().to_owned(), (token.expires - now).as_secs()))
    }

    #[test]
    fn a_token_may_have_either_name() {
        let name = |json| token(json).map(|(name, _)| name);
        assert_eq!(name(r#"{"token":"a"}"#).as_deref(), Some("a"));
        assert_eq!(name(r#"{"token":"a","access_token":"b"}"#).as_deref(), Some("b"));
        assert_eq!(name(r#"{"token":"a","access_token":""}"#).as_deref(), Some("a"));
        assert_eq!(name("{}"), None);
        assert_eq!(name("<html>"), None);
    }

    #[test]
    fn a_token_lives_a_minute_at_least() {
        let life = |json| token(json).map(|(_, life)| life);
        assert_eq!(life(r#"{"token":"a"}"#), Some(60));
        assert_eq!(life(r#"{"token":"a","expires_in":300,"issued_at":"1970-01-01T00:00:00Z"}"#), Some(300));
        assert_eq!(life(r#"{"token":"a","expires_in":-5}"#), Some(60));
        assert_eq!(life(r#"{"token":"a","expires_in":"soon"}"#), Some(60));
        assert!(life(r#"{"token":"a","expires_in":9223372036854775807}"#).is_some());
    }
}
