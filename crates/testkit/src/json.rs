//! JSON whose look the test decides: field order, white space and escapes are part of a digest.

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

/// How a document is laid out. Registries hold all of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// No white space at all, as `BuildKit` writes it.
    Compact,
    /// Three spaces, as docker has always written it.
    #[default]
    Three,
    /// Two spaces, as most OCI tools write it.
    Two,
    /// Tabs.
    Tabs,
    /// Three spaces and a final newline, as an editor leaves it.
    Newline,
    /// Windows line ends.
    CrLf,
    /// One line with blanks after `:` and `,`, as Python writes it.
    Spaced,
}

impl Look {
    /// The look a scenario names.
    pub fn named(name: &str) -> Self {
        match name {
            "compact" => Self::Compact,
            "three" => Self::Three,
            "two" => Self::Two,
            "tabs" => Self::Tabs,
            "newline" => Self::Newline,
            "crlf" => Self::CrLf,
            "spaced" => Self::Spaced,
            other => panic!("no such look: {other}"),
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

    /// The bytes of this value in the given look.
    pub fn render(&self, look: Look) -> Vec<u8> {
        let mut out = String::new();
        self.write(look, 0, &mut out);
        match look {
            Look::Newline => out.push('\n'),
            Look::CrLf => out = out.replace('\n', "\r\n"),
            _ => {}
        }
        out.into_bytes()
    }

    fn write(&self, look: Look, depth: usize, out: &mut String) {
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
                    separate(look, depth + 1, index > 0, out);
                    item.write(look, depth + 1, out);
                }
                end(look, depth, out);
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    separate(look, depth + 1, index > 0, out);
                    write_text(name, out);
                    out.push_str(if look == Look::Compact { ":" } else { ": " });
                    value.write(look, depth + 1, out);
                }
                end(look, depth, out);
                out.push('}');
            }
        }
    }
}

fn separate(look: Look, depth: usize, comma: bool, out: &mut String) {
    if comma {
        out.push_str(if look == Look::Spaced { ", " } else { "," });
    }
    break_line(look, depth, out);
}

fn end(look: Look, depth: usize, out: &mut String) {
    break_line(look, depth, out);
}

fn break_line(look: Look, depth: usize, out: &mut String) {
    let indent = match look {
        Look::Compact | Look::Spaced => return,
        Look::Three | Look::Newline | Look::CrLf => "   ",
        Look::Two => "  ",
        Look::Tabs => "\t",
    };
    out.push('\n');
    for _ in 0..depth {
        out.push_str(indent);
    }
}

/// Only what JSON demands is escaped: `<`, `>`, `&` and U+2028 stay, so that whoever re-encodes the
/// document as Go does must change it.
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
