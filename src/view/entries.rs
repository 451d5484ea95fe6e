//! The entries of a draft, as `ls LIST` shows them.

use super::table::{Cell, Table};
use super::units::clean;
use crate::manifest::ListEntry;
use crate::output::{Palette, Role};
use serde::Serialize;

/// An entry of a draft.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryLine {
    reference: String,
    source: String,
    /// None where the entry states no platform.
    platform: Option<String>,
    media_type: String,
    size: i64,
    digest: String,
    #[serde(flatten)]
    state: Option<SourceState>,
}

/// What has become of the tag that an entry came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "currentDigest", rename_all = "camelCase")]
pub enum SourceState {
    /// The source is a digest, which never changes its meaning.
    Fixed,
    /// The tag means what it meant.
    Unchanged,
    /// The tag means this digest now.
    Moved(String),
    /// The registry has no such tag any more.
    Gone,
}

impl EntryLine {
    /// An entry whose source has not been looked up.
    #[must_use]
    pub fn of(entry: &ListEntry) -> Self {
        let descriptor = &entry.descriptor;
        let platform = descriptor.platform.as_ref().filter(|platform| platform.is_specified());
        Self {
            reference: entry.reference.to_string(),
            source: entry.source(),
            platform: platform.map(ToString::to_string),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            digest: descriptor.digest.clone(),
            state: None,
        }
    }

    /// The same entry, with what has become of its source.
    #[must_use]
    pub fn with_state(self, state: Option<SourceState>) -> Self {
        Self { state, ..self }
    }
}

/// A table with a line for each entry.
#[must_use]
pub fn table(entries: &[EntryLine], palette: Palette) -> String {
    let is_checked = entries.iter().any(|entry| entry.state.is_some());
    let headings = ["SOURCE", "PLATFORM", "DIGEST"].into_iter().chain(is_checked.then_some("STATE"));
    let mut table = Table::with_headings(headings.map(Cell::left).collect());
    for entry in entries {
        let platform = entry.platform.as_deref().unwrap_or("-");
        let texts = [&entry.source, platform, &entry.digest].map(|text| Cell::left(clean(text)));
        table.rows.push(texts.into_iter().chain(entry.state.as_ref().map(state)).collect());
    }
    table.render(palette, 0)
}

fn state(state: &SourceState) -> Cell {
    match state {
        SourceState::Fixed => Cell::left("fixed"),
        SourceState::Unchanged => Cell::left("unchanged"),
        SourceState::Moved(digest) => Cell::left(format!("moved to {}", clean(digest))).role(Role::Changed),
        SourceState::Gone => Cell::left("gone").role(Role::Removed),
    }
}
