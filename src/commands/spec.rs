//! `mfst spec`: writes a list in a registry as a file for `apply`.

use super::assemble;
use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{
    Descriptor, ImageIndex, IndexFormat, IndexHeader, Manifest, ManifestList, OCI_INDEX, Platform, RawManifest,
    extra_fields,
};
use crate::output::Progress;
use crate::reference::Reference;
use crate::resolve::{Absent, Document, Resolver, Walker};
use crate::spec::{self, SpecEntry, SpecText};
use std::collections::BTreeMap;
use thiserror::Error;

/// The arguments and flags of `spec`.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
}

/// An image, which no file for `apply` describes.
#[derive(Debug, Error)]
#[error("{0} is an image, not a manifest list")]
struct NotAList(Reference);

/// The list that `apply` makes from a file, compared with the original.
enum Made {
    /// The same bytes.
    Same,
    /// The same content with other formatting.
    Alike(Digest),
    /// Another list, or none.
    Other,
}

/// Prints the file. The list is built from it as `apply` does, to find out whether the digest will be the same.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)?;
    let content = Content::new(app.client(options.insecure));
    let text = app.block_on(write(app, &content, &list))?;
    app.print(text)
}

async fn write(app: &App, content: &Content, list: &Reference) -> anyhow::Result<String> {
    let walker = Walker::new(content);
    let root = walker.root(&Location::Registry(list.clone())).await?;
    let Manifest::Index(index) = &root.manifest else { return Err(NotAList(list.clone()).into()) };
    let digest = &root.fetched.digest;
    let Some(mut text) = entry_by_entry(list, index, &root) else { return Ok(whole(app, list, digest)) };
    match made(app, content, &text.to_string(), &root, index).await {
        Made::Same => {}
        Made::Alike(other) => {
            app.console.warn(format_args!(
                "{list} was formatted by another tool; applying this file gives it the digest {other}"
            ));
            text.notes.push(format!("The list has the digest {digest}."));
            text.notes.push(format!("apply formats it as docker does, so its digest will be {other}."));
        }
        Made::Other => return Ok(whole(app, list, digest)),
    }
    Ok(text.to_string())
}

/// The file with an entry for each image, if the format can express all of them.
fn entry_by_entry<'a>(list: &'a Reference, index: &ImageIndex, root: &Document) -> Option<SpecText<'a>> {
    if !extra_fields(&root.fetched.bytes).is_empty() {
        return None;
    }
    let entries: Option<Vec<SpecEntry>> = index.manifests.iter().map(|entry| spec_entry(list, entry)).collect();
    let automatic = ManifestList::build(IndexFormat::Auto, &index.header, &index.manifests).media_type;
    let is_chosen = root.raw().media_type == OCI_INDEX && automatic != OCI_INDEX;
    let format = if is_chosen { IndexFormat::Oci } else { IndexFormat::Auto };
    Some(SpecText { notes: Vec::new(), image: list, format, header: index.header.clone(), entries: entries? })
}

fn spec_entry(list: &Reference, entry: &Descriptor) -> Option<SpecEntry> {
    let digest = Digest::parse(&entry.digest).ok()?;
    let has_platform = entry.platform.as_ref().is_some_and(Platform::is_specified);
    (has_platform && entry.artifact_type.is_empty()).then(|| SpecEntry::of(list.digest_only(digest), entry))
}

/// The file with the list as one source, which `apply` sends as it is.
fn whole(app: &App, list: &Reference, digest: &Digest) -> String {
    app.console.warn(format_args!(
        "{list} has entries that the format cannot express; the file refers to the list as a whole"
    ));
    let note = "The list has entries that this format cannot express. apply copies it byte for byte.";
    let image = list.digest_only(digest.clone());
    let entry = SpecEntry { image, platform: None, annotations: BTreeMap::new() };
    let (format, header) = (IndexFormat::Auto, IndexHeader::default());
    SpecText { notes: vec![note.to_owned()], image: list, format, header, entries: vec![entry] }.to_string()
}

/// Builds the list from the file as `apply` does, and compares. That fails if an image is missing.
async fn made(app: &App, content: &Content, text: &str, root: &Document, index: &ImageIndex) -> Made {
    let Ok(specs) = spec::parse("", text, &|_| None) else { return Made::Other };
    let Some(spec) = specs.first() else { return Made::Other };
    let resolver = Resolver::new(content);
    let draft = match assemble::draft(&Progress::default(), &resolver, content, spec, Absent::default()).await {
        Ok((draft, _)) => draft,
        Err(error) => {
            app.console.warn(format_args!("{}: {error:#}", spec.image));
            return Made::Other;
        }
    };
    let RawManifest { media_type, bytes } = draft.list();
    if bytes == root.fetched.bytes && media_type == root.raw().media_type {
        return Made::Same;
    }
    let descriptors: Vec<&Descriptor> = draft.entries.iter().map(|entry| &entry.descriptor).collect();
    let is_alike = draft.header() == index.header
        && media_type == root.raw().media_type
        && descriptors == index.manifests.iter().collect::<Vec<_>>();
    if is_alike { Made::Alike(Digest::of(&bytes)) } else { Made::Other }
}
