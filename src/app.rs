//! What every command works with: the configuration, the store, the console, and a registry client on demand.

use crate::auth::Keychain;
use crate::config::{self, Config};
use crate::interrupt::Interrupts;
use crate::output::{Console, Progress, ProgressMode};
use crate::registry::{Client, RememberedChallenges, Settings};
use crate::store::Store;
use crate::transport::RetryPolicy;
use anyhow::Context as _;
use std::path::PathBuf;
use std::rc::Rc;

/// Network settings from the command line.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Retry limits.
    pub retry_policy: RetryPolicy,
    /// The most requests that one registry gets at a time.
    pub jobs: usize,
}

/// Made once per run.
pub struct App {
    /// The local manifest lists.
    pub store: Store,
    /// stdout and stderr.
    pub console: Console,
    /// `config.json`.
    pub config: Config,
    network: Network,
    interrupts: Interrupts,
    /// None if nothing is to be remembered.
    remembered: Option<Rc<RememberedChallenges>>,
}

impl App {
    /// Finds the configuration directory and reads `config.json`.
    pub fn new(config_directory: Option<PathBuf>, network: Network, debug: bool) -> anyhow::Result<Self> {
        let console = Console::new(debug);
        let directory = config::directory(config_directory)?;
        console.debug(format_args!("configuration directory {}", directory.display()));
        let config = Config::load(&directory, &console);
        let store = Store::new(&directory);
        let stored = store.clone();
        let remembered = config::remembers_challenges()
            .then(|| Rc::new(RememberedChallenges::new(move || stored.read_challenges())));
        Ok(Self { store, console, config, network, interrupts: Interrupts::default(), remembered })
    }

    /// A client for registries; `insecure` allows unverified TLS and plain HTTP.
    #[must_use]
    pub fn client(&self, insecure: bool) -> Client {
        Client::new(self.settings(self.keychain(), insecure), &self.console)
    }

    /// A client for registries that uses this login and no other.
    #[must_use]
    pub fn client_with_login(&self, keychain: Keychain, insecure: bool) -> Client {
        Client::new(self.settings(keychain, insecure), &self.console)
    }

    /// The stored logins. Credential helpers may take as long as requests are retried.
    #[must_use]
    pub fn keychain(&self) -> Keychain {
        self.config.keychain(self.network.retry_policy.limit, &self.console)
    }

    fn settings(&self, keychain: Keychain, insecure: bool) -> Settings {
        Settings {
            keychain,
            certificates: self.config.certificate_directories(),
            insecure,
            retry_policy: self.network.retry_policy,
            jobs: self.network.jobs,
            remembered: self.remembered.clone(),
        }
    }

    /// Runs network work to its end, or to Ctrl-C. Commands that never call this never start a runtime.
    pub fn block_on<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.context("cannot start the network runtime")?;
        let done = runtime.block_on(self.interrupts.or_interrupted(work, || self.console.is_sending()));
        self.store_challenges();
        done
    }

    /// Forgets what is remembered of a registry, by the domain of references to it.
    pub fn forget_registry(&self, domain: &str) {
        if let Some(remembered) = &self.remembered {
            remembered.forget_registry(domain);
            self.store_challenges();
        }
    }

    /// Stores what has been learned about registries. That this fails is no reason for a command to fail.
    fn store_challenges(&self) {
        let Some(remembered) = self.remembered.as_ref().filter(|remembered| remembered.has_changes()) else { return };
        if let Err(error) = self.store.update_challenges(|stored| remembered.merge_into(stored)) {
            self.console.debug(format_args!("challenges are not remembered: {error}"));
        }
    }

    /// Shows progress on stderr until the result and its clones are dropped. `target` is where the command sends to, if
    /// it sends anything.
    #[must_use]
    pub fn progress(&self, mode: ProgressMode, target: Option<String>) -> Progress {
        self.console.progress(mode, target)
    }

    /// Prints text with colours to stdout.
    pub fn print_styled(&self, text: &str) -> anyhow::Result<()> {
        self.console.print_styled(text).context("cannot write to stdout")
    }

    /// Prints to stdout.
    pub fn print(&self, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
        print(&self.console, text)
    }
}

/// Prints to stdout.
pub fn print(console: &Console, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    console.print(text).context("cannot write to stdout")
}
