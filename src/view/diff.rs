//! The lines of `diff`.

use super::table::{Cell, Table};
use super::units::{bytes, clean, short_digest};
use crate::diff::{Change, Difference, Entry, FieldChange};
use crate::output::{Palette, Role};

/// One line for each difference; changed fields of an entry follow it, indented.
#[must_use]
pub fn difference(difference: &Difference, palette: Palette) -> String {
    let mut table = Table::default();
    table.rows.extend(difference.removed.iter().map(|entry| row("-", Role::Removed, entry)));
    table.rows.extend(difference.added.iter().map(|entry| row("+", Role::Added, entry)));
    table.rows.extend(difference.changed.iter().map(changed));
    let gone_and_new = difference.removed.iter().chain(&difference.added).map(|_| [].as_slice());
    let details = gone_and_new.chain(difference.changed.iter().map(|change| change.fields.as_slice()));
    let mut lines = Vec::new();
    for (line, fields) in table.render(palette, 0).lines().zip(details) {
        lines.push(line.to_owned());
        lines.extend(fields.iter().map(|change| format!("    {}", field(change))));
    }
    let mark = palette.paint(Role::Changed, "~");
    lines.extend(difference.index.iter().map(|change| format!("{mark} {}", field(change))));
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

fn row(mark: &str, role: Role, entry: &Entry) -> Vec<Cell> {
    vec![
        Cell::left(format!("{mark} {}", clean(&entry.platform))).role(role),
        Cell::left(short_digest(&entry.digest)),
        Cell::left(entry.compressed_size.map(bytes).unwrap_or_default()),
    ]
}

fn changed(change: &Change) -> Vec<Cell> {
    let Change { from, to, .. } = change;
    let (old, new) = (short_digest(&from.digest), short_digest(&to.digest));
    let digests = if from.digest == to.digest { old } else { format!("{old} → {new}") };
    let sizes = match (from.compressed_size, to.compressed_size) {
        (Some(from), Some(to)) if from == to => bytes(from),
        (Some(from), Some(to)) => format!("{} → {} ({})", bytes(from), bytes(to), growth(from, to)),
        _ => String::new(),
    };
    let name = format!("~ {}", clean(&from.platform));
    vec![Cell::left(name).role(Role::Changed), Cell::left(digests), Cell::left(sizes)]
}

fn growth(from: u64, to: u64) -> String {
    if to > from { format!("+{}", bytes(to - from)) } else { format!("-{}", bytes(from - to)) }
}

fn field(change: &FieldChange) -> String {
    let value = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), clean);
    format!("{}: {} → {}", clean(&change.field), value(&change.from), value(&change.to))
}
