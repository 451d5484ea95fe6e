//! Ctrl-C during network work: the work is dropped, so that it leaves nothing on the screen or on disk.

use crate::error::Interrupted;
use futures_util::future::{Either, select};
use signal_hook::consts::SIGINT;
use signal_hook::{SigId, flag, low_level};
use std::io;
use std::os::unix::net;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::net::UnixStream;

/// Handles Ctrl-C during work. Before and after, it ends the process.
#[derive(Debug, Default)]
pub struct Interrupts {
    /// Whether Ctrl-C ends the process; none before the first work.
    default_action: OnceLock<Arc<AtomicBool>>,
}

impl Interrupts {
    /// Runs work to its end. On Ctrl-C the work is dropped, and the error is [`Interrupted`]. `is_sending` tells whether
    /// the work sends something at that moment.
    pub async fn or_interrupted<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
        is_sending: impl FnOnce() -> bool,
    ) -> anyhow::Result<T> {
        // If there can be no handler, Ctrl-C ends the process.
        let Ok(interrupt) = self.listen() else { return work.await };
        match select(pin!(work), pin!(interrupt.pipe.readable())).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(Interrupted { is_sending: is_sending() }.into()),
        }
    }

    fn listen(&self) -> io::Result<Interrupt> {
        let (receiver, sender) = net::UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let pipe = UnixStream::from_std(receiver)?;
        let default_action = self.default_action()?;
        let handler = low_level::pipe::register(SIGINT, sender)?;
        default_action.store(false, Ordering::SeqCst);
        Ok(Interrupt { pipe, handler, default_action })
    }

    fn default_action(&self) -> io::Result<Arc<AtomicBool>> {
        if let Some(known) = self.default_action.get() {
            return Ok(Arc::clone(known));
        }
        let default_action = Arc::new(AtomicBool::new(true));
        flag::register_conditional_default(SIGINT, Arc::clone(&default_action))?;
        Ok(Arc::clone(self.default_action.get_or_init(|| default_action)))
    }
}

/// A pipe that becomes readable on Ctrl-C. Dropping it restores the default action.
struct Interrupt {
    pipe: UnixStream,
    handler: SigId,
    default_action: Arc<AtomicBool>,
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.default_action.store(true, Ordering::SeqCst);
        low_level::unregister(self.handler);
    }
}
