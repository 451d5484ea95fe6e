//! Bearer tokens: fetched from a realm, kept until they expire (distribution, "Token Authentication Specification"
//! and "Oauth2 Token Authentication").

use super::error::{ErrorResponse, RegistryError};
use super::scope::ScopeSet;
use crate::auth::{Credentials, Login};
use crate::json::Object;
use crate::output::Console;
use crate::secret::Secret;
use crate::transport::{Body, CertVerification, Method, Request, Response, Transport, Url, display_url, form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes of a token server's answer are read.
const ANSWER_LIMIT: usize = 64 * 1024;
/// How long a token lives at least, whatever its server says: the specification's minimum.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// A token is renewed this long before its end, so that it does not expire on its way.
const RENEWAL: Duration = Duration::from_secs(5);
/// How token servers know this program.
const CLIENT: &str = "mfst";

/// A token server, as a registry's challenge names it, and who asks it.
pub(super) struct TokenServer<'a> {
    pub(super) url: Url,
    pub(super) service: &'a str,
    pub(super) verification: CertVerification,
    /// The registry, for messages.
    pub(super) host: &'a str,
    pub(super) login: Option<&'a Login>,
    /// What went wrong when the login was looked for.
    pub(super) lookup_error: Option<&'a str>,
    pub(super) console: Console,
}

#[derive(Debug, Clone)]
struct Token {
    secret: Secret,
    expires: Instant,
    /// Whether it was issued without the login, because the login was refused.
    is_anonymous: bool,
}

type Cell = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of one login at one registry.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_scopes: Mutex<HashMap<ScopeSet, Cell>>,
    login_was_refused: AtomicBool,
}

impl Tokens {
    /// A token for these scopes. Requests that need the same one at the same time wait for one fetch.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        realm: &TokenServer<'_>,
        scopes: &ScopeSet,
    ) -> Result<Secret, RegistryError> {
        let cell = self.cell(scopes);
        let mut known = cell.lock().await;
        match &*known {
            Some(token) if Instant::now() + RENEWAL < token.expires => Ok(token.secret.clone()),
            _ => {
                let token = realm.fetch(transport, scopes).await?;
                self.login_was_refused.fetch_or(token.is_anonymous, Ordering::Relaxed);
                Ok(known.insert(token).secret.clone())
            }
        }
    }

    /// Forgets a token that the registry no longer takes, unless it has been replaced already.
    pub(super) async fn forget(&self, scopes: &ScopeSet, refused: &Secret) {
        let cell = self.cell(scopes);
        let mut known = cell.lock().await;
        if known.as_ref().is_some_and(|token| token.secret == *refused) {
            *known = None;
        }
    }

    /// Whether the token server has refused the login, and issued a token without it.
    pub(super) fn login_was_refused(&self) -> bool {
        self.login_was_refused.load(Ordering::Relaxed)
    }

    fn cell(&self, scopes: &ScopeSet) -> Cell {
        let mut cells = self.by_scopes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(scopes.clone()).or_default())
    }
}

/// The value of an Authorization header for a user and a password.
pub(super) fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.username, credentials.password.reveal());
    format!("Basic {}", STANDARD.encode(pair))
}

impl TokenServer<'_> {
    async fn fetch(&self, transport: &Transport, scopes: &ScopeSet) -> Result<Token, RegistryError> {
        let basic = self.login.and_then(|login| login.basic.as_ref());
        let identity = self.login.and_then(|login| login.identity_token.as_ref());
        let (method, response) = match (identity, basic) {
            (Some(token), basic) => {
                let response = self
                    .post(transport, scopes, &[("grant_type", "refresh_token"), ("refresh_token", token.reveal())])
                    .await?;
                match basic {
                    Some(_) if matches!(response.status, 400 | 401 | 404 | 405) => {
                        ("GET", self.get(transport, scopes, basic).await?)
                    }
                    _ => ("POST", response),
                }
            }
            (None, Some(login)) => {
                let response = self.get(transport, scopes, basic).await?;
                if matches!(response.status, 404 | 405) {
                    let password = [
                        ("grant_type", "password"),
                        ("username", &login.username),
                        ("password", login.password.reveal()),
                    ];
                    ("POST", self.post(transport, scopes, &password).await?)
                } else {
                    ("GET", response)
                }
            }
            (None, None) => ("GET", self.get(transport, scopes, None).await?),
        };
        if response.is_success() {
            return self.read(&response);
        }
        let refusal = self.refusal(method, &response, scopes);
        // A login that has gone stale should not keep anyone from what is public.
        if self.login.is_some() && matches!(response.status, 401 | 403) && scopes.iter().all(|scope| !scope.push) {
            let anonymous = self.get(transport, scopes, None).await?;
            if anonymous.is_success() {
                self.console.warn(format_args!("going on without the stored login for {}: {refusal}", self.host));
                return self.read(&anonymous).map(|token| Token { is_anonymous: true, ..token });
            }
        }
        Err(refusal.into())
    }

    async fn get(
        &self,
        transport: &Transport,
        scopes: &ScopeSet,
        login: Option<&Credentials>,
    ) -> Result<Response, RegistryError> {
        let mut url = self.url.clone();
        let mut query = url.query_pairs_mut();
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
        let mut request = Request::new(Method::GET, url, ANSWER_LIMIT);
        request.headers.extend(login.map(|login| ("authorization", basic(login))));
        Ok(transport.send(request, self.verification).await?)
    }

    async fn post(
        &self,
        transport: &Transport,
        scopes: &ScopeSet,
        grant: &[(&str, &str)],
    ) -> Result<Response, RegistryError> {
        let scope = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let mut fields = vec![("client_id", CLIENT), ("service", self.service), ("scope", &scope)];
        fields.extend(grant);
        let mut request = Request::new(Method::POST, self.url.clone(), ANSWER_LIMIT);
        request.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        request.body = Body::Bytes(form(&fields).into());
        Ok(transport.send(request, self.verification).await?)
    }

    fn refusal(&self, method: &str, response: &Response, scopes: &ScopeSet) -> ErrorResponse {
        let scopes = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let url = format!("{} for {scopes}", display_url(&self.url));
        ErrorResponse::new(method, &url, response, self.host, self.login.is_some(), self.lookup_error)
    }

    fn read(&self, response: &Response) -> Result<Token, RegistryError> {
        read_token(&response.body, Instant::now()).ok_or_else(|| RegistryError::NoToken { url: display_url(&self.url) })
    }
}

/// The token in an answer; servers call it either name, and some send both. Its life is counted from now: what a
/// server says about the time of issue may be anything.
fn read_token(body: &[u8], now: Instant) -> Option<Token> {
    let text = String::from_utf8_lossy(body);
    let answer = Object::parse(&text, "TokenResponse").ok()?;
    let named = |name| answer.string(name).ok().filter(|token| !token.is_empty());
    let secret = Secret::new(named("access_token").or_else(|| named("token"))?);
    let life = answer.integer("expires_in").ok().and_then(|seconds| u64::try_from(seconds).ok());
    // A year is as good as for ever, and cannot overflow.
    let life = Duration::from_secs(life.unwrap_or_default().min(365 * 24 * 3600)).max(SHORTEST_LIFE);
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
