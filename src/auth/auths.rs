//! `auths`: the logins stored in a configuration file, docker's or containers'.

use crate::json::{self, Object};
use crate::reference::{DOCKER_HUB, Reference};
use crate::secret::Secret;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use thiserror::Error;

/// The key under which docker stores the login for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// The host names of Docker Hub under which other tools store logins.
const DOCKER_HUB_HOSTS: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];

/// The base64 of an `auths` entry; padding is required, as in Go.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Why the stored logins cannot be read, in docker's words.
#[derive(Debug, Error)]
pub enum AuthsError {
    /// Not JSON, or fields of another type.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// `auth` is not base64.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    /// `auth` is not `user:password`.
    #[error("Invalid auth configuration file")]
    NotUserAndPassword,
    /// A field that `DOCKER_AUTH_CONFIG` may not have.
    #[error("json: unknown field \"{0}\"")]
    UnknownField(String),
}

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password, or a token used as one.
    pub password: Secret,
}

/// Credentials for a registry or its token server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// User and password.
    pub basic: Option<Credentials>,
    /// A token that the token server exchanges for others (a refresh token).
    pub identity_token: Option<Secret>,
    /// A token for the registry itself.
    pub registry_token: Option<Secret>,
}

impl Login {
    /// A login with a user and a password, if it has both.
    pub(super) fn with_password(username: String, password: String) -> Self {
        // docker sends a login only if it has both.
        let complete = !username.is_empty() && !password.is_empty();
        let basic = complete.then(|| Credentials { username, password: Secret::new(password) });
        Self { basic, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.basic.is_none() && self.identity_token.is_none() && self.registry_token.is_none()
    }
}

/// Which of several matching keys counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preference {
    /// docker's: the registry's own name, then a URL of that host, then the longest path. docker takes any of several
    /// that match; the order is ours.
    Registry,
    /// containers': the longest path.
    LongestPath,
    /// Only the registry's own name.
    Exact,
}

/// The name under which docker asks for the login of a registry.
pub(super) fn server_name(reference: &Reference) -> &str {
    if reference.domain() == DOCKER_HUB { DOCKER_HUB_KEY } else { reference.domain() }
}

/// The stored logins, each under the key it has in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Auths {
    logins: Vec<(String, Login)>,
}

impl Auths {
    /// Reads the `auths` of a configuration file.
    pub(super) fn read(config: &Object) -> Result<Self, AuthsError> {
        let mut logins = Vec::new();
        let Some(auths) = config.object("auths", "map[string]types.AuthConfig")? else { return Ok(Self::default()) };
        for (key, json) in auths.entries() {
            let login = read_login(&Object::parse(json, "types.AuthConfig")?)?;
            if !login.is_empty() {
                logins.push((key.to_owned(), login));
            }
        }
        Ok(Self { logins })
    }

    /// Reads `DOCKER_AUTH_CONFIG`, which may hold `auths` with `auth` and nothing else.
    pub(super) fn read_strictly(text: &str) -> Result<Self, AuthsError> {
        let config = Object::parse(text, "configfile.ConfigFile")?;
        let only = |object: &Object, field: &str| {
            let other = object.entries().find(|(name, _)| !name.eq_ignore_ascii_case(field));
            other.map_or(Ok(()), |(name, _)| Err(AuthsError::UnknownField(name.to_owned())))
        };
        only(&config, "auths")?;
        if let Some(auths) = config.object("auths", "map[string]types.AuthConfig")? {
            for (_, json) in auths.entries() {
                only(&Object::parse(json, "types.AuthConfig")?, "auth")?;
            }
        }
        Self::read(&config)
    }

    /// Whether there is no login at all.
    pub(super) fn is_empty(&self) -> bool {
        self.logins.is_empty()
    }

    /// The login under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Login> {
        self.logins.iter().find(|(stored, _)| stored == key).map(|(_, login)| login)
    }

    /// The key that matches a repository best.
    pub(super) fn find(&self, reference: &Reference, preference: Preference) -> Option<&str> {
        let own_name = server_name(reference);
        let hosts: &[&str] = match reference.domain() {
            DOCKER_HUB => &DOCKER_HUB_HOSTS,
            domain => &[domain],
        };
        let rank = |key: &str| {
            let (host, path) = host_and_path(key);
            match preference {
                Preference::Exact => (key == own_name).then_some(0),
                Preference::Registry if key == own_name => Some(usize::MAX),
                Preference::Registry if hosts.contains(&host) && path.is_empty() => Some(usize::MAX - 1),
                _ if !hosts.contains(&host) => None,
                _ => is_below(reference.path(), path).then_some(path.len()),
            }
        };
        let ranked = self.logins.iter().filter_map(|(key, _)| Some((rank(key)?, key)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, key)| key.as_str())
    }
}

