//! Prints errors with their hints, and picks the exit code. The messages themselves belong to the error types.

use crate::location::LocationError;
use crate::output::Console;
use crate::reference::ReferenceError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use std::fmt;
use std::process::ExitCode;
use thiserror::Error;

/// A command line that cannot be carried out.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct UsageError {
    /// The message, with the usage of the command where docker prints it.
    pub message: String,
    /// 125 for flags and 1 for everything else, as docker has it.
    pub exit_code: u8,
    /// What the user may have meant.
    pub hint: Option<String>,
}

/// The user has pressed Ctrl-C.
#[derive(Debug, Error)]
#[error("interrupted")]
pub struct Interrupted {
    /// Whether something was being sent that need not be sent again.
    pub is_sending: bool,
}

/// Several errors of one command, each printed on a line of its own.
#[derive(Debug)]
pub struct MultiError(pub Vec<anyhow::Error>);

impl MultiError {
    /// These errors as one; none if there are none.
    #[must_use]
    pub fn of(mut errors: Vec<anyhow::Error>) -> Option<anyhow::Error> {
        if errors.len() > 1 { Some(Self(errors).into()) } else { errors.pop() }
    }
}

impl std::error::Error for MultiError {}

impl fmt::Display for MultiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|error| format!("{error:#}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// An error with a hint that only the command can give.
#[derive(Debug)]
pub struct WithHint {
    /// The error.
    pub error: anyhow::Error,
    /// What the user can do about it.
    pub hint: String,
}

impl std::error::Error for WithHint {}

impl fmt::Display for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// The error with a context, which each of several errors gets.
#[must_use]
pub fn in_context(error: anyhow::Error, context: &str) -> anyhow::Error {
    let error = match error.downcast() {
        Ok(MultiError(errors)) => {
            return MultiError(errors.into_iter().map(|error| in_context(error, context)).collect()).into();
        }
        Err(error) => error,
    };
    match error.downcast() {
        Ok(WithHint { error, hint }) => WithHint { error: in_context(error, context), hint }.into(),
        Err(error) => error.context(context.to_owned()),
    }
}

/// The exit code of most errors.
pub const FAILURE: u8 = 1;
/// The exit code of errors of commands whose exit code answers a question, where 1 is an answer.
pub const COULD_NOT_TELL: u8 = 2;

/// The exit code after Ctrl-C, as shells have it: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// Prints the error, then its hints. The exit code is that of a [`UsageError`] or of [`Interrupted`], or else
/// `exit_code`.
#[must_use]
pub fn report(error: &anyhow::Error, exit_code: u8) -> ExitCode {
    let console = Console::default();
    print(&console, error);
    for hint in hints(error) {
        console.hint(hint);
    }
    ExitCode::from(own_exit_code(error).unwrap_or(exit_code))
}

fn own_exit_code(error: &anyhow::Error) -> Option<u8> {
    match error.downcast_ref::<UsageError>() {
        Some(usage) => Some(usage.exit_code),
        None => error.is::<Interrupted>().then_some(INTERRUPTED),
    }
}

/// Each error is one line; only the usage of a command has several.
fn print(console: &Console, error: &anyhow::Error) {
    if let Some(MultiError(errors)) = error.downcast_ref() {
        for error in errors {
            print(console, error);
        }
    } else if let Some(WithHint { error, .. }) = error.downcast_ref() {
        print(console, error);
    } else if let Some(UsageError { message, .. }) = error.downcast_ref() {
        console.usage(message);
    } else {
        console.plain(format_args!("{error:#}"));
    }
}

fn hints(error: &anyhow::Error) -> Vec<String> {
    if let Some(MultiError(errors)) = error.downcast_ref() {
        return errors.iter().flat_map(hints).collect();
    }
    if let Some(WithHint { error, hint }) = error.downcast_ref() {
        return hints(error).into_iter().chain([hint.clone()]).collect();
    }
    if let Some(UsageError { hint, .. }) = error.downcast_ref() {
        return hint.iter().cloned().collect();
    }
    if let Some(Interrupted { is_sending: true }) = error.downcast_ref() {
        return vec!["the same command, run again, continues where this one stopped".to_owned()];
    }
    error.chain().filter_map(hint_of).collect()
}

/// The hint that an error itself has.
fn hint_of(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let of_store = || cause.downcast_ref::<StoreError>()?.hint();
    let of_registry = || cause.downcast_ref::<RegistryError>()?.hint();
    let of_reference = || cause.downcast_ref::<ReferenceError>()?.hint();
    let of_location = || cause.downcast_ref::<LocationError>()?.hint();
    of_store().or_else(of_registry).or_else(of_reference).or_else(of_location)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    #[test]
    fn a_chain_is_one_line_and_hints_are_found_in_it() {
        let reference = Reference::parse("h.io/a").unwrap();
        let error = anyhow::Error::from(StoreError::NotFound(reference)).context("outer");
        assert_eq!(format!("{error:#}"), "outer: No such manifest: h.io/a:latest");
        assert_eq!(hints(&error).len(), 1);
        let several = MultiError(vec![anyhow::anyhow!("one"), anyhow::anyhow!("two")]);
        let hinted = WithHint { error: several.into(), hint: "a hint".to_owned() };
        let error = in_context(hinted.into(), "list");
        assert_eq!((error.to_string().as_str(), hints(&error).len()), ("list: one\nlist: two", 1));
        let blob = RegistryError::BlobUnknown { url: "https://h.io/x".into() };
        assert_eq!(hints(&anyhow::Error::from(blob).context("outer")).len(), 1);
    }
}
