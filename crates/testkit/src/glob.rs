//! The one pattern language of the test support: `*` stands for any text.

/// Whether the whole of `text` fits `pattern`.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| fits(rest, &text[at..]))
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("demo/*", "demo/app", true),
        ("demo/*", "demos", false),
        ("GET */manifests/* 200", "GET /v2/a/manifests/1 200", true),
        ("GET */manifests/* 200", "GET /v2/a/manifests/1 404", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}