fn read_login(entry: &Object) -> Result<Login, AuthsError> {
    // Not used, but docker rejects the file if one has a wrong type.
    ["email", "serveraddress"].iter().try_for_each(|field| entry.string(field).map(drop))?;
    let auth = entry.string("auth")?;
    let (username, password) =
        if auth.is_empty() { (entry.string("username")?, entry.string("password")?) } else { decode(&auth)? };
    let token = |field| entry.string(field).map(|token| Some(token).filter(|token| !token.is_empty()).map(Secret::new));
    let mut login = Login::with_password(username, password);
    login.identity_token = token("identitytoken")?;
    login.registry_token = token("registrytoken")?;
    Ok(login)
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
    prefix.is_empty() || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

    fn auths(keys: &[&str]) -> Auths {
        let entries: Vec<_> =
            keys.iter().map(|key| format!(r#""{key}":{{"username":"{key}","password":"p"}}"#)).collect();
        let config = format!(r#"{{"auths":{{{}}}}}"#, entries.join(","));
        Auths::read(&Object::parse(&config, "ConfigFile").unwrap()).unwrap()
    }

    fn found(preference: Preference, keys: &[&str], image: &str) -> Option<String> {
        let reference = Reference::parse(image).unwrap();
        auths(keys).find(&reference, preference).map(str::to_owned)
    }

    #[test]
    fn the_same_key_wins_in_any_order() {
        let keys = ["h.io/team/app", "h.io/team", "https://h.io/v2/", "h.io", "other.io"];
        let reversed: Vec<_> = keys.iter().copied().rev().collect();
        for keys in [&keys[..], &reversed] {
            assert_eq!(found(Preference::Registry, keys, "h.io/team/app/x").as_deref(), Some("h.io"));
            assert_eq!(found(Preference::LongestPath, keys, "h.io/team/app/x").as_deref(), Some("h.io/team/app"));
        }
        for (keys, image, expected) in [
            (&["h.io/team", "https://h.io/v2/"][..], "h.io/team/app", Some("https://h.io/v2/")),
            (&["h.io/team", "h.io/team/app"], "h.io/team/app", Some("h.io/team/app")),
            (&["h.io/team"], "h.io/teams/app", None),
            (&["https://h.io:5000/v1/"], "h.io:5000/a", Some("https://h.io:5000/v1/")),
            (&["h.io"], "h.io:5000/a", None),
        ] {
            assert_eq!(found(Preference::Registry, keys, image).as_deref(), expected, "{keys:?}");
        }
    }

    #[test]
    fn docker_hub_has_its_own_key() {
        let keys = ["docker.io", DOCKER_HUB_KEY];
        assert_eq!(found(Preference::Registry, &keys, "ubuntu").as_deref(), Some(DOCKER_HUB_KEY));
        assert_eq!(found(Preference::Registry, &["docker.io"], "ubuntu").as_deref(), Some("docker.io"));
    }

    #[test]
    fn auth_is_user_colon_password_and_the_password_may_have_colons() {
        // "alice:se:cr$t\0"
        let config = r#"{"auths":{"h.io":{"auth":"YWxpY2U6c2U6Y3IkdAA=","identitytoken":"i","registrytoken":""}}}"#;
        let auths = Auths::read(&Object::parse(config, "ConfigFile").unwrap()).unwrap();
        let login = auths.get("h.io").unwrap();
        let basic = login.basic.as_ref().unwrap();
        assert_eq!((basic.username.as_str(), basic.password.reveal()), ("alice", "se:cr$t"));
        assert!(login.identity_token.is_some() && login.registry_token.is_none());
        assert!(!format!("{login:?}").contains("se:cr"));
    }

    #[test]
    fn the_environment_may_hold_auth_and_nothing_else() {
        assert!(Auths::read_strictly(r#"{"auths":{"h.io":{"auth":"YTpi"}}}"#).is_ok());
        let message = |text| Auths::read_strictly(text).unwrap_err().to_string();
        assert_eq!(message(r#"{"auths":{"h.io":{"auth":"YTpi","email":"x"}}}"#), "json: unknown field \"email\"");
        assert_eq!(message(r#"{"credsStore":"x"}"#), "json: unknown field \"credsStore\"");
    }
}
