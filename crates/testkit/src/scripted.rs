//! An HTTP server whose requests are logged and can be made to fail.

use std::ops::Deref;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::faults::{self, Fault, Script};
use crate::log::{self, Log};
use crate::server::{Server, Tls};

/// A running server with a request log and scripted faults.
#[derive(Debug)]
pub struct ScriptedServer {
    server: Server,
    log: Log,
    script: Script,
}

impl ScriptedServer {
    /// Serves `app` on this loopback address. Faults come before it, and the log before the faults.
    pub(crate) fn start(ip: &str, tls: Tls, app: Router) -> Self {
        let (log, script) = (Log::default(), Script::default());
        let app = app
            .layer(from_fn_with_state(script.clone(), faults::apply))
            .layer(from_fn_with_state(log.clone(), log::record));
        Self { server: Server::start(Server::bind(ip), tls, app, &log), log, script }
    }

    /// Makes every request and every TCP or TLS handshake take this long from now on, as if the server were far away.
    pub fn move_away(&self, round_trip: Duration) {
        self.server.delay_handshakes(round_trip);
        self.fault(Fault::on("*", "/").always().delay(round_trip));
    }

    /// The request log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.script.add(fault);
    }

    /// The faults.
    pub fn script(&self) -> &Script {
        &self.script
    }
}

impl Deref for ScriptedServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
