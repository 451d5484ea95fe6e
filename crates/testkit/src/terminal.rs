//! A program on a terminal of its own, and someone who types there.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::installed::{find, skip};
use crate::sandbox::Sandbox;

/// How long to wait for a text before the test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// A running program with a terminal, made by util-linux's `script`.
pub struct Terminal {
    process: Child,
    keyboard: ChildStdin,
    output: Receiver<Vec<u8>>,
    screen: String,
    /// How much of the screen has been waited for.
    seen: usize,
}

impl Terminal {
    /// Runs a command line of `sh` in the sandbox; none where `script` is not installed.
    pub fn start(home: &Sandbox, line: &str) -> Option<Self> {
        let Some(script) = find("script") else {
            skip("script", "script is not installed");
            return None;
        };
        let mut command: Command = home.program(script, &["-qfec", line, "/dev/null"]);
        command.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("script runs");
        let keyboard = process.stdin.take().expect("stdin");
        let mut stdout = process.stdout.take().expect("stdout");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Self { process, keyboard, output, screen: String::new(), seen: 0 })
    }

    /// Waits for a text that has not been waited for yet, and returns what stands before it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                let before = self.screen[self.seen..self.seen + at].to_owned();
                self.seen += at + text.len();
                return before;
            }
            let more = self.output.recv_timeout(end.saturating_duration_since(Instant::now()));
            let more = more.unwrap_or_else(|error| panic!("{text:?} does not appear ({error}): {:?}", self.screen));
            self.screen.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Types.
    pub fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).and_then(|()| self.keyboard.flush()).expect("a keyboard");
    }

    /// Waits for the program's end and returns its exit code and all that was on the screen.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let status = self.process.wait().expect("an end");
        while let Ok(bytes) = self.output.recv_timeout(LIMIT) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.code(), self.screen)
    }
}
