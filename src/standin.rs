//! Standing in for docker: what the program does under the names `docker` and `docker-mfst`.
//!
//! As `docker` (a link of that name, first on `PATH`), `docker manifest …` is ours and everything else is the next docker's
//! on `PATH`, which replaces this process. As `docker-mfst` it is a plugin of the docker CLI (docker/cli
//! `cli-plugins/metadata`): docker runs it for `docker mfst …`, with its own global flags first.

use crate::error::UsageError;
use crate::json::marshal;
use rustix::fs::Access;
use rustix::process::{Signal, getpid, kill_process};
use serde::Serialize;
use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// The command by which docker asks a plugin what it is.
const METADATA_COMMAND: &str = "docker-cli-plugin-metadata";
/// The command by which docker asks a plugin what a word may become.
const COMPLETE_COMMAND: &str = "__complete";
/// The socket that docker closes when it is about to end (docker/cli `cli-plugins/socket`).
const PLUGIN_SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";
/// Where programs are searched without `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Global flags of docker that have a value (docker/cli `cli/flags/options.go`), long and short.
const VALUE_FLAGS: [(&str, char); 7] = [
    ("config", '\0'),
    ("context", 'c'),
    ("host", 'H'),
    ("log-level", 'l'),
    ("tlscacert", '\0'),
    ("tlscert", '\0'),
    ("tlskey", '\0'),
];
/// Global flags of docker without a value.
const SWITCHES: [(&str, char); 3] = [("debug", 'D'), ("tls", '\0'), ("tlsverify", '\0')];
/// Those of them that mfst has too. The others are about the docker engine, which `docker manifest` does not use.
const SHARED_FLAGS: [&str; 3] = ["config", "debug", "log-level"];

/// What all names of a file have in common: device and inode.
type Identity = (u64, u64);

/// What is to be done, depending on the name that the program was called by.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    /// Run mfst with these arguments, the first of which is `mfst`.
    Mfst(Vec<OsString>),
    /// The same as a plugin of docker, which ends with docker.
    Plugin(Vec<OsString>),
    /// Print the description of the docker plugin.
    DescribePlugin,
    /// Run the real docker with the arguments as they are.
    PassOn(Vec<OsString>),
}

/// Finds out what is to be done. The first argument is the name of the program.
#[must_use]
pub fn role(arguments: Vec<OsString>) -> Role {
    let words = arguments.get(1..).unwrap_or_default();
    let first = |word: &str| words.first().is_some_and(|first| first == word);
    match arguments.first().and_then(|name| Path::new(name).file_name()).and_then(OsStr::to_str) {
        Some("docker") => match words_after("manifest", words) {
            Some(words) => Role::Mfst(words),
            None => Role::PassOn(arguments),
        },
        Some("docker-mfst") if first(METADATA_COMMAND) => Role::DescribePlugin,
        Some("docker-mfst") if first(COMPLETE_COMMAND) => {
            // The name of the plugin is the next word.
            let typed = words.get(2..).unwrap_or_default();
            Role::Mfst(["mfst", COMPLETE_COMMAND].map(OsString::from).iter().chain(typed).cloned().collect())
        }
        // `docker help mfst` is passed on as `help mfst`.
        Some("docker-mfst") if first("help") => {
            let topic = words.get(2..).unwrap_or_default();
            Role::Plugin(["mfst", "help"].map(OsString::from).iter().chain(topic).cloned().collect())
        }
        Some("docker-mfst") => Role::Plugin(words_after("mfst", words).unwrap_or(arguments)),
        _ => Role::Mfst(arguments),
    }
}

/// The arguments for mfst if the first word after docker's global flags is `command`.
fn words_after(command: &str, words: &[OsString]) -> Option<Vec<OsString>> {
    let mut arguments = vec![OsString::from("mfst")];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == command {
            arguments.extend(words.cloned());
            return Some(arguments);
        }
        let flag = GlobalFlag::read(word.to_str()?)?;
        let value = if flag.value_follows { Some(words.next()?) } else { None };
        if flag.is_shared {
            arguments.extend([word].into_iter().chain(value).cloned());
        }
    }
    None
}

/// A word that has global flags of docker, one or a cluster of short ones.
struct GlobalFlag {
    /// Whether the next word is the value.
    value_follows: bool,
    /// Whether mfst has the flags too.
    is_shared: bool,
}

impl GlobalFlag {
    /// None for words that are something else, and for flags that docker does not know or that make it do something
    /// else than the command: `--help` and `--version`.
    fn read(word: &str) -> Option<Self> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let has_value = VALUE_FLAGS.iter().any(|(flag, _)| *flag == name);
            let is_known = has_value || SWITCHES.iter().any(|(flag, _)| *flag == name);
            let value_follows = has_value && value.is_none();
            return is_known.then(|| Self { value_follows, is_shared: SHARED_FLAGS.contains(&name) });
        }
        let cluster = word.strip_prefix('-').filter(|cluster| !cluster.is_empty())?;
        let mut is_shared = true;
        for (at, letter) in cluster.char_indices() {
            let named = |(_, short): &&(&str, char)| *short == letter;
            if let Some((name, _)) = VALUE_FLAGS.iter().find(named) {
                is_shared &= SHARED_FLAGS.contains(name);
                return Some(Self { value_follows: at + 1 == cluster.len(), is_shared });
            }
            SWITCHES.iter().find(named)?;
            if cluster[at + 1..].starts_with('=') {
                break;
            }
        }
        Some(Self { value_follows: false, is_shared })
    }
}

