//! Platforms as users write them: `linux/arm64`, `linux/arm/v7`.

use super::{Platform, canonical_arch, canonical_variant};
use std::fmt;
use thiserror::Error;

/// A text that is not a platform.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("\"{0}\" is not a platform; one is OS/ARCH[/VARIANT][:OS.VERSION], such as linux/arm/v7")]
pub struct InvalidPlatform(String);

/// One platform, or all variants or versions of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSelector {
    os: String,
    architecture: String,
    /// None for any.
    variant: Option<String>,
    /// None for any.
    os_version: Option<String>,
}

impl PlatformSelector {
    /// Reads `os/arch[/variant][:os.version]`; other usual names of architectures and variants are translated.
    pub fn parse(text: &str) -> Result<Self, InvalidPlatform> {
        let (name, os_version) = text.split_once(':').map_or((text, None), |(name, version)| (name, Some(version)));
        let mut parts = name.split('/');
        let (os, arch, variant) = (parts.next(), parts.next(), parts.next());
        let is_word =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let is_version = |version: &str| version.starts_with(|first: char| first.is_ascii_digit()) && is_word(&version);
        let is_valid = variant.is_none_or(|variant| is_word(&variant)) && os_version.is_none_or(is_version);
        match (os.filter(is_word), arch.filter(is_word), parts.next()) {
            (Some(os), Some(arch), None) if is_valid => {
                let (architecture, implied) = canonical_arch(arch);
                let variant = variant.or(implied).map(|variant| canonical_variant(architecture, variant).into_owned());
                Ok(Self {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                    variant,
                    os_version: os_version.map(str::to_owned),
                })
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
        let variant = canonical_variant(&platform.architecture, &platform.variant);
        self.os == platform.os
            && self.architecture == platform.architecture
            && self.os_version.as_ref().is_none_or(|version| *version == platform.os_version)
            && self
                .variant
                .as_ref()
                .is_none_or(|selected| wanted(selected) == variant_of(&platform.architecture, &variant))
    }
}

/// `arm64` and `arm64/v8` are the same (containerd/platforms, `normalizeArch`).
fn variant_of<'a>(architecture: &str, variant: &'a str) -> &'a str {
    if architecture == "arm64" && variant == "v8" { "" } else { variant }
}

impl fmt::Display for PlatformSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))?;
        self.os_version.as_ref().map_or(Ok(()), |version| write!(f, ":{version}"))
    }
}

impl Platform {
    /// Reads one platform, `os/arch[/variant][:os.version]`: what is not named it does not have.
    pub fn parse(text: &str) -> Result<Self, InvalidPlatform> {
        let PlatformSelector { os, architecture, variant, os_version } = PlatformSelector::parse(text)?;
        let (variant, os_version) = (variant.unwrap_or_default(), os_version.unwrap_or_default());
        Ok(Self { architecture, os, os_version, variant, ..Self::default() })
    }

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
            ("linux/arm/7", "linux/arm/v7", true),
            ("linux/arm/7", "linux/arm/7", true),
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
        for text in [
            "linux/arm:",
            "linux/arm:1/2",
            "linux/arm:x",
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/arm/",
            "linux/arm/v7/x",
            "li nux/arm",
            "linux/arm@v7",
        ] {
            assert_eq!(PlatformSelector::parse(text), Err(InvalidPlatform(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_version_of_the_system_tells_windows_images_apart() {
        let windows = |version: &str| Platform { os_version: version.into(), ..platform("windows/amd64") };
        assert!(!windows("10.0.17763.1").is_same(&windows("10.0.20348.1")));
        assert!(platform("linux/arm64/v8").is_same(&platform("linux/arm64")));
        assert_eq!(windows("10.0").to_string(), "windows/amd64:10.0");
        let selector = PlatformSelector::parse("windows/amd64:10.0").unwrap();
        assert!(selector.matches(&windows("10.0")) && !selector.matches(&windows("10.1")));
        assert_eq!(selector.to_string(), "windows/amd64:10.0");
        assert_eq!(Platform::parse("windows/x86_64:10.0").unwrap(), windows("10.0"));
    }
}
