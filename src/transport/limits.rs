//! How many requests a server gets at a time, and when it wants to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests a server gets at a time unless the user says otherwise: as many as HTTP/2 servers usually take.
pub const DEFAULT_JOBS: usize = 100;
/// Without HTTP/2 each request at a time needs a connection of its own; servers count those.
const HTTP1_CONNECTIONS: usize = 16;

/// The limits kept with each server.
#[derive(Debug)]
pub(super) struct HostLimits {
    /// How many requests are under way at a time, at most.
    jobs: usize,
    hosts: Mutex<HashMap<String, Arc<HostLimit>>>,
}

/// The limits kept with one server.
#[derive(Debug)]
pub(super) struct HostLimit {
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_http1: bool,
    resume: Option<Instant>,
}

impl HostLimits {
    pub(super) fn new(jobs: usize) -> Self {
        Self { jobs: jobs.max(1), hosts: Mutex::default() }
    }

    /// The limit_for of a `host:port`.
    pub(super) fn limit_for(&self, server: &str) -> Arc<HostLimit> {
        let mut hosts = lock(&self.hosts);
        let new = || Arc::new(HostLimit { slots: Semaphore::new(self.jobs), state: Mutex::default() });
        Arc::clone(hosts.entry(server.to_owned()).or_insert_with(new))
    }

    /// Takes note that a server does not speak HTTP/2.
    pub(super) fn cap_http1(&self, limit_for: &HostLimit) {
        let mut state = lock(&limit_for.state);
        if !state.is_http1 {
            state.is_http1 = true;
            limit_for.slots.forget_permits(self.jobs.saturating_sub(HTTP1_CONNECTIONS));
        }
    }
}

impl HostLimit {
    /// Waits until a request may be sent. The place is free again when what is returned is dropped.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let slot = self.slots.acquire().await.ok();
        loop {
            let resume = lock(&self.state).resume;
            match resume.and_then(|resume| resume.checked_duration_since(Instant::now())) {
                Some(pause) if !pause.is_zero() => tokio::time::sleep(pause).await,
                _ => return slot,
            }
        }
    }

    /// Lets all requests to a server wait that has said that there are too many.
    pub(super) fn pause(&self, pause: Duration) {
        let resume = Instant::now() + pause;
        let mut state = lock(&self.state);
        state.resume = Some(state.resume.map_or(resume, |known| known.max(resume)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_http2_gets_fewer_requests_at_a_time() {
        for (jobs, expected) in [(100, HTTP1_CONNECTIONS), (4, 4)] {
            let limits = HostLimits::new(jobs);
            let limit_for = limits.limit_for("h:80");
            assert_eq!(limit_for.slots.available_permits(), jobs);
            limits.cap_http1(&limit_for);
            limits.cap_http1(&limit_for);
            assert_eq!(limit_for.slots.available_permits(), expected);
        }
    }

    #[test]
    fn a_pause_is_for_all_requests_to_the_server_and_no_other() {
        let limits = HostLimits::new(8);
        limits.limit_for("a:80").pause(Duration::from_secs(3600));
        limits.limit_for("a:80").pause(Duration::from_secs(1));
        let resumes = |server| {
            lock(&limits.limit_for(server).state).resume.map(|at| at > Instant::now() + Duration::from_secs(60))
        };
        assert_eq!((resumes("a:80"), resumes("b:80")), (Some(true), None));
    }
}
