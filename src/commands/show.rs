//! `mfst show`: shows what images and lists are made of.

use super::several;
use crate::app::App;
use crate::json;
use crate::location::Location;
use crate::manifest::PlatformSelector;
use crate::output::{Palette, terminal_width};
use crate::resolve::Walker;
use crate::show::{self, Request, Shown};
use crate::view::{self, template};
use std::time::SystemTime;

/// The arguments and flags of `show`.
#[derive(Debug)]
pub struct Options {
    /// The images and lists, as typed.
    pub references: Vec<String>,
    /// Which image of a list to show.
    pub platform: Option<PlatformSelector>,
    /// Whether to show what refers to it.
    pub referrers: bool,
    /// How to print.
    pub format: Format,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// How an image or list is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// As this Go template says.
    Template(String),
}

/// Asks the registry, never the local lists.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let locations = several::locations(&options.references)?;
    let request = Request {
        platform: options.platform.as_ref(),
        referrers: options.referrers,
        configs: matches!(&options.format, Format::Template(text) if template::needs_configs(text)),
    };
    if let Format::Template(text) = &options.format {
        template::check(text)?;
    }
    let text = async |walker: &Walker<'_>, location: &Location| {
        text(&show::look_up(walker, location, request).await?, &options.format)
    };
    let mut is_first = true;
    several::ask(app, &locations, options.insecure, &text, |text: String| {
        if options.format != Format::Table {
            return app.print(&text);
        }
        let gap = if std::mem::take(&mut is_first) { "" } else { "\n" };
        app.print_styled(&(gap.to_owned() + &text))
    })
}

fn text(shown: &Shown, format: &Format) -> anyhow::Result<String> {
    match format {
        Format::Table => {
            let layout =
                view::show::Layout { width: terminal_width(), palette: Palette::of_stdout(), now: SystemTime::now() };
            Ok(view::show::overview(&shown.overview, layout))
        }
        Format::Json => Ok(String::from_utf8(json::document(&shown.overview))?),
        Format::Template(text) => {
            let text = template::render(text, shown)?;
            Ok(if text.ends_with('\n') { text } else { text + "\n" })
        }
    }
}
