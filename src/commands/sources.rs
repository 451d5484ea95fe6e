//! The sources of `create`: images, images with a platform, and patterns of tags.

use crate::location::{Location, LocationError};
use crate::manifest::{InvalidPlatform, Platform};
use crate::output::Progress;
use crate::reference::Reference;
use crate::registry::{Client, RegistryError};
use crate::resolve::{Selection, Source, StatedPlatform};
use crate::warning::{self, Warning};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use thiserror::Error;

/// The pause before the tags are listed again if none matches.
const PAUSE: Duration = Duration::from_secs(2);

/// A source as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedSource {
    pub(super) name: SourceName,
    /// The platform that is stated for it.
    pub(super) platform: Option<Platform>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SourceName {
    Image(Location),
    /// All tags of the repository that match.
    Pattern {
        repository: Reference,
        tags: String,
    },
}

/// One image or list, with the platform that is stated for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedSource {
    pub(super) location: Location,
    pub(super) platform: Option<Platform>,
}

/// Why an argument is not a source.
#[derive(Debug, Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("{0}: {1}")]
    Platform(String, InvalidPlatform),
    #[error("{0}: * and ? may be in the tag only")]
    PatternPlace(String),
    #[error("no tag of {repository} matches {tags}")]
    NoMatch { repository: String, tags: String },
    #[error("{0} is given with two platforms; in a local list an image has one")]
    TwoPlatforms(Location),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl SourceError {
    /// The error behind it, if there is one: hints are found by its type.
    pub(super) fn into_cause(self) -> anyhow::Error {
        match self {
            Self::Location(error) => error.into(),
            Self::Registry(error) => error.into(),
            other => other.into(),
        }
    }
}

impl TypedSource {
    /// Reads what docker takes for an image as an image, else `IMAGE=PLATFORM`, a layout or `REPOSITORY:PATTERN`.
    pub(super) fn parse(text: &str) -> Result<Self, SourceError> {
        let source = Location::parse_source(text).map(Location::absolute);
        if let Ok(Location::Registry(_)) = source {
            return Ok(Self { name: SourceName::Image(source?), platform: None });
        }
        if let Some((image, platform)) = text.rsplit_once('=') {
            match Platform::parse(platform) {
                Ok(platform) => return Ok(Self { platform: Some(platform), ..Self::parse(image)? }),
                // A path may have any characters.
                Err(_) if source.is_ok() => {}
                Err(error) => return Err(SourceError::Platform(text.to_owned(), error)),
            }
        }
        if matches!(source, Ok(_) | Err(LocationError::Tag { .. })) || !text.contains(['*', '?']) {
            return Ok(Self { name: SourceName::Image(source?), platform: None });
        }
        match text.rsplit_once(':') {
            Some((repository, tags)) if !tags.contains(['/', '@']) && !repository.contains(['*', '?']) => {
                let repository = Reference::parse(repository).map_err(LocationError::from)?;
                Ok(Self { name: SourceName::Pattern { repository, tags: tags.to_owned() }, platform: None })
            }
            _ => Err(SourceError::PatternPlace(text.to_owned())),
        }
    }
}

/// Locations in the repositories and layouts that are read.
pub(super) fn locations(sources: &[TypedSource]) -> Vec<Location> {
    let location = |source: &TypedSource| match &source.name {
        SourceName::Image(location) => location.clone(),
        SourceName::Pattern { repository, .. } => Location::Registry(repository.clone()),
    };
    sources.iter().map(location).collect()
}

impl NamedSource {
    /// What to resolve.
    pub(super) fn to_source(&self, selection: &Selection) -> Source {
        let platform = self.platform.clone().map_or(StatedPlatform::OfConfig, StatedPlatform::Exact);
        Source { location: self.location.clone(), platform, selection: selection.clone() }
    }
}

/// Reads sources, stopping at the first invalid one.
pub(super) fn parse(texts: &[String]) -> (Vec<TypedSource>, Option<SourceError>) {
    let mut sources = Vec::with_capacity(texts.len());
    for text in texts {
        match TypedSource::parse(text) {
            Ok(source) => sources.push(source),
            Err(error) => return (sources, Some(error)),
        }
    }
    (sources, None)
}

/// Warnings about stated variants that their architectures do not have.
pub(super) fn unknown_variants(sources: &[TypedSource]) -> Vec<Warning> {
    let warning = |source: &TypedSource| {
        let name = match &source.name {
            SourceName::Image(location) => location.to_string(),
            SourceName::Pattern { repository, tags } => format!("{}:{tags}", repository.name()),
        };
        warning::unknown_variant(&name, source.platform.as_ref()?)
    };
    sources.iter().filter_map(warning).collect()
}

