//! `mfst annotate`: changes the platform and annotations of an image in a local manifest list.

use crate::app::App;
use crate::error::WithHint;
use crate::manifest::{Descriptor, Platform, canonical_arch, canonical_variant, is_known, known_variants, likely_arch};
use crate::reference::Reference;
use crate::store::StoreError;
use anyhow::Context as _;
use thiserror::Error;

/// The arguments and flags of `annotate`. Empty strings leave a field unchanged.
#[derive(Debug, Default)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// The image, as typed.
    pub image: String,
    /// The architecture, by OCI's or another common name.
    pub arch: String,
    /// The operating system.
    pub os: String,
    /// Features to add.
    pub os_features: Vec<String>,
    /// The version of the operating system.
    pub os_version: String,
    /// The variant of the architecture.
    pub variant: String,
    /// Annotations to set.
    pub annotations: Vec<(String, String)>,
    /// What to clear before anything is set.
    pub clear: Vec<Field>,
}

/// A field that can be cleared. Operating system and architecture are required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The variant of the architecture.
    Variant,
    /// The version of the operating system.
    OsVersion,
    /// Required features of the operating system.
    OsFeatures,
    /// All annotations.
    Annotations,
    /// The annotation with this key.
    Annotation(String),
}

/// Why an image cannot be annotated.
#[derive(Debug, Error)]
enum AnnotateError {
    #[error("manifest for image {image} does not exist in {list}")]
    NoSuchImage { image: String, list: String },
    #[error("manifest entry for image has unsupported os/arch combination: {os}/{architecture}")]
    UnknownPlatform { os: String, architecture: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes the entry and stores it again.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("annotate: error parsing name for manifest list {}", options.list))?;
    let image = Reference::parse(&options.image)
        .with_context(|| format!("annotate: error parsing name for manifest {}", options.image))?;
    let mut annotated = None;
    let outcome = app.store.update(&list, &image, |entry| {
        for field in &options.clear {
            field.clear(&mut entry.descriptor);
        }
        entry.descriptor.annotations.extend(options.annotations.iter().cloned());
        let platform = entry.descriptor.platform.get_or_insert_with(Platform::default);
        options.apply(platform)?;
        annotated = Some(platform.clone());
        Ok(())
    });
    outcome.map_err(|error| options.explain(error))?;
    if let Some(warning) = annotated.and_then(|platform| options.unknown_variant(&platform)) {
        app.console.warn(warning);
        app.console.hint(format_args!("`mfst annotate --clear variant {list} {image}` removes the variant"));
    }
    Ok(())
}

impl Field {
    fn clear(&self, descriptor: &mut Descriptor) {
        let platform = descriptor.platform.get_or_insert_with(Platform::default);
        match self {
            Self::Variant => platform.variant.clear(),
            Self::OsVersion => platform.os_version.clear(),
            Self::OsFeatures => platform.os_features.clear(),
            Self::Annotations => descriptor.annotations.clear(),
            Self::Annotation(key) => drop(descriptor.annotations.remove(key)),
        }
    }
}

impl Options {
    fn apply(&self, platform: &mut Platform) -> Result<(), AnnotateError> {
        let set = |field: &mut String, value: &str| {
            if !value.is_empty() {
                value.clone_into(field);
            }
        };
        let (arch, implied_variant) = canonical_arch(&self.arch);
        set(&mut platform.os, &self.os);
        set(&mut platform.architecture, arch);
        set(&mut platform.variant, implied_variant.unwrap_or_default());
        set(&mut platform.variant, &canonical_variant(&platform.architecture, &self.variant));
        set(&mut platform.os_version, &self.os_version);
        for feature in &self.os_features {
            if !platform.os_features.contains(feature) {
                platform.os_features.push(feature.clone());
            }
        }
        if is_known(&platform.os, &platform.architecture) {
            return Ok(());
        }
        let (os, architecture) = (platform.os.clone(), platform.architecture.clone());
        Err(AnnotateError::UnknownPlatform { os, architecture })
    }

    /// The error as docker words it, with a hint.
    fn explain(&self, error: AnnotateError) -> anyhow::Error {
        let (error, hint) = match error {
            AnnotateError::Store(missing @ StoreError::EntryNotFound { .. }) => {
                (AnnotateError::NoSuchImage { image: self.image.clone(), list: self.list.clone() }, missing.hint())
            }
            AnnotateError::Store(error) => return error.into(),
            other => (other, self.likely_flags()),
        };
        match hint {
            Some(hint) => WithHint { error: error.into(), hint }.into(),
            None => error.into(),
        }
    }

    /// The flags that were most likely meant.
    fn likely_flags(&self) -> Option<String> {
        let os = self.os.to_lowercase();
        if os != self.os {
            return Some(format!("operating systems are written in lower case: --os {os}"));
        }
        let (arch, variant) = likely_arch(&self.arch)?;
        let variant = if variant.is_empty() { variant } else { format!(" --variant {variant}") };
        Some(format!("for {}, use --arch {arch}{variant}", self.arch))
    }

    /// A variant that the architecture does not have, which may be left over from another one.
    fn unknown_variant(&self, platform: &Platform) -> Option<String> {
        if self.arch.is_empty() && self.variant.is_empty() {
            return None;
        }
        let known = known_variants(&platform.architecture, &platform.variant)?.join(", ");
        let Platform { architecture, variant, .. } = platform;
        Some(format!("{} is now for {platform}: {architecture} has no variant {variant}, but {known}", self.image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux(architecture: &str) -> Platform {
        Platform { architecture: architecture.into(), os: "linux".into(), ..Platform::default() }
    }

    #[test]
    fn what_is_not_given_stays() {
        let mut platform = Platform { os_features: vec!["a".into()], variant: "v8".into(), ..linux("arm64") };
        let options =
            Options { os_version: "1".into(), os_features: vec!["a".into(), "b".into()], ..Options::default() };
        options.apply(&mut platform).unwrap();
        let expected = Platform {
            os_features: vec!["a".into(), "b".into()],
            variant: "v8".into(),
            os_version: "1".into(),
            ..linux("arm64")
        };
        assert_eq!(platform, expected);
    }

    #[test]
    fn another_name_of_an_architecture_brings_its_variant_unless_one_is_given() {
        let annotated = |arch: &str, variant: &str| {
            let mut platform = linux("amd64");
            let options = Options { arch: arch.into(), variant: variant.into(), ..Options::default() };
            options.apply(&mut platform).unwrap();
            (platform.architecture, platform.variant)
        };
        assert_eq!(annotated("armhf", ""), ("arm".into(), "v7".into()));
        assert_eq!(annotated("armel", "v5"), ("arm".into(), "v5".into()));
        assert_eq!(annotated("aarch64", ""), ("arm64".into(), String::new()));
    }

    #[test]
    fn the_resulting_pair_is_named_when_it_cannot_be() {
        let options = Options { arch: "bogus".into(), ..Options::default() };
        let message = options.apply(&mut linux("amd64")).unwrap_err().to_string();
        assert_eq!(message, "manifest entry for image has unsupported os/arch combination: linux/bogus");
    }
}
