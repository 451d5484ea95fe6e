//! Finds the login for a repository.

use super::Server;
use super::auths::{Auths, AuthsError, Credentials, Login, Preference, server_name};
use super::helper::{self, HelperError};
use crate::file::{self, ReadError, reason};
use crate::json::Object;
use crate::output::Console;
use crate::reference::Reference;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The environment variable that holds logins.
const ENVIRONMENT: &str = "DOCKER_AUTH_CONFIG";

/// All sources of logins. Helpers are run only when a registry wants a login.
#[derive(Debug, Default)]
pub struct Keychain {
    environment: Auths,
    /// `config.json`.
    docker: AuthFile,
    /// The files of podman, skopeo and buildah, for registries that docker has no login for.
    containers: Vec<AuthFile>,
    /// The maximum time for a helper.
    limit: Duration,
    /// The answers of helpers, by helper and server: each is run once.
    answers: RefCell<HashMap<(String, String), Answer>>,
}

/// The answer of a helper: a login, that there is none, or why it failed.
type Answer = Result<Option<Login>, String>;

/// The logins in one file.
#[derive(Debug, Clone, Default)]
pub struct AuthFile {
    path: PathBuf,
    auths: Auths,
    /// A helper for all registries.
    store: Option<String>,
    /// Helpers for single registries; an empty name means no helper for this one.
    helpers: BTreeMap<String, String>,
    /// Whether there is a file that could not be read.
    is_unreadable: bool,
}

/// A place where a login may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum CredentialSource {
    Environment { key: String },
    Docker { key: String },
    Containers { file: usize, key: String },
    Helper { name: String, server: String },
}

/// The places where the login for a repository may be, in order. Repositories with the same sources have the same
/// login.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialSources(Vec<CredentialSource>);

impl CredentialSources {
    /// Whether there is certainly no login.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The result of looking for a login.
#[derive(Debug, Default)]
pub struct Lookup {
    /// The login; none to continue without one.
    pub login: Option<Login>,
    /// Why there is none, if that is not what the user expects.
    pub lookup_error: Option<String>,
}

impl AuthFile {
    /// Reads what a configuration file says about logins.
    pub fn read(path: &Path, object: &Object) -> Result<Self, AuthsError> {
        Ok(Self {
            path: path.to_owned(),
            auths: Auths::read(object)?,
            store: Some(object.string("credsStore")?).filter(|store| !store.is_empty()),
            helpers: object.string_map("credHelpers")?,
            is_unreadable: false,
        })
    }

    /// A file that could not be read. It has no logins.
    #[must_use]
    pub fn unreadable(path: &Path) -> Self {
        Self { path: path.to_owned(), is_unreadable: true, ..Self::default() }
    }

    /// The registries in `auths` that go by a plain host name.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        self.auths.keys().filter(|key| is_host(key)).map(str::to_owned).collect()
    }

    /// The helper that keeps the login of a server, if one does.
    fn helper(&self, server: &str) -> Option<&str> {
        let own = self.helpers.get(server).map(String::as_str);
        own.or(self.store.as_deref()).filter(|name| !name.is_empty())
    }

    /// Whether there is an entry with a login for one of these keys.
    #[must_use]
    pub fn has_any(&self, keys: &[String]) -> bool {
        keys.iter().any(|key| self.auths.get(key).is_some())
    }

    /// Uses the helper that docker uses where nothing is configured, and returns its name.
    pub fn use_default_store(&mut self) -> Option<&str> {
        if self.is_empty() {
            self.store = default_store();
            return self.store.as_deref();
        }
        None
    }

    /// Stores a login in the helper for the server; false if there is none.
    pub fn store_in_helper(&self, server: &Server, login: &Credentials) -> Result<bool, HelperError> {
        let Some(name) = self.helper(server.key()) else { return Ok(false) };
        helper::store(name, server.key(), login).map(|()| true)
    }

    /// Erases a login from the helper for the server.
    pub fn erase_from_helper(&self, server: &Server) -> Result<(), HelperError> {
        let Some(name) = self.helper(server.key()) else { return Ok(()) };
        server.keys().iter().try_for_each(|key| helper::erase(name, key))
    }

    fn is_empty(&self) -> bool {
        self.auths.is_empty() && self.store.is_none() && self.helpers.is_empty()
    }
}

impl Keychain {
    /// The logins in the environment, in docker's file and in the files of the containers tools. `limit` is the maximum
    /// time for a helper.
    #[must_use]
    pub fn new(mut docker: AuthFile, limit: Duration, console: &Console) -> Self {
        let environment = env::var(ENVIRONMENT).ok().filter(|text| !text.is_empty());
        let environment = environment.map(|text| Auths::read_strictly(&text)).transpose();
        let environment = environment.unwrap_or_else(|error| {
            console.plain(format_args!("Failed to create credential store from {ENVIRONMENT}: {error}"));
            None
        });
        docker.use_default_store();
        let containers =
            containers_files().into_iter().filter_map(|path| read_containers_file(&path, console)).collect();
        Self { environment: environment.unwrap_or_default(), docker, containers, limit, answers: RefCell::default() }
    }

    /// One login and nothing else.
    #[must_use]
    pub fn only(server: &Server, login: Credentials) -> Self {
        let login = Login { basic: Some(login), ..Login::default() };
        Self { environment: Auths::single(server.key(), login), ..Self::default() }
    }

