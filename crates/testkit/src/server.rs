//! An HTTP server on a loopback port, with its own thread and runtime, so that blocking tests can use it. It stops with all
//! its connections when dropped.

use std::convert::Infallible;
use std::future::pending;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::log::Log;

/// The TLS side of a server.
#[derive(Debug, Clone, Default)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    None,
    /// TLS only.
    Secure(Arc<rustls::ServerConfig>),
    /// Plain HTTP; a TLS handshake is never answered.
    Stalled,
}

/// The connection of a request; layers find it in the request's extensions.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number, from 1, in the order of acceptance.
    pub id: u64,
    cut: Arc<Notify>,
}

impl Connection {
    /// Drops the connection without a response.
    pub async fn cut(&self) -> ! {
        self.cut.notify_one();
        pending().await
    }
}

/// The connections of a server.
#[derive(Debug, Clone, Default)]
struct Connections {
    accepted: Arc<AtomicU64>,
    /// In microseconds.
    latency: Arc<AtomicU64>,
    log: Log,
}

impl Connections {
    /// Takes as long as a round trip of a handshake, and logs it.
    async fn round_trip(&self) {
        let (started, latency) = (Instant::now(), self.latency.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_micros(latency)).await;
        self.log.note_handshake(started, Instant::now());
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    secure: bool,
    connections: Connections,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds a free port on `ip`. It is separate from [`Server::start`] for applications that need their address.
    pub fn bind(ip: &str) -> StdListener {
        let listener = StdListener::bind(format!("{ip}:0")).expect("a free loopback port");
        listener.set_nonblocking(true).expect("non-blocking accept");
        listener
    }

    /// Serves `app` on the port until the server is dropped. Handshakes are noted in the log.
    pub(crate) fn start(listener: StdListener, tls: Tls, app: Router, log: &Log) -> Self {
        let address = listener.local_addr().expect("the bound address");
        let connections = Connections { log: log.clone(), ..Connections::default() };
        let secure = matches!(tls, Tls::Secure(_));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let accepted = connections.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, tls, app, &accepted) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, secure, connections, handle, stop: Some(stop), thread: Some(thread) }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The number of accepted connections, including those without a request.
    pub fn connections(&self) -> u64 {
        self.connections.accepted.load(Ordering::SeqCst)
    }

    /// Makes the TCP and TLS handshakes of later connections take this long each.
    pub(crate) fn delay_handshakes(&self, latency: Duration) {
        let latency = u64::try_from(latency.as_micros()).expect("a short time");
        self.connections.latency.store(latency, Ordering::SeqCst);
    }

    /// Runs a future on the calling thread.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let stopped = thread.join();
            assert!(stopped.is_ok() || std::thread::panicking(), "a server panicked");
        }
    }
}

async fn accept(listener: StdListener, tls: Tls, app: Router, connections: &Connections) {
    let listener = TcpListener::from_std(listener).expect("a listener for the runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let id = connections.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let connection = Connection { id, cut: Arc::default() };
        tokio::spawn(serve_connection(stream, tls.clone(), app.clone(), connections.clone(), connection));
    }
}

async fn serve_connection(stream: TcpStream, tls: Tls, app: Router, connections: Connections, connection: Connection) {
    let cut = Arc::clone(&connection.cut);
    let mut first = [0];
    let serve = async {
        stream.set_nodelay(true).ok();
        connections.round_trip().await;
        match tls {
            Tls::None => serve_http(stream, app, connection).await,
            Tls::Stalled => {
                // 0x16 is the first byte of a TLS handshake, and of no HTTP request.
                if stream.peek(&mut first).await.is_ok() && first == [0x16] {
                    pending::<()>().await;
                }
                serve_http(stream, app, connection).await;
            }
            Tls::Secure(config) => match TlsAcceptor::from(config).accept(stream).into_fallible().await {
                Ok(stream) => {
                    connections.round_trip().await;
                    serve_http(stream, app, connection).await;
                }
                Err((_, mut stream)) => {
                    // Closing with unread data resets the connection, and the client may never see the TLS alert.
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
                }
            },
        }
    };
    tokio::select! {
        () = serve => {}
        () = cut.notified() => {}
    }
}

async fn serve_http<S>(stream: S, app: Router, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    // A client may hang up at any time.
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await.ok();
}
