//! Writes values as Go's `json.Marshal` does.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io;

/// The value as compact JSON with Go's escapes.
///
/// The types written this way hold only strings, numbers, lists and maps with string keys, which cannot fail to
/// serialise; an error would be a bug.
#[must_use]
pub fn marshal<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut out, GoFormatter));
    debug_assert!(written.is_ok(), "{written:?}");
    out
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, found) in fragment.match_indices(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            out.write_all(&fragment.as_bytes()[plain..at])?;
            for escaped in found.chars() {
                write!(out, "\\u{:04x}", u32::from(escaped))?;
            }
            plain = at + found.len();
        }
        out.write_all(&fragment.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_in_go() {
        let text = "<a>&\u{2028}\u{2029}\u{1}\u{7f}\"\\é\n\u{8}\u{c}";
        assert_eq!(
            String::from_utf8(marshal(&text)).unwrap(),
            "\"\\u003ca\\u003e\\u0026\\u2028\\u2029\\u0001\u{7f}\\\"\\\\é\\n\\b\\f\""
        );
    }
}