/// How a plugin describes itself.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PluginMetadata {
    schema_version: &'static str,
    vendor: &'static str,
    version: &'static str,
    short_description: &'static str,
}

/// The description of the docker plugin, as docker reads it.
#[must_use]
pub fn plugin_metadata() -> Vec<u8> {
    marshal(&PluginMetadata {
        schema_version: "0.1.0",
        vendor: "mfst",
        version: crate::cli::VERSION,
        short_description: "Put images for several platforms under one name in a registry",
    })
}

/// Ends this process when docker, which runs it as a plugin, is asked to end: docker itself waits for its plugin.
pub fn end_with_docker() {
    let Some(address) = env::var_os(PLUGIN_SOCKET) else { return };
    thread::spawn(move || {
        let Ok(mut socket) = connect(&address) else { return };
        // docker never sends anything: reading ends when it closes the connection.
        let _ = socket.read(&mut [0]);
        let _ = kill_process(getpid(), Signal::TERM);
    });
}

#[cfg(target_os = "linux")]
fn connect(address: &OsStr) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;
    match address.as_bytes().strip_prefix(b"@") {
        Some(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => UnixStream::connect(address),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(address: &OsStr) -> io::Result<UnixStream> {
    UnixStream::connect(address)
}

/// Becomes the next docker on `PATH`, and returns only if that fails.
pub fn become_docker(arguments: &[OsString]) -> Result<Infallible, UsageError> {
    let Some(docker) = next_docker() else {
        return Err(UsageError {
            message: "docker: there is no other docker on PATH, and mfst has only 'docker manifest'".to_owned(),
            exit_code: 127,
            hint: None,
        });
    };
    let error = Command::new(&docker).args(arguments.iter().skip(1)).exec();
    let exit_code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
    let message = format!("docker: cannot run {}: {}", docker.display(), crate::file::reason(&error));
    Err(UsageError { message, exit_code, hint: None })
}

/// The first docker on `PATH` after this one that is another program. Those before it are skipped so that copies of mfst
/// never run each other in a circle.
fn next_docker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    // An empty directory name is the current directory; without a slash the name would be searched again.
    let directories = env::split_paths(&path).map(|path| if path.as_os_str().is_empty() { ".".into() } else { path });
    let mut found: Vec<(PathBuf, Identity)> = Vec::new();
    for path in directories.map(|path: PathBuf| path.join("docker")).filter(|path| can_run(path)) {
        match identity(&path) {
            Some(identity) if found.iter().all(|(_, other)| *other != identity) => found.push((path, identity)),
            _ => {}
        }
    }
    let own = env::current_exe().ok().and_then(|path| identity(&path));
    let place = found.iter().position(|(_, identity)| Some(*identity) == own);
    found.into_iter().nth(place.map_or(0, |place| place + 1)).map(|(path, _)| path)
}

fn can_run(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

fn identity(path: &Path) -> Option<Identity> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn docker_manifest_is_ours_with_any_global_flags_before_it() {
        for (line, expected) in [
            ("docker manifest", "mfst"),
            ("/opt/bin/docker manifest create --amend a b", "mfst create --amend a b"),
            ("docker --config /d manifest push a", "mfst --config /d push a"),
            ("docker --config=/d -D -l debug manifest push a", "mfst --config=/d -D -l debug push a"),
            ("docker -Dl debug --tls manifest rm a", "mfst -Dl debug rm a"),
            (
                "docker -H tcp://h --context c -Hx --tlsverify=false --debug=false manifest rm a",
                "mfst --debug=false rm a",
            ),
            ("docker -DH x manifest rm a", "mfst rm a"),
            ("docker -D=false manifest rm a", "mfst -D=false rm a"),
        ] {
            assert_eq!(role(words(line)), Role::Mfst(words(expected)), "{line}");
        }
    }

    #[test]
    fn everything_else_is_the_real_dockers() {
        for line in [
            "docker",
            "docker version",
            "docker --help manifest",
            "docker -v manifest",
            "docker --config manifest",
            "docker --bogus manifest",
            "docker run manifest",
            "docker -- manifest",
            "docker - manifest",
            "docker __complete manifest push a",
        ] {
            assert_eq!(role(words(line)), Role::PassOn(words(line)), "{line}");
        }
    }

    #[test]
    fn the_plugin_is_called_with_its_own_name() {
        for (line, expected) in [
            ("docker-mfst mfst ls", "mfst ls"),
            ("/p/docker-mfst --config /d mfst ls", "mfst --config /d ls"),
            ("docker-mfst ls", "docker-mfst ls"),
            ("docker-mfst help mfst", "mfst help"),
            ("docker-mfst help mfst create", "mfst help create"),
        ] {
            assert_eq!(role(words(line)), Role::Plugin(words(expected)), "{line}");
        }
        assert_eq!(role(words("docker-mfst __complete mfst pu")), Role::Mfst(words("mfst __complete pu")));
        let line = words("mfst docker-cli-plugin-metadata");
        assert_eq!(role(line.clone()), Role::Mfst(line));
        assert_eq!(role(words("docker-mfst docker-cli-plugin-metadata")), Role::DescribePlugin);
        assert_eq!(role(Vec::new()), Role::Mfst(Vec::new()));
    }
}
