//! Makes text safe to show: text from registries and files may hold any character.

use std::fmt::Write as _;

/// The longest line that is printed on stderr, in characters: longer than any path or reference.
const MAX_LINE: usize = 6000;

/// Whether a terminal would act on a character instead of showing it, or show the text around it in another order:
/// control characters, bidirectional formatting (UAX #9), line and paragraph separators, tag characters, and others
/// that take up no space.
#[must_use]
pub fn is_terminal_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text as one line of a message: terminal control characters, line breaks among them, are replaced by spaces. Tabs
/// stay. An overlong line is cut.
pub(super) fn line(text: &str) -> String {
    cut(text, MAX_LINE, |c| is_terminal_control(c) && c != '\t')
}

/// The text as a cell of a table: terminal control characters are replaced by spaces, and what is longer than `limit`
/// characters is cut.
#[must_use]
pub fn cell(text: &str, limit: usize) -> String {
    cut(text, limit, is_terminal_control)
}

fn cut(text: &str, limit: usize, is_replaced: impl Fn(char) -> bool) -> String {
    let mut kept: String = text.chars().take(limit).map(|c| if is_replaced(c) { ' ' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        kept.push('…');
    }
    kept
}

/// The first `limit` characters of the text as one line without terminal control characters; runs of white space
/// become single spaces.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let clean = |c: char| if is_terminal_control(c) { ' ' } else { c };
    let text: String = text.chars().take(limit).map(clean).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The output of a command as a terminal may show it: terminal control characters as JSON escapes, such as `\u001b`, and
/// every line break as a line feed. JSON keeps its meaning: inside its strings an escape stands for the character, and
/// outside of them the only control characters are white space.
pub(super) fn escape(output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output).replace("\r\n", "\n");
    let mut escaped = String::with_capacity(output.len());
    for c in output.chars() {
        match c {
            '\n' | '\t' => escaped.push(c),
            '\r' => escaped.push('\n'),
            _ if is_terminal_control(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn a_message_is_one_line_without_terminal_control_characters() {
        assert_eq!(line("a\u{1b}[31mb\u{9b}c\rd\u{202e}\te\nhint: f"), "a [31mb c d \te hint: f");
        for c in ['\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{2066}', '\u{2069}', '\u{e0041}', '\u{7f}'] {
            assert_eq!(line(&format!("a{c}b")), "a b", "{c:?}");
        }
    }

    #[test]
    fn an_overlong_line_is_cut() {
        assert_eq!(line(&"x".repeat(1_000_000)), format!("{}…", "x".repeat(MAX_LINE)));
        assert_eq!(line(&"y".repeat(MAX_LINE)), "y".repeat(MAX_LINE));
    }

    #[test]
    fn one_line_has_no_line_breaks() {
        assert_eq!(one_line(" a\nhint: b\u{2028}c\t ", 100), "a hint: b c");
        assert_eq!(one_line("abc", 2), "ab");
    }

    #[test]
    fn output_for_a_terminal_shows_control_characters_as_escapes() {
        assert_eq!(escape("é\tb\u{1b}[2J\u{9b}\u{7f}\n".as_bytes()), "é\tb\\u001b[2J\\u009b\\u007f\n");
        assert_eq!(escape("\u{e0041}".as_bytes()), "\\udb40\\udc41");
        assert_eq!(escape(b"1\r\n2\r3"), "1\n2\n3");
        assert_eq!(escape(b"\x9b2J"), "\u{fffd}2J");
    }

    proptest! {
        #[test]
        fn json_for_a_terminal_means_the_same(text: String, between in "[ \t\r\n]{0,4}") {
            let text = format!("{text}\u{7f}\u{85}\u{2028}\u{202e}\u{e0041}");
            let shown = escape(format!("[{between}{}{between}]\r\n", Value::from(text.as_str())).as_bytes());
            prop_assert!(!shown.contains(|c| is_terminal_control(c) && c != '\n' && c != '\t'));
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), serde_json::json!([text]));
        }
    }
}
