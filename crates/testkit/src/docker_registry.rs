//! Debian's docker-registry (distribution 2.8), where it is installed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::certs::Pair;
use crate::installed::{find, skip};
use crate::jwt::Signer;
use crate::temp;
use crate::token_server::TokenServer;
use crate::wire::{self, Target};

/// The login of a registry that requires one, as `USER:PASSWORD`.
pub const LOGIN: &str = "tester:secret";
/// The same as a line of `htpasswd -B`, at the lowest bcrypt cost for speed.
const HTPASSWD: &str = "tester:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/// A registry that the parity tests can fill, read and empty: docker-registry or the embedded one.
pub trait Registry {
    /// Its address. The port has five digits, so that references have the same length in every run.
    fn target(&self) -> &Target;
    /// Removes everything from it.
    fn clear(&mut self);
    /// The manifests in it: the digest of each `repo:tag` and `repo@digest`.
    ///
    /// The embedded registry only finds manifests that had a tag at the time of a call: call this after every change.
    fn manifests(&mut self) -> BTreeMap<String, String>;
    /// The requests so far, as `METHOD path status`.
    fn requests(&self) -> Vec<String>;
}

/// The TLS and login settings of a registry.
#[derive(Debug, Default)]
pub struct Frontend<'a> {
    /// Requires [`LOGIN`].
    pub login: bool,
    /// The certificate and key, for TLS.
    pub tls: Option<&'a Pair>,
    /// The CA that must have signed the client certificate.
    pub clients: Option<&'a str>,
    /// The realm for bearer tokens, and the certificate of their signer.
    pub tokens: Option<(&'a str, &'a str)>,
}

impl Frontend<'_> {
    fn http(&self, state: &Path) -> String {
        let Some(pair) = self.tls else { return String::new() };
        let certificate = file(state, "server.crt", &pair.certificate);
        let key = file(state, "server.key", &pair.key);
        let clients = self.clients.map(|ca| format!("    clientcas: [{}]\n", file(state, "clients.crt", ca)));
        format!("  tls:\n    certificate: {certificate}\n    key: {key}\n{}", clients.unwrap_or_default())
    }

    fn auth(&self, state: &Path) -> String {
        if self.login {
            let path = file(state, "htpasswd", HTPASSWD);
            return format!("auth:\n  htpasswd:\n    realm: test\n    path: {path}\n");
        }
        let Some((realm, certificate)) = self.tokens else { return String::new() };
        let bundle = file(state, "tokens.crt", certificate);
        let (service, issuer) = (TokenServer::SERVICE, Signer::ISSUER);
        format!(
            "auth:\n  token:\n    realm: {realm}\n    service: {service}\n    issuer: {issuer}\n    \
             rootcertbundle: {bundle}\n"
        )
    }
}

/// Writes a file into the state directory and returns its path.
fn file(state: &Path, name: &str, text: &str) -> String {
    let path = state.join(name);
    fs::write(&path, text).expect("write a file for the registry");
    path.display().to_string()
}

/// A docker-registry process with its own state directory; stopped when dropped.
pub struct DockerRegistry {
    process: Child,
    state: Arc<TempDir>,
    target: Target,
    /// Its access log.
    log: PathBuf,
}

impl DockerRegistry {
    /// Starts one if docker-registry is installed. With `login` it requires [`LOGIN`].
    pub fn available(login: bool) -> Option<Self> {
        let Some(program) = find("docker-registry") else {
            skip("registry", "docker-registry is not installed");
            return None;
        };
        let frontend = Frontend { login, ..Frontend::default() };
        let started = (0..5).find_map(|_| {
            let state = Arc::new(temp::dir());
            Self::start(&program, state, &frontend)
        });
        Some(started.expect("docker-registry starts within a few attempts"))
    }

