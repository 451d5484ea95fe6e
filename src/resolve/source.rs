//! Sources, and what the user states about them.

use super::Selection;
use crate::location::Location;
use crate::manifest::{Platform, canonical_variant, is_known};
use std::time::Duration;

/// An image or a list to resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub location: Location,
    /// The platform that the user states for it.
    pub platform: StatedPlatform,
    /// Which of its images are requested, if it is a list.
    pub selection: Selection,
}

/// The platform that the user states for an image. The images of lists have platforms of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StatedPlatform {
    /// That in the image's config.
    #[default]
    OfConfig,
    /// This one, whatever the config says.
    Exact(Platform),
    /// This one, its empty fields filled from the config.
    Completed(Platform),
}

/// What to do about sources that do not exist.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent {
    /// How long to wait for them.
    pub wait: Duration,
    /// Whether to leave them out then.
    pub ignore: bool,
}

impl Source {
    /// All of an image or a list.
    #[must_use]
    pub fn all(location: Location) -> Self {
        Self { location, platform: StatedPlatform::OfConfig, selection: Selection::default() }
    }
}

impl StatedPlatform {
    /// The platform of an image whose config says `config`.
    #[must_use]
    pub fn over(&self, config: &Platform) -> Platform {
        match self {
            Self::OfConfig => config.clone(),
            Self::Exact(platform) => platform.clone(),
            Self::Completed(platform) => {
                let architecture = first(&platform.architecture, &config.architecture);
                let stated_variant = canonical_variant(&architecture, &platform.variant).into_owned();
                Platform {
                    os: first(&platform.os, &config.os),
                    os_version: first(&platform.os_version, &config.os_version),
                    os_features: first(&platform.os_features, &config.os_features),
                    variant: first(&stated_variant, &config.variant),
                    architecture,
                }
            }
        }
    }

    /// Whether operating system and architecture of the completed platform go together, if one of them is stated.
    #[must_use]
    pub fn can_be(&self, completed: &Platform) -> bool {
        match self {
            Self::Completed(stated) if !(stated.os.is_empty() && stated.architecture.is_empty()) => {
                is_known(&completed.os, &completed.architecture)
            }
            _ => true,
        }
    }
}

/// The first value, unless it is empty.
fn first<T: Clone + Default + PartialEq>(one: &T, other: &T) -> T {
    if *one == T::default() { other.clone() } else { one.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_platform_that_is_completed_takes_anything_from_the_config() {
        let config = Platform::parse("linux/arm/v7").unwrap();
        let stated = Platform::parse("linux/arm").unwrap();
        let over = |stated: StatedPlatform| stated.over(&config).to_string();
        assert_eq!(over(StatedPlatform::OfConfig), "linux/arm/v7");
        assert_eq!(over(StatedPlatform::Exact(stated.clone())), "linux/arm");
        assert_eq!(over(StatedPlatform::Completed(stated)), "linux/arm/v7");
        assert_eq!(over(StatedPlatform::Completed(Platform::default())), "linux/arm/v7");
    }
}
