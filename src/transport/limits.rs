//! How many requests a host gets at a time, and when it wants a pause.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The maximum number of requests to a host at a time unless the user says otherwise: as many as most HTTP/2 servers
/// accept.
pub const DEFAULT_JOBS: usize = 100;
/// The maximum for a host that is not known to speak HTTP/2: each request needs a connection, and servers count those.
pub const HTTP1_CONNECTIONS: usize = 16;

/// The limits of each host.
#[derive(Debug)]
pub(super) struct HostLimits {
    jobs: usize,
    hosts: RefCell<HashMap<String, Rc<HostLimit>>>,
}

/// The limits of one host.
#[derive(Debug)]
pub(super) struct HostLimit {
    jobs: usize,
    /// Requests being sent.
    active: Cell<usize>,
    /// Whether the last response came over HTTP/2.
    is_http2: Cell<bool>,
    /// When requests may be sent again.
    resume: Cell<Option<Instant>>,
    freed: Notify,
}

/// A place among the requests to a host; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Slot(Rc<HostLimit>);

impl HostLimits {
    pub(super) fn new(jobs: usize) -> Self {
        Self { jobs: jobs.max(1), hosts: RefCell::default() }
    }

    /// The limits of a `host[:port]`.
    pub(super) fn of(&self, host: &str) -> Rc<HostLimit> {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(known) = hosts.get(host) {
            return Rc::clone(known);
        }
        let new = Rc::new(HostLimit::new(self.jobs));
        hosts.insert(host.to_owned(), Rc::clone(&new));
        new
    }
}

impl HostLimit {
    fn new(jobs: usize) -> Self {
        let (active, is_http2) = (Cell::new(0), Cell::new(false));
        Self { jobs, active, is_http2, resume: Cell::new(None), freed: Notify::new() }
    }

    fn slots(&self) -> usize {
        if self.is_http2.get() { self.jobs } else { self.jobs.min(HTTP1_CONNECTIONS) }
    }

    /// Waits until a request may be sent.
    pub(super) async fn enter(self: Rc<Self>) -> Slot {
        while self.active.get() >= self.slots() {
            self.freed.notified().await;
        }
        self.active.set(self.active.get() + 1);
        let slot = Slot(self);
        while let Some(pause) = slot.0.pause_left() {
            tokio::time::sleep(pause).await;
        }
        slot
    }

    fn pause_left(&self) -> Option<Duration> {
        self.resume.get()?.checked_duration_since(Instant::now()).filter(|pause| !pause.is_zero())
    }

    /// Notes whether a response came over HTTP/2.
    pub(super) fn note_version(&self, is_http2: bool) {
        if self.is_http2.replace(is_http2) != is_http2 {
            self.freed.notify_waiters();
        }
    }

    /// Makes all requests to the host wait: it has answered that there are too many.
    pub(super) fn pause(&self, pause: Duration) {
        let resume = Instant::now() + pause;
        self.resume.set(Some(self.resume.get().map_or(resume, |known| known.max(resume))));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    /// Sends requests until one has to wait.
    fn fill(limit: &Rc<HostLimit>) -> Vec<Slot> {
        std::iter::from_fn(|| Rc::clone(limit).enter().now_or_never()).collect()
    }

    #[test]
    fn a_host_gets_few_requests_at_a_time_until_it_has_spoken_http2() {
        for (jobs, at_first, over_http2) in [(100, 16, 100), (4, 4, 4), (1, 1, 1), (0, 1, 1)] {
            let limit = HostLimits::new(jobs).of("h:80");
            let slots = fill(&limit);
            assert_eq!(slots.len(), at_first);
            limit.note_version(true);
            assert_eq!(slots.len() + fill(&limit).len(), over_http2);
        }
    }

    #[test]
    fn a_host_that_goes_back_to_http1_gets_no_more_until_enough_have_ended() {
        let limit = HostLimits::new(100).of("h:80");
        limit.note_version(true);
        let mut slots = fill(&limit);
        limit.note_version(false);
        slots.truncate(HTTP1_CONNECTIONS);
        assert!(Rc::clone(&limit).enter().now_or_never().is_none());
        slots.pop();
        assert_eq!(fill(&limit).len(), 1);
    }

    #[test]
    fn a_slot_that_is_given_back_goes_to_a_request_that_waits() {
        let limit = HostLimits::new(1).of("h:80");
        let mut slots = fill(&limit);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let waiting = std::pin::pin!(Rc::clone(&limit).enter());
            let ((), _slot) = futures_util::future::join(async { slots.clear() }, waiting).await;
            assert_eq!(limit.active.get(), 1);
        });
        assert_eq!(limit.active.get(), 0);
    }

    #[test]
    fn more_slots_are_taken_by_requests_that_wait() {
        let limit = HostLimits::new(17).of("h:80");
        let slots = fill(&limit);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let waiting = Rc::clone(&limit).enter();
            let (_slot, ()) = futures_util::future::join(waiting, async { limit.note_version(true) }).await;
            assert_eq!(limit.active.get(), slots.len() + 1);
        });
    }

    #[test]
    fn a_pause_is_for_all_requests_to_the_host_and_no_other() {
        let limits = HostLimits::new(8);
        limits.of("a:80").pause(Duration::from_secs(3600));
        limits.of("a:80").pause(Duration::from_secs(1));
        assert!(limits.of("a:80").pause_left() > Some(Duration::from_secs(60)));
        assert_eq!(limits.of("b:80").pause_left(), None);
    }
}
