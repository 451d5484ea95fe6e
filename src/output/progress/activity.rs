//! What a command is doing, and how that looks: a model without I/O.

use super::rate::Rate;
use crate::output::units::{bytes, seconds};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// A terminal shows only what takes longer than this.
const QUICK: Duration = Duration::from_millis(300);
/// The maximum number of bars on a terminal; the total counts all blobs.
const MAX_BARS: usize = 8;
/// The length of a digest on a terminal, in characters.
const NAME_LENGTH: usize = 12;

/// A line on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A bar for a blob of known size.
    Bar { name: String, done: u64, size: u64 },
    /// Text.
    Text(String),
}

impl Line {
    /// The blob that a bar is for.
    pub(super) fn blob(&self) -> Option<&str> {
        match self {
            Self::Bar { name, .. } => Some(name),
            Self::Text(_) => None,
        }
    }
}

/// Identifies a phase, a blob or a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64);

/// Work that is done item by item. Phases of the same kind at the same time are counted together.
#[derive(Debug)]
struct Phase {
    what: &'static str,
    total: usize,
    done: usize,
    since: Instant,
    /// How many phases there are of this kind.
    count: usize,
}

/// A blob in transfer.
#[derive(Debug)]
struct Blob {
    name: String,
    size: Option<u64>,
    done: u64,
    /// When the first byte moved.
    since: Option<Instant>,
}

/// A wait before a retry.
#[derive(Debug)]
struct Wait {
    what: String,
    since: Instant,
    until: Instant,
}

/// Everything that a command is doing at the moment.
#[derive(Debug)]
pub(super) struct Activity {
    /// Where the command sends to, if it sends anything.
    target: Option<String>,
    phases: Vec<Phase>,
    /// The kinds of phases.
    kinds: BTreeMap<Id, &'static str>,
    blobs: BTreeMap<Id, Blob>,
    waits: BTreeMap<Id, Wait>,
    /// Bytes of blobs that are no longer in transfer.
    finished: u64,
    rate: Rate,
    next: u64,
}

impl Activity {
    pub(super) fn new(target: Option<String>) -> Self {
        let (phases, kinds, blobs, waits) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { target, phases, kinds, blobs, waits, finished: 0, rate: Rate::default(), next: 0 }
    }

    fn id(&mut self) -> Id {
        self.next += 1;
        Id(self.next)
    }

    pub(super) fn begin_phase(&mut self, what: &'static str, total: usize, now: Instant) -> Id {
        let id = self.id();
        self.kinds.insert(id, what);
        match self.phases.iter_mut().find(|phase| phase.what == what) {
            Some(phase) => (phase.total, phase.count) = (phase.total + total, phase.count + 1),
            None => self.phases.push(Phase { what, total, done: 0, since: now, count: 1 }),
        }
        id
    }

    /// Counts an item, and returns the count, such as `3 of 9 blobs ready`.
    pub(super) fn advance_phase(&mut self, id: Id) -> String {
        let kind = self.kinds.get(&id);
        let phase = self.phases.iter_mut().find(|phase| Some(&phase.what) == kind);
        phase.map_or_else(String::new, |phase| {
            phase.done += 1;
            phase.to_string()
        })
    }

    pub(super) fn begin_blob(&mut self, digest: &str, size: Option<u64>) -> Id {
        let id = self.id();
        let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
        let name = hex.chars().take(NAME_LENGTH).collect();
        self.blobs.insert(id, Blob { name, size, done: 0, since: None });
        id
    }

    /// Adds to the bytes of a blob that have moved. Another attempt moves some of them again.
    pub(super) fn move_blob(&mut self, id: Id, bytes: u64, now: Instant) {
        if let Some(blob) = self.blobs.get_mut(&id) {
            blob.done = (blob.done + bytes).min(blob.size.unwrap_or(u64::MAX));
            blob.since.get_or_insert(now);
        }
    }

    pub(super) fn begin_wait(&mut self, what: String, wait: Duration, now: Instant) -> Id {
        let id = self.id();
        self.waits.insert(id, Wait { what, since: now, until: now + wait });
        id
    }

