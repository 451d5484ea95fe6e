//! Name look-ups.
//!
//! A name means one place for a whole run: what it first means decides whether it is on this machine, and later answers
//! cannot change that. The owner of a name could otherwise pass every check and then point it at this machine.

use super::Locality;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot};

/// How long an answer is used before the name is looked up again.
const FRESH: Duration = Duration::from_secs(60);

/// Looks names up, in the manner of `getaddrinfo`.
type Lookup = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// Looks names up, once for all requests that need them at the same time. Clones share what is known.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Shared>);

struct Shared {
    lookup: Lookup,
    names: Mutex<HashMap<String, Arc<Mutex<Option<Answer>>>>>,
}

/// What a name means.
#[derive(Debug, Clone)]
struct Answer {
    locality: Locality,
    addresses: Vec<SocketAddr>,
    received: Instant,
}

impl Resolver {
    /// A resolver that asks the operating system.
    pub(super) fn new() -> Self {
        Self::with(|name| (name, 0).to_socket_addrs().map(Iterator::collect))
    }

    fn with(lookup: Lookup) -> Self {
        Self(Arc::new(Shared { lookup, names: Mutex::default() }))
    }

    /// Where a name leads: to the farthest of its addresses, the nearer ones of which are never used.
    pub(super) async fn locality(&self, name: &str) -> io::Result<Locality> {
        self.answer(name).await.map(|answer| answer.locality)
    }

    async fn answer(&self, name: &str) -> io::Result<Answer> {
        let name = name.to_ascii_lowercase();
        let known = Arc::clone(self.0.names.lock().await.entry(name.clone()).or_default());
        let mut known = known.lock().await;
        match &*known {
            Some(answer) if answer.received.elapsed() < FRESH => Ok(answer.clone()),
            previous => {
                let addresses = in_background(self.0.lookup, name).await?;
                let answer = Answer::new(addresses, previous.as_ref().map(|answer| answer.locality))?;
                Ok(known.insert(answer).clone())
            }
        }
    }
}

impl Answer {
    /// Keeps the addresses in one place: in `settled`, if the name has been looked up before.
    fn new(addresses: Vec<SocketAddr>, settled: Option<Locality>) -> io::Result<Self> {
        let place = |address: &SocketAddr| Locality::of(address.ip());
        let farthest = addresses.iter().map(place).max();
        let locality = settled.or(farthest).ok_or_else(|| io::Error::other("the name has no address"))?;
        let addresses: Vec<_> = addresses.into_iter().filter(|address| place(address) == locality).collect();
        if addresses.is_empty() {
            return Err(io::Error::other("the name now leads to another machine than before"));
        }
        Ok(Self { locality, addresses, received: Instant::now() })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let answer = resolver.answer(name.as_str()).await?;
            Ok(Box::new(answer.addresses.into_iter()) as Addrs)
        })
    }
}

/// Runs a look-up, which blocks, in a thread of its own. The runtime's threads for that panic where the system has no
/// thread left, and keep the program from ending while a look-up hangs.
async fn in_background(lookup: Lookup, name: String) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = oneshot::channel();
    let work = move || drop(sender.send(lookup(&name)));
    let started = std::thread::Builder::new().name("name look-up".to_owned()).spawn(work);
    started.map_err(|error| io::Error::new(error.kind(), format!("cannot start a thread: {error}")))?;
    receiver.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    fn answer(texts: &[&str], settled: Option<Locality>) -> Option<(Locality, Vec<SocketAddr>)> {
        Answer::new(addresses(texts), settled).ok().map(|answer| (answer.locality, answer.addresses))
    }

    #[test]
    fn a_loopback_name_is_on_this_machine() {
        let resolver = Resolver::with(|_| Ok(addresses(&["127.0.0.1", "::1"])));
        assert_eq!(run(resolver.locality("vm")).unwrap(), Locality::ThisMachine);
    }

    #[test]
    fn of_a_name_for_several_places_only_the_farthest_counts() {
        let far = addresses(&["192.0.2.1"]);
        assert_eq!(answer(&["127.0.0.1", "192.0.2.1"], None), Some((Locality::Elsewhere, far.clone())));
        assert_eq!(answer(&["169.254.169.254", "192.0.2.1", "::"], None), Some((Locality::Elsewhere, far)));
        let link = addresses(&["fe80::1"]);
        assert_eq!(answer(&["::1", "fe80::1"], None), Some((Locality::ThisLink, link)));
        assert_eq!(answer(&[], None), None);
    }

    #[test]
    fn a_name_cannot_move_to_this_machine_or_away_from_it() {
        assert_eq!(answer(&["127.0.0.1"], Some(Locality::Elsewhere)), None);
        assert_eq!(answer(&["192.0.2.1"], Some(Locality::ThisMachine)), None);
        let moved = answer(&["192.0.2.2", "127.0.0.1"], Some(Locality::Elsewhere));
        assert_eq!(moved, Some((Locality::Elsewhere, addresses(&["192.0.2.2"]))));
    }

    #[test]
    fn a_name_is_looked_up_once_while_its_answer_is_fresh() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let resolver = Resolver::with(|_| {
            LOOKUPS.fetch_add(1, Ordering::SeqCst);
            Ok(addresses(&["192.0.2.1"]))
        });
        run(async {
            let both = futures_util::future::try_join(resolver.answer("h.io"), resolver.answer("H.io")).await;
            both.unwrap();
            resolver.answer("h.io").await.unwrap();
        });
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_look_up_is_not_kept() {
        let resolver = Resolver::with(|name| Err(io::Error::other(format!("no {name}"))));
        for _ in 0..2 {
            assert_eq!(run(resolver.locality("h.io")).unwrap_err().to_string(), "no h.io");
        }
    }
}
