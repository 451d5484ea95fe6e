//! What every command works with: the configuration, the store, the terminal, and a registry client on demand.

use crate::config::{self, Config};
use crate::log::Log;
use crate::progress::{Progress, undisturbed};
use crate::registry::{Registry, Settings};
use crate::store::Store;
use crate::transport::Patience;
use anyhow::Context as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// How registries are to be dealt with, as the command line says.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// How much to put up with.
    pub patience: Patience,
    /// How many requests a registry gets at a time, at most.
    pub jobs: usize,
}

/// Made once, from what the command line says.
pub struct App {
    /// The local manifest lists.
    pub store: Store,
    /// Warnings and `--debug` lines.
    pub log: Log,
    config: Config,
    network: Network,
}

impl App {
    /// Finds the configuration directory and reads `config.json`.
    pub fn new(config_directory: Option<PathBuf>, network: Network, debug: bool) -> anyhow::Result<Self> {
        let log = Log { debug };
        let directory = config::directory(config_directory)?;
        log.debug(format_args!("configuration directory {}", directory.display()));
        Ok(Self { store: Store::new(&directory), log, config: Config::load(&directory, log), network })
    }

    /// A client for registries.
    #[must_use]
    pub fn registry(&self, insecure: bool) -> Registry {
        let settings = Settings {
            logins: self.config.logins(self.network.patience.limit, self.log),
            certificates: self.config.certificate_directories(),
            insecure,
            patience: self.network.patience,
            jobs: self.network.jobs,
        };
        Registry::new(settings, self.log)
    }

    /// Runs network work to its end. Commands that need none never start a runtime.
    pub fn wait_for<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        Ok(runtime.context("cannot start the network runtime")?.block_on(work))
    }

    /// What is under way is shown unless the user wants to hear nothing, or everything.
    #[must_use]
    pub fn progress(&self, is_quiet: bool) -> Progress {
        Progress::new(!is_quiet && !self.log.debug)
    }

    /// Writes to stdout.
    pub fn print(&self, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
        print(text)
    }
}

/// Writes to stdout; what registries sent need not be UTF-8. A reader that has gone away has seen what it wanted.
pub fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match undisturbed(|| out.write_all(text.as_ref()).and_then(|()| out.flush())) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}
