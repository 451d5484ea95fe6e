//! A TCP relay that adds the latency of a network.
//!
//! Every byte takes half a round trip in each direction. The kernel accepts connections to the relay at once, so the
//! first data of a client is delayed by the round trip that the TCP handshake would have taken.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running relay; accepts no more connections when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// A relay to `server` with this round-trip time.
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
                // The client may have closed the connection already.
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) {
                    count.fetch_add(1, Ordering::SeqCst);
                    join(&client, &server, rtt);
                }
            }
        });
        Self { address, accepted, stopped, thread: Some(thread) }
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections.
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

/// Relays both directions until both sides have closed.
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

/// Relays one direction with a delay. Threads sleep more precisely than the timers of a runtime.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: impl Fn() -> Duration + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // The end of the stream is delayed like data.
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
