//! Distance: a TCP relay that makes a server on this machine as far away as one
//! across the network.
//!
//! Every byte takes half a round trip in either direction. The system completes
//! a connection to the relay at once, so what a client sends before it has heard
//! anything is held back by the round trip that making the connection would have
//! taken.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running relay; it takes no more connections once dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// A way to `server` that is this long, there and back.
    pub fn start(server: SocketAddr, rtt: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("the bound address");
        let (accepted, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&accepted), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                // A client that is gone already is that client's business.
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) {
                    count.fetch_add(1, Ordering::SeqCst);
                    join(&client, &server, rtt);
                }
            }
        });
        Self { address, accepted, stopped, thread: Some(thread) }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let stopped = thread.join();
            assert!(stopped.is_ok() || thread::panicking(), "the relay panicked");
        }
    }
}

/// Carries bytes between the two until both have said everything.
fn join(client: &TcpStream, server: &TcpStream, rtt: Duration) {
    let clone = |stream: &TcpStream| {
        stream.set_nodelay(true).ok();
        stream.try_clone().expect("another handle of a socket")
    };
    let heard = Arc::new(AtomicBool::new(false));
    let is_heard = Arc::clone(&heard);
    let there = move || if is_heard.load(Ordering::SeqCst) { rtt / 2 } else { rtt + rtt / 2 };
    let back = move || {
        heard.store(true, Ordering::SeqCst);
        rtt / 2
    };
    carry(clone(client), clone(server), there);
    carry(clone(server), clone(client), back);
}

/// Carries bytes one way, each as late as `delay` says when it comes. Threads
/// sleep more exactly than timers of a runtime do.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: impl Fn() -> Duration + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // The end of what is said takes as long as what is said.
            let length = from.read(&mut buffer).unwrap_or(0);
            let sent = sender.send((Instant::now() + delay(), buffer[..length].to_vec()));
            if length == 0 || sent.is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Write).ok();
    });
}
