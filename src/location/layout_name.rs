//! The names of manifests in a layout (image-spec, "Annotations", `org.opencontainers.image.ref.name`).

use super::{LayoutName, LayoutPath, LocationError};
use crate::digest::Digest;
use crate::reference::is_tag;
use std::path::PathBuf;

/// Whether other tools read this name: it is a tag, or has the form that the image-spec asks for.
pub(super) fn is_name(text: &str) -> bool {
    is_tag(text) || text.split('/').all(is_component)
}

/// Runs of letters and digits with one separator between two: `-`, `.`, `_`, `:`, `@`, `+` or `--`.
fn is_component(component: &str) -> bool {
    let component = component.replace("--", "-");
    let is_run = |run: &str| !run.is_empty() && run.bytes().all(|b| b.is_ascii_alphanumeric());
    component.split(['-', '.', '_', ':', '@', '+']).all(is_run)
}

/// Reads `PATH`, `PATH:TAG` and `PATH@DIGEST`, the part of `text` behind its prefix. A tag has no slash, unless it is a
/// full name behind the path of a layout that exists.
pub(super) fn split(
    text: &str,
    layout: &str,
    at: fn(PathBuf) -> LayoutPath,
) -> Result<(LayoutPath, LayoutName), LocationError> {
    let (path, name) = if let Some((path, digest)) = layout.rsplit_once('@').filter(|(_, it)| it.contains(':')) {
        let digest = Digest::parse(digest).map_err(|error| LocationError::Digest { text: text.to_owned(), error })?;
        (path, LayoutName::Digest(digest))
    } else {
        let (path, tag) = split_tag(layout, |path| exists(&at(path.into())));
        if let Some(tag) = tag.filter(|tag| !is_name(tag)) {
            return Err(LocationError::Tag { place: text.to_owned(), tag: tag.to_owned() });
        }
        (path, tag.map_or(LayoutName::Only, |tag| LayoutName::Tag(tag.to_owned())))
    };
    if path.is_empty() { Err(LocationError::NoPath(text.to_owned())) } else { Ok((at(path.into()), name)) }
}

fn split_tag(layout: &str, exists: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    let plain = match layout.rsplit_once(':').filter(|(_, tag)| !tag.is_empty() && !tag.contains('/')) {
        Some((path, tag)) => (path, Some(tag)),
        None => (layout, None),
    };
    let splits = layout.match_indices(':').map(|(colon, _)| (&layout[..colon], &layout[colon + 1..]));
    let mut full = splits.filter(|(_, name)| name.contains(['/', ':']) && is_name(name));
    match full.find(|(path, _)| exists(path)) {
        Some((path, name)) if !exists(plain.0) => (path, Some(name)),
        _ => plain,
    }
}

fn exists(path: &LayoutPath) -> bool {
    match path {
        LayoutPath::Directory(path) => path.is_dir(),
        LayoutPath::Archive(path) => path.is_file(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tags_or_have_the_form_of_the_image_spec() {
        for name in ["1.0", "_x", "a__b", "localhost:5000/pd:1", "h.io/a--b@sha256:c", "a+b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a//b", "/a", "a:/b", "a/b:", "a---b/c", "ä", "a\n"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_full_name_follows_a_path_that_exists() {
        let split = |text, existing: &[&str]| match split_tag(text, |path| existing.contains(&path)) {
            (path, Some(tag)) => format!("{path} {tag}"),
            (path, None) => path.to_owned(),
        };
        assert_eq!(split("d:localhost/app:1.0", &["d"]), "d localhost/app:1.0");
        assert_eq!(split("d:localhost:5000/app", &["d"]), "d localhost:5000/app");
        assert_eq!(split("a:b:h.io/app:1", &["a:b"]), "a:b h.io/app:1");
        assert_eq!(split("d:b/c:1", &[]), "d:b/c 1");
        assert_eq!(split("d:b/c:1", &["d", "d:b/c"]), "d:b/c 1");
        assert_eq!(split("d:1.0", &["d"]), "d 1.0");
    }
}
