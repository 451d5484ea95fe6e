//! Credential helpers: programs that keep logins (docker/docker-credential-helpers).

use super::auths::Login;
use crate::json::{self, Object};
use crate::secret::Secret;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a helper may take, unless the user has less time; it may have to ask for something to be unlocked.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait for the rest of what a helper has said once it has ended: a process it has left behind may hold
/// its output open for ever.
const REST_LIMIT: Duration = Duration::from_secs(1);
/// How much a helper may say, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;
/// How often a helper is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);
/// What a helper says, and exits with an error, when it has no login.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that marks a secret as an identity token.
const TOKEN_USER: &str = "<token>";

/// Why a helper gave no answer.
#[derive(Debug, Error)]
pub(super) enum HelperError {
    #[error("cannot run it: {0}")]
    Run(#[from] io::Error),
    #[error("it took longer than {0:?}")]
    Slow(Duration),
    #[error("{status}: {said}")]
    Failed { status: String, said: String },
    #[error("its answer cannot be read: {0}")]
    Answer(#[from] json::Error),
}

/// The name of a helper's program.
pub(super) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Asks a helper for the login of a server; none if it has none. What the helper says on stderr is the user's to see.
pub(super) fn get(name: &str, server: &str, limit: Duration) -> Result<Option<Login>, HelperError> {
    let mut child = Command::new(program(name)).arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input may still have an answer.
        let _ = stdin.write_all(server.as_bytes());
    }
    let (status, said) = finish(&mut child, limit.min(TIME_LIMIT))?;
    let said = said.trim();
    if status.success() {
        return Ok(Some(read(said)?));
    }
    if said == NOT_FOUND {
        return Ok(None);
    }
    // A failing helper's output may still hold a secret; a short line of words does not.
    let said = if said.len() < 200 && !said.contains('{') { said.to_owned() } else { String::new() };
    Err(HelperError::Failed { status: status.to_string(), said })
}

fn finish(child: &mut Child, limit: Duration) -> Result<(std::process::ExitStatus, String), HelperError> {
    let stdout = child.stdout.take();
    // Read beside waiting: a helper that fills the pipe would never end otherwise.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map(|stdout| stdout.take(ANSWER_LIMIT).read_to_end(&mut said));
        // Nobody may be waiting for it any more.
        let _ = sender.send(read.transpose().map(|_| String::from_utf8_lossy(&said).into_owned()));
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                return Err(HelperError::Slow(limit));
            }
            None => thread::sleep(POLL),
        }
    };
    let said = receiver.recv_timeout(REST_LIMIT).unwrap_or_else(|_| Ok(String::new()))?;
    Ok((status, said))
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
