//! Columns of text.

use crate::output::{Palette, Role};
use unicode_width::UnicodeWidthStr as _;

/// The space between columns.
const GAP: usize = 3;

/// A text in a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    role: Role,
    is_right: bool,
}

impl Cell {
    /// Words: they begin at the left.
    pub(super) fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Role::Plain, is_right: false }
    }

    /// A number: it ends at the right.
    pub(super) fn right(text: impl Into<String>) -> Self {
        Self { is_right: true, ..Self::left(text) }
    }

    /// The same in another look.
    pub(super) fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// Rows of cells; each row has the same number of them.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with headings.
    pub(super) fn with_headings(headings: Vec<Cell>) -> Self {
        Self { rows: vec![headings.into_iter().map(|cell| cell.role(Role::Heading)).collect()] }
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }

    /// How wide the table is.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// The table as lines, each with `indent` spaces in front.
    pub(super) fn render(&self, palette: Palette, indent: usize) -> String {
        let widths = self.widths();
        let mut lines = String::new();
        for row in &self.rows {
            lines.push_str(&" ".repeat(indent));
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.text.width()));
                let text = palette.paint(cell.role, &cell.text);
                let (before, after) = if cell.is_right { (padding.as_str(), "") } else { ("", padding.as_str()) };
                let gap = if column + 1 == row.len() { 0 } else { GAP };
                lines.extend([before, &text, after, &" ".repeat(gap)]);
            }
            lines.truncate(lines.trim_end_matches(' ').len());
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::with_headings(vec![Cell::left("NAME"), Cell::right("SIZE"), Cell::left("NOTE")]);
        table.rows.push(vec![Cell::left("日本"), Cell::right("1"), Cell::left("")]);
        table.rows.push(vec![Cell::left("longer"), Cell::right("12345"), Cell::left("x")]);
        let expected = "NAME      SIZE   NOTE\n日本         1\nlonger   12345   x\n";
        assert_eq!(table.render(Palette::plain(), 0), expected);
        assert_eq!(table.width(), 21);
    }
}
