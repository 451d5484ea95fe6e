//! The configuration directory and its `config.json`, shared with docker (docker/cli `cli/config`).

mod certificates;

pub use certificates::{CertificateDirectories, HostCertificates, named_by_user};

use crate::auth::{AuthFile, AuthsError, Keychain};
use crate::json::{self, Object};
use crate::output::Console;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};
use thiserror::Error;

/// The environment variable that moves the configuration directory.
const DIRECTORY_VARIABLE: &str = "DOCKER_CONFIG";

/// There is nowhere to keep anything.
#[derive(Debug, Error)]
#[error("cannot tell where the configuration is: there is no home directory; set HOME or {DIRECTORY_VARIABLE}")]
pub struct NoHome;

/// The configuration directory: `--config`, else `DOCKER_CONFIG`, else `~/.docker`.
pub fn directory(flag: Option<PathBuf>) -> Result<PathBuf, NoHome> {
    let variable = || env::var_os(DIRECTORY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    flag.or_else(variable).or_else(|| Some(dirs::home_dir()?.join(".docker"))).ok_or(NoHome)
}

/// What `config.json` says.
#[derive(Debug, Default)]
pub struct Config {
    docker: AuthFile,
    directory: PathBuf,
}

/// The fields of `config.json` that docker expects to be of a certain type. docker drops the whole file when one
/// is not, and says so.
const STRINGS: [&str; 16] = [
    "configFormat",
    "credsStore",
    "currentContext",
    "detachKeys",
    "experimental",
    "imagesFormat",
    "networksFormat",
    "nodesFormat",
    "pluginsFormat",
    "psFormat",
    "secretFormat",
    "serviceInspectFormat",
    "servicesFormat",
    "statsFormat",
    "tasksFormat",
    "volumesFormat",
];
const STRING_LISTS: [&str; 2] = ["cliPluginsExtraDirs", "pruneFilters"];
const STRING_MAPS: [&str; 4] = ["HttpHeaders", "credHelpers", "aliases", "features"];

impl Config {
    /// Reads `config.json`. A missing file is an empty one; a broken one is warned about in docker's words, and the
    /// program goes on without it.
    #[must_use]
    pub fn load(directory: &Path, console: &Console) -> Self {
        Self { docker: Self::read(&directory.join("config.json"), console), directory: directory.to_owned() }
    }

    /// The stored keychain, and programs that store them, which may take this long. Other files than `config.json` are
    /// read now.
    #[must_use]
    pub fn keychain(&self, limit: Duration, console: &Console) -> Keychain {
        Keychain::new(self.docker.clone(), limit, console)
    }

    /// Where certificates for registries are.
    #[must_use]
    pub fn certificate_directories(&self) -> CertificateDirectories {
        CertificateDirectories::new(&self.directory)
    }

    fn read(path: &Path, console: &Console) -> AuthFile {
        match fs::read(path) {
            Ok(bytes) => Self::parse(path, &bytes).unwrap_or_else(|error| {
                // docker reads a stream here, which ends in other words than a text.
                let error = error.to_string().replace("unexpected end of JSON input", "unexpected EOF");
                console.plain(format_args!("WARNING: Error parsing config file ({}): {error}", path.display()));
                AuthFile::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => AuthFile::default(),
            Err(error) => {
                let shown = path.display();
                let reason = error.to_string().to_lowercase();
                let reason = reason.split(" (os error").next().unwrap_or_default();
                console.plain(match error.kind() {
                    io::ErrorKind::IsADirectory => {
                        format!("WARNING: Error parsing config file ({shown}): read {shown}: {reason}")
                    }
                    _ => format!("WARNING: Error loading config file: open {shown}: {reason}"),
                });
                AuthFile::default()
            }
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<AuthFile, AuthsError> {
        if bytes.trim_ascii().is_empty() {
            return Ok(AuthFile::default());
        }
        let text = String::from_utf8_lossy(bytes);
        // docker reads the first value and does not look at what follows.
        let object = Object::parse(json::first_value(&text), "configfile.ConfigFile")?;
        Self::check_types(&object)?;
        AuthFile::read(path, &object)
    }

    fn check_types(object: &Object) -> Result<(), json::Error> {
        STRINGS.iter().try_for_each(|field| object.string(field).map(drop))?;
        STRING_LISTS.iter().try_for_each(|field| object.strings(field).map(drop))?;
        STRING_MAPS.iter().try_for_each(|field| object.string_map(field).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_worded_as_docker_words_them() {
        let message = |json: &str| Config::parse(Path::new("f"), json.as_bytes()).unwrap_err().to_string();
        assert_eq!(message("{bad"), "invalid character 'b' looking for beginning of object key string");
        assert_eq!(
            message(r#"{"auths":[]}"#),
            "json: cannot unmarshal array into Go struct field ConfigFile.auths of type map[string]types.AuthConfig"
        );
        assert_eq!(message(r#"{"auths":{"x":{"auth":"!!"}}}"#), "illegal base64 data at input byte 0");
        assert_eq!(message(r#"{"auths":{"x":{"auth":"YQ=="}}}"#), "Invalid auth configuration file");
        assert_eq!(
            message(r#"{"psFormat":5}"#),
            "json: cannot unmarshal number into Go struct field ConfigFile.psFormat of type string"
        );
        assert_eq!(
            message(r#"{"experimental":true}"#),
            "json: cannot unmarshal bool into Go struct field ConfigFile.experimental of type string"
        );
    }

    #[test]
    fn an_empty_file_is_an_empty_configuration() {
        assert!(Config::parse(Path::new("f"), b" \n").is_ok());
    }
}
