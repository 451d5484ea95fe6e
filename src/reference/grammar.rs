//! The grammar of a full reference: `[domain/]path[:tag][@digest]` (distribution/reference, `ReferenceRegexp`).

/// The parts of a well-formed reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) domain: &'a str,
    pub(super) path: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// Splits a reference into its parts; none if it is not well formed.
pub(super) fn split(text: &str) -> Option<Parts<'_>> {
    let (head, digest) = match text.split_once('@') {
        Some((head, digest)) => (head, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash belongs to the port of the domain.
    let last_component = head.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match head[last_component..].find(':') {
        Some(colon) => (&head[..last_component + colon], Some(&head[last_component + colon + 1..])),
        None => (head, None),
    };
    if !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) {
        return None;
    }
    match name.split_once('/') {
        Some((domain, path)) if is_domain(domain) && is_path(path) => Some(Parts { domain, path, tag, digest }),
        _ if is_path(name) => Some(Parts { domain: "", path: name, tag, digest }),
        _ => None,
    }
}

/// Whether a text is a tag: up to 128 letters, digits, `_`, `.` and `-`, the first neither `.` nor `-`
/// (distribution-spec, "Pulling manifests").
#[must_use]
pub fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = tag.bytes().next().is_some_and(word);
    first && tag.len() <= 128 && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// `algorithm[sep algorithm]*:` and at least 32 hex digits; each algorithm part begins with a letter.
pub(super) fn is_digest(digest: &str) -> bool {
    let part = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.split(['-', '_', '+', '.']).all(part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

pub(super) fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_ipv6(address) => ("", port),
            _ => return false,
        },
        None => domain.split_at(domain.find(':').unwrap_or(domain.len())),
    };
    let port_is_right = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    port_is_right && (domain.starts_with('[') || host.split('.').all(is_domain_component))
}

fn is_ipv6(address: &str) -> bool {
    !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
}

fn is_domain_component(component: &str) -> bool {
    !component.is_empty()
        && !component.starts_with('-')
        && !component.ends_with('-')
        && component.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

/// Runs of lower-case letters and digits with one separator between two: `.`, `_`, `__` or any number of `-`.
pub(super) fn is_path_component(component: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut runs = component.as_bytes().chunk_by(|a, b| alphanumeric(a) == alphanumeric(b));
    let ends_are_right =
        component.as_bytes().first().is_some_and(alphanumeric) && component.as_bytes().last().is_some_and(alphanumeric);
    ends_are_right
        && runs.all(|run| alphanumeric(&run[0]) || matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-'))
}
