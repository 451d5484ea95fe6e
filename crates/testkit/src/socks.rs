//! A SOCKS5 proxy (RFC 1928, RFC 1929). Like [`crate::proxy`], it knows where names lead.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NOTHING_ACCEPTABLE: u8 = 0xff;

#[derive(Debug)]
struct Settings {
    routes: HashMap<String, SocketAddr>,
    /// The user name and the password that it wants, if any.
    login: Option<(String, String)>,
    log: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// A running proxy; it takes no more connections when dropped.
#[derive(Debug)]
pub struct Socks {
    address: SocketAddr,
    settings: Arc<Settings>,
    thread: Option<JoinHandle<()>>,
}

impl Socks {
    /// A proxy that connects who asks for `HOST:PORT` to this address, and wants this login.
    pub fn start(name: &str, address: SocketAddr, login: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let own = listener.local_addr().expect("an address");
        let settings = Arc::new(Settings {
            routes: HashMap::from([(name.to_owned(), address)]),
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            log: Mutex::default(),
            stopped: AtomicBool::default(),
        });
        let shared = Arc::clone(&settings);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let settings = Arc::clone(&shared);
                // Clients that hang up are part of what is tested.
                std::thread::spawn(move || drop(settings.serve(client)));
            }
        });
        Self { address: own, settings, thread: Some(thread) }
    }

    /// `HOST:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What it was asked for: `HOST:PORT`, the host as the client named it.
    pub fn log(&self) -> Vec<String> {
        self.settings.log.lock().expect("the log").clone()
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        self.settings.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Settings {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let [_, methods] = read::<2>(&mut client)?;
        let methods = read_text(&mut client, methods)?.into_bytes();
        let wanted = if self.login.is_some() { LOGIN } else { NO_LOGIN };
        if !methods.contains(&wanted) {
            return client.write_all(&[VERSION, NOTHING_ACCEPTABLE]);
        }
        client.write_all(&[VERSION, wanted])?;
        if let Some(login) = &self.login {
            let [_, length] = read::<2>(&mut client)?;
            let user = read_text(&mut client, length)?;
            let [length] = read::<1>(&mut client)?;
            let is_right = (user, read_text(&mut client, length)?) == *login;
            client.write_all(&[1, u8::from(!is_right)])?;
            if !is_right {
                return Ok(());
            }
        }
        let [.., kind] = read::<4>(&mut client)?;
        let host = match kind {
            1 => std::net::Ipv4Addr::from(read::<4>(&mut client)?).to_string(),
            3 => {
                let [length] = read::<1>(&mut client)?;
                read_text(&mut client, length)?
            }
            _ => std::net::Ipv6Addr::from(read::<16>(&mut client)?).to_string(),
        };
        let target = format!("{host}:{}", u16::from_be_bytes(read(&mut client)?));
        self.log.lock().expect("the log").push(target.clone());
        let Some(address) = self.routes.get(&target) else {
            return client.write_all(&[VERSION, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        };
        let mut server = TcpStream::connect(address)?;
        client.write_all(&[VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || {
            drop(io::copy(&mut from_client, &mut to_server));
            drop(to_server.shutdown(Shutdown::Write));
        });
        io::copy(&mut server, &mut client)?;
        client.shutdown(Shutdown::Write)
    }
}

fn read<const LENGTH: usize>(client: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn read_text(client: &mut TcpStream, length: u8) -> io::Result<String> {
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
