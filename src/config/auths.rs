//! The logins that `docker login` has stored in `config.json`.

use crate::json::{self, Object};
use crate::reference::{DOCKER_HUB, Reference};
use crate::secret::Secret;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use thiserror::Error;

/// Under which key docker stores the login for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What stands in an `auths` entry, strict about padding as Go is.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Why the stored logins cannot be read, in docker's words.
#[derive(Debug, Error)]
pub(super) enum AuthsError {
    /// Not JSON, or fields of another type.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// `auth` is not base64.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    /// `auth` is not `user:password`.
    #[error("Invalid auth configuration file")]
    NotUserAndPassword,
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password, or a token used as one.
    pub password: Secret,
}

/// The stored logins, each under the key it has in the file.
#[derive(Debug, Clone, Default)]
pub struct Auths {
    logins: Vec<(String, Credentials)>,
}

impl Auths {
    pub(super) fn read(config: &Object) -> Result<Self, AuthsError> {
        let mut logins = Vec::new();
        let Some(auths) = config.object("auths", "map[string]types.AuthConfig")? else { return Ok(Self::default()) };
        for (key, json) in auths.entries() {
            let login = Object::parse(json, "types.AuthConfig")?;
            let auth = login.string("auth")?;
            let (username, password) =
                if auth.is_empty() { (login.string("username")?, login.string("password")?) } else { decode(&auth)? };
            // docker sends a login only when it has both halves.
            if !username.is_empty() && !password.is_empty() {
                logins.push((key.to_owned(), Credentials { username, password: Secret::new(password) }));
            }
        }
        Ok(Self { logins })
    }

    /// The login for a repository: the one stored under exactly the registry's name; else one stored under a URL of
    /// that host; else one for a path that the repository is below, the longest first.
    ///
    /// docker takes any of several matching keys, as its map happens to be ordered; this order is ours.
    #[must_use]
    pub fn find(&self, reference: &Reference) -> Option<&Credentials> {
        let hosts: &[&str] = match reference.domain() {
            DOCKER_HUB => &["index.docker.io", "docker.io", "registry-1.docker.io"],
            domain => &[domain],
        };
        let exact = if reference.domain() == DOCKER_HUB { DOCKER_HUB_KEY } else { reference.domain() };
        let rank = |key: &str| {
            if key == exact {
                return Some(usize::MAX);
            }
            let (host, path) = host_and_path(key);
            match path {
                _ if !hosts.contains(&host) => None,
                "" => Some(usize::MAX - 1),
                path => is_below(reference.path(), path).then_some(path.len()),
            }
        };
        let ranked = self.logins.iter().filter_map(|(key, login)| Some((rank(key)?, login)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, login)| login)
    }
}

/// Splits a key of any form: `host`, `host/path`, `https://host/v1/`. What follows a URL's host is the API's path,
/// not a repository's.
fn host_and_path(key: &str) -> (&str, &str) {
    if let Some((_, rest)) = key.split_once("://") {
        return (rest.split('/').next().unwrap_or_default(), "");
    }
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    // Old versions of docker stored `host/v1/`.
    (host, if matches!(path, "v1/" | "v2/" | "v1" | "v2") { "" } else { path.trim_end_matches('/') })
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn decode(auth: &str) -> Result<(String, String), AuthsError> {
    let plain: String = auth.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = BASE64.decode(&plain).map_err(|error| match error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => AuthsError::Base64(at),
        _ => AuthsError::Base64(plain.len()),
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() => Ok((user.to_owned(), password.trim_matches('\0').to_owned())),
        _ => Err(AuthsError::NotUserAndPassword),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(config: &str, image: &str) -> Option<String> {
        let auths = Auths::read(&Object::parse(config, "ConfigFile").unwrap()).unwrap();
        auths.find(&Reference::parse(image).unwrap()).map(|login| login.username.clone())
    }

    fn config(keys: &[&str]) -> String {
        let entries: Vec<_> =
            keys.iter().map(|key| format!(r#""{key}":{{"username":"{key}","password":"p"}}"#)).collect();
        format!(r#"{{"auths":{{{}}}}}"#, entries.join(","))
    }

    #[test]
    fn the_same_key_wins_in_any_order() {
        let keys = ["h.io/team/app", "h.io/team", "https://h.io/v2/", "h.io", "other.io"];
        let reversed: Vec<_> = keys.iter().copied().rev().collect();
        for keys in [&keys[..], &reversed] {
            assert_eq!(user(&config(keys), "h.io/team/app/x").as_deref(), Some("h.io"));
        }
        assert_eq!(
            user(&config(&["h.io/team", "https://h.io/v2/"]), "h.io/team/app").as_deref(),
            Some("https://h.io/v2/")
        );
        assert_eq!(user(&config(&["h.io/team", "h.io/team/app"]), "h.io/team/app").as_deref(), Some("h.io/team/app"));
        assert_eq!(user(&config(&["h.io/team"]), "h.io/teams/app"), None);
        assert_eq!(user(&config(&["https://h.io:5000/v1/"]), "h.io:5000/a").as_deref(), Some("https://h.io:5000/v1/"));
        assert_eq!(user(&config(&["h.io"]), "h.io:5000/a"), None);
    }

    #[test]
    fn docker_hub_has_its_own_key() {
        assert_eq!(user(&config(&["docker.io", DOCKER_HUB_KEY]), "ubuntu").as_deref(), Some(DOCKER_HUB_KEY));
        assert_eq!(user(&config(&["docker.io"]), "ubuntu").as_deref(), Some("docker.io"));
    }

    #[test]
    fn auth_is_user_colon_password_and_the_password_may_have_colons() {
        // "alice:se:cr$t\0"
        let config = r#"{"auths":{"h.io":{"auth":"YWxpY2U6c2U6Y3IkdAA="}}}"#;
        let auths = Auths::read(&Object::parse(config, "ConfigFile").unwrap()).unwrap();
        let login = auths.find(&Reference::parse("h.io/a").unwrap()).unwrap();
        assert_eq!((login.username.as_str(), login.password.reveal()), ("alice", "se:cr$t"));
        assert!(!format!("{login:?}").contains("se:cr"));
    }
}
