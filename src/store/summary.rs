//! What lists there are.

use super::metadata::MetadataDir;
use super::{PRIVATE_DIRECTORY, Store, StoreError, entry_names, file_name};
use crate::manifest::ListEntry;
use crate::reference::Reference;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// One list of the store.
#[derive(Debug)]
pub struct ListSummary {
    /// The list's name.
    pub name: String,
    /// Whether the name has been made up from the directory's name, which does not tell `/` from `_` nor `:` from `-`.
    pub name_is_guessed: bool,
    /// Its images, or why they cannot be read.
    pub images: Result<Vec<ListEntry>, StoreError>,
    /// When it was last changed.
    pub modified: SystemTime,
}

impl Store {
    /// All lists, sorted by name.
    pub fn lists(&self) -> Result<Vec<ListSummary>, StoreError> {
        let names = entry_names(&self.root)?.unwrap_or_default();
        let directories = names.iter().filter(|name| *name != PRIVATE_DIRECTORY).map(|name| self.root.join(name));
        let mut lists = Vec::new();
        for directory in directories.filter(|path| path.is_dir()) {
            // Another process may have removed it in the meantime.
            lists.extend(summary(&self.metadata(), &directory)?);
        }
        lists.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(lists)
    }
}

fn summary(metadata: &MetadataDir, directory: &Path) -> Result<Option<ListSummary>, StoreError> {
    let failed = |error| StoreError::io("open", directory, error);
    let Some(files) = entry_names(directory)? else { return Ok(None) };
    let mut modified = match fs::metadata(directory).and_then(|found| found.modified()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        modified => modified.map_err(failed)?,
    };
    let mut images = Ok(Vec::new());
    for path in files.iter().map(|file| directory.join(file)) {
        if let Ok(time) = fs::metadata(&path).and_then(|found| found.modified()) {
            modified = modified.max(time);
        }
        images = images.and_then(|mut images: Vec<_>| {
            images.extend(super::read_entry(&path, None)?);
            Ok(images)
        });
    }
    let recorded = metadata.find(directory).map(|metadata| metadata.name);
    let name_is_guessed = recorded.is_none();
    let file = directory.file_name().unwrap_or_default().to_string_lossy();
    let name = recorded.unwrap_or_else(|| guess(&file, images.as_deref().unwrap_or_default()));
    Ok(Some(ListSummary { name, name_is_guessed, images, modified }))
}

/// The likeliest reference with this file name: in the repository of one of the images, else on the registry of one,
/// else what it looks like.
fn guess(file: &str, images: &[ListEntry]) -> String {
    let in_repository = images.iter().map(|image| (image.reference.name(), '-'));
    let on_registry = images.iter().map(|image| (image.reference.domain().to_owned(), '_'));
    let looks = file.split_once('_').map(|(domain, _)| (with_port(domain), '_'));
    for (known, separator) in in_repository.chain(on_registry).chain(looks) {
        let prefix = format!("{}{separator}", file_safe(&known));
        let Some(rest) = file.strip_prefix(&prefix) else { continue };
        let name = match separator {
            '-' => format!("{known}:{rest}"),
            _ => format!("{known}/{}", with_tag(rest)),
        };
        if Reference::parse(&name).is_ok_and(|reference| file_name(&reference) == file) {
            return name;
        }
    }
    file.to_owned()
}

fn file_safe(text: &str) -> String {
    text.replace(':', "-").replace('/', "_")
}

/// A host's name, with a colon before what must be a port.
fn with_port(domain: &str) -> String {
    match domain.rsplit_once('-') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => format!("{host}:{port}"),
        _ => domain.to_owned(),
    }
}

/// A repository's path and a tag: most tags begin with a number, and most repositories have no underscore.
fn with_tag(rest: &str) -> String {
    if let Some((path, digest)) = rest.split_once("@sha256-") {
        return format!("{}@sha256:{digest}", path.replace('_', "/"));
    }
    let is_version = |at: &usize| {
        let tag = rest[at + 1..].trim_start_matches('v');
        tag.starts_with(|first: char| first.is_ascii_digit())
    };
    let dashes = || rest.match_indices('-').map(|(at, _)| at);
    match dashes().find(is_version).or_else(|| dashes().next_back()) {
        Some(at) => format!("{}:{}", rest[..at].replace('_', "/"), &rest[at + 1..]),
        None => rest.replace('_', "/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Descriptor;

    #[test]
    fn names_are_made_up_from_what_is_there() {
        for (file, image, expected) in [
            ("docker.io_library_app-1.0", "", "docker.io/library/app:1.0"),
            ("docker.io_team_my-app-v2-alpine", "", "docker.io/team/my-app:v2-alpine"),
            ("h.io-5000_a_b-latest", "", "h.io:5000/a/b:latest"),
            ("h.io_a_b_c-1-x", "h.io/a_b/c:amd64", "h.io/a_b/c:1-x"),
            ("no_reference", "", "no_reference"),
        ] {
            let image = Reference::parse(image).ok();
            let image = image.map(|image| ListEntry::without_payload(image, Descriptor::default()));
            assert_eq!(guess(file, image.as_slice()), expected);
        }
    }
}
