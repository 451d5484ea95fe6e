//! What lists there are.

use super::directory::Directory;
use super::entries::{self, read_stable};
use super::lock::{Lock, private_directory};
use super::metadata::ListMetadata;
use super::{PRIVATE_DIRECTORY, Store, StoreError, file_name};
use crate::draft::ListSettings;
use crate::manifest::{IndexHeader, ListEntry};
use crate::reference::{Reference, file_safe};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

/// One list of the store.
#[derive(Debug)]
pub struct ListSummary {
    /// The list's name.
    pub name: String,
    /// Whether the name is a guess: a directory's name does not tell `/` from `_` nor `:` from `-`.
    pub name_is_guessed: bool,
    /// Its images without their manifests, or why they cannot be read.
    pub images: Result<Vec<ListEntry>, StoreError>,
    /// What the user wants of the list itself.
    pub settings: ListSettings,
    /// What it says beside its entries.
    pub header: IndexHeader,
    /// When it was last changed.
    pub modified: SystemTime,
}

impl Store {
    /// All lists, sorted by name. One manifest at a time is in memory.
    pub fn lists(&self) -> Result<Vec<ListSummary>, StoreError> {
        let names = list_names(&self.root)?;
        // Another process may have removed a list in the meantime.
        let lists = names.iter().filter_map(|name| self.summary(name).transpose());
        let mut lists: Vec<_> = lists.collect::<Result<_, _>>()?;
        lists.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(lists)
    }

    fn summary(&self, name: &OsStr) -> Result<Option<ListSummary>, StoreError> {
        let _lock = Lock::shared(&self.root)?;
        let private = private_directory(&self.root)?;
        read_stable(&self.root.join(name), |directory| {
            let mut modified = directory.modified().map_err(|error| StoreError::io("open", directory.path(), error))?;
            let mut images = read_images(directory, &mut modified);
            let metadata = ListMetadata::find(private.as_ref(), directory).unwrap_or_else(|error| {
                images = Err(error);
                None
            });
            let Some(metadata) = metadata else {
                let name = guess(&name.to_string_lossy(), images.as_deref().unwrap_or_default());
                let (settings, header) = (ListSettings::default(), IndexHeader::default());
                return Ok(ListSummary { name, name_is_guessed: true, images, settings, header, modified });
            };
            if let Ok(images) = &mut images {
                metadata.set_origins(images);
            }
            let (settings, header) = metadata.settings_and_header(images.as_deref().unwrap_or_default());
            Ok(ListSummary { name: metadata.name, name_is_guessed: false, images, settings, header, modified })
        })
    }
}

/// The names of the lists' directories.
pub(super) fn list_names(root: &Path) -> Result<Vec<OsString>, StoreError> {
    let mut names = match Directory::open(root).and_then(|directory| directory.names()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(|error| StoreError::io("open", root, error))?,
    };
    names.retain(|name| name != PRIVATE_DIRECTORY && root.join(name).is_dir());
    Ok(names)
}

fn read_images(directory: &Directory, modified: &mut SystemTime) -> Result<Vec<ListEntry>, StoreError> {
    let names = directory.names().map_err(|error| StoreError::io("open", directory.path(), error))?;
    let mut images = Ok(Vec::new());
    for name in names {
        if let Ok(time) = directory.modified_of(&name) {
            *modified = time.max(*modified);
        }
        images = images.and_then(|mut images: Vec<_>| {
            let entry = entries::read(directory, &name, None)?;
            images.push(ListEntry::without_payload(entry.reference, entry.descriptor));
            Ok(images)
        });
    }
    images
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
