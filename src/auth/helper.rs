//! Credential helpers: programs that keep logins (docker/docker-credential-helpers).

use super::auths::Login;
use crate::file;
use crate::json::{self, Object};
use crate::secret::Secret;
use rustix::fs::Access;
use std::env;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a helper may take, unless the user allows less; it may ask for a passphrase.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for the rest of an incomplete answer once the helper has ended: a process that it has started may
/// keep its stdout open.
const GRACE_PERIOD: Duration = Duration::from_secs(1);
/// The longest answer of a helper, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;
/// How often to check whether a helper has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// What a helper prints, and exits with an error, when it has no login.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The other errors that all helpers print in the same words (docker-credential-helpers `credentials/error.go`). Anything
/// else on the stdout of a helper that failed may be a secret.
const KNOWN_ERRORS: [&str; 2] = ["no credentials server URL", "no credentials username"];
/// The user name that marks a secret as an identity token.
const TOKEN_USER: &str = "<token>";

/// Why a helper gave no answer.
#[derive(Debug, Error)]
pub(super) enum HelperError {
    #[error("it is not in a directory of PATH (relative directories are ignored)")]
    NotInPath,
    #[error("cannot run it: {}", file::reason(.0))]
    Run(#[from] io::Error),
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Failed(ExitStatus),
    #[error("{0}: {1}")]
    FailedWithReason(ExitStatus, &'static str),
    #[error("{0}; its output is not shown because it may contain a secret")]
    FailedWithOutput(ExitStatus),
    #[error("cannot read its answer: {0}")]
    Answer(#[from] json::Error),
}

/// The name of a helper's program.
pub(super) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// The file of a program in the absolute directories of `PATH`. Relative ones, the empty one among them, lead to files
/// that are in the current directory by chance; Go refuses them too.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).filter(|directory| directory.is_absolute() && !program.contains('/'));
    directories
        .map(|directory| directory.join(program))
        .find(|file| file.is_file() && rustix::fs::access(file, Access::EXEC_OK).is_ok())
}

/// Asks a helper for the login of a server; none if it has none. The user sees the helper's stderr.
pub(super) fn get(name: &str, server: &str, limit: Duration) -> Result<Option<Login>, HelperError> {
    let program = find(&program(name)).ok_or(HelperError::NotInPath)?;
    let mut child = Command::new(program).arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input may still have an answer.
        let _ = stdin.write_all(server.as_bytes());
    }
    let (status, answer) = wait(&mut child, limit.min(TIME_LIMIT))?;
    let answer = answer.trim();
    if status.success() {
        return Ok(Some(read(answer)?));
    }
    match KNOWN_ERRORS.iter().find(|known| **known == answer) {
        _ if answer == NOT_FOUND => Ok(None),
        _ if answer.is_empty() => Err(HelperError::Failed(status)),
        Some(known) => Err(HelperError::FailedWithReason(status, known)),
        None => Err(HelperError::FailedWithOutput(status)),
    }
}

/// Waits for the helper's end and its answer.
fn wait(child: &mut Child, limit: Duration) -> Result<(ExitStatus, String), HelperError> {
    let output = child.stdout.take().map(receive).ok_or_else(|| io::Error::other("no stdout"))?;
    let (started, mut answer) = (Instant::now(), Vec::new());
    let status = loop {
        match output.recv_timeout(POLL_INTERVAL) {
            Ok(bytes) => answer.extend(bytes),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL_INTERVAL),
        }
        match child.try_wait()? {
            Some(status) => break status,
            None if started.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                return Err(HelperError::TimedOut(limit));
            }
            None => {}
        }
    };
    let end = Instant::now() + GRACE_PERIOD;
    while read(&String::from_utf8_lossy(&answer)).is_err() {
        let Ok(bytes) = output.recv_timeout(end.saturating_duration_since(Instant::now())) else { break };
        answer.extend(bytes);
    }
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}

/// Receives what a helper prints while it runs: it may print more than a pipe holds.
fn receive(stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut stdout, mut buffer) = (stdout.take(ANSWER_LIMIT), [0; 4096]);
        while let Ok(length @ 1..) = stdout.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn read(answer: &str) -> Result<Login, HelperError> {
    let answer = Object::parse(answer, "credentials.Credentials")?;
    let (username, secret) = (answer.string("Username")?, answer.string("Secret")?);
    if username == TOKEN_USER {
        return Ok(Login { identity_token: Some(Secret::new(secret)), ..Login::default() });
    }
    Ok(Login::with_password(username, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_password_or_an_identity_token() {
        let password = read(r#"{"ServerURL":"h","username":"u","SECRET":"s"}"#).unwrap();
        assert_eq!(password.basic.unwrap().username, "u");
        let token = read(r#"{"Username":"<token>","Secret":"t"}"#).unwrap();
        assert_eq!(token.identity_token.unwrap().reveal(), "t");
        assert!(token.basic.is_none());
        assert!(matches!(read("oops"), Err(HelperError::Answer(_))));
    }
}
