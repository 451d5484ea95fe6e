//! `mfst annotate`: changes a local manifest list, or the platform and annotations of an image in it.

use super::entry::{self, EntryError};
use super::list_options::ListOptions;
use crate::app::App;
use crate::content::Content;
use crate::draft::{Draft, ListChange, ListSettings, Setting};
use crate::error::WithHint;
use crate::manifest::{Descriptor, Platform, canonical_arch, canonical_variant, is_known, likely_arch};
use crate::reference::Reference;
use crate::store::StoreError;
use crate::warning::{self, Warning};
use anyhow::Context as _;
use thiserror::Error;

/// The arguments and flags of `annotate`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// What to annotate.
    pub subject: Subject,
    /// What to clear before anything is set.
    pub clear: Vec<Field>,
    /// Annotations to set and, for the list, its other fields.
    pub list_options: ListOptions,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// What is annotated.
#[derive(Debug)]
pub enum Subject {
    /// The list itself.
    List,
    /// An entry, as typed.
    Entry(String, Box<EntryOptions>),
}

/// What to set of an entry's platform. Empty strings leave a field unchanged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EntryOptions {
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
    /// Operating system, architecture and variant; the version of the operating system if it names one.
    pub platform: Option<Platform>,
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
    /// The manifest that the list refers to.
    Subject,
    /// The type of the artifact that the list describes.
    ArtifactType,
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

/// Changes the list or one of its entries and stores it again.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("annotate: error parsing name for manifest list {}", options.list))?;
    match &options.subject {
        Subject::List => annotate_list(app, &list, options),
        Subject::Entry(name, changes) => annotate_entry(app, &list, name, changes, options),
    }
}

fn annotate_list(app: &App, list: &Reference, options: &Options) -> anyhow::Result<()> {
    // Looked up before anything is locked, so that a mistyped name leaves no trace.
    app.store.load(list)?;
    let subject = if options.list_options.subject.is_some() {
        let content = Content::new(app.client(options.insecure));
        app.block_on(options.list_options.fetch_subject(&content))?
    } else {
        None
    };
    app.store.amend(list, |draft| {
        if draft.entries.is_empty() {
            return Err(EntryError::Empty(list.clone()).into());
        }
        let mut settings = draft.settings.clone();
        options.clear.iter().for_each(|field| field.clear_of_list(&mut settings));
        let settings = Some(options.list_options.apply(settings, subject));
        let mut change = ListChange { settings, ..ListChange::default() };
        options.list_options.annotate_change(draft, &mut change)?;
        check(app, &change.apply(draft))?;
        anyhow::Ok(change)
    })
}

fn check(app: &App, draft: &Draft) -> anyhow::Result<()> {
    draft.check_format()?;
    warning::report(&app.console, draft.lost().into_iter().map(Warning::Lost).collect(), false)
}

fn annotate_entry(
    app: &App,
    list: &Reference,
    name: &str,
    changes: &EntryOptions,
    options: &Options,
) -> anyhow::Result<()> {
    let image = entry::resolve(app, list, name).map_err(|error| match error {
        EntryError::Reference(error) => {
            anyhow::Error::from(error).context(format!("annotate: error parsing name for manifest {name}"))
        }
        other => other.into_cause(),
    })?;
    let annotations = options.list_options.annotations.iter();
    let mut annotated = None;
    let outcome = app.store.update(list, &image, |entry| {
        options.clear.iter().for_each(|field| field.clear_of_entry(&mut entry.descriptor));
        entry.descriptor.annotations.extend(annotations.map(|it| (it.key.clone(), it.value.clone())));
        let platform = entry.descriptor.platform.get_or_insert_with(Platform::default);
        changes.apply(platform)?;
        annotated = Some(platform.clone());
        Ok(())
    });
    outcome.map_err(|error| with_hint(error, name, changes, options))?;
    if let Some(warning) = annotated.and_then(|platform| changes.unknown_variant(name, &platform)) {
        app.console.warn(warning);
        app.console.hint(format_args!("`mfst annotate --clear variant {list} {image}` removes the variant"));
    }
    Ok(())
}