    /// The sources for a repository: docker's, in its order, then the files of the containers tools.
    #[must_use]
    pub fn sources(&self, reference: &Reference) -> CredentialSources {
        let server = server_name(reference);
        let mut sources = Vec::new();
        if let Some(key) = self.environment.find(reference, Preference::Exact) {
            sources.push(CredentialSource::Environment { key: key.to_owned() });
        }
        if let Some(name) = self.docker.helper(server) {
            sources.push(CredentialSource::Helper { name: name.to_owned(), server: server.to_owned() });
        }
        if let Some(key) = self.docker.auths.find(reference, Preference::Registry) {
            sources.push(CredentialSource::Docker { key: key.to_owned() });
        }
        for (file, containers) in self.containers.iter().enumerate() {
            if let Some(key) = containers.auths.find(reference, Preference::LongestPath) {
                sources.push(CredentialSource::Containers { file, key: key.to_owned() });
            }
            if let Some(name) = containers.helper(reference.domain()) {
                sources.push(CredentialSource::Helper { name: name.to_owned(), server: reference.domain().to_owned() });
            }
        }
        CredentialSources(sources)
    }

    /// Looks for the login, running helpers if necessary.
    #[must_use]
    pub fn resolve(&self, sources: &CredentialSources, console: &Console) -> Lookup {
        let mut found = Lookup::default();
        // docker does not look into its file if a helper has said that there is no login.
        let mut use_docker_file = true;
        for source in &sources.0 {
            found.login = match source {
                CredentialSource::Environment { key } => self.environment.get(key).cloned(),
                CredentialSource::Docker { key } if use_docker_file => self.docker.auths.get(key).cloned(),
                CredentialSource::Docker { .. } => None,
                CredentialSource::Containers { file, key } => self.containers[*file].auths.get(key).cloned(),
                CredentialSource::Helper { name, server } => match self.ask(name, server, console) {
                    Ok(login) => {
                        use_docker_file = login.is_some();
                        login
                    }
                    Err(lookup_error) => {
                        found.lookup_error = Some(lookup_error);
                        None
                    }
                },
            };
            if found.login.is_some() {
                console.debug(format_args!("using the login from {}", self.describe(source)));
                return found;
            }
        }
        if self.docker.is_unreadable && found.lookup_error.is_none() {
            found.lookup_error = Some(format!("{} could not be read", self.docker.path.display()));
        }
        found
    }

    fn ask(&self, name: &str, server: &str, console: &Console) -> Answer {
        let mut answers = self.answers.borrow_mut();
        let answer = answers.entry((name.to_owned(), server.to_owned())).or_insert_with(|| {
            helper::get(name, server, self.limit).map_err(|error| {
                let program = helper::program(name);
                console.warn(format_args!("{program} gives no login for {server}: {error}"));
                match error {
                    HelperError::NotInPath => format!(
                        "install {program}, or remove it from credsStore or credHelpers in config.json and log in again"
                    ),
                    _ => format!("{program} has failed; see the warning"),
                }
            })
        });
        answer.clone()
    }

    fn describe(&self, source: &CredentialSource) -> String {
        match source {
            CredentialSource::Environment { .. } => ENVIRONMENT.to_owned(),
            CredentialSource::Docker { key } => format!("{key} in {}", self.docker.path.display()),
            CredentialSource::Containers { file, key } => format!("{key} in {}", self.containers[*file].path.display()),
            CredentialSource::Helper { name, .. } => helper::program(name),
        }
    }
}

fn is_host(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-[]".contains(&byte))
}

/// The helper that docker uses if nothing is configured and it is installed.
fn default_store() -> Option<String> {
    let name = match env::consts::OS {
        "macos" => "osxkeychain",
        _ if helper::find("pass").is_some() => "pass",
        _ => "secretservice",
    };
    helper::find(&helper::program(name)).map(|_| name.to_owned())
}

/// The files of the containers tools (containers-auth.json(5)). `REGISTRY_AUTH_FILE` replaces all of them.
fn containers_files() -> Vec<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let configuration = variable("XDG_CONFIG_HOME").or_else(|| Some(dirs::home_dir()?.join(".config")));
    let directories = [variable("XDG_RUNTIME_DIR"), configuration];
    directories.into_iter().flatten().map(|directory| directory.join("containers").join("auth.json")).collect()
}

/// Only `--debug` shows why a file that is not docker's own is skipped, unless it must not even be read.
fn read_containers_file(path: &Path, console: &Console) -> Option<AuthFile> {
    let skipped = |error: &dyn Display| format!("skipping {}: {error}", path.display());
    let content = match file::read(path) {
        Ok(content) => String::from_utf8_lossy(&content).into_owned(),
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => return None,
        Err(ReadError::Io(error)) => {
            console.debug(skipped(&reason(&error)));
            return None;
        }
        Err(error) => {
            console.warn(skipped(&error));
            return None;
        }
    };
    if content.is_empty() {
        return None;
    }
    let read =
        Object::parse(&content, "ConfigFile").map_err(Into::into).and_then(|object| AuthFile::read(path, &object));
    read.inspect_err(|error| console.debug(skipped(error))).ok()
}
