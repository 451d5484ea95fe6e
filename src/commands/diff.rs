//! `mfst diff`: compares two images or lists.

use super::{ReportFormat, several};
use crate::app::App;
use crate::diff::{self, Difference, Side};
use crate::json;
use crate::location::Location;
use crate::output::Palette;
use crate::resolve::Walker;
use crate::view;
use anyhow::Context as _;
use serde::Serialize;
use std::process::ExitCode;

/// The arguments and flags of `diff`.
#[derive(Debug)]
pub struct Options {
    /// The first image or list, as typed.
    pub from: String,
    /// The second one, as typed.
    pub to: String,
    /// How to print differences.
    pub format: ReportFormat,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// The differences as programs see them.
#[derive(Serialize)]
struct Report<'a> {
    from: String,
    to: String,
    same: bool,
    #[serde(flatten)]
    difference: &'a Difference,
}

/// Prints the differences. Exits with 0 if there are none and with 1 if there are some.
pub fn run(app: &App, options: &Options) -> anyhow::Result<ExitCode> {
    let locations = [several::location(&options.from)?, several::location(&options.to)?];
    let [from, to] = &locations;
    let difference = several::ask_about_both(app, &locations, options.insecure, &async |walker: &Walker<'_>| {
        let read = |location| read(walker, location);
        let (a, b) = futures_util::future::try_join(read(from), read(to)).await?;
        let mut difference = diff::compare(&a, &b);
        diff::add_sizes(walker, [from, to], &mut difference).await?;
        Ok(difference)
    })?;
    match options.format {
        ReportFormat::Text => app.print_styled(&view::diff::difference(&difference, Palette::of_stdout()))?,
        ReportFormat::Json => {
            let same = difference.is_empty();
            let report = Report { from: from.to_string(), to: to.to_string(), same, difference: &difference };
            app.print(json::document(&report))?;
        }
    }
    Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn read(walker: &Walker<'_>, location: &Location) -> anyhow::Result<Side> {
    diff::read(walker, location).await.with_context(|| location.to_string())
}