/// The error as docker words it, with a hint.
fn with_hint(error: AnnotateError, image: &str, changes: &EntryOptions, options: &Options) -> anyhow::Error {
    let (error, hint) = match error {
        AnnotateError::Store(missing @ StoreError::EntryNotFound { .. }) => {
            (AnnotateError::NoSuchImage { image: image.to_owned(), list: options.list.clone() }, missing.hint())
        }
        AnnotateError::Store(error) => return error.into(),
        other => (other, changes.likely_flags()),
    };
    match hint {
        Some(hint) => WithHint { error: error.into(), hint }.into(),
        None => error.into(),
    }
}

impl Field {
    /// Whether a list has such a field.
    #[must_use]
    pub fn is_of_list(&self) -> bool {
        !matches!(self, Self::Variant | Self::OsVersion | Self::OsFeatures)
    }

    /// Whether an entry has such a field.
    #[must_use]
    pub fn is_of_entry(&self) -> bool {
        !matches!(self, Self::Subject | Self::ArtifactType)
    }

    fn clear_of_entry(&self, descriptor: &mut Descriptor) {
        let platform = descriptor.platform.get_or_insert_with(Platform::default);
        match self {
            Self::Variant => platform.variant.clear(),
            Self::OsVersion => platform.os_version.clear(),
            Self::OsFeatures => platform.os_features.clear(),
            Self::Annotations => descriptor.annotations.clear(),
            Self::Annotation(key) => drop(descriptor.annotations.remove(key)),
            Self::Subject | Self::ArtifactType => {}
        }
    }

    fn clear_of_list(&self, settings: &mut ListSettings) {
        match self {
            Self::Annotations => settings.annotations.clear_all(),
            Self::Annotation(key) => settings.annotations.clear(key),
            Self::Subject => settings.subject = Setting::Cleared,
            Self::ArtifactType => settings.artifact_type = Setting::Cleared,
            Self::Variant | Self::OsVersion | Self::OsFeatures => {}
        }
    }
}

impl EntryOptions {
    fn apply(&self, platform: &mut Platform) -> Result<(), AnnotateError> {
        let set = |field: &mut String, value: &str| {
            if !value.is_empty() {
                value.clone_into(field);
            }
        };
        if let Some(stated) = &self.platform {
            (platform.os, platform.architecture) = (stated.os.clone(), stated.architecture.clone());
            platform.variant.clone_from(&stated.variant);
            set(&mut platform.os_version, &stated.os_version);
        }
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
    fn unknown_variant(&self, image: &str, platform: &Platform) -> Option<Warning> {
        let is_stated = !self.arch.is_empty() || !self.variant.is_empty() || self.platform.is_some();
        is_stated.then(|| warning::unknown_variant(image, platform)).flatten()
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
        let options = EntryOptions {
            os_version: "1".into(),
            os_features: vec!["a".into(), "b".into()],
            ..EntryOptions::default()
        };
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
            let options = EntryOptions { arch: arch.into(), variant: variant.into(), ..EntryOptions::default() };
            options.apply(&mut platform).unwrap();
            (platform.architecture, platform.variant)
        };
        assert_eq!(annotated("armhf", ""), ("arm".into(), "v7".into()));
        assert_eq!(annotated("armel", "v5"), ("arm".into(), "v5".into()));
        assert_eq!(annotated("aarch64", ""), ("arm64".into(), String::new()));
    }

    #[test]
    fn the_resulting_pair_is_named_when_it_cannot_be() {
        let options = EntryOptions { arch: "bogus".into(), ..EntryOptions::default() };
        let message = options.apply(&mut linux("amd64")).unwrap_err().to_string();
        assert_eq!(message, "manifest entry for image has unsupported os/arch combination: linux/bogus");
    }
}
