//! A server that knows nothing of HTTP: it reads the head of a request and
//! writes whatever it is told to. For answers that no library would send.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The first byte of a TLS handshake.
const TLS: u8 = 0x16;

/// A running server. It stops taking connections when dropped.
#[derive(Debug)]
pub struct Raw {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    /// Starts a server that answers each connection's first request like this.
    /// Connections that begin with TLS are closed.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("an address");
        let (heads, stopped) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (answer, known, end) = (Arc::new(answer), Arc::clone(&heads), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, known) = (Arc::clone(&answer), Arc::clone(&known));
                std::thread::spawn(move || converse(stream, &*answer, &known));
            }
        });
        Self { address, heads, stopped, thread: Some(thread) }
    }

    /// Answers every request with these bytes.
    pub fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| drop(stream.write_all(&answer)))
    }

    /// Answers every request with a beginning and then with a part that comes
    /// again and again, until the client hangs up or half a gibibyte is sent.
    pub fn endless(beginning: &str, part: &str) -> Self {
        let (beginning, part) = (beginning.to_owned(), part.repeat((64 * 1024 / part.len()).max(1)));
        Self::start(move |_, stream| {
            let mut sent = stream.write_all(beginning.as_bytes()).map(|()| 0);
            while let Ok(length @ 0..0x2000_0000) = sent {
                sent = stream.write_all(part.as_bytes()).map(|()| length + part.len());
            }
        })
    }

    /// Answers every request with a beginning and then a little at a time.
    pub fn trickling(beginning: &str, part: &str) -> Self {
        let (beginning, part) = (beginning.to_owned(), part.to_owned());
        Self::start(move |_, stream| {
            let mut sent = stream.write_all(beginning.as_bytes());
            while sent.is_ok() {
                std::thread::sleep(Duration::from_millis(20));
                sent = stream.write_all(part.as_bytes());
            }
        })
    }

    /// `HOST:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The requests so far, bodies left out.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("the requests").clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&str, &mut TcpStream), heads: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok();
    stream.set_write_timeout(Some(Duration::from_secs(30))).ok();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) if head.is_empty() && byte == [TLS] => return,
            Ok(1) => head.extend(byte),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.lock().expect("the requests").push(head.clone());
    answer(&head, &mut stream);
    stream.shutdown(std::net::Shutdown::Write).ok();
    // What the client still has to say is taken in, so that closing does not throw the answer away.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
}
