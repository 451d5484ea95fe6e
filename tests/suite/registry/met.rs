//! A registry that mfst may have met before: it is reached over verified TLS, and so is its token server.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::registry::setup::{acl, log_in};
use mfst_testkit::acl::Acl;
use mfst_testkit::certs::{Identity, private_ca};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::scene::{Scene, amd64};
use mfst_testkit::token_server::TokenServer;
use serde_json::Value;

/// `registry.test` with tokens of `tokens.test`; alice is logged in.
pub struct Met {
    pub scene: Scene,
    pub tokens: TokenServer,
    pub proxy: Proxy,
    identity: Identity,
}

impl Met {
    /// A registry that has not been met.
    pub fn never() -> Self {
        Self::with("https://tokens.test/token", acl())
    }

    /// A registry that has been met by alice.
    pub fn before() -> Self {
        let met = Self::never();
        met.scene.run_ok("exists @t/app:amd64");
        met
    }

    /// A registry that has not been met, with this realm and these accounts.
    pub fn with(realm: &str, acl: Acl) -> Self {
        let identity = private_ca();
        let tokens = TokenServer::plain(acl).tls(&identity).start();
        let scene = Scene::with(Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[&challenge(realm)]));
        let proxy = Proxy::open().start();
        let mut met = Self { scene, tokens, proxy, identity };
        "registry.test".clone_into(&mut met.scene.domain);
        met.scene.home.env("SSL_CERT_FILE", met.identity.ca_file());
        log_in(&met.scene, "alice");
        met.route(None);
        met
    }

    /// A second registry, `other.test`, with the same tokens.
    pub fn with_another_registry() -> Self {
        let mut met = Self::never();
        let challenge = challenge("https://tokens.test/token");
        let other = Embedded::plain().tls(&met.identity).bearer_challenges(&met.tokens, &[&challenge]).start();
        other.put_image("t/app", "amd64", &amd64());
        met.route(Some(&other));
        met.scene.other = Some(other);
        met
    }

    /// A second token server, `other.test`.
    pub fn with_another_token_server(&mut self, acl: Acl) -> TokenServer {
        let server = TokenServer::plain(acl).tls(&self.identity).start();
        self.route(Some(&server));
        server
    }

    /// Replaces the registry by one that names the second token server.
    pub fn move_to(&mut self, tokens: &TokenServer) {
        let registry = Embedded::plain().tls(&self.identity);
        let challenge = challenge("https://other.test/token");
        let new = Scene::with(registry.bearer_challenges(tokens, &[&challenge]));
        self.scene.registry = new.registry;
        self.route(Some(tokens));
    }

    /// Makes the names lead to the servers; `other` is `other.test`.
    fn route(&mut self, other: Option<&mfst_testkit::scripted::ScriptedServer>) {
        let names = Proxy::open()
            .route("registry.test:443", self.scene.registry.address())
            .route("tokens.test:443", self.tokens.address());
        self.proxy =
            other.into_iter().fold(names, |names, other| names.route("other.test:443", other.address())).start();
        self.scene.home.env("HTTPS_PROXY", self.proxy.url());
    }

    /// The file with what is remembered.
    pub fn file(&self) -> PathBuf {
        self.scene.home.store().join(".mfst/challenges")
    }

    /// What is remembered.
    pub fn memory(&self) -> String {
        fs::read_to_string(self.file()).expect("a memory")
    }

    /// Removes the file.
    pub fn forget(&self) {
        fs::remove_file(self.file()).ok();
    }

    /// Changes the file.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut memory = serde_json::from_str(&self.memory()).expect("JSON");
        change(&mut memory);
        fs::write(self.file(), memory.to_string()).expect("a file");
    }

    /// Runs a command, and tells whether a token was requested before the registry had answered.
    #[track_caller]
    pub fn is_early(&self, line: &str) -> bool {
        self.watch();
        self.scene.run_ok(line);
        self.was_early()
    }

    /// Clears the logs, and makes the registry take its time for the next request.
    pub fn watch(&self) {
        self.clear();
        self.scene.registry.fault(Fault::on("*", "/v2/").delay(Duration::from_millis(500)));
    }

    /// Clears the logs.
    pub fn clear(&self) {
        self.scene.registry.log().clear();
        self.tokens.log().clear();
    }

    /// Whether a token was requested before the registry had answered.
    pub fn was_early(&self) -> bool {
        let (registry, tokens) = (self.scene.registry.log().entries(), self.tokens.log().entries());
        let (asked, answered) = (tokens.first().map(|it| it.started), registry.first().and_then(|it| it.ended));
        asked.zip(answered).is_some_and(|(asked, answered)| asked < answered)
    }
}

fn challenge(realm: &str) -> String {
    format!(r#"Bearer realm="{realm}",service="{{service}}"{{scope}}{{error}}"#)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(age.as_secs()).expect("a time")
}
