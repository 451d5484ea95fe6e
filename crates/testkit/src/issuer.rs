//! The tokens of a token server: who gets which, and the quirks of real servers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::acl::{Access, Acl};
use crate::jwt::Signer;
use crate::route;
use crate::token_server::basic;

/// A request to the token server and what it granted.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// GET or POST.
    pub method: Method,
    /// The account, if the credentials were right.
    pub account: Option<String>,
    /// The service, as sent.
    pub service: Option<String>,
    /// The scopes asked for, as sent.
    pub scopes: Vec<String>,
    /// The scopes granted.
    pub granted: Vec<String>,
    /// `client_id`; POST only.
    pub client: Option<String>,
    /// `grant_type`; POST only.
    pub grant: Option<String>,
    /// The status of the response.
    pub status: StatusCode,
}

/// Which fields of the response hold the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// `token` and `access_token`.
    Both,
    /// `access_token` only.
    AccessToken,
    /// `token` only.
    Token,
    /// `access_token` holds it, `token` something else.
    Differing,
    /// Neither.
    Neither,
}

/// How a token server deviates from the usual one.
#[derive(Debug)]
pub struct Quirks {
    /// How long a token is valid.
    pub lifetime: Duration,
    /// The `expires_in` of the response, if it is not the real lifetime; null leaves it out.
    pub expires_in: Option<Value>,
    /// The `issued_at` of the response, if it is not the current time; null leaves it out.
    pub issued_at: Option<Value>,
    /// Which fields of the answer hold the token.
    pub fields: Fields,
    /// Grants only the first scope asked for.
    pub first_scope_only: bool,
    /// Grants only the last scope asked for.
    pub last_scope_only: bool,
    /// Refuses what it cannot grant in full: 401 for anonymous clients, else 403.
    pub strict: bool,
    /// The status for every POST.
    pub no_post: Option<StatusCode>,
    /// The status for every GET.
    pub no_get: Option<StatusCode>,
    /// How many requests the first token is valid for; later ones have no such limit.
    pub first_token_uses: Option<usize>,
    /// Signs the tokens; without it they are opaque.
    pub signer: Option<Signer>,
    /// Identity tokens and their accounts.
    pub identities: Vec<(String, String)>,
}

#[derive(Debug)]
struct Token {
    access: Vec<Access>,
    expires: Instant,
    uses: Option<usize>,
}

/// Issues tokens and remembers them; shared by the token server and the registry.
#[derive(Debug)]
pub struct Issuer {
    acl: Acl,
    quirks: Quirks,
    tokens: Mutex<HashMap<String, Token>>,
    requests: Mutex<Vec<TokenRequest>>,
}

impl Issuer {
    /// An issuer without tokens.
    pub fn new(acl: Acl, quirks: Quirks) -> Self {
        Self { acl, quirks, tokens: Mutex::default(), requests: Mutex::default() }
    }

    /// What a token grants; `None` if it is unknown, expired or used up. Counts the use.
    pub fn use_token(&self, token: &str) -> Option<Vec<Access>> {
        let mut tokens = self.tokens.lock().expect("the tokens");
        let token = tokens.get_mut(token)?;
        match &mut token.uses {
            None => {}
            Some(0) => return None,
            Some(uses) => *uses -= 1,
        }
        (token.expires > Instant::now()).then(|| token.access.clone())
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.requests.lock().expect("the requests").clone()
    }

    /// Makes all tokens issued so far invalid.
    pub fn revoke_all(&self) {
        self.tokens.lock().expect("the tokens").values_mut().for_each(|token| {
            token.expires = Instant::now();
        });
    }

    fn issue(&self, access: Vec<Access>) -> String {
        let mut tokens = self.tokens.lock().expect("the tokens");
        let number = tokens.len() + 1;
        let name = match &self.quirks.signer {
            Some(signer) => signer.sign(&access, self.quirks.lifetime),
            None => format!("{}-{number}", crate::secrets::TOKEN),
        };
        let expires = Instant::now() + self.quirks.lifetime;
        let uses = self.quirks.first_token_uses.filter(|_| number == 1);
        tokens.insert(name.clone(), Token { access, expires, uses });
        name
    }

