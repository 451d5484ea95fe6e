//! A manifest list that is being put together.

mod settings;

pub use settings::{AnnotationChange, ListSettings, Setting};

use crate::manifest::{
    Descriptor, IndexFormat, IndexHeader, ListEntry, ManifestList, OCI_MANIFEST, Platform, RawManifest, needs_oci,
};
use crate::reference::{Reference, file_safe};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use thiserror::Error;

/// A manifest list that is being put together.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The name under which it is stored and pushed.
    pub name: Reference,
    /// Its entries, in the order that they have in the list.
    pub entries: Vec<ListEntry>,
    /// The lists among its sources.
    pub lists: Vec<SourceList>,
    /// What the user wants of the list itself.
    pub settings: ListSettings,
}

/// A list that entries of a draft came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceList {
    /// The source, as in [`crate::manifest::Origin`].
    pub source: String,
    /// Its digest when it was resolved.
    pub digest: String,
    /// What it says beside its entries.
    #[serde(default)]
    pub header: IndexHeader,
    /// What it says beyond what a draft can hold, as messages: an image has one entry in a draft, and some fields none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<String>,
    /// Its bytes, if all of its entries were taken as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<Verbatim>,
}

/// A list as its registry sent it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verbatim {
    /// The list.
    pub list: RawManifest,
    /// The lists in it, each before those that refer to it.
    pub nested: Vec<RawManifest>,
    /// How many different images it became.
    pub entries: usize,
}

/// A list that cannot have the requested format.
#[derive(Debug, Error)]
pub enum FormatError {
    /// What only an OCI index can say.
    #[error("a docker manifest list has no annotations, subject or artifact type; {0} needs to be an OCI index")]
    NeedsOci(Reference),
    /// An image of the other format.
    #[error("{list} cannot be a docker manifest list: {image} is an OCI image")]
    OciImage {
        /// The list.
        list: Reference,
        /// The image.
        image: Reference,
    },
}

impl Draft {
    /// A draft of these entries, which it puts in order.
    #[must_use]
    pub fn new(name: Reference, mut entries: Vec<ListEntry>, lists: Vec<SourceList>, settings: ListSettings) -> Self {
        sort(&mut entries);
        Self { name, entries, lists, settings }
    }

    /// What the list says beside its entries: what the user set, else what all source lists agree on.
    #[must_use]
    pub fn header(&self) -> IndexHeader {
        self.settings.header(agreed_header(&self.lists))
    }

    /// The platforms of its images, without those of attestations.
    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        let images = self.entries.iter().filter(|entry| !entry.descriptor.is_attestation());
        images.filter_map(|image| image.descriptor.platform.as_ref())
    }

    /// What source lists say and the draft does not, as messages.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        if self.verbatim().is_some() {
            return Vec::new();
        }
        let header = self.header();
        let of_header = |list: &SourceList| missing(&list.source, &self.settings.undecided(&list.header), &header);
        self.lists.iter().flat_map(|list| list.repeated.iter().cloned().chain(of_header(list))).collect()
    }

    /// The source list whose bytes are pushed: the only source, of which nothing has been changed.
    #[must_use]
    pub fn verbatim(&self) -> Option<&Verbatim> {
        let [list] = self.lists.as_slice() else { return None };
        let verbatim = list.verbatim.as_ref()?;
        let is_unchanged = |entry: &ListEntry| {
            entry.origin.as_ref().is_some_and(|origin| {
                origin.source == list.source
                    && origin.digest == list.digest
                    && entry.descriptor.platform.as_ref() == Some(&origin.platform)
                    && entry.descriptor.annotations == origin.annotations
            })
        };
        let is_whole = distinct_count(&self.entries) == verbatim.entries && self.entries.iter().all(is_unchanged);
        (is_whole && self.settings == ListSettings::default()).then_some(verbatim)
    }

    /// The list as it is pushed.
    #[must_use]
    pub fn list(&self) -> RawManifest {
        if let Some(verbatim) = self.verbatim() {
            return verbatim.list.clone();
        }
        let ManifestList { media_type, bytes } = self.build();
        RawManifest { media_type: media_type.to_owned(), bytes: bytes.into() }
    }

    /// The list that is built from the entries.
    #[must_use]
    pub fn build(&self) -> ManifestList {
        ManifestList::build(self.settings.format, &self.header(), self.descriptors().iter().map(AsRef::as_ref))
    }

    /// Whether the list can have the format that the user wants.
    pub fn check_format(&self) -> Result<(), FormatError> {
        if self.settings.format != IndexFormat::Docker {
            return Ok(());
        }
        if needs_oci(&self.header(), self.descriptors().iter().map(AsRef::as_ref)) {
            return Err(FormatError::NeedsOci(self.name.clone()));
        }
        match self.entries.iter().find(|entry| entry.descriptor.media_type == OCI_MANIFEST) {
            Some(entry) => Err(FormatError::OciImage { list: self.name.clone(), image: entry.reference.clone() }),
            None => Ok(()),
        }
    }

    /// What the list says about its entries. The artifact type of an entry that did not come from a list is left out, as
    /// docker does.
    fn descriptors(&self) -> Vec<Cow<'_, Descriptor>> {
        self.entries.iter().map(listed).collect()
    }
}

