//! Progress on stderr: bars on a terminal, lines in a log.

mod activity;
mod rate;
mod screen;

use super::console::LONG_WAIT;
use super::text;
use super::units::seconds;
use activity::{Activity, Id};
use indicatif::MultiProgress;
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
/// How long a log stays empty if `--progress` does not ask for one.
const SILENCE: Duration = Duration::from_secs(5);
/// The maximum time between two lines of a log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// The stack of the thread that shows progress, in bytes.
const STACK: usize = 256 * 1024;

/// The modes of `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// Bars on a terminal. Elsewhere lines, from the fifth second on.
    #[default]
    Auto,
    /// Lines.
    Plain,
    /// Nothing.
    None,
}

/// Shows what a command is doing until it and its clones are dropped.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<Arc<Shared>>);

/// The progress that is being shown, if any.
#[derive(Debug, Clone, Default)]
pub(super) struct Active(Weak<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bars: MultiProgress,
    /// Dropping it ends the thread that redraws.
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
        /// When the first line may be printed.
        opens: Instant,
        /// When the next line must be printed.
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
    /// Starts to show progress. `target` is where the command sends to, if it sends anything.
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
        // Without a thread there is no progress, which must not abort the command.
        Self(thread.ok().map(|_| shared))
    }

    pub(super) fn active(&self) -> Active {
        Active(self.0.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

    /// Starts work that is done item by item, shown as `3 of 9` and `what` until the result is dropped.
    #[must_use]
    pub fn phase(&self, what: &'static str, total: usize) -> Phase {
        Phase(self.begin(|activity, now| activity.begin_phase(what, total, now)))
    }

    /// Starts the transfer of a blob, of `size` bytes if that is known, which is shown until the result is dropped.
    #[must_use]
    pub fn blob(&self, digest: &str, size: Option<u64>) -> Blob {
        Blob(Arc::new(self.begin(|activity, _| activity.begin_blob(digest, size))))
    }

    /// Whether the command sends something.
    pub(super) fn has_target(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.lock().activity.has_target())
    }

    /// Starts a wait of at most this time, shown as `what` and the time left until the result is dropped.
    #[must_use]
    pub fn wait(&self, what: String, wait: Duration) -> Wait {
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

/// A wait as one line.
pub(super) fn announcement(what: impl Display, wait: Duration) -> String {
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

    /// Adds a line to a log.
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

/// A phase, a blob or a wait that is shown until this is dropped.
#[derive(Debug)]
struct Task(Option<(Arc<Shared>, Id)>);

impl Drop for Task {
    fn drop(&mut self) {
        let Some((shared, id)) = &self.0 else { return };
        let mut state = shared.lock();
        let State { activity, view } = &mut *state;
        activity.end(*id);
        // The screen is empty once there is nothing to show, even if the process ends now.
        if let View::Screen(screen) = view
            && activity.is_idle()
        {
            screen.show(&shared.bars, activity, Instant::now());
        }
    }
}

/// Work that is done item by item.
#[derive(Debug)]
pub struct Phase(Task);

impl Phase {
    /// Counts an item.
    pub fn advance(&self) {
        self.count(None::<&str>);
    }

    /// Counts an item, and names it in a log.
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
    /// A function that takes the number of bytes of each chunk that has moved.
    pub fn meter(&self) -> impl Fn(u64) + Clone + Send + use<> {
        let task = Arc::clone(&self.0);
        move |bytes| {
            if let Some((shared, id)) = &task.0 {
                shared.lock().activity.move_blob(*id, bytes, Instant::now());
            }
        }
    }
}

/// A wait.
#[derive(Debug)]
pub struct Wait {
    _task: Task,
}

impl Wait {
    /// A wait that is not shown.
    pub(super) fn hidden() -> Self {
        Self { _task: Task(None) }
    }
}