    /// Handles a GET with this query string.
    pub fn get(&self, query: Option<&str>, headers: &HeaderMap) -> Response {
        let account = if headers.contains_key(header::AUTHORIZATION) {
            let login = basic(headers).filter(|(user, password)| self.acl.authenticates(user, password));
            login.map(|(user, _)| Some(user)).ok_or(StatusCode::UNAUTHORIZED)
        } else {
            Ok(None)
        };
        let account = self.quirks.no_get.map_or(account, Err);
        self.respond(Method::GET, query, route::query(query, "scope"), account)
    }

    /// Handles a POST of this form.
    pub fn post(&self, form: &str) -> Response {
        let form = Some(form);
        let field = |name| route::query(form, name).pop().unwrap_or_default();
        let scopes = field("scope").split_whitespace().map(String::from).collect();
        let account = match field("grant_type").as_str() {
            _ if field("client_id").is_empty() || field("service").is_empty() => Err(StatusCode::BAD_REQUEST),
            "refresh_token" => {
                let refresh_token = field("refresh_token");
                let known = self.quirks.identities.iter().find(|(token, _)| *token == refresh_token);
                known.map(|(_, account)| Some(account.clone())).ok_or(StatusCode::UNAUTHORIZED)
            }
            "password" => {
                let (user, password) = (field("username"), field("password"));
                let known = self.acl.authenticates(&user, &password);
                known.then_some(Some(user)).ok_or(StatusCode::UNAUTHORIZED)
            }
            _ => Err(StatusCode::BAD_REQUEST),
        };
        let account = self.quirks.no_post.map_or(account, Err);
        self.respond(Method::POST, form, scopes, account)
    }

    fn respond(
        &self,
        method: Method,
        parameters: Option<&str>,
        scopes: Vec<String>,
        account: Result<Option<String>, StatusCode>,
    ) -> Response {
        let parameter = |name| route::query(parameters, name).pop();
        let mut request = TokenRequest {
            method,
            account: account.clone().unwrap_or_default(),
            service: parameter("service"),
            scopes,
            granted: Vec::new(),
            client: parameter("client_id"),
            grant: parameter("grant_type"),
            status: StatusCode::OK,
        };
        let access = account.and_then(|account| self.grant(account.as_deref(), &request.scopes));
        let response = match access {
            Ok(access) => {
                request.granted = access.iter().map(Access::scope).collect();
                json_response(StatusCode::OK, &self.body(&self.issue(access)))
            }
            Err(status) => {
                request.status = status;
                let (code, message) = match status {
                    StatusCode::UNAUTHORIZED => ("UNAUTHORIZED", "incorrect username or password"),
                    StatusCode::FORBIDDEN => ("DENIED", "requested access to the resource is denied"),
                    _ => ("UNSUPPORTED", "not supported"),
                };
                json_response(status, &json!({"errors": [{"code": code, "message": message}]}))
            }
        };
        self.requests.lock().expect("the requests").push(request);
        response
    }

    fn grant(&self, account: Option<&str>, scopes: &[String]) -> Result<Vec<Access>, StatusCode> {
        let mut wanted: Vec<Access> = scopes.iter().filter_map(|s| Access::parse(s)).collect();
        if self.quirks.first_scope_only {
            wanted.truncate(1);
        }
        if self.quirks.last_scope_only {
            wanted.drain(..wanted.len().saturating_sub(1));
        }
        let granted = self.acl.grant(account, &wanted);
        if self.quirks.strict && granted != wanted {
            return Err(if account.is_none() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN });
        }
        Ok(granted)
    }

    fn body(&self, token: &str) -> Value {
        let mut body = match self.quirks.fields {
            Fields::Both => json!({"token": token, "access_token": token}),
            Fields::AccessToken => json!({"access_token": token}),
            Fields::Token => json!({"token": token}),
            Fields::Differing => json!({"token": "not-this-one", "access_token": token}),
            Fields::Neither => json!({}),
        };
        let lifetime = json!(self.quirks.lifetime.as_secs());
        body["expires_in"] = self.quirks.expires_in.clone().unwrap_or(lifetime);
        body["issued_at"] = self.quirks.issued_at.clone().unwrap_or_else(|| json!(now()));
        // `null` leaves a field out.
        body.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        body
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

/// The current time in RFC 3339 format.
fn now() -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = elapsed.expect("a clock after 1970").as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a number of days since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[test]
fn days_since_1970_become_dates() {
    for (days, date) in [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_778, (2026, 11, 21))] {
        assert_eq!(civil(days), date);
    }
}