fn listed(entry: &ListEntry) -> Cow<'_, Descriptor> {
    let descriptor = &entry.descriptor;
    if entry.origin.is_some() || descriptor.artifact_type.is_empty() {
        return Cow::Borrowed(descriptor);
    }
    Cow::Owned(Descriptor { artifact_type: String::new(), ..descriptor.clone() })
}

/// How many different images there are.
#[must_use]
pub fn distinct_count(entries: &[ListEntry]) -> usize {
    entries.iter().map(|entry| &entry.reference).collect::<HashSet<_>>().len()
}

/// A change of a draft.
#[derive(Debug, Default)]
pub struct ListChange {
    /// Entries to add, or to put in the place of those of the same name.
    pub upsert: Vec<ListEntry>,
    /// Entries to remove.
    pub remove: Vec<Reference>,
    /// The lists that `upsert` came from.
    pub lists: Vec<SourceList>,
    /// New settings of the list; none leaves them as they are.
    pub settings: Option<ListSettings>,
}

impl ListChange {
    /// The draft after the change.
    #[must_use]
    pub fn apply(&self, draft: &Draft) -> Draft {
        let changed = self.upsert.iter().map(|entry| &entry.reference).chain(&self.remove);
        let changed: HashSet<&Reference> = changed.collect();
        let untouched = draft.entries.iter().filter(|entry| !changed.contains(&entry.reference));
        let entries: Vec<ListEntry> = untouched.chain(&self.upsert).cloned().collect();
        let sources: HashSet<String> = entries.iter().map(ListEntry::source).collect();
        let is_resolved_again = |list: &&SourceList| self.lists.iter().any(|new| new.source == list.source);
        let old = draft.lists.iter().filter(|list| !is_resolved_again(list));
        let lists = old.chain(&self.lists).filter(|list| sources.contains(&list.source)).cloned().collect();
        let settings = self.settings.clone().unwrap_or_else(|| draft.settings.clone());
        Draft::new(draft.name.clone(), entries, lists, settings)
    }
}

/// Sorts entries: sources as docker sorts them, by file name (docker/cli `cli/manifest/store`), the entries of a list
/// as in that list, attestations behind everything else.
fn sort(entries: &mut [ListEntry]) {
    entries.sort_by_cached_key(|entry| {
        let position = entry.origin.as_ref().map_or(0, |origin| origin.position);
        (entry.descriptor.is_attestation(), file_safe(&entry.source()), position)
    });
}

/// What all of the lists say.
#[must_use]
pub fn agreed_header(lists: &[SourceList]) -> IndexHeader {
    let Some((first, rest)) = lists.split_first() else { return IndexHeader::default() };
    let mut header = first.header.clone();
    for IndexHeader { annotations, subject, artifact_type } in rest.iter().map(|list| &list.header) {
        header.annotations.retain(|key, value| annotations.get(key) == Some(value));
        header.subject = header.subject.filter(|kept| Some(kept) == subject.as_ref());
        if *artifact_type != header.artifact_type {
            header.artifact_type.clear();
        }
    }
    header
}

/// What a source list says that the header does not.
fn missing(source: &str, said: &IndexHeader, header: &IndexHeader) -> Vec<String> {
    let of_list = |what: String| format!("the list will not have {what} of {source}: its sources do not agree on it");
    let annotations = said.annotations.iter().filter(|(key, value)| header.annotations.get(*key) != Some(value));
    let mut missing: Vec<String> = annotations.map(|(key, _)| of_list(format!("annotation {key}"))).collect();
    if said.subject.is_some() && said.subject != header.subject {
        missing.push(of_list("the subject".to_owned()));
    }
    if !said.artifact_type.is_empty() && said.artifact_type != header.artifact_type {
        missing.push(of_list("the artifact type".to_owned()));
    }
    missing
}
