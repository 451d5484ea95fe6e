//! The local lists, as `ls` shows them.

use super::entries::EntryLine;
use super::table::{Cell, Table};
use super::units::{UNITS, ago, clean};
use crate::manifest::{IndexFormat, IndexHeader, ListEntry};
use crate::output::{Palette, cell};
use crate::store::ListSummary;
use serde::Serialize;
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The widest cell of the table, in characters.
const MAX_CELL: usize = 500;
/// The end of the year 9999, in seconds since 1970: RFC 3339 has no later times.
const END_OF_RFC3339: u64 = 253_402_300_800;

/// A list in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListLine<'a> {
    name: &'a str,
    name_is_guessed: bool,
    /// `null` if the list cannot be read.
    entries: Option<usize>,
    platforms: Vec<String>,
    images: Vec<EntryLine>,
    #[serde(flatten)]
    fields: ListFields<'a>,
    /// The time of the last change in RFC 3339; `null` before 1970 and after 9999.
    modified: Option<String>,
}

impl<'a> ListLine<'a> {
    /// What is known of a list.
    #[must_use]
    pub fn of(list: &'a ListSummary) -> Self {
        Self {
            name: &list.name,
            name_is_guessed: list.name_is_guessed,
            entries: list.images.as_ref().ok().map(Vec::len),
            platforms: platforms(list),
            images: list.images.as_deref().unwrap_or_default().iter().map(EntryLine::of).collect(),
            fields: ListFields { format: list.settings.format, header: &list.header },
            modified: rfc3339(list.modified),
        }
    }
}

/// The fields of a list besides its entries, as far as they are set.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFields<'a> {
    /// docker list or OCI index.
    #[serde(skip_serializing_if = "is_auto")]
    pub format: IndexFormat,
    /// Annotations, subject and artifact type.
    #[serde(flatten)]
    pub header: &'a IndexHeader,
}

impl ListFields<'_> {
    /// A line for each field that is set.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let IndexHeader { annotations, subject, artifact_type } = self.header;
        let format = (!is_auto(&self.format)).then(|| format!("media type: {}", self.format.as_str()));
        let artifact_type = (!artifact_type.is_empty()).then(|| format!("artifact type: {artifact_type}"));
        let subject = subject.as_ref().map(|subject| format!("subject: {}", subject.digest));
        let annotations = annotations.iter().map(|(key, value)| format!("annotation: {key}={value}"));
        let lines = format.into_iter().chain(artifact_type).chain(subject).chain(annotations);
        lines.map(|line| clean(&line)).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_auto(format: &IndexFormat) -> bool {
    *format == IndexFormat::Auto
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

/// A table with a line for each list.
#[must_use]
pub fn table(lists: &[ListSummary], now: SystemTime) -> String {
    let mut table = Table::with_headings(["NAME", "ENTRIES", "PLATFORMS", "AGE"].map(Cell::left).into());
    table.rows.extend(lists.iter().map(|list| row(list, now)));
    table.render(Palette::plain(), 0)
}

fn row(list: &ListSummary, now: SystemTime) -> Vec<Cell> {
    let mark = if list.name_is_guessed { " ?" } else { "" };
    let name = cell(&format!("{}{mark}", list.name), MAX_CELL);
    let entries = list.images.as_ref().map_or_else(|_| "broken".to_owned(), |images| images.len().to_string());
    // A registry may name a platform in any way.
    let platforms = cell(&platforms(list).join(","), MAX_CELL);
    let age = now.duration_since(list.modified).unwrap_or_default();
    [name, entries, platforms, rounded(age)].map(Cell::left).into()
}

/// The age in its largest unit, days at the most.
fn rounded(age: Duration) -> String {
    ago(age, &UNITS[2..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::ListSettings;

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
