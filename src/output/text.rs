//! Text from registries and files, made safe to show: it may hold anything.

/// The longest line that is printed on stderr, in characters: longer than any path or reference.
const MAX_LINE: usize = 6000;

/// Whether a terminal would act on a character instead of showing it, or show the text around it in another order:
/// control characters, bidirectional formatting (UAX #9), line and paragraph separators, and tag characters.
#[must_use]
pub fn is_terminal_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text with terminal control characters replaced by spaces, and overlong lines cut. Line breaks and tabs stay.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let clean = |c: char| if is_terminal_control(c) && c != '\n' && c != '\t' { ' ' } else { c };
    let mut shown = String::with_capacity(text.len().min(MAX_LINE));
    for line in text.split_inclusive('\n') {
        shown.extend(line.chars().take(MAX_LINE).map(clean));
        if line.chars().nth(MAX_LINE).is_some() {
            shown.push('…');
            shown.extend(line.ends_with('\n').then_some('\n'));
        }
    }
    shown
}

/// The first `limit` characters of the text as one line without terminal control characters; runs of white space
/// become single spaces.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let clean = |c: char| if is_terminal_control(c) { ' ' } else { c };
    let text: String = text.chars().take(limit).map(clean).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_replaced() {
        assert_eq!(sanitize("a\u{1b}[31mb\u{9b}c\rd\u{202e}\te\n"), "a [31mb c d \te\n");
        for c in ['\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{2066}', '\u{2069}', '\u{e0041}', '\u{7f}'] {
            assert_eq!(sanitize(&format!("a{c}b")), "a b", "{c:?}");
        }
    }

    #[test]
    fn an_overlong_line_is_cut_and_the_next_one_kept() {
        let (long, right) = ("x".repeat(1_000_000), "y".repeat(MAX_LINE - 1));
        let shown = sanitize(&format!("{long}\n{right}\nhint: z\n"));
        assert_eq!(shown, format!("{}…\n{right}\nhint: z\n", "x".repeat(MAX_LINE)));
    }

    #[test]
    fn one_line_has_no_line_breaks() {
        assert_eq!(one_line(" a\nhint: b\u{2028}c\t ", 100), "a hint: b c");
        assert_eq!(one_line("abc", 2), "ab");
    }
}
