//! What the user should think twice about.

use crate::app::App;
use crate::failure::{Advised, Several};
use crate::manifest::{ImageKind, ImageManifest, Platform, PlatformSelector};
use crate::reference::Reference;
use std::collections::HashMap;
use thiserror::Error;

/// Something that works and is probably not meant.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    #[error("{one} and {other} are both for {platform}")]
    SamePlatform { one: Reference, other: Reference, platform: Platform },
    #[error("{image} is in its list for {kept} and for {dropped}; only the first is taken")]
    TwoPlatforms { image: Reference, kept: Platform, dropped: Platform },
    #[error("no image for {0}")]
    NoImageFor(PlatformSelector),
    #[error("the list mixes docker's and OCI images, which some registries and clients do not take")]
    Mixed,
    #[error("{source_name} has moved since the list was made: {old} -> {new}")]
    Moved { source_name: String, old: String, new: String },
    #[error("{source_name} is no longer in the registry (the list has {old})")]
    Gone { source_name: String, old: String },
}

/// Tells doubts; where the user is strict, they are errors, and so is any warning that others have given before.
pub(super) fn raise(app: &App, doubts: Vec<Doubt>, is_strict: bool) -> anyhow::Result<()> {
    if is_strict {
        refuse(doubts, "this would be a warning without --strict")?;
        let stopped = || anyhow::anyhow!("stopped at a warning, which --strict makes an error");
        return if app.log.has_warned() { Err(stopped()) } else { Ok(()) };
    }
    for doubt in doubts {
        app.log.warn(doubt);
    }
    Ok(())
}

/// Makes an error of doubts, if there are any.
pub(super) fn refuse(doubts: Vec<Doubt>, hint: &str) -> anyhow::Result<()> {
    if doubts.is_empty() {
        return Ok(());
    }
    let error = Several(doubts.into_iter().map(Into::into).collect()).into();
    Err(Advised { error, hint: hint.to_owned() }.into())
}

/// Images that are for the same machines.
pub(super) fn duplicates<'a>(images: impl IntoIterator<Item = &'a ImageManifest>) -> Vec<Doubt> {
    let mut known: HashMap<(&str, &str), Vec<&ImageManifest>> = HashMap::new();
    let mut doubts = Vec::new();
    for image in images.into_iter().filter(|image| !image.descriptor.is_attestation()) {
        let Some(platform) = image.descriptor.platform.as_ref().filter(|it| it.is_stated() && it.os != "unknown")
        else {
            continue;
        };
        let alike = known.entry((&platform.os, &platform.architecture)).or_default();
        let same = alike.iter().find(|it| it.descriptor.platform.as_ref().is_some_and(|it| it.is_same(platform)));
        match same {
            Some(one) => doubts.push(Doubt::SamePlatform {
                one: one.reference.clone(),
                other: image.reference.clone(),
                platform: platform.clone(),
            }),
            None => alike.push(image),
        }
    }
    doubts
}

/// Images of docker's kind beside those of OCI's.
pub(super) fn mixture(images: &[ImageManifest]) -> Option<Doubt> {
    let kinds = || images.iter().filter_map(ImageManifest::kind);
    let has = |wanted: ImageKind| kinds().any(|kind| kind == wanted);
    (has(ImageKind::Docker) && has(ImageKind::Oci)).then_some(Doubt::Mixed)
}
