//! Writes a list as YAML.

use crate::manifest::{Descriptor, IndexFormat, IndexHeader, Platform};
use crate::reference::Reference;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

/// The longest key before a colon, in bytes; YAML has none above 1024 characters (section 7.4.2, "Flow Mappings").
const MAX_KEY: usize = 1000;

/// A list; its `Display` is the file.
#[derive(Debug, Clone)]
pub struct SpecText<'a> {
    /// Comments at the top.
    pub notes: Vec<String>,
    /// The name of the list.
    pub image: &'a Reference,
    /// docker list or OCI index; not written if it is automatic.
    pub format: IndexFormat,
    /// Annotations, subject and artifact type.
    pub header: IndexHeader,
    /// The entries.
    pub entries: Vec<SpecEntry>,
}

/// An entry of the list.
#[derive(Debug, Clone)]
pub struct SpecEntry {
    /// The image, pinned to its digest.
    pub image: Reference,
    /// Its platform; none for a list, whose images have platforms of their own.
    pub platform: Option<Platform>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl SpecEntry {
    /// The entry for a descriptor in the list of this name.
    #[must_use]
    pub fn of(image: Reference, descriptor: &Descriptor) -> Self {
        Self { image, platform: descriptor.platform.clone(), annotations: descriptor.annotations.clone() }
    }
}

impl Display for SpecText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        writeln!(f, "image: {}", Scalar(&self.image.to_string()))?;
        match self.format {
            IndexFormat::Auto => {}
            IndexFormat::Docker => writeln!(f, "mediaType: docker")?,
            IndexFormat::Oci => writeln!(f, "mediaType: oci")?,
        }
        let IndexHeader { annotations, subject, artifact_type } = &self.header;
        if !artifact_type.is_empty() {
            writeln!(f, "artifactType: {}", Scalar(artifact_type))?;
        }
        if let Some(subject) = subject {
            writeln!(f, "subject: {}", Scalar(&format!("{}@{}", self.image.name(), subject.digest)))?;
        }
        write_annotations(f, "", annotations)?;
        f.write_str("manifests:\n")?;
        self.entries.iter().try_for_each(|entry| entry.fmt(f))
    }
}

impl Display for SpecEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  - image: {}", Scalar(&self.image.to_string()))?;
        match &self.platform {
            None => {}
            Some(platform) if platform.os_features.is_empty() => {
                writeln!(f, "    platform: {}", Scalar(&platform.to_string()))?;
            }
            Some(platform) => write_platform(f, platform)?,
        }
        write_annotations(f, "    ", &self.annotations)
    }
}

/// Writes a platform as a mapping: the short form has no features.
fn write_platform(f: &mut fmt::Formatter<'_>, platform: &Platform) -> fmt::Result {
    f.write_str("    platform:\n")?;
    let Platform { architecture, os, os_version, os_features, variant } = platform;
    for (key, value) in [("os", os), ("architecture", architecture), ("variant", variant), ("os.version", os_version)] {
        if !value.is_empty() {
            writeln!(f, "      {key}: {}", Scalar(value))?;
        }
    }
    f.write_str("      os.features:\n")?;
    os_features.iter().try_for_each(|feature| writeln!(f, "        - {}", Scalar(feature)))
}

fn write_annotations(f: &mut fmt::Formatter<'_>, indent: &str, annotations: &BTreeMap<String, String>) -> fmt::Result {
    if annotations.is_empty() {
        return Ok(());
    }
    writeln!(f, "{indent}annotations:")?;
    annotations.iter().try_for_each(|(key, value)| {
        let (key, value) = (Key(key).to_string(), Scalar(value));
        if key.len() <= MAX_KEY {
            return writeln!(f, "{indent}  {key}: {value}");
        }
        writeln!(f, "{indent}  ? {key}\n{indent}  : {value}")
    })
}

/// A key, in which variables are not expanded.
struct Key<'a>(&'a str);

/// A value, quoted where YAML could read it as anything but this string.
struct Scalar<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scalar(f, self.0)
    }
}

impl Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scalar(f, &self.0.replace('$', "$$"))
    }
}

fn write_scalar(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if is_plain(text) {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if is_special(c) => write!(f, "\\U{:08x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// Whether a character is escaped between quotes.
fn is_special(c: char) -> bool {
    crate::output::is_terminal_control(c) || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a text is a string without quotes too, both in YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic())
        || (text.starts_with(|first: char| first.is_ascii_digit()) && text.contains('/'));
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@:+-".contains(&byte);
    starts_well && !is_word && !text.ends_with(':') && text.bytes().all(is_safe)
}
