//! `mfst push`: sends a local manifest list to its registry.

use crate::app::App;
use crate::content::Content;
use crate::error::WithHint;
use crate::manifest::ListEntry;
use crate::publish::{self, PushOptions, StaleTags};
use crate::reference::Reference;
use thiserror::Error;

/// The arguments and flags of `push`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// Whether to remove the local list once it has been pushed.
    pub purge: bool,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
    /// Whether a source that has moved since the list was made is an error.
    pub verify: bool,
    /// How to push.
    pub push: PushOptions,
}

/// Why a list cannot be pushed.
#[derive(Debug, Error)]
enum PushError {
    #[error("{0} not found")]
    Empty(Reference),
}

/// Pushes the list, and then removes it if requested.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let name = Reference::parse(&options.list)?;
    let draft = app.store.load_unchecked(&name)?;
    if draft.entries.is_empty() {
        let hint = format!("the local list has no entries; `mfst create --amend {name} IMAGE` adds one");
        return Err(WithHint { error: PushError::Empty(name).into(), hint }.into());
    }
    let targets = options.push.targets(&name)?;
    let must_be_fresh = options.verify || options.push.strict;
    let stale_tags = if must_be_fresh { StaleTags::Deny } else { StaleTags::Warn };
    let is_source = |entry: &ListEntry| entry.origin.as_ref().is_some_and(|origin| origin.is_any_of(&targets));
    let replaces_source = draft.entries.iter().any(is_source);
    let pushed = draft.clone();
    let content = Content::new(app.client(options.insecure));
    let _progress = app.progress(options.push.progress, publish::destination(&targets));
    let digest = app.block_on(publish::publish(app, &content, &targets, draft, &options.push, stale_tags))?;
    if options.push.dry_run {
        return Ok(());
    }
    if options.purge {
        let kept = app.store.purge(&pushed).map_err(|error| {
            let hint = format!("{name} has been pushed, as {digest}; only the local list could not be removed");
            WithHint { error: error.into(), hint }
        })?;
        if !kept.is_empty() {
            let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
            app.console
                .warn(format_args!("{name} has changed since it was read; not pushed, and kept: {}", kept.join(", ")));
        }
    } else if replaces_source {
        // Failing to record a finished push is not an error.
        let _ = app.store.update_origin_digests(&name, &targets, digest.as_str());
    }
    Ok(())
}
