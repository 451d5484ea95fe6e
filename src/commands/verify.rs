//! `mfst verify`: checks that images and lists are complete and can be pulled.

use super::{ReportFormat, several};
use crate::app::App;
use crate::json;
use crate::location::Location;
use crate::manifest::PlatformSelector;
use crate::output::{ProgressMode, one_line};
use crate::resolve::Walker;
use crate::verify::{self, Finding, Requirements};
use serde::Serialize;
use std::process::ExitCode;

/// The longest line that is printed, in characters.
const MAX_LINE: usize = 2000;

/// The arguments and flags of `verify`.
#[derive(Debug)]
pub struct Options {
    /// The images and lists, as typed.
    pub references: Vec<String>,
    /// The platforms that there must be images for.
    pub required: Vec<PlatformSelector>,
    /// Whether there may be no others.
    pub exact: bool,
    /// How to print findings.
    pub format: ReportFormat,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// The findings about an image or list.
#[derive(Serialize)]
struct Report {
    reference: String,
    findings: Vec<Finding>,
}

/// Prints one line for each finding. Exits with 0 if there are none and with 1 if there are some.
pub fn run(app: &App, options: &Options) -> anyhow::Result<ExitCode> {
    let locations = several::locations(&options.references)?;
    let (requirements, progress) = (
        Requirements { platforms: &options.required, is_exact: options.exact },
        app.progress(ProgressMode::Auto, None),
    );
    let check = async |walker: &Walker<'_>, location: &Location| {
        let findings = verify::verify(walker, location, requirements, &progress).await?;
        Ok(Report { reference: location.to_string(), findings })
    };
    let mut reports = Vec::new();
    let asked = several::ask(app, &locations, options.insecure, &check, |report: Report| {
        if options.format == ReportFormat::Text {
            app.print(super::lines(lines(&report)))?;
        }
        reports.push(report);
        Ok(())
    });
    if options.format == ReportFormat::Json {
        app.print(json::document(&reports))?;
    }
    asked?;
    let is_fine = reports.iter().all(|report| report.findings.is_empty());
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn lines(report: &Report) -> impl Iterator<Item = String> {
    report.findings.iter().map(|finding| one_line(&format!("{}: {finding}", report.reference), MAX_LINE))
}
