//! Bearer tokens: fetched from a realm, kept for the run (distribution, "Token Authentication Specification").

use super::error::{Refusal, RegistryError};
use super::scope::ScopeSet;
use crate::config::Credentials;
use crate::json::Object;
use crate::secret::Secret;
use crate::transport::{Method, Request, Transport, Trust, Url, display_url};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How many bytes of a token server's answer are read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A token server, as a registry's challenge names it.
pub(super) struct Realm<'a> {
    pub(super) url: Url,
    pub(super) service: &'a str,
    pub(super) trust: Trust,
    /// The registry, for messages.
    pub(super) host: &'a str,
    pub(super) credentials: Option<&'a Credentials>,
}

/// The tokens of one login at one registry.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_scopes: Mutex<HashMap<ScopeSet, Arc<OnceCell<Secret>>>>,
}

impl Tokens {
    /// A token for these scopes. Requests that need the same one at the same time wait for one fetch.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        realm: &Realm<'_>,
        scopes: &ScopeSet,
    ) -> Result<Secret, RegistryError> {
        let cell = Arc::clone(self.cells().entry(scopes.clone()).or_default());
        cell.get_or_try_init(|| fetch(transport, realm, scopes)).await.cloned()
    }

    /// Forgets a token that the registry no longer takes.
    pub(super) fn forget(&self, scopes: &ScopeSet) {
        self.cells().remove(scopes);
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, HashMap<ScopeSet, Arc<OnceCell<Secret>>>> {
        self.by_scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of an Authorization header for a login.
pub(super) fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.username, credentials.password.reveal());
    format!("Basic {}", STANDARD.encode(pair))
}

async fn fetch(transport: &Transport, realm: &Realm<'_>, scopes: &ScopeSet) -> Result<Secret, RegistryError> {
    let mut url = realm.url.clone();
    let mut query = url.query_pairs_mut();
    if !realm.service.is_empty() {
        query.append_pair("service", realm.service);
    }
    for scope in scopes.iter() {
        query.append_pair("scope", &scope.to_string());
    }
    if let Some(credentials) = realm.credentials {
        query.append_pair("account", &credentials.username);
    }
    drop(query);
    let mut request = Request::new(Method::GET, url, ANSWER_LIMIT);
    if let Some(credentials) = realm.credentials {
        request.headers.push(("authorization", basic(credentials)));
    }
    let response = transport.send(request, realm.trust).await?;
    if !response.is_success() {
        let url = display_url(&realm.url);
        return Err(Refusal::new("GET", &url, &response, realm.host, realm.credentials.is_some()).into());
    }
    read_token(&response.body).ok_or_else(|| RegistryError::NoToken { url: display_url(&realm.url) })
}

/// The token in an answer; servers call it either name, and some send both.
fn read_token(body: &[u8]) -> Option<Secret> {
    let text = String::from_utf8_lossy(body);
    let answer = Object::parse(&text, "TokenResponse").ok()?;
    let named = |name| answer.string(name).ok().filter(|token| !token.is_empty());
    named("access_token").or_else(|| named("token")).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_have_either_name() {
        let token = |json: &str| read_token(json.as_bytes()).map(|token| token.reveal().to_owned());
        assert_eq!(token(r#"{"token":"a"}"#).as_deref(), Some("a"));
        assert_eq!(token(r#"{"token":"a","access_token":"b"}"#).as_deref(), Some("b"));
        assert_eq!(token(r#"{"token":"a","access_token":""}"#).as_deref(), Some("a"));
        assert_eq!(token("{}"), None);
        assert_eq!(token("<html>"), None);
    }
}
