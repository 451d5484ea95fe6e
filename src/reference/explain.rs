//! What is wrong with a text that is not a reference, in words that help more than docker's `invalid reference format`.

use super::grammar::{is_digest, is_domain, is_path_component, is_tag};
use super::registry_of;

/// The longest part of a reference that is quoted, in characters.
const QUOTE_LIMIT: usize = 100;

/// The reference and what is wrong with it.
#[must_use]
pub(super) fn explain(text: &str) -> String {
    if text.is_empty() {
        return "the reference is empty; is a variable not set?".to_owned();
    }
    format!("{} is not a reference: {}", quoted(text), problem(text))
}

fn problem(text: &str) -> String {
    if text.contains(char::is_whitespace) {
        return "it has white space in it; each reference is an argument of its own".to_owned();
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return format!("it begins with the scheme {scheme}://; write {}", quoted(rest));
    }
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (text, None),
    };
    let components: Vec<&str> = named.split('/').collect();
    if components.iter().any(|component| component.is_empty()) {
        return "a part of the path between slashes is empty; is a variable not set?".to_owned();
    }
    if let Some(wrong) = digest.and_then(digest_problem) {
        return wrong;
    }
    let last = components.last().copied().unwrap_or_default();
    let (repository, tags) = last.split_once(':').map_or((last, None), |(repository, tags)| (repository, Some(tags)));
    if let Some(wrong) = tags.and_then(tag_problem) {
        return wrong;
    }
    let (registry, path) = match registry_of(text) {
        Some((registry, _)) => (Some(registry), &components[1..components.len() - 1]),
        None => (None, &components[..components.len() - 1]),
    };
    if let Some(host) = registry.filter(|host| !is_domain(host)) {
        return format!("{} is not a host and a port; a tag comes at the end", quoted(host));
    }
    let wrong = path.iter().chain([&repository]).find(|component| !is_path_component(component));
    wrong.map_or_else(
        || "a reference is [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]".to_owned(),
        |component| component_problem(component, text),
    )
}

fn tag_problem(tag: &str) -> Option<String> {
    if let Some((one, other)) = tag.split_once(':') {
        return Some(format!("it has two tags, {} and {}", quoted(one), quoted(other)));
    }
    if tag.is_empty() {
        return Some("its tag is empty; is a variable not set?".to_owned());
    }
    if is_tag(tag) {
        return None;
    }
    let wrong = tag.chars().find(|c| !c.is_ascii_alphanumeric() && !"_.-".contains(*c));
    Some(match wrong {
        Some(wrong) => format!("its tag has {}; a tag has letters, digits, '_', '.' and '-' only", quoted_char(wrong)),
        None if tag.len() > 128 => format!("its tag has {} characters; a tag has at most 128", tag.len()),
        None => "its tag begins with '.' or '-'; a tag begins with a letter, a digit or '_'".to_owned(),
    })
}

fn digest_problem(digest: &str) -> Option<String> {
    if is_digest(digest) {
        return None;
    }
    Some(match digest.split_once(':') {
        _ if digest.is_empty() => "its digest is empty; is a variable not set?".to_owned(),
        Some(("sha256", hex)) => {
            format!("its digest has {} characters after sha256:, which must be 64 hex digits", hex.chars().count())
        }
        _ => "what follows the @ is not a digest, sha256: and 64 hex digits".to_owned(),
    })
}

fn component_problem(component: &str, text: &str) -> String {
    if component.chars().any(char::is_uppercase) {
        return format!("a repository has no upper-case letters; write {}", quoted(&in_lower_case(text)));
    }
    let wrong = component.chars().find(|c| !c.is_ascii_alphanumeric() && !"_.-".contains(*c));
    match wrong {
        Some(wrong) => format!(
            "its repository has {}; a repository has lower-case letters, digits, '_', '.' and '-' only",
            quoted_char(wrong)
        ),
        None => format!(
            "{} must begin and end with a letter or a digit, with one '.', one or two '_', or '-' between two",
            quoted(component)
        ),
    }
}

/// The reference with its repository in lower case; a tag may have upper case.
fn in_lower_case(text: &str) -> String {
    let start = registry_of(text).map_or(0, |(registry, _)| registry.len() + 1);
    let end = text[start..].find([':', '@']).map_or(text.len(), |end| start + end);
    format!("{}{}{}", &text[..start], text[start..end].to_lowercase(), &text[end..])
}

fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(QUOTE_LIMIT).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("\"{cut}{more}\"")
}

fn quoted_char(c: char) -> String {
    format!("'{c}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    #[test]
    fn every_mistake_is_named() {
        for (text, part) in [
            ("", "the reference is empty"),
            ("h.io/a b", "white space"),
            ("https://h.io/a:1", "begins with the scheme https://; write \"h.io/a:1\""),
            ("h.io//a", "between slashes is empty"),
            ("/a", "between slashes is empty"),
            ("h.io/", "between slashes is empty"),
            ("h.io/a:", "its tag is empty"),
            ("h.io/a:@sha256:0", "its digest has 1 characters"),
            ("h.io/a@", "its digest is empty"),
            ("h.io/a@latest", "is not a digest"),
            ("h.io/a:1:2", "two tags, \"1\" and \"2\""),
            ("h.io/a:1.0+build", "its tag has '+'"),
            ("h.io/a:.1", "begins with '.' or '-'"),
            ("h.io/a:1/b", "its repository has ':'"),
            ("a:tag/b", "\"a:tag\" is not a host and a port"),
            ("h.io/A:RC1", "no upper-case letters; write \"h.io/a:RC1\""),
            ("Host/A", "no upper-case letters; write \"Host/a\""),
            ("Ubuntu", "no upper-case letters; write \"ubuntu\""),
            ("h.io/a$b", "its repository has '$'"),
            ("h.io/a_", "\"a_\" must begin and end"),
            ("h.io/-a", "\"-a\" must begin and end"),
            ("-h.io/a", "\"-h.io\" is not a host"),
        ] {
            let hint = Reference::parse(text).unwrap_err().hint().unwrap_or_default();
            assert!(hint.contains(part) && hint.contains(text), "{text:?}: {hint}");
        }
        assert!(explain(&format!("h.io/a:{}", "x".repeat(129))).contains("129 characters"));
    }

    #[test]
    fn long_texts_are_cut() {
        assert!(explain(&"a ".repeat(5000)).len() < 300);
    }
}
