//! A bearer-token server on an origin of its own. Tokens are opaque and kept in
//! a table that the registry's gate looks into, so a test can also take them
//! back.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::acl::Acl;
use crate::certs::Identity;
pub use crate::issuer::{Fields, Issuer, Quirks, TokenRequest};
use crate::scripted::ScriptedServer;
use crate::server::Tls;

/// Settings of a token server; see [`TokenServer::plain`].
#[derive(Debug)]
pub struct Builder {
    tls: Tls,
    acl: Acl,
    quirks: Quirks,
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
        self.quirks.lifetime = lifetime;
        self
    }

    /// Differs from the others in this way.
    #[must_use]
    pub fn but(mut self, change: impl FnOnce(&mut Quirks)) -> Self {
        change(&mut self.quirks);
        self
    }

    /// Takes this identity token for the account.
    #[must_use]
    pub fn identity(mut self, token: &str, account: &str) -> Self {
        self.quirks.identities.push((token.to_owned(), account.to_owned()));
        self
    }

    /// Starts the server.
    pub fn start(self) -> TokenServer {
        let issuer = Arc::new(Issuer::new(self.acl, self.quirks));
        let app = Router::new().route("/token", get(give).post(exchange)).with_state(Arc::clone(&issuer));
        TokenServer { server: ScriptedServer::start("127.0.0.1", self.tls, app), issuer }
    }
}

/// A running token server.
#[derive(Debug)]
pub struct TokenServer {
    server: ScriptedServer,
    issuer: Arc<Issuer>,
}

impl Deref for TokenServer {
    type Target = ScriptedServer;

    fn deref(&self) -> &ScriptedServer {
        &self.server
    }
}

impl TokenServer {
    /// The service it issues tokens for.
    pub const SERVICE: &'static str = "registry.test";

    /// A token server over plain HTTP with these accounts.
    pub fn plain(acl: Acl) -> Builder {
        let quirks = Quirks {
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
        Builder { tls: Tls::None, acl, quirks }
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
