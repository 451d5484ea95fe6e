//! A bearer-token server on an origin of its own. Tokens are opaque and kept in
//! a table that the registry's gate looks into, so a test can also take them
//! back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::acl::{Access, Acl};
use super::certs::Identity;
use super::faults::{self, Fault, Script};
use super::log::{self, Log};
use super::route;
use super::server::{Server, Tls};

/// What a client asked the token server for, and got.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The account, when the password was right.
    pub account: Option<String>,
    /// The service named.
    pub service: Option<String>,
    /// The scopes asked for, as sent.
    pub scopes: Vec<String>,
    /// The scopes given.
    pub granted: Vec<String>,
    /// The answer's status.
    pub status: StatusCode,
}

#[derive(Debug)]
struct Token {
    access: Vec<Access>,
    dies: Instant,
}

/// The tokens given out: what server and gate share.
#[derive(Debug)]
pub struct Issuer {
    acl: Acl,
    lifetime: Duration,
    tokens: Mutex<HashMap<String, Token>>,
    requests: Mutex<Vec<TokenRequest>>,
}

impl Issuer {
    /// What a token allows; nothing at all when it is unknown or expired.
    pub fn access(&self, token: &str) -> Option<Vec<Access>> {
        let tokens = self.tokens.lock().expect("the tokens");
        let token = tokens.get(token)?;
        (token.dies > Instant::now()).then(|| token.access.clone())
    }

    fn mint(&self, access: Vec<Access>) -> String {
        let mut tokens = self.tokens.lock().expect("the tokens");
        let name = format!("opaque-test-token-{}", tokens.len() + 1);
        let dies = Instant::now() + self.lifetime;
        tokens.insert(name.clone(), Token { access, dies });
        name
    }

    fn answer(&self, query: Option<&str>, headers: &HeaderMap) -> Response {
        let mut request = TokenRequest {
            account: None,
            service: route::query(query, "service").pop(),
            scopes: route::query(query, "scope"),
            granted: Vec::new(),
            status: StatusCode::OK,
        };
        let response = match account(&self.acl, headers) {
            Err(()) => {
                request.status = StatusCode::UNAUTHORIZED;
                let error = json!({"code": "UNAUTHORIZED", "message": "incorrect username or password"});
                json_answer(request.status, &json!({ "errors": [error] }))
            }
            Ok(account) => {
                let wanted: Vec<Access> = request.scopes.iter().filter_map(|s| Access::parse(s)).collect();
                let access = self.acl.grant(account.as_deref(), &wanted);
                request.granted = access.iter().map(Access::scope).collect();
                request.account = account;
                let token = self.mint(access);
                json_answer(
                    request.status,
                    &json!({
                        "token": token,
                        "access_token": token,
                        "expires_in": self.lifetime.as_secs(),
                        "issued_at": now(),
                    }),
                )
            }
        };
        self.requests.lock().expect("the requests").push(request);
        response
    }
}

/// Settings of a token server; see [`TokenServer::plain`].
#[derive(Debug)]
pub struct Builder {
    tls: Tls,
    acl: Acl,
    lifetime: Duration,
}

impl Builder {
    /// Serves TLS.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Some(identity.config());
        self
    }

    /// How long a token is good; five minutes unless set.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Starts the server.
    pub fn start(self) -> TokenServer {
        let issuer = Arc::new(Issuer {
            acl: self.acl,
            lifetime: self.lifetime,
            tokens: Mutex::default(),
            requests: Mutex::default(),
        });
        let (log, script) = (Log::default(), Script::default());
        let app = Router::new()
            .route("/token", get(give))
            .with_state(Arc::clone(&issuer))
            .layer(from_fn_with_state(script.clone(), faults::apply))
            .layer(from_fn_with_state(log.clone(), log::record));
        TokenServer { server: Server::start(Server::bind("127.0.0.1"), self.tls, app), issuer, log, script }
    }
}

/// A running token server.
#[derive(Debug)]
pub struct TokenServer {
    server: Server,
    issuer: Arc<Issuer>,
    log: Log,
    script: Script,
}

impl TokenServer {
    /// The service it issues tokens for.
    pub const SERVICE: &'static str = "registry.test";

    /// A token server over plain HTTP with these accounts.
    pub fn plain(acl: Acl) -> Builder {
        Builder { tls: None, acl, lifetime: Duration::from_secs(300) }
    }

    /// The URL for a challenge.
    pub fn realm(&self) -> String {
        format!("{}/token", self.server.origin())
    }

    /// The table of tokens, for a registry's gate.
    pub fn issuer(&self) -> Arc<Issuer> {
        Arc::clone(&self.issuer)
    }

    /// What clients asked for.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.issuer.requests.lock().expect("the requests").clone()
    }

    /// Makes every token given out so far invalid.
    pub fn revoke_all(&self) {
        self.issuer.tokens.lock().expect("the tokens").values_mut().for_each(|token| {
            token.dies = Instant::now();
        });
    }

    /// The HTTP requests.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds a rule of misbehaviour.
    pub fn fault(&self, fault: Fault) {
        self.script.add(fault);
    }

    /// The rules of misbehaviour.
    pub fn script(&self) -> &Script {
        &self.script
    }
}

async fn give(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    issuer.answer(request.uri().query(), request.headers())
}

/// User and password of a Basic `Authorization` header.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let bytes = BASE64.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn account(acl: &Acl, headers: &HeaderMap) -> Result<Option<String>, ()> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    match basic(headers) {
        Some((user, password)) if acl.knows(&user, &password) => Ok(Some(user)),
        _ => Err(()),
    }
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
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
