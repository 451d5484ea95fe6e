//! `mfst remove`: removes images from a local manifest list.

use super::entry::{self, EntryError};
use super::lines;
use crate::app::App;
use crate::draft::ListChange;
use crate::manifest::ListEntry;
use crate::reference::Reference;
use std::collections::HashSet;

/// The arguments of `remove`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// References, digests or platforms, as typed.
    pub entries: Vec<String>,
}

/// Removes all of the entries or, if one of them is unknown or ambiguous, none. Attestations are removed with their
/// image.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)?;
    // Looked up before anything is locked, so that a mistyped name leaves no trace.
    app.store.load(&list)?;
    let mut removed = Vec::new();
    let outcome = app.store.amend(&list, |draft| {
        let current = draft.entries.as_slice();
        if current.is_empty() {
            return Err(EntryError::Empty(list.clone()));
        }
        for entry in &options.entries {
            removed.extend(entry::find(current, entry, &list)?.into_iter().map(|image| image.reference.clone()));
        }
        removed.extend(orphans(current, &removed));
        removed.sort();
        removed.dedup();
        Ok::<_, EntryError>(ListChange { remove: removed.clone(), ..ListChange::default() })
    });
    outcome.map_err(EntryError::into_cause)?;
    app.print(lines(removed.iter().map(ToString::to_string)))
}

/// The attestations of removed images, unless the list still has the same image under another name.
fn orphans(current: &[ListEntry], removed: &[Reference]) -> Vec<Reference> {
    let goes = |image: &&ListEntry| removed.contains(&image.reference);
    let digests = |images: &mut dyn Iterator<Item = &ListEntry>| -> HashSet<String> {
        images.map(|image| image.descriptor.digest.clone()).collect()
    };
    let gone = digests(&mut current.iter().filter(goes));
    let left = digests(&mut current.iter().filter(|image| !goes(image)));
    let is_orphan = |image: &&ListEntry| {
        image.descriptor.attested_digest().is_some_and(|subject| gone.contains(subject) && !left.contains(subject))
    };
    current.iter().filter(is_orphan).map(|image| image.reference.clone()).collect()
}
