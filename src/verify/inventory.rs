//! Checks a list and its manifests against each other, without I/O.

use super::finding::{Finding, Problem};
use crate::manifest::{Descriptor, ImageManifest, Manifest, ManifestError, Platform, PlatformSelector};
use crate::resolve::{Defect, Document, Surveyed, is_list};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A manifest with blobs.
#[derive(Debug)]
pub(super) struct Item {
    /// Its name in findings.
    pub(super) subject: String,
    /// The platform that the list states.
    pub(super) platform: Option<Platform>,
    pub(super) image: Arc<ImageManifest>,
    /// Whether its config says what platform it is for.
    pub(super) has_platform: bool,
}

/// The manifests of a list that have blobs.
pub(super) fn items(surveyed: &[Surveyed]) -> Vec<Item> {
    let item = |Surveyed { entry, document, .. }: &Surveyed| {
        let Manifest::Image(image) = &document.as_ref().ok()?.manifest else { return None };
        Some(Item {
            subject: subject(entry, surveyed),
            platform: entry.platform.clone().filter(Platform::is_specified),
            image: Arc::clone(image),
            has_platform: !image.is_artifact() && !entry.is_attestation(),
        })
    };
    surveyed.iter().filter_map(item).collect()
}

/// The name of an entry in findings: its platform, or that of the image that it is an attestation of.
fn subject(entry: &Descriptor, all: &[Surveyed]) -> String {
    if let Some(image) = entry.attested_digest() {
        let image = all.iter().find(|it| it.entry.digest == image).map(|it| subject_of_image(&it.entry));
        return image.map_or_else(|| "attestation".to_owned(), |image| format!("attestation of {image}"));
    }
    subject_of_image(entry)
}

fn subject_of_image(entry: &Descriptor) -> String {
    match &entry.platform {
        _ if is_list(entry) => "list in the list".to_owned(),
        Some(platform) if platform.is_known() => platform.to_string(),
        _ => "image without a platform".to_owned(),
    }
}

/// The problems of the entries of a list and of their manifests.
pub(super) fn findings(surveyed: &[Surveyed]) -> Vec<Finding> {
    let (mut findings, mut digests, mut platforms) = (Vec::new(), HashSet::new(), HashMap::new());
    if surveyed.is_empty() {
        findings.push(Finding { subject: String::new(), problem: Problem::Empty });
    }
    let images: HashSet<&str> = surveyed.iter().map(|it| it.entry.digest.as_str()).collect();
    for Surveyed { entry, document, .. } in surveyed {
        let mut find = |problem| findings.push(Finding { subject: subject(entry, surveyed), problem });
        let digest = entry.digest.clone();
        match document {
            Ok(document) => manifest(entry, document).into_iter().for_each(&mut find),
            Err(defect) if is_of_unknown_type(entry, defect) => {}
            Err(defect) => find(Problem::Manifest { digest: digest.clone(), defect: defect.clone() }),
        }
        if !digests.insert(digest.clone()) {
            find(Problem::DuplicateManifest { digest });
            continue;
        }
        if let Some(image) = entry.attested_digest().filter(|image| !images.contains(image)) {
            find(Problem::OrphanAttestation { image: image.to_owned() });
        }
        if let Some(platform) = runs_on(entry)
            && let Some(other) = platforms.insert(platform.normalized(), digest)
            && other != entry.digest
        {
            find(Problem::DuplicatePlatform { other });
        }
    }
    findings
}

/// The platform that an entry is the image for. Artifacts may be for any, several of them for the same.
fn runs_on(entry: &Descriptor) -> Option<&Platform> {
    let is_image = !entry.is_attestation() && entry.artifact_type.is_empty() && !is_list(entry);
    entry.platform.as_ref().filter(|it| is_image && it.is_known())
}

/// An entry may point at content of any media type. Such content has been fetched, and its digest was right.
fn is_of_unknown_type(entry: &Descriptor, defect: &Defect) -> bool {
    matches!(defect, Defect::NotAManifest(ManifestError::UnsupportedMediaType(found)) if *found == entry.media_type)
}

fn manifest(entry: &Descriptor, document: &Document) -> Vec<Problem> {
    let digest = || entry.digest.clone();
    let (actual, media_type) = (document.fetched.bytes.len(), document.raw().media_type);
    let mut problems = Vec::new();
    if i64::try_from(actual) != Ok(entry.size) {
        problems.push(Problem::ManifestSize { digest: digest(), stated: entry.size, actual });
    }
    if media_type != entry.media_type {
        let stated = entry.media_type.clone();
        problems.push(Problem::ManifestType { digest: digest(), stated, actual: media_type });
    }
    problems
}

/// Whether the platform in a list matches the one in the image's config. A field that one of them leaves empty matches
/// any value.
pub(super) fn agree(stated: &Platform, config: &Platform) -> bool {
    let (stated, config) = (stated.normalized(), config.normalized());
    let open = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    stated.os == config.os
        && stated.architecture == config.architecture
        && open(&stated.variant, &config.variant)
        && open(&stated.os_version, &config.os_version)
}

/// The required platforms that are missing and, if `is_exact`, the platforms that are not required.
pub(super) fn requirements(platforms: &[Platform], required: &[PlatformSelector], is_exact: bool) -> Vec<Finding> {
    let missing = required.iter().filter(|wanted| !platforms.iter().any(|platform| wanted.matches(platform)));
    let missing = missing.map(|wanted| Finding {
        subject: String::new(),
        problem: Problem::RequiredPlatform { platform: wanted.to_string() },
    });
    let unexpected = platforms.iter().filter(|platform| !required.iter().any(|wanted| wanted.matches(platform)));
    let unexpected = unexpected
        .filter(|_| is_exact)
        .map(|platform| Finding { subject: platform.to_string(), problem: Problem::UnexpectedPlatform });
    missing.chain(unexpected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(os: &str, architecture: &str, variant: &str) -> Platform {
        let (os, architecture, variant) = (os.to_owned(), architecture.to_owned(), variant.to_owned());
        Platform { architecture, os, variant, ..Platform::default() }
    }

    #[test]
    fn what_is_left_open_is_no_contradiction() {
        let v7 = platform("linux", "arm", "v7");
        assert!(agree(&v7, &platform("linux", "arm", "")));
        assert!(agree(&platform("linux", "arm64", "v8"), &platform("linux", "arm64", "")));
        assert!(!agree(&v7, &platform("linux", "arm", "v6")));
        assert!(!agree(&v7, &platform("linux", "arm64", "")));
        let windows = |version: &str| Platform { os_version: version.to_owned(), ..platform("windows", "amd64", "") };
        assert!(!agree(&windows("10.0.1"), &windows("10.0.2")));
        assert!(agree(&windows(""), &windows("10.0.2")));
    }

    #[test]
    fn required_platforms_must_be_there_and_with_exact_no_others() {
        let there = [platform("linux", "amd64", ""), platform("linux", "arm", "v7")];
        let wanted =
            |texts: &[&str]| -> Vec<_> { texts.iter().map(|it| PlatformSelector::parse(it).unwrap()).collect() };
        assert!(requirements(&there, &wanted(&["linux/arm"]), false).is_empty());
        assert!(requirements(&there, &wanted(&["linux/arm", "linux/amd64"]), true).is_empty());
        let kinds = |required: &[&str], exact| -> Vec<_> {
            requirements(&there, &wanted(required), exact).iter().map(|it| it.problem.kind()).collect()
        };
        assert_eq!(kinds(&["linux/arm/v6"], false), ["platform-missing"]);
        assert_eq!(kinds(&["linux/arm"], true), ["platform-unexpected"]);
    }
}