    /// Starts another process on the same state, with these settings.
    #[must_use]
    pub fn with_frontend(&self, frontend: &Frontend<'_>) -> Self {
        let program = find("docker-registry").expect("docker-registry is installed");
        let started = (0..5).find_map(|_| Self::start(&program, Arc::clone(&self.state), frontend));
        started.expect("docker-registry starts within a few attempts")
    }

    fn start(program: &Path, state: Arc<TempDir>, frontend: &Frontend<'_>) -> Option<Self> {
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let authorization = frontend.login.then(|| format!("Basic {}", STANDARD.encode(LOGIN)));
        let config = state.path().join(format!("config-{port}.yml"));
        fs::write(&config, configuration(state.path(), &host, frontend)).expect("write the registry's configuration");
        let path = state.path().join(format!("log-{port}"));
        let log = File::create(&path).expect("create the registry's log");
        let process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("docker-registry runs");
        let mut registry = Self { process, state, target: Target { host, authorization }, log: path };
        registry.wait(frontend.tls.is_some() || frontend.tokens.is_some()).then_some(registry)
    }

    /// Waits until it listens. False if the process has ended, for example because its port was taken in the meantime.
    fn wait(&mut self, tcp_only: bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.process.try_wait().expect("ask after the registry").is_some() {
                return false;
            }
            let answers = || wire::request(&self.target, "GET", "/v2/", &[], &[]).is_ok_and(|a| a.status == 200);
            if if tcp_only { TcpStream::connect(&self.target.host).is_ok() } else { answers() } {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("docker-registry did not answer within 20 seconds");
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.target.host.parse().expect("an address")
    }

    fn repositories(&self) -> PathBuf {
        self.state.path().join("data/docker/registry/v2/repositories")
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry for DockerRegistry {
    fn target(&self) -> &Target {
        &self.target
    }

    /// No cache is configured, so removing its files is enough.
    fn clear(&mut self) {
        let data = self.state.path().join("data/docker");
        if data.exists() {
            fs::remove_dir_all(data).expect("remove the registry's data");
        }
    }

    fn manifests(&mut self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        collect(&self.repositories(), "", &mut found);
        found
    }

    fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter_map(access_line).collect()
    }
}

/// Collects manifests from the registry's directory; its API lists tags only.
fn collect(directory: &Path, repo: &str, found: &mut BTreeMap<String, String>) {
    for name in file_names(directory) {
        if name == "_manifests" {
            for tag in file_names(&directory.join("_manifests/tags")) {
                let link = directory.join("_manifests/tags").join(&tag).join("current/link");
                if let Ok(digest) = fs::read_to_string(link) {
                    found.insert(format!("{repo}:{tag}"), digest);
                }
            }
            for hex in file_names(&directory.join("_manifests/revisions/sha256")) {
                if directory.join("_manifests/revisions/sha256").join(&hex).join("link").exists() {
                    found.insert(format!("{repo}@sha256:{hex}"), format!("sha256:{hex}"));
                }
            }
        } else if !name.starts_with('_') {
            let inner = if repo.is_empty() { name.clone() } else { format!("{repo}/{name}") };
            collect(&directory.join(&name), &inner, found);
        }
    }
}

fn file_names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Takes `METHOD path status` out of a line in the common log format.
fn access_line(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once('"')?;
    let mut words = request.split(' ');
    let status = rest.split_whitespace().next()?;
    Some(format!("{} {} {status}", words.next()?, words.next()?))
}

fn configuration(state: &Path, host: &str, frontend: &Frontend<'_>) -> String {
    let (http, auth) = (frontend.http(state), frontend.auth(state));
    format!(
        "version: 0.1\n\
         log:\n  level: error\n\
         storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n  \
         maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  addr: {host}\n  secret: not-a-secret\n{http}\
         validation:\n  manifests:\n    urls:\n      allow:\n        - ^https?://\n\
         {auth}",
        state.join("data").display()
    )
}

/// A free port with five digits.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if port >= 10_000 {
            return port;
        }
    }
}
