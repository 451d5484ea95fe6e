//! The real things: Debian's docker-registry, and the docker CLI.
//!
//! Both are optional on a developer's machine. Where one is absent the tests that need it say so and pass;
//! with `MFST_REQUIRE_REAL=1` (as in CI) they fail instead, so that nobody mistakes silence for success.

use std::collections::BTreeMap;
use std::env;
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
use crate::jwt::Signer;
use crate::temp;
use crate::token::TokenServer;
use crate::wire::{self, Target};

/// The docker CLI that the recorded results come from.
pub const DOCKER_VERSION: &str = "28.2.2";

/// The one login that a registry with logins knows.
pub const LOGIN: &str = "tester:secret";
/// The same for the registry, as `htpasswd -B` writes it (at the lowest cost, for speed).
const HTPASSWD: &str = "tester:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/// A registry that tests can fill, look into, and empty.
///
/// The parity suite knows only this, so that another registry can stand in for Debian's.
pub trait Registry {
    /// Where it is. The port has five digits, so that names of any registry are equally long.
    fn target(&self) -> &Target;
    /// Forgets everything.
    fn reset(&mut self);
    /// What it holds: `repo:tag` and `repo@digest`, each with the digest it stands for.
    ///
    /// A registry in memory may only know what it is asked after while it is tagged: ask after every change.
    fn holdings(&mut self) -> BTreeMap<String, String>;
    /// The requests so far, as `METHOD path status`.
    fn requests(&self) -> Vec<String>;
}

/// What stands at the door of a registry that shares its state with an open one.
#[derive(Debug, Default)]
pub struct Door<'a> {
    /// Lets in nobody but [`LOGIN`].
    pub login: bool,
    /// The server's certificate and key, where it speaks TLS.
    pub tls: Option<&'a Pair>,
    /// The authority that clients must have a certificate of.
    pub clients: Option<&'a str>,
    /// The realm, and the certificate of the tokens' signer.
    pub tokens: Option<(&'a str, &'a str)>,
}

impl Door<'_> {
    fn http(&self, state: &Path) -> String {
        let Some(pair) = self.tls else { return String::new() };
        let certificate = file(state, "door.crt", &pair.certificate);
        let key = file(state, "door.key", &pair.key);
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

/// Puts a file beside the state and tells its path.
fn file(state: &Path, name: &str, text: &str) -> String {
    let path = state.join(name);
    fs::write(&path, text).expect("write a file for the registry");
    path.display().to_string()
}

/// A docker-registry 2.8 process with state of its own, stopped when dropped.
pub struct DebianRegistry {
    process: Child,
    state: Arc<TempDir>,
    target: Target,
    /// Where it writes what it was asked.
    log: PathBuf,
}

impl DebianRegistry {
    /// Starts one, or says why not. With `login` it lets nobody in but [`LOGIN`].
    pub fn available(login: bool) -> Option<Self> {
        let Some(program) = find("docker-registry") else {
            skip("registry", "docker-registry is not installed");
            return None;
        };
        let door = Door { login, ..Door::default() };
        let started = (0..5).find_map(|_| {
            let state = Arc::new(temp::dir());
            Self::start(&program, state, &door)
        });
        Some(started.expect("docker-registry starts within a few attempts"))
    }

    /// Starts another one with the same contents and this door.
    #[must_use]
    pub fn behind(&self, door: &Door<'_>) -> Self {
        let program = find("docker-registry").expect("docker-registry is installed");
        let started = (0..5).find_map(|_| Self::start(&program, Arc::clone(&self.state), door));
        started.expect("docker-registry starts within a few attempts")
    }

    fn start(program: &Path, state: Arc<TempDir>, door: &Door<'_>) -> Option<Self> {
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let authorization = door.login.then(|| format!("Basic {}", STANDARD.encode(LOGIN)));
        let config = state.path().join(format!("config-{port}.yml"));
        fs::write(&config, configuration(state.path(), &host, door)).expect("write the registry's configuration");
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
        registry.wait(door.tls.is_some() || door.tokens.is_some()).then_some(registry)
    }

    /// False when the process ended, which is what a port taken meanwhile looks like.
    fn wait(&mut self, is_closed: bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.process.try_wait().expect("ask after the registry").is_some() {
                return false;
            }
            let answers = || wire::request(&self.target, "GET", "/v2/", &[], &[]).is_ok_and(|a| a.status == 200);
            if if is_closed { TcpStream::connect(&self.target.host).is_ok() } else { answers() } {
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

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry for DebianRegistry {
    fn target(&self) -> &Target {
        &self.target
    }

    /// It keeps nothing in memory (no cache is configured), so emptying its directory is enough.
    fn reset(&mut self) {
        let data = self.state.path().join("data/docker");
        if data.exists() {
            fs::remove_dir_all(data).expect("empty the registry");
        }
    }

    fn holdings(&mut self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        collect(&self.repositories(), "", &mut found);
        found
    }

    fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter_map(access).collect()
    }
}

/// Reads the registry's directory: it says what is there, where its API would only list tags.
fn collect(directory: &Path, repo: &str, found: &mut BTreeMap<String, String>) {
    for name in names(directory) {
        if name == "_manifests" {
            for tag in names(&directory.join("_manifests/tags")) {
                let link = directory.join("_manifests/tags").join(&tag).join("current/link");
                if let Ok(digest) = fs::read_to_string(link) {
                    found.insert(format!("{repo}:{tag}"), digest);
                }
            }
            for hex in names(&directory.join("_manifests/revisions/sha256")) {
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

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Takes `METHOD path status` out of a line in the common log format.
fn access(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once('"')?;
    let mut words = request.split(' ');
    let status = rest.split_whitespace().next()?;
    Some(format!("{} {} {status}", words.next()?, words.next()?))
}

fn configuration(state: &Path, host: &str, door: &Door<'_>) -> String {
    let (http, auth) = (door.http(state), door.auth(state));
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

/// A port nobody listens on, with five digits.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if port >= 10_000 {
            return port;
        }
    }
}

/// The docker CLI, to be run for real: only with `MFST_REQUIRE_REAL=1` or `MFST_RECORD=1`, and if the version on PATH is the
/// recorded one.
pub fn docker() -> Option<PathBuf> {
    if !["MFST_REQUIRE_REAL", "MFST_RECORD"].iter().any(|name| env::var(name).is_ok_and(|value| value == "1")) {
        skip("docker", "docker itself is only run with MFST_REQUIRE_REAL=1");
        return None;
    }
    let Some(program) = find("docker") else {
        skip("docker", "the docker CLI is not installed");
        return None;
    };
    let version = Command::new(&program).arg("--version").output().expect("docker runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.contains(&format!(" {DOCKER_VERSION},")) {
        return Some(program);
    }
    skip("docker", &format!("the docker CLI is {}, not {DOCKER_VERSION}", version.trim()));
    None
}

/// A program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

/// Says why something is left out, or fails where leaving out is not allowed: `MFST_REQUIRE_REAL=1` allows nothing
/// to be left out, `MFST_REQUIRE_REAL=registry` only the docker CLI, which not every machine can install.
pub fn skip(part: &str, reason: &str) {
    let required = env::var("MFST_REQUIRE_REAL").is_ok_and(|value| value == "1" || value == part);
    assert!(!required, "MFST_REQUIRE_REAL is set, but {reason}");
    #[allow(clippy::print_stderr, reason = "the reason for a skipped test is meant to be seen")]
    {
        eprintln!("skipped: {reason}");
    }
}
