//! `mfst login`: stores a login for a registry, as docker does, once the registry has accepted it.

use crate::app::App;
use crate::auth::{Credentials, Keychain, Server};
use crate::output::{ask, ask_secret, can_ask, read_stdin};
use crate::registry::{LoginCheck, RegistryError};
use crate::secret::Secret;
use anyhow::Context as _;
use thiserror::Error;

/// The arguments of `login`.
#[derive(Debug)]
pub struct Options {
    /// The registry, as typed; Docker Hub if absent.
    pub server: Option<String>,
    /// The user, if given.
    pub username: Option<String>,
    /// Where the password comes from.
    pub password: PasswordSource,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// Where the password comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The user is asked.
    Prompt,
    /// `--password-stdin`
    Stdin,
    /// `--password`
    Argument(Secret),
}

/// Why there is no login to try.
#[derive(Debug, Error)]
enum LoginError {
    #[error("Cannot perform an interactive login from a non TTY device")]
    NotATerminal,
    #[error("username is required")]
    NoUsername,
    #[error("password is required")]
    NoPassword,
}

/// Tries the login and stores it. Without a user name a stored login is tried first.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let server = options.server.as_deref().map_or_else(Server::docker_hub, Server::parse)?;
    if matches!(options.password, PasswordSource::Argument(_)) {
        app.console.plain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    if options.username.is_none() && options.password == PasswordSource::Prompt && try_stored(app, &server, options)? {
        return app.print("Login Succeeded\n");
    }
    let login = credentials(options, &server)?;
    let client = app.client_with_login(Keychain::only(&server, login.clone()), options.insecure);
    let check = app.block_on(async { Ok(client.check_login(server.any_repository()).await?) })?;
    if check == LoginCheck::NotAskedFor {
        app.console.warn(format_args!("{} asks for no login; the password has not been checked", server.domain()));
    }
    if let Some(path) = app.config.store_login(&server, &login)? {
        let path = path.display();
        app.console.warn(format_args!("the password is stored unencrypted in {path}; a credential helper avoids that"));
    }
    app.print("Login Succeeded\n")
}

/// Tries the stored login, if there is one. One that is refused is no error: the user is asked for another.
fn try_stored(app: &App, server: &Server, options: &Options) -> anyhow::Result<bool> {
    let keychain = app.keychain();
    let stored = keychain.resolve(&keychain.sources(server.any_repository()), &app.console).login;
    let Some(username) = stored.and_then(|login| login.basic).map(|basic| basic.username) else { return Ok(false) };
    app.console.plain(format_args!("Authenticating with existing credentials... [Username: {username}]"));
    let client = app.client(options.insecure);
    match app.block_on(async { Ok(client.check_login(server.any_repository()).await) })? {
        Ok(_) => Ok(true),
        Err(error @ RegistryError::LoginRefused { .. }) => {
            app.console.warn(&error);
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn credentials(options: &Options, server: &Server) -> anyhow::Result<Credentials> {
    let must_ask = options.username.is_none() || options.password == PasswordSource::Prompt;
    if must_ask && !can_ask() {
        return Err(LoginError::NotATerminal.into());
    }
    let unreadable = "cannot read from the terminal";
    let username = match &options.username {
        Some(username) => username.clone(),
        None => ask(&format!("Username for {}: ", server.domain())).context(unreadable)?,
    };
    if username.is_empty() {
        return Err(LoginError::NoUsername.into());
    }
    let password = match &options.password {
        PasswordSource::Argument(password) => password.clone(),
        PasswordSource::Stdin => {
            let text = read_stdin().context("cannot read the password from stdin")?;
            Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        PasswordSource::Prompt => ask_secret("Password: ").context(unreadable)?,
    };
    if password.reveal().is_empty() {
        return Err(LoginError::NoPassword.into());
    }
    Ok(Credentials { username, password })
}