    pub(super) fn end(&mut self, id: Id) {
        if let Some(kind) = self.kinds.remove(&id) {
            self.phases.iter_mut().filter(|phase| phase.what == kind).for_each(|phase| phase.count -= 1);
            self.phases.retain(|phase| phase.count > 0);
        }
        self.waits.remove(&id);
        if let Some(blob) = self.blobs.remove(&id) {
            self.finished += blob.done;
        }
    }

    /// Whether the command is sending something somewhere.
    pub(super) fn has_target(&self) -> bool {
        self.target.is_some()
    }

    /// Whether there is nothing to show.
    pub(super) fn is_idle(&self) -> bool {
        self.phases.is_empty() && self.blobs.is_empty() && self.waits.is_empty()
    }

    /// Samples the bytes that have moved, for the rate.
    pub(super) fn sample(&mut self, now: Instant) {
        self.rate.sample(now, self.moved());
    }

    fn moved(&self) -> u64 {
        self.finished + self.blobs.values().map(|blob| blob.done).sum::<u64>()
    }

    fn expected(&self) -> u64 {
        self.finished + self.blobs.values().map(|blob| blob.size.unwrap_or_default().max(blob.done)).sum::<u64>()
    }

    /// What a terminal of this width shows.
    pub(super) fn lines(&self, now: Instant, width: usize) -> Vec<Line> {
        let is_slow = |since: Instant| now.saturating_duration_since(since) >= QUICK;
        let moving = self.blobs.values().filter(|blob| blob.since.is_some_and(is_slow));
        let mut lines: Vec<Line> = moving.take(MAX_BARS).map(Blob::line).collect();
        let mut add = |parts: Vec<String>| lines.extend(wrap(parts, width).into_iter().map(Line::Text));
        if self.blobs.values().any(|blob| blob.since.is_some_and(is_slow)) {
            add(self.total());
        }
        for phase in self.phases.iter().filter(|phase| is_slow(phase.since)) {
            add(vec![phase.to_string()]);
        }
        for wait in self.waits.values().filter(|wait| is_slow(wait.since)) {
            let left = seconds(wait.until.saturating_duration_since(now));
            add(format!("{} in {left}", wait.what).split(", ").map(str::to_owned).collect());
        }
        lines
    }

    /// The bytes, their rate, the time left, and the target.
    fn total(&self) -> Vec<String> {
        let (moved, expected) = (self.moved(), self.expected());
        let mut parts = vec![format!("{} of {}", bytes(moved), bytes(expected))];
        if let Some(rate) = self.rate.per_second() {
            let left = Duration::from_secs(expected.saturating_sub(moved).div_ceil(rate));
            parts.push(format!("{}/s", bytes(rate)));
            parts.push(format!("{} left", humantime::format_duration(left)));
        }
        parts.extend(self.target.as_ref().map(|target| format!("to {target}")));
        parts
    }

    /// One line of a log; none if there is nothing to show.
    pub(super) fn summary(&self) -> Option<String> {
        let phases = self.phases.iter().map(ToString::to_string);
        let total = if self.blobs.is_empty() { Vec::new() } else { self.total() };
        let parts: Vec<String> = phases.chain(total).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Joins parts with commas, on as many lines as a terminal of this width needs.
fn wrap(parts: Vec<String>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + part.chars().count() + 2 <= width => line.extend([", ", &part]),
            _ => lines.push(part),
        }
    }
    lines
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} {}", self.done, self.total, self.what)
    }
}

