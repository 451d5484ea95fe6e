//! `mfst digest`: prints the digests of images and lists.

use super::several;
use crate::app::App;
use crate::location::Location;
use crate::resolve::Walker;
use thiserror::Error;

/// The arguments and flags of `digest`.
#[derive(Debug)]
pub struct Options {
    /// The images and lists, as typed.
    pub references: Vec<String>,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// There is no such image.
#[derive(Debug, Error)]
#[error("no such manifest")]
struct NoSuchManifest;

/// Prints one digest for each reference.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let locations = several::locations(&options.references)?;
    let digest = async |walker: &Walker<'_>, location: &Location| {
        Ok(walker.content().digest(location).await?.ok_or(NoSuchManifest)?.to_string())
    };
    several::ask(app, &locations, options.insecure, &digest, |digest| app.print(digest + "\n"))
}
