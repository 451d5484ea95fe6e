//! A forward proxy. It knows where names lead, so a test can have registries
//! with names of their own without a name server.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder as Runtime;
use tokio::sync::oneshot;

use crate::server::Server;

/// Settings of a proxy.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    routes: HashMap<String, SocketAddr>,
    login: Option<String>,
    refusal: Option<String>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Builder {
    /// Connects who asks for `HOST:PORT` to this address.
    #[must_use]
    pub fn route(mut self, name: &str, address: SocketAddr) -> Self {
        self.routes.insert(name.to_owned(), address);
        self
    }

    /// Wants this user and password.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))));
        self
    }

    /// Refuses everything with this status line, such as `403 Forbidden`.
    #[must_use]
    pub fn refusing(mut self, status: &str) -> Self {
        self.refusal = Some(status.to_owned());
        self
    }

    /// Starts the proxy.
    pub fn start(self) -> Proxy {
        let listener = Server::bind("127.0.0.1");
        let address = listener.local_addr().expect("the bound address");
        let log = Arc::clone(&self.log);
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = Runtime::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener for the runtime");
                let accept = async {
                    loop {
                        if let Ok((client, _)) = listener.accept().await {
                            let proxy = self.clone();
                            // Clients that hang up are part of what is tested.
                            tokio::spawn(async move { drop(proxy.serve(client).await) });
                        }
                    }
                };
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Proxy { address, log, stop: Some(stop), thread: Some(thread) }
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let (first, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.log.lock().expect("the log").push(format!("{method} {target}"));
        let shown = headers.lines().filter_map(|line| line.split_once(": "));
        let mut shown = shown.filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
        if self.login.as_deref().is_some_and(|login| !shown.any(|(_, value)| value == login)) {
            let challenge = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"";
            return refuse(&mut client, challenge).await;
        }
        if let Some(status) = &self.refusal {
            return refuse(&mut client, status).await;
        }
        let authority = target.strip_prefix("http://").map_or(target, |rest| rest.split('/').next().unwrap_or(rest));
        let port = if authority.contains(':') { "" } else { ":80" };
        let Some(address) = self.routes.get(&format!("{authority}{port}")) else {
            return refuse(&mut client, "502 Bad Gateway").await;
        };
        let mut server = TcpStream::connect(address).await?;
        // A proxy that waits for more to send together would be seen in what is measured.
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        if method == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        } else {
            // One request to a connection, so that every one is in the log.
            let kept = |line: &&str| !line.to_lowercase().starts_with("proxy-") && !line.is_empty();
            let headers: Vec<&str> = headers.lines().filter(kept).collect();
            let head = format!("{first}\r\n{}\r\nConnection: close\r\n\r\n", headers.join("\r\n"));
            server.write_all(head.as_bytes()).await?;
        }
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

async fn refuse(client: &mut TcpStream, status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

/// A running proxy; it stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy that lets everyone in and knows no names yet.
    pub fn open() -> Builder {
        Builder::default()
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked for: `CONNECT HOST:PORT` and `METHOD URL`.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("the log").clone()
    }

    /// Its URL, for `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let stopped = thread.join();
            assert!(stopped.is_ok() || std::thread::panicking(), "the proxy panicked");
        }
    }
}
