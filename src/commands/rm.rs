//! `mfst rm`: deletes local manifest lists.

use super::entry::{self, EntryError};
use crate::app::App;
use crate::error::{MultiError, WithHint};
use crate::reference::Reference;
use crate::store::StoreError;
use thiserror::Error;

/// The arguments of `rm`.
#[derive(Debug)]
pub struct Options {
    /// What is deleted.
    pub lists: Lists,
}

/// Which lists are deleted.
#[derive(Debug, PartialEq, Eq)]
pub enum Lists {
    /// All of them.
    All,
    /// Those with these names, as typed.
    Named(Vec<String>),
}

/// A name that no list has, but an entry of a list.
#[derive(Debug, Error)]
#[error("No such manifest: {0}")]
struct IsEntry(Reference);

/// Removes every list that can be removed, then reports the others. If one of the names is that of an entry, nothing is
/// removed.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let lists = match &options.lists {
        Lists::All => return Ok(app.store.remove_all()?),
        Lists::Named(lists) => lists,
    };
    refuse_entries(app, lists)?;
    let remove = |list: &String| anyhow::Ok(app.store.remove(&Reference::parse(list)?)?);
    let errors: Vec<anyhow::Error> = lists.iter().filter_map(|list| remove(list).err()).collect();
    if errors.is_empty() { Ok(()) } else { Err(MultiError(errors).into()) }
}

/// Fails if a name that is not a list is an entry of a list named before it: `rm LIST IMAGE` is typed by those who want to
/// remove the image from the list.
fn refuse_entries(app: &App, names: &[String]) -> anyhow::Result<()> {
    for (position, name) in names.iter().enumerate().skip(1) {
        let Ok(image) = Reference::parse(name) else { continue };
        if !matches!(app.store.load_unchecked(&image), Err(StoreError::NotFound(_))) {
            continue;
        }
        let has_entry = |list: &&String| {
            let draft = Reference::parse(list).ok().and_then(|list| app.store.load_unchecked(&list).ok());
            draft.is_some_and(|draft| match entry::find(&draft.entries, name, &draft.name) {
                Ok(found) => !found.is_empty(),
                Err(error) => matches!(error, EntryError::Ambiguous { .. }),
            })
        };
        if let Some(list) = names[..position].iter().find(has_entry) {
            let hint = format!("nothing was deleted: to remove the image from the list: mfst remove {list} {name}");
            return Err(WithHint { error: IsEntry(image).into(), hint }.into());
        }
    }
    Ok(())
}
