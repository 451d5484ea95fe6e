//! From a list as written down to a draft: what `apply` pushes, and what `spec` compares.

use super::list_options::subject_descriptor;
use crate::content::Content;
use crate::draft::{Draft, ListSettings, Setting};
use crate::manifest::ListEntry;
use crate::output::Progress;
use crate::resolve::{Absent, MAX_ENTRIES, Request, ResolveError, Resolved, Resolver, Source, StatedPlatform};
use crate::spec::{ListSpec, SourceSpec};
use crate::warning::{self, Warning};
use futures_util::future::try_join;
use thiserror::Error;

/// Of all sources of a list, the registries have none.
#[derive(Debug, Error)]
#[error("none of its images exists")]
struct NothingThere;

/// Resolves the sources of a list. The draft has its entries in the order of the file; attestations that came with a
/// list are behind all images.
pub(super) async fn draft(
    progress: &Progress,
    resolver: &Resolver<'_>,
    content: &Content,
    spec: &ListSpec,
    absent: Absent,
) -> anyhow::Result<(Draft, Vec<Warning>)> {
    let sources: Vec<Source> = spec.sources.iter().map(|source| source.source.clone()).collect();
    let request =
        Request { sources: &sources, repository: &spec.image, may_be_missing: &|_| absent.ignore, wait: absent.wait };
    let subject = async {
        match &spec.subject {
            Some(subject) => subject_descriptor(content, subject).await.map(Setting::Set),
            None => Ok(Setting::Inherited),
        }
    };
    let (found, subject) = try_join(resolver.resolve_each(&request, progress), subject).await?;
    let mut settings = ListSettings { format: spec.format, subject, ..ListSettings::default() };
    spec.annotations.iter().for_each(|(key, value)| settings.annotations.set(key, value));
    if let Some(artifact_type) = &spec.artifact_type {
        settings.artifact_type = Setting::Set(artifact_type.clone());
    }
    let (mut images, mut attestations, mut lists, mut warnings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (source, resolved) in spec.sources.iter().zip(found) {
        let is_list = !resolved.lists.is_empty();
        lists.extend(resolved.lists.iter().cloned());
        warnings.extend(resolved.missing.iter().map(|source| Warning::Missing(source.to_string())));
        for entry in entries(source, resolved, &mut warnings)? {
            let is_behind = is_list && entry.descriptor.is_attestation();
            if is_behind { attestations.push(entry) } else { images.push(entry) }
        }
    }
    if images.is_empty() {
        return Err(NothingThere.into());
    }
    images.extend(attestations);
    if images.len() > MAX_ENTRIES {
        return Err(ResolveError::TooLarge(spec.image.to_string()).into());
    }
    Ok((Draft { name: spec.image.clone(), entries: images, lists, settings }, warnings))
}

/// The entries that a source becomes.
fn entries(spec: &SourceSpec, resolved: Resolved, warnings: &mut Vec<Warning>) -> anyhow::Result<Vec<ListEntry>> {
    let Resolved { entries, lists, skipped, missing } = resolved;
    if !missing.is_empty() {
        return Ok(Vec::new());
    }
    let Source { location, platform, selection } = &spec.source;
    let mut entries = selection.apply(entries, &skipped)?;
    warnings.extend(selection.missing(&entries).into_iter().cloned().map(Warning::NoImageFor));
    if !lists.is_empty() && matches!(platform, StatedPlatform::Completed(_)) {
        warnings.push(Warning::PlatformOfList(location.to_string()));
    }
    let is_list = !lists.is_empty();
    if !is_list && *platform != StatedPlatform::OfConfig {
        let completed = entries.iter().filter_map(|entry| entry.descriptor.platform.as_ref());
        warnings.extend(completed.filter_map(|platform| warning::unknown_variant(&location.to_string(), platform)));
    }
    for entry in entries.iter_mut().filter(|entry| !is_list || !entry.descriptor.is_attestation()) {
        entry.descriptor.annotations.extend(spec.annotations.clone());
    }
    Ok(entries)
}
