//! Likely mistakes that are errors only with `--strict`.

use crate::draft::Draft;
use crate::error::{MultiError, WithHint};
use crate::manifest::{ImageKind, ListEntry, Platform, PlatformSelector, known_variants};
use crate::output::Console;
use crate::reference::Reference;
use std::collections::HashMap;
use thiserror::Error;

/// The most warnings that are printed at a time.
const MAX_PRINTED: usize = 20;

/// A likely mistake that is not an error.
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Warning {
    #[error("{one} and {other} are both for {platform}")]
    SamePlatform { one: Reference, other: Reference, platform: Platform },
    #[error("no image for {0}")]
    NoImageFor(PlatformSelector),
    #[error("the list mixes docker's and OCI images, which some registries and clients do not take")]
    Mixed,
    #[error("{image} has no platform; {list} cannot be pushed without it")]
    NoPlatform { list: Reference, image: Reference },
    #[error("{source_name} has moved since the list was made: {old} -> {new}")]
    Moved { list: Reference, source_name: String, old: String, new: String },
    #[error("{source_name} is no longer in the registry (the list has {old})")]
    Gone { source_name: String, old: String },
    #[error("{0} does not exist and is left out")]
    Missing(String),
    #[error("{0} has no tag to copy")]
    NoTag(String),
    #[error("{0} is a manifest list; the platform that the file states for it is ignored")]
    PlatformOfList(String),
    #[error("{image} is now for {platform}: {arch} has no variant {variant}, but {known}", arch = .platform.architecture,
            variant = .platform.variant)]
    UnknownVariant { image: String, platform: Platform, known: String },
    #[error("{0}")]
    Lost(String),
}

impl Warning {
    /// What the user can do about it.
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoPlatform { list, image } => Some(format!(
                "`mfst annotate --os linux --arch ARCH {list} {image}` sets it in a local list; `create` also takes it as \
                     {image}=linux/ARCH"
            )),
            Self::Moved { list, source_name, old, .. } => Some(format!(
                "the list still has {old}; `mfst create --amend {list} {source_name}` takes the new image"
            )),
            _ => None,
        }
    }
}

/// Prints a warning and its hint.
pub fn print(console: &Console, warning: &Warning) {
    console.warn(warning);
    if let Some(hint) = warning.hint() {
        console.hint(hint);
    }
}

/// Prints warnings. With `--strict` they are errors, and so is any warning printed before.
pub fn report(console: &Console, warnings: Vec<Warning>, is_strict: bool) -> anyhow::Result<()> {
    if is_strict {
        let hint = || "this would be a warning without --strict".to_owned();
        deny(warnings).map_err(|error| WithHint { error, hint: hint() })?;
        let stopped = || anyhow::anyhow!("stopped at a warning, which --strict makes an error");
        return if console.has_warned() { Err(stopped()) } else { Ok(()) };
    }
    let more = warnings.len().saturating_sub(MAX_PRINTED);
    for warning in warnings.iter().take(MAX_PRINTED) {
        print(console, warning);
    }
    if more > 0 {
        console.warn(format_args!("{more} more of this kind"));
    }
    Ok(())
}

/// Makes an error of the warnings, if there are any.
pub fn deny(mut warnings: Vec<Warning>) -> anyhow::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    warnings.truncate(MAX_PRINTED);
    let error = |warning: Warning| match warning.hint() {
        Some(hint) => WithHint { error: warning.into(), hint }.into(),
        None => warning.into(),
    };
    Err(MultiError(warnings.into_iter().map(error).collect()).into())
}

/// What is likely to be wrong with a draft.
#[must_use]
pub fn of_draft(draft: &Draft) -> Vec<Warning> {
    let lost = draft.lost().into_iter().map(Warning::Lost);
    duplicates(&draft.entries).into_iter().chain(without_platform(draft)).chain(lost).collect()
}

/// Images without a platform, unless their list is pushed as it is.
fn without_platform(draft: &Draft) -> Vec<Warning> {
    if draft.verbatim().is_some() {
        return Vec::new();
    }
    let has_platform = |entry: &&ListEntry| entry.descriptor.platform.as_ref().is_some_and(Platform::is_specified);
    let images = draft.entries.iter().filter(|entry| !has_platform(entry));
    let warning = |image: &ListEntry| Warning::NoPlatform { list: draft.name.clone(), image: image.reference.clone() };
    images.map(warning).collect()
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

/// A warning if the architecture that is stated for an image does not have the variant.
#[must_use]
pub fn unknown_variant(image: &str, platform: &Platform) -> Option<Warning> {
    let known = known_variants(&platform.architecture, &platform.variant)?.join(", ");
    Some(Warning::UnknownVariant { image: image.to_owned(), platform: platform.clone(), known })
}

/// A warning if there are both docker and OCI images.
#[must_use]
pub fn mixed_formats(images: &[ListEntry]) -> Option<Warning> {
    let has = |wanted: ImageKind| images.iter().filter_map(ListEntry::kind).any(|kind| kind == wanted);
    (has(ImageKind::Docker) && has(ImageKind::Oci)).then_some(Warning::Mixed)
}
