//! The problems that `verify` finds.

use crate::resolve::Defect;
use serde::Serialize;
use std::fmt;
use thiserror::Error;

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The platform or attestation; empty for the list or the single image as a whole.
    pub subject: String,
    /// The problem.
    pub problem: Problem,
}

/// The kinds of problems.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// No usable manifest.
    #[error("{} {}", named(.digest), predicate(.defect))]
    Manifest {
        /// Its digest, unless it was asked for by tag.
        digest: String,
        /// Why it is not usable.
        defect: Defect,
    },
    /// A manifest of another size than its entry states.
    #[error("manifest {digest} has {actual} bytes, not {stated} as the list says")]
    ManifestSize {
        /// The manifest.
        digest: String,
        /// What the list says, in bytes.
        stated: i64,
        /// What it has, in bytes.
        actual: usize,
    },
    /// A manifest of another media type than its entry states.
    #[error("manifest {digest} is of type {actual}, not {stated} as the list says")]
    ManifestType {
        /// The manifest.
        digest: String,
        /// What the list says.
        stated: String,
        /// What the registry says.
        actual: String,
    },
    /// A config or layer that is not usable.
    #[error("{what} {digest} {}", predicate(.defect))]
    Blob {
        /// `config` or `layer`.
        what: &'static str,
        /// The blob.
        digest: String,
        /// Why it is not usable.
        defect: Defect,
    },
    /// A config or layer of another size than the manifest states.
    #[error("{what} {digest} has {actual} bytes, not {stated} as the manifest says")]
    BlobSize {
        /// `config` or `layer`.
        what: &'static str,
        /// The blob.
        digest: String,
        /// What the manifest says, in bytes.
        stated: i64,
        /// What it has, in bytes.
        actual: u64,
    },
    /// A config that cannot be read.
    #[error("config {digest} cannot be read: {reason}")]
    Config {
        /// The config.
        digest: String,
        /// Why not.
        reason: String,
    },
    /// An image for another platform than its entry states.
    #[error("the config says {actual}")]
    Platform {
        /// The platform in the config.
        actual: String,
    },
    /// An attestation whose image is not in the list.
    #[error("it is about {image}, which is not in the list")]
    OrphanAttestation {
        /// The digest of the image.
        image: String,
    },
    /// A manifest that is in the list twice.
    #[error("manifest {digest} is in the list more than once")]
    DuplicateManifest {
        /// The manifest.
        digest: String,
    },
    /// Two images for one platform.
    #[error("the list has another image for this platform: {other}")]
    DuplicatePlatform {
        /// The digest of the image before.
        other: String,
    },
    /// A platform that is required and not there.
    #[error("there is no image for {platform}")]
    RequiredPlatform {
        /// The platform.
        platform: String,
    },
    /// A platform that is there and not required.
    #[error("this platform is not one of the required ones")]
    UnexpectedPlatform,
    /// A list without entries.
    #[error("the list is empty")]
    Empty,
}

fn named(digest: &str) -> String {
    if digest.is_empty() { "the manifest".to_owned() } else { format!("manifest {digest}") }
}

/// The defect as the predicate of a sentence.
fn predicate(defect: &Defect) -> String {
    match defect {
        Defect::Missing => "is missing".to_owned(),
        Defect::WrongDigest => "does not have that digest".to_owned(),
        Defect::TooLarge => "is larger than it should be".to_owned(),
        Defect::BadDigest => "has an invalid digest".to_owned(),
        Defect::NotAManifest(error) => format!("cannot be used: {error}"),
    }
}

impl Problem {
    /// Its name for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Manifest { defect, .. } => match defect {
                Defect::Missing => "manifest-missing",
                Defect::WrongDigest => "manifest-digest",
                Defect::TooLarge => "manifest-size",
                Defect::BadDigest => "invalid-digest",
                Defect::NotAManifest(_) => "manifest-invalid",
            },
            Self::ManifestSize { .. } => "manifest-size",
            Self::ManifestType { .. } => "manifest-type",
            Self::Blob { defect, .. } => match defect {
                Defect::Missing => "blob-missing",
                Defect::TooLarge => "blob-size",
                Defect::BadDigest => "invalid-digest",
                Defect::WrongDigest | Defect::NotAManifest(_) => "blob-digest",
            },
            Self::BlobSize { .. } => "blob-size",
            Self::Config { .. } => "config-invalid",
            Self::Platform { .. } => "platform-mismatch",
            Self::OrphanAttestation { .. } => "attestation-without-image",
            Self::DuplicateManifest { .. } => "duplicate-manifest",
            Self::DuplicatePlatform { .. } => "duplicate-platform",
            Self::RequiredPlatform { .. } => "platform-missing",
            Self::UnexpectedPlatform => "platform-unexpected",
            Self::Empty => "list-empty",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        self.problem.fmt(f)
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            kind: &'a str,
            subject: &'a str,
            message: String,
        }
        let Self { subject, problem } = self;
        Fields { kind: problem.kind(), subject, message: problem.to_string() }.serialize(serializer)
    }
}
