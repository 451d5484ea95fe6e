//! `mfst logout`: removes the stored login for a registry.

use crate::app::App;
use crate::auth::Server;

/// The arguments of `logout`.
#[derive(Debug)]
pub struct Options {
    /// The registry, as typed; Docker Hub if absent.
    pub server: Option<String>,
}

/// Removes the login from `config.json` and from the credential helper, and what is remembered of the registry. A login that
/// is not there is no error, as in docker.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let server = options.server.as_deref().map_or_else(Server::docker_hub, Server::parse)?;
    app.print(format!("Removing login credentials for {}\n", server.key()))?;
    app.forget_registry(server.domain());
    Ok(app.config.remove_login(&server)?)
}
