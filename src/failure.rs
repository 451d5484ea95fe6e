//! The one place that tells errors and picks the exit code.

use crate::cli::UsageError;
use crate::log::Log;
use crate::registry::RegistryError;
use crate::store::StoreError;
use std::fmt;
use std::process::ExitCode;

/// Several errors of one command, each told on its own line.
#[derive(Debug)]
pub struct Several(pub Vec<anyhow::Error>);

impl std::error::Error for Several {}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|error| format!("{error:#}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// An error about which the command knows more than the error itself.
#[derive(Debug)]
pub struct Advised {
    /// The error.
    pub error: anyhow::Error,
    /// What the user should know about it.
    pub hint: String,
}

impl std::error::Error for Advised {}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// Tells an error on stderr: docker's words first, what to do about it below.
#[must_use]
pub fn report(error: &anyhow::Error) -> ExitCode {
    let mut lines = vec![format!("{error:#}")];
    lines.extend(hints(error).iter().map(|hint| format!("hint: {hint}")));
    Log::default().as_docker(lines.join("\n"));
    ExitCode::from(error.downcast_ref::<UsageError>().map_or(1, |usage| usage.exit_code))
}

fn hints(error: &anyhow::Error) -> Vec<String> {
    if let Some(Several(errors)) = error.downcast_ref() {
        return errors.iter().flat_map(hints).collect();
    }
    if let Some(Advised { error, hint }) = error.downcast_ref() {
        return hints(error).into_iter().chain([hint.clone()]).collect();
    }
    let of_store = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<StoreError>()?.hint();
    let of_registry = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<RegistryError>()?.hint();
    error.chain().filter_map(|cause| of_store(cause).or_else(|| of_registry(cause))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    #[test]
    fn a_chain_is_told_in_one_line_and_hints_are_found_in_it() {
        let reference = Reference::parse("h.io/a").unwrap();
        let error = anyhow::Error::from(StoreError::NotFound(reference)).context("outer");
        assert_eq!(format!("{error:#}"), "outer: No such manifest: h.io/a:latest");
        assert!(hints(&error).is_empty());
        let blob = RegistryError::BlobUnknown { url: "https://h.io/x".into() };
        assert_eq!(hints(&anyhow::Error::from(blob).context("outer")).len(), 1);
    }
}
