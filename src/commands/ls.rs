//! `mfst ls`: lists the local manifest lists.

use crate::app::App;
use crate::json::{indent, marshal};
use crate::manifest::ListEntry;
use crate::output::is_terminal_control;
use crate::store::ListSummary;
use serde::Serialize;
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The widest cell of the table, in characters.
const MAX_CELL: usize = 500;
/// The end of the year 9999, in seconds since 1970: RFC 3339 has no later times.
const END_OF_RFC3339: u64 = 253_402_300_800;

/// The arguments of `ls`.
#[derive(Debug)]
pub struct Options {
    /// Whether to print names only.
    pub quiet: bool,
    /// How to print the lists.
    pub format: Format,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// A JSON array for programs.
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

/// A list in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    name: &'a str,
    name_is_guessed: bool,
    /// `null` if the list cannot be read.
    entries: Option<usize>,
    platforms: Vec<String>,
    /// The time of the last change in RFC 3339; `null` before 1970 and after 9999.
    modified: Option<String>,
}

impl<'a> Line<'a> {
    fn of(list: &'a ListSummary) -> Self {
        Self {
            name: &list.name,
            name_is_guessed: list.name_is_guessed,
            entries: list.images.as_ref().ok().map(Vec::len),
            platforms: platforms(list),
            modified: rfc3339(list.modified),
        }
    }
}

fn rfc3339(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds < END_OF_RFC3339).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// The platforms of the images, each once and without those of attestations.
fn platforms(list: &ListSummary) -> Vec<String> {
    let images = list.images.as_deref().unwrap_or_default();
    let is_image = |image: &&ListEntry| !image.descriptor.is_attestation();
    let platforms = images.iter().filter(is_image).filter_map(|image| image.descriptor.platform.as_ref());
    let platforms = platforms.filter(|platform| platform.is_specified()).map(ToString::to_string);
    let mut seen = HashSet::new();
    platforms.filter(|platform| seen.insert(platform.clone())).collect()
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
    [cell(&format!("{}{mark}", list.name)), entries, cell(&platforms(list).join(",")), rounded(age)]
}

/// The text without characters that would break the table, cut if it is overlong: a registry may name a platform in any
/// way.
fn cell(text: &str) -> String {
    let clean = |c: char| if is_terminal_control(c) { ' ' } else { c };
    let mut cell: String = text.chars().take(MAX_CELL).map(clean).collect();
    if text.chars().nth(MAX_CELL).is_some() {
        cell.push('…');
    }
    cell
}

/// The age in its largest unit.
fn rounded(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_shown_in_their_largest_unit() {
        let shown = |seconds| rounded(Duration::from_secs(seconds));
        assert_eq!([shown(0), shown(1), shown(119)], ["0 seconds ago", "1 second ago", "1 minute ago"]);
        assert_eq!([shown(7200), shown(200_000)], ["2 hours ago", "2 days ago"]);
    }

    #[test]
    fn times_that_rfc3339_cannot_express_are_left_out() {
        let after = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(after(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(after(END_OF_RFC3339 - 1).as_deref(), Some("9999-12-31T23:59:59Z"));
        assert_eq!([after(END_OF_RFC3339), rfc3339(UNIX_EPOCH - Duration::from_secs(1))], [None, None]);
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let list = |name: &str, is_guessed| ListSummary {
            name: name.to_owned(),
            name_is_guessed: is_guessed,
            images: Ok(Vec::new()),
            modified: SystemTime::UNIX_EPOCH,
        };
        let text = table(&[list("a", false), list("longer", true)], SystemTime::UNIX_EPOCH);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "NAME       ENTRIES   PLATFORMS   AGE");
        assert_eq!(lines[2], "longer ?   0                     0 seconds ago");
    }
}
