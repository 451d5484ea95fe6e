//! Progress on stderr: bars on a terminal, lines in a log.

mod activity;
mod rate;
mod screen;

pub use activity::seconds;

use super::text;
use activity::{Activity, Id};
use indicatif::{BinaryBytes, MultiProgress};
use screen::Screen;
use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often a terminal is redrawn.
const TICK: Duration = Duration::from_millis(100);
/// How long a command is silent if stderr is not a terminal and progress was not asked for.
const SILENCE: Duration = Duration::from_secs(5);
/// How often a log gets a line if no blob is done.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Waits longer than this are announced, whatever progress is shown.
const LONG_WAIT: Duration = Duration::from_secs(2);
/// The stack of the thread that shows progress, in bytes.
const STACK: usize = 256 * 1024;

/// What `--progress` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// Bars on a terminal; elsewhere lines, once a command takes longer than a few seconds.
    #[default]
    Auto,
    /// Lines, from the beginning.
    Plain,
    /// Nothing.
    None,
}

/// Shows what a command is doing. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<Arc<Shared>>);

/// The progress that is being shown, if any.
#[derive(Debug, Clone, Default)]
pub(super) struct Active(Weak<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bars: MultiProgress,
    /// Ends the thread that redraws when it is dropped.
    _alive: Sender<()>,
}

#[derive(Debug)]
struct State {
    activity: Activity,
    view: View,
}

#[derive(Debug)]
enum View {
    Screen(Screen),
    Log {
        /// Nothing is printed before.
        opens: Instant,
        /// When the next line is due.
        due: Instant,
    },
}

impl View {
    fn new(mode: ProgressMode, now: Instant) -> Option<Self> {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        match mode {
            ProgressMode::None => None,
            ProgressMode::Auto if is_terminal && !is_dumb => Some(Self::Screen(Screen::default())),
            ProgressMode::Auto if !is_terminal => Some(Self::Log { opens: now + SILENCE, due: now + SILENCE }),
            ProgressMode::Auto | ProgressMode::Plain => Some(Self::Log { opens: now, due: now + LOG_INTERVAL }),
        }
    }
}

impl Active {
    pub(super) fn get(&self) -> Option<Progress> {
        Some(Progress(Some(self.0.upgrade()?)))
    }
}

impl Progress {
    /// Begins to show progress among `bars`. `target` is where the command sends to, if it sends anything.
    pub(super) fn start(mode: ProgressMode, target: Option<String>, bars: &MultiProgress) -> Self {
        let now = Instant::now();
        let Some(view) = View::new(mode, now) else { return Self(None) };
        let (alive, stop) = mpsc::channel();
        let state = State { activity: Activity::new(target), view };
        let shared = Arc::new(Shared { state: Mutex::new(state), bars: bars.clone(), _alive: alive });
        let weak = Arc::downgrade(&shared);
        let redraw = move || {
            while stop.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let Some(shared) = weak.upgrade() else { return };
                shared.tick(Instant::now());
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned()).stack_size(STACK).spawn(redraw);
        // Progress is not worth failing for.
        Self(thread.ok().map(|_| shared))
    }

