//! Questions to the user at the terminal.

use crate::secret::Secret;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Write as _};

/// What Ctrl-C, Ctrl-D and Ctrl-U send.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const KILL_LINE: u8 = 0x15;
/// What backspace sends, depending on the terminal.
const BACKSPACE: [u8; 2] = [0x08, 0x7f];

/// Whether stdin is a terminal, so that the user can be asked.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Reads stdin to its end.
pub fn read_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// Asks a question on stderr and reads a line.
pub fn ask(question: &str) -> io::Result<String> {
    show(question)?;
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer.trim().to_owned()),
    }
}

/// Asks a question on stderr and reads a line without showing it.
pub fn ask_secret(question: &str) -> io::Result<Secret> {
    let answer = {
        // Before the question: what is typed in answer to it must not be shown.
        let _hidden = Hidden::new()?;
        show(question)?;
        read_hidden()
    };
    show("\n")?;
    if let Some(answer) = answer? {
        return Ok(Secret::new(answer));
    }
    // The terminal is as it was, so that the shell finds it in order.
    kill_process(getpid(), Signal::INT)?;
    Err(ErrorKind::Interrupted.into())
}

fn show(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

/// The terminal of stdin with neither echo nor line editing, until this is dropped. Ctrl-C arrives as a character: a signal
/// would leave the terminal without echo.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads up to the end of the line; none after Ctrl-C.
fn read_hidden() -> io::Result<Option<String>> {
    let (mut answer, mut stdin) = (Vec::new(), io::stdin().lock());
    let mut byte = [0];
    while stdin.read(&mut byte)? > 0 {
        match byte[0] {
            b'\n' | b'\r' | END => break,
            INTERRUPT => return Ok(None),
            KILL_LINE => answer.clear(),
            erase if BACKSPACE.contains(&erase) => erase_last(&mut answer),
            other => answer.push(other),
        }
    }
    String::from_utf8(answer).map(Some).map_err(|_| ErrorKind::InvalidData.into())
}

/// Removes the last character, which may have several bytes in UTF-8.
fn erase_last(answer: &mut Vec<u8>) {
    while answer.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_erases_a_whole_character() {
        let mut answer = "añ".as_bytes().to_vec();
        erase_last(&mut answer);
        assert_eq!(answer, b"a");
        erase_last(&mut answer);
        erase_last(&mut answer);
        assert!(answer.is_empty());
    }
}
