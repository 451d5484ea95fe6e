//! What a token server gives to whom: the accounts, the tokens given out, and
//! the ways in which real servers differ.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::acl::{Access, Acl};
use crate::jwt::Signer;
use crate::route;
use crate::token::basic;

/// What a client asked the token server for, and got.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// GET or POST.
    pub method: Method,
    /// The account, when the password was right.
    pub account: Option<String>,
    /// The service named.
    pub service: Option<String>,
    /// The scopes asked for, as sent.
    pub scopes: Vec<String>,
    /// The scopes given.
    pub granted: Vec<String>,
    /// The client's name for itself; with POST only.
    pub client: Option<String>,
    /// The kind of grant; with POST only.
    pub grant: Option<String>,
    /// The answer's status.
    pub status: StatusCode,
}

/// The fields that hold the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// `token` and `access_token`.
    Both,
    /// `access_token` alone.
    AccessToken,
    /// `token` alone.
    Token,
    /// `access_token` is right, `token` is something else.
    Differing,
    /// None at all.
    Neither,
}

/// How a token server differs from the others.
#[derive(Debug)]
pub struct Manners {
    /// How long a token is good.
    pub lifetime: Duration,
    /// What it says about that, where it is not the truth.
    pub expires_in: Option<Value>,
    /// When it says that the token was given.
    pub issued_at: Option<Value>,
    /// Which fields of the answer hold the token.
    pub fields: Fields,
    /// Grants only the first scope asked for.
    pub first_scope_only: bool,
    /// Grants only the last scope asked for.
    pub last_scope_only: bool,
    /// Refuses what it cannot give in full: 401 to strangers, else 403.
    pub strict: bool,
    /// What it answers to POST, where it knows none.
    pub no_post: Option<StatusCode>,
    /// What it answers to GET, where it knows none.
    pub no_get: Option<StatusCode>,
    /// How often the first token can be used; the others last.
    pub first_token_uses: Option<usize>,
    /// Signs the tokens; without it they are opaque.
    pub signer: Option<Signer>,
    /// Identity tokens and the accounts they stand for.
    pub identities: Vec<(String, String)>,
}

#[derive(Debug)]
struct Token {
    access: Vec<Access>,
    dies: Instant,
    uses: Option<usize>,
}

/// The tokens given out: what server and gate share.
#[derive(Debug)]
pub struct Issuer {
    acl: Acl,
    manners: Manners,
    tokens: Mutex<HashMap<String, Token>>,
    requests: Mutex<Vec<TokenRequest>>,
}

impl Issuer {
    /// An issuer that has given nothing to anyone.
    pub fn new(acl: Acl, manners: Manners) -> Self {
        Self { acl, manners, tokens: Mutex::default(), requests: Mutex::default() }
    }

    /// What a token allows; nothing at all when it is unknown, worn out or
    /// expired.
    pub fn use_token(&self, token: &str) -> Option<Vec<Access>> {
        let mut tokens = self.tokens.lock().expect("the tokens");
        let token = tokens.get_mut(token)?;
        match &mut token.uses {
            None => {}
            Some(0) => return None,
            Some(uses) => *uses -= 1,
        }
        (token.dies > Instant::now()).then(|| token.access.clone())
    }