impl Blob {
    fn line(&self) -> Line {
        let (name, done) = (self.name.clone(), self.done);
        match self.size {
            Some(size) => Line::Bar { name, done, size },
            None => Line::Text(format!("{name} {}", bytes(done))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const TARGET: &str = "registry.example.com/team/application:1.0";

    fn activity() -> Activity {
        Activity::new(Some(TARGET.to_owned()))
    }

    fn texts(activity: &Activity, now: Instant, width: usize) -> Vec<String> {
        let text = |line| match line {
            Line::Text(text) => text,
            Line::Bar { name, done, size } => format!("{name} {done}/{size}"),
        };
        activity.lines(now, width).into_iter().map(text).collect()
    }

    /// A blob of 60 MiB, 2 MiB a second, after so many seconds.
    fn moving(start: Instant, seconds: u64) -> Activity {
        let mut activity = activity();
        let blob = activity.begin_blob("sha256:0123456789abcdef", Some(60 * MIB));
        for second in 0..=seconds {
            let now = start + Duration::from_secs(second);
            activity.move_blob(blob, if second == 0 { 0 } else { 2 * MIB }, now);
            activity.sample(now);
        }
        activity
    }

    #[test]
    fn what_takes_less_than_300_ms_is_not_shown() {
        let (mut activity, start) = (activity(), Instant::now());
        let blob = activity.begin_blob("sha256:0123456789abcdef", Some(10));
        activity.move_blob(blob, 5, start);
        activity.begin_phase("manifests put", 2, start);
        activity.begin_wait("waiting for h".to_owned(), Duration::from_secs(3), start);
        assert!(activity.lines(start + Duration::from_millis(299), 80).is_empty());
        assert_eq!(activity.lines(start + Duration::from_millis(300), 80).len(), 4);
    }

    #[test]
    fn a_queued_blob_has_no_bar_and_counts_in_the_total() {
        let start = Instant::now();
        let mut activity = moving(start, 10);
        activity.begin_blob("sha256:ff", Some(40 * MIB));
        let now = start + Duration::from_secs(10);
        let total = format!("20.0 MiB of 100.0 MiB, 2.0 MiB/s, 40s left, to {TARGET}");
        assert_eq!(texts(&activity, now, 100), [format!("0123456789ab {}/{}", 20 * MIB, 60 * MIB), total]);
    }

    #[test]
    fn forty_columns_are_enough_for_the_total() {
        let start = Instant::now();
        let lines = texts(&moving(start, 10), start + Duration::from_secs(10), 40);
        assert_eq!(lines[1..], ["20.0 MiB of 60.0 MiB, 2.0 MiB/s", "20s left", &format!("to {TARGET}")]);
    }

    #[test]
    fn phases_of_a_kind_are_one() {
        let (mut activity, now) = (activity(), Instant::now());
        let (one, other) = (activity.begin_phase("blobs ready", 3, now), activity.begin_phase("blobs ready", 4, now));
        activity.begin_phase("lists pushed", 2, now);
        activity.advance_phase(one);
        assert_eq!(activity.advance_phase(other), "2 of 7 blobs ready");
        activity.end(one);
        assert_eq!(activity.summary().as_deref(), Some("2 of 7 blobs ready, 0 of 2 lists pushed"));
        activity.end(other);
        assert_eq!(activity.summary().as_deref(), Some("0 of 2 lists pushed"));
    }

    #[test]
    fn another_attempt_at_a_blob_does_not_make_it_larger() {
        let (mut activity, now) = (activity(), Instant::now());
        let blob = activity.begin_blob("sha256:aa", Some(10));
        activity.move_blob(blob, 8, now);
        activity.move_blob(blob, 8, now);
        assert_eq!((activity.moved(), activity.expected()), (10, 10));
        activity.end(blob);
        assert_eq!(activity.summary(), None);
    }

    #[test]
    fn a_wait_counts_down() {
        let (mut activity, now) = (activity(), Instant::now());
        let what = "waiting for registry.example.com: 503, retry 4 of 8".to_owned();
        let wait = activity.begin_wait(what.clone(), Duration::from_secs(3), now);
        let later = now + Duration::from_secs(1);
        assert_eq!(texts(&activity, later, 80), [format!("{what} in 2 s")]);
        assert_eq!(texts(&activity, later, 40), ["waiting for registry.example.com: 503", "retry 4 of 8 in 2 s"]);
        activity.end(wait);
        assert!(activity.lines(later, 40).is_empty());
    }

    #[test]
    fn a_summary_is_one_line() {
        let mut activity = moving(Instant::now(), 3);
        let phase = activity.begin_phase("blobs ready", 9, Instant::now());
        assert_eq!(activity.advance_phase(phase), "1 of 9 blobs ready");
        let expected = format!("1 of 9 blobs ready, 6.0 MiB of 60.0 MiB, 2.0 MiB/s, 27s left, to {TARGET}");
        assert_eq!(activity.summary(), Some(expected));
    }
}
