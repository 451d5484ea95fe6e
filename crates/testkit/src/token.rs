//! A bearer-token server on an origin of its own. Tokens are opaque and kept in
//! a table that the registry's gate looks into, so a test can also take them
//! back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::acl::Acl;
use crate::certs::Identity;
use crate::faults::{self, Fault, Script};
pub use crate::issuer::{Fields, Issuer, Manners, TokenRequest};
use crate::log::{self, Log};
use crate::server::{Server, Tls};

/// Settings of a token server; see [`TokenServer::plain`].
#[derive(Debug)]
pub struct Builder {
    tls: Tls,
    acl: Acl,
    manners: Manners,
}

impl Builder {
    /// Serves TLS.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Tls::Secure(identity.config());
        self
    }

    /// How long a token is good; five minutes unless set.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.manners.lifetime = lifetime;
        self
    }

    /// Differs from the others in this way.
    #[must_use]
    pub fn but(mut self, change: impl FnOnce(&mut Manners)) -> Self {
        change(&mut self.manners);
        self
    }

    /// Takes this identity token for the account.
    #[must_use]
    pub fn identity(mut self, token: &str, account: &str) -> Self {
        self.manners.identities.push((token.to_owned(), account.to_owned()));
        self
    }

    /// Starts the server.
    pub fn start(self) -> TokenServer {
        let issuer = Arc::new(Issuer::new(self.acl, self.manners));
        let (log, script) = (Log::default(), Script::default());
        let app = Router::new()
            .route("/token", get(give).post(exchange))
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
        let manners = Manners {
            lifetime: Duration::from_secs(300),
            expires_in: None,
            issued_at: None,
            fields: Fields::Both,
            first_scope_only: false,
            last_scope_only: false,
            strict: false,
            no_post: None,
            no_get: None,
            first_token_uses: None,
            signer: None,
            identities: Vec::new(),
        };
        Builder { tls: Tls::None, acl, manners }
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
        self.issuer.requests()
    }

    /// Makes every token given out so far invalid.
    pub fn revoke_all(&self) {
        self.issuer.revoke_all();
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
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
    issuer.get(request.uri().query(), request.headers())
}

async fn exchange(State(issuer): State<Arc<Issuer>>, form: String) -> Response {
    issuer.post(&form)
}

/// User and password of a Basic `Authorization` header.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let bytes = BASE64.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
