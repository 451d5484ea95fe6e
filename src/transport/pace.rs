//! How many requests a server gets at a time, and when it wants to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests a server gets at a time unless the user says otherwise: as many as HTTP/2 servers usually take.
pub const DEFAULT_JOBS: usize = 100;
/// Without HTTP/2 each request at a time needs a connection of its own; servers count those.
const HTTP1_CONNECTIONS: usize = 16;

/// The pace kept with each server.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many requests are under way at a time, at most.
    jobs: usize,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

/// The pace kept with one server.
#[derive(Debug)]
pub(super) struct Lane {
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_narrow: bool,
    resume: Option<Instant>,
}

impl Pace {
    pub(super) fn new(jobs: usize) -> Self {
        Self { jobs: jobs.max(1), lanes: Mutex::default() }
    }

    /// The lane of a `host:port`.
    pub(super) fn lane(&self, server: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        let new = || Arc::new(Lane { slots: Semaphore::new(self.jobs), state: Mutex::default() });
        Arc::clone(lanes.entry(server.to_owned()).or_insert_with(new))
    }

    /// Takes note that a server does not speak HTTP/2.
    pub(super) fn narrow(&self, lane: &Lane) {
        let mut state = lock(&lane.state);
        if !state.is_narrow {
            state.is_narrow = true;
            lane.slots.forget_permits(self.jobs.saturating_sub(HTTP1_CONNECTIONS));
        }
    }
}

impl Lane {
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
            let pace = Pace::new(jobs);
            let lane = pace.lane("h:80");
            assert_eq!(lane.slots.available_permits(), jobs);
            pace.narrow(&lane);
            pace.narrow(&lane);
            assert_eq!(lane.slots.available_permits(), expected);
        }
    }

    #[test]
    fn a_pause_is_for_all_requests_to_the_server_and_no_other() {
        let pace = Pace::new(8);
        pace.lane("a:80").pause(Duration::from_secs(3600));
        pace.lane("a:80").pause(Duration::from_secs(1));
        let resumes =
            |server| lock(&pace.lane(server).state).resume.map(|at| at > Instant::now() + Duration::from_secs(60));
        assert_eq!((resumes("a:80"), resumes("b:80")), (Some(true), None));
    }
}