    pub(super) fn active(&self) -> Active {
        Active(self.0.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

    /// Something that is done item by item, such as `blobs`. It is shown until what is returned is dropped.
    #[must_use]
    pub fn phase(&self, what: &'static str, total: usize) -> Phase {
        Phase(self.begin(|activity, now| activity.begin_phase(what, total, now)))
    }

    /// A blob in transfer, `size` bytes if that is known. It is shown until what is returned is dropped.
    #[must_use]
    pub fn blob(&self, digest: &str, size: Option<u64>) -> Blob {
        Blob(Arc::new(self.begin(|activity, _| activity.begin_blob(digest, size))))
    }

    /// A pause before a retry. It is shown until what is returned is dropped.
    pub(super) fn wait(&self, what: String, wait: Duration) -> Wait {
        if let Some(shared) = &self.0 {
            let (state, now) = (shared.lock(), Instant::now());
            if let View::Log { opens, .. } = state.view
                && (now >= opens || wait > LONG_WAIT)
            {
                shared.print(&announcement(&what, wait));
            }
        }
        Wait { _task: self.begin(|activity, now| activity.begin_wait(what, wait, now)) }
    }

    fn begin(&self, begin: impl FnOnce(&mut Activity, Instant) -> Id) -> Task {
        Task(self.0.clone().map(|shared| {
            let id = begin(&mut shared.lock().activity, Instant::now());
            (shared, id)
        }))
    }
}

/// What is printed before a long wait that no bar shows; none if it is not long.
pub(super) fn long_wait(what: &str, wait: Duration) -> Option<String> {
    (wait > LONG_WAIT).then(|| announcement(what, wait))
}

fn announcement(what: &str, wait: Duration) -> String {
    format!("{what} in {}", seconds(wait))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, now: Instant) {
        let mut state = self.lock();
        let State { activity, view } = &mut *state;
        activity.sample(now);
        match view {
            View::Screen(screen) => screen.show(&self.bars, activity, now),
            View::Log { due, .. } if now >= *due => {
                *due = now + LOG_INTERVAL;
                if let Some(summary) = activity.summary() {
                    self.print(&summary);
                }
            }
            View::Log { .. } => {}
        }
    }

    /// Prints a line of a log.
    fn log(&self, state: &mut State, line: &str) {
        let now = Instant::now();
        if let View::Log { opens, due } = &mut state.view
            && now >= *opens
        {
            *due = now + LOG_INTERVAL;
            self.print(line);
        }
    }

    fn print(&self, line: &str) {
        print_line(&self.bars, line);
    }
}

/// Prints one line to stderr, above the bars. A closed stderr is not an error.
pub(super) fn print_line(bars: &MultiProgress, line: &str) {
    let line = text::line(line) + "\n";
    let _ = bars.suspend(|| io::stderr().lock().write_all(line.as_bytes()));
}

/// Something that is going on, until it is dropped.
#[derive(Debug)]
struct Task(Option<(Arc<Shared>, Id)>);

impl Drop for Task {
    fn drop(&mut self) {
        let Some((shared, id)) = &self.0 else { return };
        let mut state = shared.lock();
        let State { activity, view } = &mut *state;
        activity.end(*id);
        // Nothing is left on the screen once nothing is going on, even if the process ends now.
        if let View::Screen(screen) = view
            && activity.is_idle()
        {
            screen.show(&shared.bars, activity, Instant::now());
        }
    }
}

/// Something that is done item by item.
#[derive(Debug)]
pub struct Phase(Task);

impl Phase {
    /// Counts an item that is done.
    pub fn advance(&self) {
        self.count(None::<&str>);
    }

    /// Counts an item that is done, and names it in a log.
    pub fn advance_with(&self, item: impl Display) {
        self.count(Some(item));
    }

    fn count(&self, item: Option<impl Display>) {
        let Some((shared, id)) = &self.0.0 else { return };
        let mut state = shared.lock();
        let count = state.activity.advance_phase(*id);
        if let Some(item) = item {
            shared.log(&mut state, &format!("{item} ({count})"));
        }
    }
}

/// A blob in transfer.
#[derive(Debug)]
pub struct Blob(Arc<Task>);

impl Blob {
    /// A function that is to be called with the number of bytes of each chunk that has moved.
    pub fn meter(&self) -> impl Fn(u64) + Clone + Send + use<> {
        let task = Arc::clone(&self.0);
        move |bytes| {
            if let Some((shared, id)) = &task.0 {
                shared.lock().activity.move_blob(*id, bytes, Instant::now());
            }
        }
    }
}

/// A pause before a retry.
#[derive(Debug)]
pub struct Wait {
    _task: Task,
}

impl Wait {
    /// A pause that is not shown.
    pub(super) fn hidden() -> Self {
        Self { _task: Task(None) }
    }
}

/// A size as progress shows it, such as `12.34 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}
