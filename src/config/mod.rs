//! The configuration directory and its `config.json`, shared with docker (docker/cli `cli/config`).

mod certificates;
mod logins;
mod rewrite;

pub use certificates::{CertificateDirectories, HostCertificates, named_by_user};
pub use logins::LoginStoreError;

use crate::auth::{AuthFile, AuthsError, Keychain};
use crate::file::{self, ReadError, reason};
use crate::json::{self, Object};
use crate::output::Console;
use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The environment variable that moves the configuration directory.
const DIRECTORY_VARIABLE: &str = "DOCKER_CONFIG";

/// There is no configuration directory.
#[derive(Debug, Error)]
#[error("cannot find the configuration directory: there is no home directory; set HOME or {DIRECTORY_VARIABLE}")]
pub struct NoHome;

/// The configuration directory: `--config`, else `DOCKER_CONFIG`, else `~/.docker`.
pub fn directory(flag: Option<PathBuf>) -> Result<PathBuf, NoHome> {
    let variable = || env::var_os(DIRECTORY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    flag.or_else(variable).or_else(|| Some(dirs::home_dir()?.join(".docker"))).ok_or(NoHome)
}

/// Whether the challenges of registries are remembered: unless `MFST_REMEMBER` is `0`.
#[must_use]
pub fn remembers_challenges() -> bool {
    env::var_os("MFST_REMEMBER").is_none_or(|value| value != "0")
}

/// The content of `config.json`.
#[derive(Debug, Default)]
pub struct Config {
    docker: AuthFile,
    directory: PathBuf,
}

/// The fields of `config.json` that have a type in docker. Where one is of another type, docker warns and ignores the
/// whole file.
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
    /// Reads `config.json`. A missing file counts as an empty one. One that cannot be used is ignored, with a warning in
    /// docker's words.
    #[must_use]
    pub fn load(directory: &Path, console: &Console) -> Self {
        Self { docker: Self::read(&directory.join("config.json"), console), directory: directory.to_owned() }
    }

    /// The stored logins and the credential helpers, which may take as long as `limit`. Reads the auth files of the
    /// containers tools.
    #[must_use]
    pub fn keychain(&self, limit: Duration, console: &Console) -> Keychain {
        Keychain::new(self.docker.clone(), limit, console)
    }

    /// The registries that `config.json` has logins for.
    #[must_use]
    pub fn servers_with_login(&self) -> Vec<String> {
        self.docker.servers()
    }

    /// Where certificates for registries are.
    #[must_use]
    pub fn certificate_directories(&self) -> CertificateDirectories {
        CertificateDirectories::new(&self.directory)
    }

    fn read(path: &Path, console: &Console) -> AuthFile {
        let shown = path.display();
        let warning = match file::read(path) {
            Ok(bytes) => match Self::parse(path, &bytes) {
                Ok(file) => return file,
                // docker reads a stream here, which ends in other words than a text.
                Err(error) => {
                    let error = error.to_string().replace("unexpected end of JSON input", "unexpected EOF");
                    format!("Error parsing config file ({shown}): {error}")
                }
            },
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => return AuthFile::default(),
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::IsADirectory => {
                format!("Error parsing config file ({shown}): read {shown}: {}", reason(&error))
            }
            Err(error) => format!("Error loading config file: open {shown}: {error}"),
        };
        console.plain(format_args!("WARNING: {warning}"));
        AuthFile::unreadable(path)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<AuthFile, AuthsError> {
        if bytes.trim_ascii().is_empty() {
            return Ok(AuthFile::default());
        }
        let text = String::from_utf8_lossy(bytes);
        // docker ignores whatever follows the first value.
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
