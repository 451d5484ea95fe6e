//! `mfst rm`: deletes local manifest lists.

use crate::app::App;
use crate::error::MultiError;
use crate::reference::Reference;

/// The arguments of `rm`.
#[derive(Debug)]
pub struct Options {
    /// The lists, as typed.
    pub lists: Vec<String>,
}

/// Removes every list that can be removed, then reports the others.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let remove = |list: &String| anyhow::Ok(app.store.remove(&Reference::parse(list)?)?);
    let errors: Vec<anyhow::Error> = options.lists.iter().filter_map(|list| remove(list).err()).collect();
    if errors.is_empty() { Ok(()) } else { Err(MultiError(errors).into()) }
}
