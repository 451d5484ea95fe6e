//! `mfst exists`: whether images and lists exist.

use super::several;
use crate::app::App;
use crate::location::Location;
use crate::registry::RegistryError;
use crate::resolve::Walker;
use std::process::ExitCode;

/// The arguments and flags of `exists`.
#[derive(Debug)]
pub struct Options {
    /// The images and lists, as typed.
    pub references: Vec<String>,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// Exits with 0 if all exist and with 1 if some do not; that it could not be found out of some is an error.
pub fn run(app: &App, options: &Options) -> anyhow::Result<ExitCode> {
    let locations = several::locations(&options.references)?;
    let exists = async |walker: &Walker<'_>, location: &Location| match walker.content().digest(location).await {
        Ok(digest) => Ok(digest.is_some()),
        Err(error) if has_moved(location, &error) => {
            app.console.warn(format_args!("{location}: the tag has another digest"));
            Ok(false)
        }
        Err(error) => Err(error),
    };
    let mut all_exist = true;
    several::ask(app, &locations, options.insecure, &exists, |exists| {
        all_exist &= exists;
        Ok(())
    })?;
    Ok(if all_exist { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether the tag of a location has another digest than the location, under which there may still be an image.
fn has_moved(location: &Location, error: &anyhow::Error) -> bool {
    location.tag().is_some() && matches!(error.downcast_ref(), Some(RegistryError::ManifestDigest(_)))
}