    /// What clients asked for.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.requests.lock().expect("the requests").clone()
    }

    /// Makes every token given out so far invalid.
    pub fn revoke_all(&self) {
        self.tokens.lock().expect("the tokens").values_mut().for_each(|token| {
            token.dies = Instant::now();
        });
    }

    fn mint(&self, access: Vec<Access>) -> String {
        let mut tokens = self.tokens.lock().expect("the tokens");
        let number = tokens.len() + 1;
        let name = match &self.manners.signer {
            Some(signer) => signer.sign(&access, self.manners.lifetime),
            None => format!("{}-{number}", crate::secrets::TOKEN),
        };
        let dies = Instant::now() + self.manners.lifetime;
        let uses = self.manners.first_token_uses.filter(|_| number == 1);
        tokens.insert(name.clone(), Token { access, dies, uses });
        name
    }

    /// Answers a GET with these parameters.
    pub fn get(&self, query: Option<&str>, headers: &HeaderMap) -> Response {
        let account = if headers.contains_key(header::AUTHORIZATION) {
            let login = basic(headers).filter(|(user, password)| self.acl.knows(user, password));
            login.map(|(user, _)| Some(user)).ok_or(StatusCode::UNAUTHORIZED)
        } else {
            Ok(None)
        };
        let account = self.manners.no_get.map_or(account, Err);
        self.answer(Method::GET, query, route::query(query, "scope"), account)
    }

    /// Answers a POST of this form.
    pub fn post(&self, form: &str) -> Response {
        let form = Some(form);
        let field = |name| route::query(form, name).pop().unwrap_or_default();
        let scopes = field("scope").split_whitespace().map(String::from).collect();
        let account = match field("grant_type").as_str() {
            _ if field("client_id").is_empty() || field("service").is_empty() => Err(StatusCode::BAD_REQUEST),
            "refresh_token" => {
                let shown = field("refresh_token");
                let known = self.manners.identities.iter().find(|(token, _)| *token == shown);
                known.map(|(_, account)| Some(account.clone())).ok_or(StatusCode::UNAUTHORIZED)
            }
            "password" => {
                let (user, password) = (field("username"), field("password"));
                let known = self.acl.knows(&user, &password);
                known.then_some(Some(user)).ok_or(StatusCode::UNAUTHORIZED)
            }
            _ => Err(StatusCode::BAD_REQUEST),
        };
        let account = self.manners.no_post.map_or(account, Err);
        self.answer(Method::POST, form, scopes, account)
    }

    fn answer(
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
                json_answer(StatusCode::OK, &self.body(&self.mint(access)))
            }
            Err(status) => {
                request.status = status;
                let (code, message) = match status {
                    StatusCode::UNAUTHORIZED => ("UNAUTHORIZED", "incorrect username or password"),
                    StatusCode::FORBIDDEN => ("DENIED", "requested access to the resource is denied"),
                    _ => ("UNSUPPORTED", "not here"),
                };
                json_answer(status, &json!({"errors": [{"code": code, "message": message}]}))
            }
        };
        self.requests.lock().expect("the requests").push(request);
        response
    }

    fn grant(&self, account: Option<&str>, scopes: &[String]) -> Result<Vec<Access>, StatusCode> {
        let mut wanted: Vec<Access> = scopes.iter().filter_map(|s| Access::parse(s)).collect();
        if self.manners.first_scope_only {
            wanted.truncate(1);
        }
        if self.manners.last_scope_only {
            wanted.drain(..wanted.len().saturating_sub(1));
        }
        let granted = self.acl.grant(account, &wanted);
        if self.manners.strict && granted != wanted {
            return Err(if account.is_none() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN });
        }
        Ok(granted)
    }

    fn body(&self, token: &str) -> Value {
        let mut body = match self.manners.fields {
            Fields::Both => json!({"token": token, "access_token": token}),
            Fields::AccessToken => json!({"access_token": token}),
            Fields::Token => json!({"token": token}),
            Fields::Differing => json!({"token": "not-this-one", "access_token": token}),
            Fields::Neither => json!({}),
        };
        let lifetime = json!(self.manners.lifetime.as_secs());
        body["expires_in"] = self.manners.expires_in.clone().unwrap_or(lifetime);
        body["issued_at"] = self.manners.issued_at.clone().unwrap_or_else(|| json!(now()));
        // A field that is null stands for one that is absent.
        body.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        body
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

/// The current time as RFC 3339 wants it.
fn now() -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = elapsed.expect("a clock after 1970").as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days since 1970 as a date of the Gregorian calendar.
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
fn dates_are_those_of_the_calendar() {
    for (days, date) in [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_778, (2026, 11, 21))] {
        assert_eq!(civil(days), date);
    }
}
