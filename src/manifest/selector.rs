//! Platforms as users write them: `linux/arm64`, `linux/arm/v7`.

use super::{Platform, canonical_arch};
use std::fmt;
use thiserror::Error;

/// A text that is not a platform.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("\"{0}\" is not a platform; one is OS/ARCH or OS/ARCH/VARIANT, such as linux/arm/v7")]
pub struct InvalidPlatform(String);

/// One platform, or all variants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSelector {
    os: String,
    architecture: String,
    /// None for any.
    variant: Option<String>,
}

impl PlatformSelector {
    /// Parses `os/arch[/variant]`; common other names of architectures are translated.
    pub fn parse(text: &str) -> Result<Self, InvalidPlatform> {
        let mut parts = text.split('/');
        let (os, arch, variant) = (parts.next(), parts.next(), parts.next());
        let is_word =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        match (os.filter(is_word), arch.filter(is_word), variant, parts.next()) {
            (Some(os), Some(arch), variant, None) if variant.is_none_or(|variant| is_word(&variant)) => {
                let (architecture, implied) = canonical_arch(arch);
                let (os, architecture) = (os.to_owned(), architecture.to_owned());
                Ok(Self { os, architecture, variant: variant.or(implied).map(str::to_owned) })
            }
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }

    /// Whether any variant matches.
    #[must_use]
    pub fn is_any_variant(&self) -> bool {
        self.variant.is_none()
    }

    /// Whether the platform is the selected one, or a variant of it if none is selected.
    #[must_use]
    pub fn matches(&self, platform: &Platform) -> bool {
        let wanted = |variant| variant_of(&self.architecture, variant);
        self.os == platform.os
            && self.architecture == platform.architecture
            && self
                .variant
                .as_ref()
                .is_none_or(|variant| wanted(variant) == variant_of(&platform.architecture, &platform.variant))
    }
}

/// `arm64` and `arm64/v8` are the same (containerd/platforms, `normalizeArch`).
fn variant_of<'a>(architecture: &str, variant: &'a str) -> &'a str {
    if architecture == "arm64" && variant == "v8" { "" } else { variant }
}

impl fmt::Display for PlatformSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl Platform {
    /// Whether it names an operating system and an architecture, be they `unknown`.
    #[must_use]
    pub fn is_specified(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    /// Whether it names a platform that images run on: not [`Platform::unknown`].
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_specified() && *self != Self::unknown()
    }

    /// `unknown/unknown`, the platform of attestations and artifacts.
    #[must_use]
    pub fn unknown() -> Self {
        Self { architecture: "unknown".to_owned(), os: "unknown".to_owned(), ..Self::default() }
    }

    /// Whether images for these platforms run on the same machines.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.normalized() == other.normalized()
    }

    /// The platform in a form in which equal platforms are equal values.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let variant = variant_of(&self.architecture, &self.variant).to_owned();
        Self { variant, ..self.clone() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        for (mark, text) in [("/", &self.variant), (":", &self.os_version)] {
            if !text.is_empty() {
                write!(f, "{mark}{text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Platform { os: next(), architecture: next(), variant: next(), ..Platform::default() }
    }

    #[test]
    fn a_platform_without_a_variant_means_all_of_them() {
        for (selector, text, expected) in [
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm", false),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/x86_64", "linux/amd64", true),
            ("linux/armhf", "linux/arm/v7", true),
            ("linux/amd64", "windows/amd64", false),
        ] {
            assert_eq!(
                PlatformSelector::parse(selector).unwrap().matches(&platform(text)),
                expected,
                "{selector} {text}"
            );
        }
    }

    #[test]
    fn what_names_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/", "linux/arm/v7/x", "li nux/arm", "linux/arm@v7"] {
            assert_eq!(PlatformSelector::parse(text), Err(InvalidPlatform(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_version_of_the_system_tells_windows_images_apart() {
        let windows = |version: &str| Platform { os_version: version.into(), ..platform("windows/amd64") };
        assert!(!windows("10.0.17763.1").is_same(&windows("10.0.20348.1")));
        assert!(platform("linux/arm64/v8").is_same(&platform("linux/arm64")));
        assert_eq!(windows("10.0").to_string(), "windows/amd64:10.0");
    }
}
