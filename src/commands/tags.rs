//! `mfst tags`: lists the tags of a repository or a layout.

use super::{ReportFormat, several};
use crate::app::App;
use crate::content::Content;
use crate::json;
use crate::location::{LayoutName, Location};
use anyhow::Context as _;
use serde::Serialize;
use thiserror::Error;

/// The arguments and flags of `tags`.
#[derive(Debug)]
pub struct Options {
    /// The repository or layout, as typed.
    pub repository: String,
    /// How to print the tags.
    pub format: ReportFormat,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// A reference to an image where a repository is needed.
#[derive(Debug, Error)]
#[error("\"{0}\" is an image; tags takes a repository, without a tag or a digest")]
struct NotARepository(String);

/// The tags of a repository as programs see them (distribution-spec, "Listing Tags").
#[derive(Serialize)]
struct Tags<'a> {
    name: String,
    tags: &'a [String],
}

/// Prints the tags in the order in which the registry lists them.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let location = repository(&options.repository)?;
    let content = Content::new(app.client(options.insecure));
    content.plan(std::slice::from_ref(&location), &[]);
    let tags = app.block_on(async { content.tags(&location).await.with_context(|| name(&location)) })?;
    match options.format {
        ReportFormat::Text => app.print(super::lines(tags.into_iter())),
        ReportFormat::Json => app.print(json::document(&Tags { name: name(&location), tags: &tags })),
    }
}

fn repository(text: &str) -> anyhow::Result<Location> {
    let location = several::location(text)?;
    let is_image = match &location {
        // A name without a tag has been given one.
        Location::Registry(reference) => {
            reference.digest().is_some() || reference.tag().is_some_and(|tag| text.ends_with(&format!(":{tag}")))
        }
        Location::Layout(layout) => layout.name != LayoutName::Only,
    };
    if is_image { Err(NotARepository(text.to_owned()).into()) } else { Ok(location) }
}

fn name(location: &Location) -> String {
    match location {
        Location::Registry(reference) => reference.name(),
        Location::Layout(_) => location.to_string(),
    }
}
