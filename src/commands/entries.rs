//! `mfst ls LIST`: lists the entries of a local manifest list.

use super::ls::{Format, Options};
use crate::app::App;
use crate::json;
use crate::manifest::ListEntry;
use crate::output::Palette;
use crate::reference::Reference;
use crate::resolve::stale::current_digests;
use crate::view::entries::{EntryLine, SourceState, table};
use crate::view::lists::ListFields;
use serde::Serialize;

/// A list in JSON.
#[derive(Serialize)]
struct List<'a> {
    name: String,
    images: Vec<EntryLine>,
    #[serde(flatten)]
    fields: ListFields<'a>,
}

/// Prints one line for each entry, or one object. Asks the registries only if told to check.
pub(super) fn run(app: &App, list: &str, options: &Options) -> anyhow::Result<()> {
    let draft = app.store.load_unchecked(&Reference::parse(list)?)?;
    if options.quiet {
        return app.print(super::lines(draft.entries.iter().map(|entry| entry.reference.to_string())));
    }
    let images: Vec<EntryLine> = if options.check {
        let states = check(app, &draft.entries, options.insecure)?;
        draft.entries.iter().zip(states).map(|(entry, state)| EntryLine::of(entry).with_state(Some(state))).collect()
    } else {
        draft.entries.iter().map(EntryLine::of).collect()
    };
    let fields = ListFields { format: draft.settings.format, header: &draft.header() };
    match options.format {
        Format::Table => {
            app.print_styled(&(super::lines(fields.lines().into_iter()) + &table(&images, Palette::of_stdout())))
        }
        Format::Json => app.print(json::document(&List { name: draft.name.to_string(), images, fields })),
    }
}

/// What has become of the source of each entry.
fn check(app: &App, entries: &[ListEntry], insecure: bool) -> anyhow::Result<Vec<SourceState>> {
    let client = app.client(insecure);
    let now = app.block_on(async { Ok(current_digests(&client, entries).await?) })?;
    let state = |entry: &ListEntry| match Reference::parse(&entry.source()).ok().and_then(|tag| now.get(&tag)) {
        None => SourceState::Fixed,
        Some(None) => SourceState::Gone,
        Some(Some(digest)) if digest.as_str() == entry.source_digest() => SourceState::Unchanged,
        Some(Some(digest)) => SourceState::Moved(digest.to_string()),
    };
    Ok(entries.iter().map(state).collect())
}
