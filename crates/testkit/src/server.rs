//! A server on a loopback port with a thread and a runtime of its own, so that
//! tests which block can drive it. It stops, and every connection with it, when
//! dropped.

use std::convert::Infallible;
use std::future::pending;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

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

/// The TLS side of a server.
#[derive(Debug, Clone, Default)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    None,
    /// Nothing but TLS.
    Secure(Arc<rustls::ServerConfig>),
    /// Plain HTTP; a TLS handshake is never answered.
    Stalled,
}

/// The connection a request came in on; a layer finds it among the request's
/// extensions.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Counts from 1, in the order in which connections were accepted.
    pub id: u64,
    cut: Arc<Notify>,
}

impl Connection {
    /// Drops the connection without an answer to the request in hand.
    pub async fn cut(&self) -> ! {
        self.cut.notify_one();
        pending().await
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    secure: bool,
    accepted: Arc<AtomicU64>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Takes a free port on `ip`. The two steps let the application know its
    /// own address before it runs.
    pub fn bind(ip: &str) -> StdListener {
        let listener = StdListener::bind(format!("{ip}:0")).expect("a free loopback port");
        listener.set_nonblocking(true).expect("non-blocking accept");
        listener
    }

    /// Serves `app` on the port until the server is dropped.
    pub fn start(listener: StdListener, tls: Tls, app: Router) -> Self {
        let address = listener.local_addr().expect("the bound address");
        let accepted = Arc::new(AtomicU64::new(0));
        let secure = matches!(tls, Tls::Secure(_));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let counter = Arc::clone(&accepted);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, tls, app, &counter) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, secure, accepted, handle, stop: Some(stop), thread: Some(thread) }
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// How many connections were accepted, those without a request included.
    pub fn connections(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Runs a future on the calling thread; for work that goes past the network.
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

async fn accept(listener: StdListener, tls: Tls, app: Router, accepted: &AtomicU64) {
    let listener = TcpListener::from_std(listener).expect("a listener for the runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let connection = Connection { id: accepted.fetch_add(1, Ordering::SeqCst) + 1, cut: Arc::default() };
        tokio::spawn(converse(stream, tls.clone(), app.clone(), connection));
    }
}

async fn converse(stream: TcpStream, tls: Tls, app: Router, connection: Connection) {
    let cut = Arc::clone(&connection.cut);
    let mut first = [0];
    let talk = async {
        stream.set_nodelay(true).ok();
        match tls {
            Tls::None => speak_http(stream, app, connection).await,
            Tls::Stalled => {
                // No request begins with the first byte of a TLS handshake.
                if stream.peek(&mut first).await.is_ok() && first == [0x16] {
                    pending::<()>().await;
                }
                speak_http(stream, app, connection).await;
            }
            Tls::Secure(config) => match TlsAcceptor::from(config).accept(stream).into_fallible().await {
                Ok(stream) => speak_http(stream, app, connection).await,
                Err((_, mut stream)) => {
                    // Closing with unread data resets the connection, and the client may never see the TLS alert.
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
                }
            },
        }
    };
    tokio::select! {
        () = talk => {}
        () = cut.notified() => {}
    }
}

async fn speak_http<S>(stream: S, app: Router, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    // Clients that hang up in the middle are part of what is tested.
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await.ok();
}
