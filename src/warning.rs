//! Likely mistakes that are errors only with `--strict`.

use crate::draft::Draft;
use crate::error::{MultiError, WithHint};
use crate::manifest::{ImageKind, ListEntry, Platform, PlatformSelector};
use crate::output::Console;
use crate::reference::Reference;
use std::collections::HashMap;
use thiserror::Error;

/// The most warnings that are printed at a time.
const MAX_PRINTED: usize = 20;

/// A likely mistake that is not an error.
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Warning {
    #[error("{one} and {other} are both for {platform}")]
    SamePlatform { one: Reference, other: Reference, platform: Platform },
    #[error("no image for {0}")]
    NoImageFor(PlatformSelector),
    #[error("the list mixes docker's and OCI images, which some registries and clients do not take")]
    Mixed,
    #[error("{source_name} has moved since the list was made: {old} -> {new}")]
    Moved { source_name: String, old: String, new: String },
    #[error("{source_name} is no longer in the registry (the list has {old})")]
    Gone { source_name: String, old: String },
    #[error("{0} does not exist and is left out")]
    Missing(String),
    #[error("{0} is a manifest list; the platform that the file states for it is ignored")]
    PlatformOfList(String),
    #[error("{0}")]
    Lost(String),
}

/// Prints warnings. With `--strict` they are errors, and so is any warning printed before.
pub fn report(console: &Console, warnings: Vec<Warning>, is_strict: bool) -> anyhow::Result<()> {
    if is_strict {
        deny(warnings, "this would be a warning without --strict")?;
        let stopped = || anyhow::anyhow!("stopped at a warning, which --strict makes an error");
        return if console.has_warned() { Err(stopped()) } else { Ok(()) };
    }
    let more = warnings.len().saturating_sub(MAX_PRINTED);
    warnings.into_iter().take(MAX_PRINTED).for_each(|warning| console.warn(warning));
    if more > 0 {
        console.warn(format_args!("{more} more of this kind"));
    }
    Ok(())
}

/// Makes an error of the warnings, if there are any.
pub fn deny(mut warnings: Vec<Warning>, hint: &str) -> anyhow::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    warnings.truncate(MAX_PRINTED);
    let error = MultiError(warnings.into_iter().map(Into::into).collect()).into();
    Err(WithHint { error, hint: hint.to_owned() }.into())
}

/// What is likely to be wrong with a draft.
#[must_use]
pub fn of_draft(draft: &Draft) -> Vec<Warning> {
    let lost = draft.lost().into_iter().map(Warning::Lost);
    duplicates(&draft.entries).into_iter().chain(lost).collect()
}

/// Images for the same platform.
fn duplicates(entries: &[ListEntry]) -> Vec<Warning> {
    let mut known: HashMap<Platform, &ListEntry> = HashMap::new();
    let mut warnings = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.descriptor.is_attestation()) {
        let platform = entry.descriptor.platform.as_ref();
        let Some(platform) = platform.filter(|it| it.is_specified() && it.os != "unknown") else { continue };
        match known.get(&platform.normalized()) {
            Some(one) => warnings.push(Warning::SamePlatform {
                one: one.reference.clone(),
                other: entry.reference.clone(),
                platform: platform.clone(),
            }),
            None => drop(known.insert(platform.normalized(), entry)),
        }
    }
    warnings
}

/// A warning if there are both docker and OCI images.
#[must_use]
pub fn mixed_formats(images: &[ListEntry]) -> Option<Warning> {
    let has = |wanted: ImageKind| images.iter().filter_map(ListEntry::kind).any(|kind| kind == wanted);
    (has(ImageKind::Docker) && has(ImageKind::Oci)).then_some(Warning::Mixed)
}