/// The images that sources name, each once. `list` itself does not match a pattern.
pub(super) async fn expand(
    client: &Client,
    sources: Vec<TypedSource>,
    list: &Reference,
    wait: Duration,
    progress: &Progress,
) -> Result<Vec<NamedSource>, SourceError> {
    let mut expanded = Vec::with_capacity(sources.len());
    for TypedSource { name, platform } in sources {
        match name {
            SourceName::Image(location) => expanded.push(NamedSource { location, platform }),
            SourceName::Pattern { repository, tags } => {
                let matching = matching(client, &repository, &tags, list, wait, progress).await?;
                let named = |tag| NamedSource { location: Location::Registry(tag), platform: platform.clone() };
                expanded.extend(matching.into_iter().map(named));
            }
        }
    }
    distinct(expanded)
}

/// Each image once.
pub(super) fn distinct(sources: Vec<NamedSource>) -> Result<Vec<NamedSource>, SourceError> {
    let mut known: HashMap<Location, Option<Platform>> = HashMap::new();
    let mut distinct = Vec::with_capacity(sources.len());
    for source in sources {
        match known.get(&source.location) {
            None => {
                known.insert(source.location.clone(), source.platform.clone());
                distinct.push(source);
            }
            Some(platform) if *platform == source.platform => {}
            Some(_) => return Err(SourceError::TwoPlatforms(source.location)),
        }
    }
    Ok(distinct)
}

async fn matching(
    client: &Client,
    repository: &Reference,
    pattern: &str,
    list: &Reference,
    wait: Duration,
    progress: &Progress,
) -> Result<Vec<Reference>, SourceError> {
    let begun = Instant::now();
    let mut shown = None;
    loop {
        let tags = match client.tags(repository).await {
            Err(RegistryError::NoRepository(_)) => Vec::new(),
            tags => tags?,
        };
        let references = tags.iter().filter(|tag| matches(pattern, tag)).map(|tag| repository.tagged(tag));
        let mut found: Vec<Reference> = references.filter(|reference| reference != list).collect();
        if !found.is_empty() {
            found.sort();
            return Ok(found);
        }
        if begun.elapsed() + PAUSE > wait {
            let (repository, tags) = (repository.name(), pattern.to_owned());
            return Err(SourceError::NoMatch { repository, tags });
        }
        let show = |left| progress.wait(format!("waiting for {}:{pattern}, giving up", repository.name()), left);
        shown.get_or_insert_with(|| show(wait.saturating_sub(begun.elapsed())));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a tag matches a pattern: `*` stands for any text, `?` for one character.
fn matches(pattern: &str, tag: &str) -> bool {
    let (pattern, tag) = (pattern.as_bytes(), tag.as_bytes());
    let (mut at, mut position) = (0, 0);
    // Where to go on if what follows the last star does not match.
    let mut last_star: Option<(usize, usize)> = None;
    while position < tag.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, position));
                at += 1;
            }
            Some(&expected) if expected == b'?' || expected == tag[position] => {
                at += 1;
                position += 1;
            }
            _ => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    (at, position) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_takes_for_an_image_is_an_image() {
        let parsed = |text: &str| match TypedSource::parse(text) {
            Ok(TypedSource { name, platform }) => {
                let name = match name {
                    SourceName::Image(location) => location.to_string(),
                    SourceName::Pattern { repository, tags } => format!("{} {tags}", repository.name()),
                };
                name + &platform.map(|platform| format!(" {platform}")).unwrap_or_default()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(parsed("h.io/a:1"), "h.io/a:1");
        assert_eq!(parsed("h.io/a:1=linux/arm64/v8"), "h.io/a:1 linux/arm64/v8");
        assert_eq!(parsed("h.io:5000/a:1-*"), "h.io:5000/a 1-*");
        assert_eq!(parsed("a:?=windows/amd64:10.0"), "docker.io/library/a ? windows/amd64:10.0");
        assert_eq!(parsed("h.io/*:1"), "h.io/*:1: * and ? may be in the tag only");
        assert_eq!(parsed("h.io:5000/a*"), "h.io:5000/a*: * and ? may be in the tag only");
        assert_eq!(parsed("a//b"), "invalid reference format");
        assert_eq!(parsed("oci:/d/a=b:1=linux/arm64"), "oci:/d/a=b:1 linux/arm64");
        assert_eq!(parsed("oci:/d/a=b"), "oci:/d/a=b");
        assert!(parsed("a=b").starts_with("a=b: \"b\" is not a platform"));
    }

    #[test]
    fn stars_and_question_marks_stand_for_any_text_and_any_character() {
        for (pattern, tag, expected) in [
            ("1.0-*", "1.0-amd64", true),
            ("1.0-*", "1.0", false),
            ("1.0-*", "1.0-", true),
            ("*", "", true),
            ("*-arm?", "1-2-arm7", true),
            ("*-arm?", "1-arm", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("?", "ab", false),
        ] {
            assert_eq!(matches(pattern, tag), expected, "{pattern} {tag}");
        }
    }
}
