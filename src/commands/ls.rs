//! `mfst ls`: lists the local manifest lists.

use super::entries;
use crate::app::App;
use crate::json;
use crate::view::lists::{ListLine, table};
use std::time::SystemTime;

/// The arguments of `ls`.
#[derive(Debug)]
pub struct Options {
    /// The list whose entries are shown, as typed; all lists if absent.
    pub list: Option<String>,
    /// Whether to print names only.
    pub quiet: bool,
    /// How to print the lists.
    pub format: Format,
    /// Whether to ask the registries for the sources of the entries.
    pub check: bool,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// A JSON array for programs.
    Json,
}

/// Prints one line, or one object, for each list or for each entry of one list.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    if let Some(list) = &options.list {
        return entries::run(app, list, options);
    }
    let lists = app.store.lists()?;
    for list in &lists {
        if let Err(error) = &list.images {
            app.console.warn(format_args!("{}: {error}", list.name));
        }
    }
    match (options.quiet, options.format) {
        (true, _) => app.print(super::lines(lists.iter().map(|list| list.name.clone()))),
        (false, Format::Table) => app.print(table(&lists, SystemTime::now())),
        (false, Format::Json) => app.print(json::document(&lists.iter().map(ListLine::of).collect::<Vec<_>>())),
    }
}
