//! JSON with a given field order and white space, both of which are part of a digest.

use std::fmt::Write as _;

/// A JSON value that keeps its fields in the order they were given.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A number.
    Number(u64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object: names and values.
    Object(Vec<(String, Json)>),
}

/// The white space of a manifest. All of these occur in registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No white space at all, as `BuildKit` writes it.
    Compact,
    /// Indented by three spaces, as docker writes it.
    #[default]
    Three,
    /// Indented by two spaces, as most OCI tools write it.
    Two,
    /// Indented by tabs.
    Tabs,
    /// Three spaces and a final newline, as editors write it.
    Newline,
    /// Windows line ends.
    CrLf,
    /// One line with spaces after `:` and `,`, as Python writes it.
    Spaced,
}

impl Style {
    /// The style of this name in a scenario.
    pub fn named(name: &str) -> Self {
        match name {
            "compact" => Self::Compact,
            "three" => Self::Three,
            "two" => Self::Two,
            "tabs" => Self::Tabs,
            "newline" => Self::Newline,
            "crlf" => Self::CrLf,
            "spaced" => Self::Spaced,
            other => panic!("no such style: {other}"),
        }
    }
}

/// An object from pairs.
pub fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
    Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A string.
pub fn text(value: impl Into<String>) -> Json {
    Json::Text(value.into())
}

impl Json {
    /// Adds a field at the end of an object.
    pub fn push(&mut self, name: &str, value: Json) {
        match self {
            Self::Object(fields) => fields.push((name.to_owned(), value)),
            other => panic!("not an object: {other:?}"),
        }
    }

    /// The bytes of this value in the given style.
    pub fn render(&self, style: Style) -> Vec<u8> {
        let mut out = String::new();
        self.write(style, 0, &mut out);
        match style {
            Style::Newline => out.push('\n'),
            Style::CrLf => out = out.replace('\n', "\r\n"),
            _ => {}
        }
        out.into_bytes()
    }

    fn write(&self, style: Style, depth: usize, out: &mut String) {
        match self {
            Self::Number(number) => write!(out, "{number}").expect("a String takes all"),
            Self::Bool(value) => write!(out, "{value}").expect("a String takes all"),
            Self::Null => out.push_str("null"),
            Self::Text(value) => write_text(value, out),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(fields) if fields.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    separate(style, depth + 1, index > 0, out);
                    item.write(style, depth + 1, out);
                }
                end(style, depth, out);
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    separate(style, depth + 1, index > 0, out);
                    write_text(name, out);
                    out.push_str(if style == Style::Compact { ":" } else { ": " });
                    value.write(style, depth + 1, out);
                }
                end(style, depth, out);
                out.push('}');
            }
        }
    }
}

fn separate(style: Style, depth: usize, comma: bool, out: &mut String) {
    if comma {
        out.push_str(if style == Style::Spaced { ", " } else { "," });
    }
    break_line(style, depth, out);
}

fn end(style: Style, depth: usize, out: &mut String) {
    break_line(style, depth, out);
}

fn break_line(style: Style, depth: usize, out: &mut String) {
    let indent = match style {
        Style::Compact | Style::Spaced => return,
        Style::Three | Style::Newline | Style::CrLf => "   ",
        Style::Two => "  ",
        Style::Tabs => "\t",
    };
    out.push('\n');
    for _ in 0..depth {
        out.push_str(indent);
    }
}

/// Escapes only what JSON requires. `<`, `>`, `&` and U+2028 stay, so that re-encoding with Go's `encoding/json` would
/// change the bytes.
fn write_text(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32).expect("a String takes all"),
            c => out.push(c),
        }
    }
    out.push('"');
}
