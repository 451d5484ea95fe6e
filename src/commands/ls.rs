//! `mfst ls`: lists the local manifest lists.

use crate::app::App;
use crate::json::{indent, marshal};
use crate::manifest::{IndexFormat, IndexHeader, ListEntry};
use crate::output::is_terminal_control;
use crate::store::ListSummary;
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// What `ls` was asked for.
#[derive(Debug)]
pub struct Options {
    /// Whether to print names only.
    pub quiet: bool,
    /// How to print.
    pub format: Format,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints one line, or one object, for each list.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let lists = app.store.lists()?;
    for list in &lists {
        if let Err(error) = &list.images {
            app.console.warn(format_args!("{}: {error}", list.name));
        }
    }
    match (options.quiet, options.format) {
        (true, _) => app.print(super::lines(lists.iter().map(|list| list.name.clone()))),
        (false, Format::Table) => app.print(table(&lists, SystemTime::now())),
        (false, Format::Json) => {
            let json = marshal(&lists.iter().map(Line::of).collect::<Vec<_>>());
            app.print([indent(&json, "  ")?, b"\n".to_vec()].concat())
        }
    }
}

/// A list as programs see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    name: &'a str,
    name_is_guessed: bool,
    /// None where the list cannot be read.
    entries: Option<usize>,
    platforms: Vec<String>,
    /// RFC 3339.
    modified: String,
    #[serde(skip_serializing_if = "is_auto")]
    format: IndexFormat,
    #[serde(flatten)]
    header: &'a IndexHeader,
}

impl<'a> Line<'a> {
    fn of(list: &'a ListSummary) -> Self {
        Self {
            name: &list.name,
            name_is_guessed: list.name_is_guessed,
            entries: list.images.as_ref().ok().map(Vec::len),
            platforms: platforms(list),
            format: list.settings.format,
            header: &list.header,
            modified: humantime::format_rfc3339_seconds(list.modified).to_string(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_auto(format: &IndexFormat) -> bool {
    *format == IndexFormat::Auto
}

/// Where the images run, each platform once; attestations run nowhere.
fn platforms(list: &ListSummary) -> Vec<String> {
    let images = list.images.as_deref().unwrap_or_default();
    let is_image = |image: &&ListEntry| !image.descriptor.is_attestation();
    let mut platforms = Vec::new();
    let stated = images.iter().filter(is_image).filter_map(|image| image.descriptor.platform.as_ref());
    for platform in stated.filter(|platform| platform.is_specified()) {
        let platform = platform.to_string();
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    platforms
}

fn table(lists: &[ListSummary], now: SystemTime) -> String {
    let header = ["NAME", "ENTRIES", "PLATFORMS", "AGE"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(lists.iter().map(|list| row(list, now))).collect();
    let widths = [0, 1, 2].map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let line = |[name, entries, platforms, age]: &[String; 4]| {
        let [first, second, third] = widths;
        format!("{name:first$}   {entries:second$}   {platforms:third$}   {age}\n")
    };
    rows.iter().map(line).collect()
}

fn row(list: &ListSummary, now: SystemTime) -> [String; 4] {
    let mark = if list.name_is_guessed { " ?" } else { "" };
    let entries = list.images.as_ref().map_or_else(|_| "broken".to_owned(), |images| images.len().to_string());
    let age = now.duration_since(list.modified).unwrap_or_default();
    [shown(&format!("{}{mark}", list.name)), entries, shown(&platforms(list).join(",")), rough(age)]
}

/// A text without what would break the table or a terminal would obey: a registry may call a platform anything.
fn shown(text: &str) -> String {
    text.replace(is_terminal_control, " ")
}

/// A time in its largest unit.
fn rough(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::ListSettings;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let told = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!([told(0), told(1), told(119)], ["0 seconds ago", "1 second ago", "1 minute ago"]);
        assert_eq!([told(7200), told(200_000)], ["2 hours ago", "2 days ago"]);
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let list = |name: &str, is_guessed| ListSummary {
            name: name.to_owned(),
            name_is_guessed: is_guessed,
            images: Ok(Vec::new()),
            settings: ListSettings::default(),
            header: IndexHeader::default(),
            modified: SystemTime::UNIX_EPOCH,
        };
        let text = table(&[list("a", false), list("longer", true)], SystemTime::UNIX_EPOCH);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "NAME       ENTRIES   PLATFORMS   AGE");
        assert_eq!(lines[2], "longer ?   0                     0 seconds ago");
    }
}
