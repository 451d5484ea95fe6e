//! What `docker manifest inspect` prints, to the byte.

use crate::draft::Draft;
use crate::json::{SyntaxError, indent};
use crate::manifest::{
    Descriptor, EntryError, ImageIndex, IndexFormat, IndexHeader, ListEntry, ListError, ManifestList, entry_digest,
};
use anyhow::Context as _;

/// A manifest: its JSON indented by tabs.
pub fn manifest(json: &[u8]) -> Result<Vec<u8>, SyntaxError> {
    let mut text = indent(json, "\t")?;
    text.push(b'\n');
    Ok(text)
}

/// The manifest of a stored image.
pub fn image(image: &ListEntry) -> anyhow::Result<Vec<u8>> {
    let payload = image.payload().map_err(EntryError::from)?;
    Ok(manifest(&payload.json)?)
}

/// An image with everything that is known of it (`inspect -v`).
pub fn verbose_image(image: &ListEntry) -> Result<Vec<u8>, SyntaxError> {
    manifest(&image.to_json())
}

/// Images with everything that is known of them (`inspect -v` of a list).
pub fn verbose_images(images: &[ListEntry]) -> Result<Vec<u8>, SyntaxError> {
    let records: Vec<_> = images.iter().map(ListEntry::to_json).collect();
    manifest(&[b"[", records.join(&b',').as_slice(), b"]"].concat())
}

/// A local list.
pub fn draft(draft: &Draft) -> anyhow::Result<Vec<u8>> {
    check_digests(draft).context("failed to assemble ManifestDescriptor")?;
    let mut text = draft.build().bytes;
    text.push(b'\n');
    Ok(text)
}

/// Whether all entries have valid digests.
pub fn check_digests(draft: &Draft) -> Result<(), ListError> {
    draft.entries.iter().try_for_each(|entry| entry_digest(&entry.reference, &entry.descriptor).map(drop))
}

/// A list in a registry, without anything that docker does not read.
#[must_use]
pub fn index(index: &ImageIndex) -> Vec<u8> {
    let plain = |entry: &Descriptor| Descriptor {
        annotations: std::collections::BTreeMap::new(),
        artifact_type: String::new(),
        ..entry.clone()
    };
    let entries: Vec<Descriptor> = index.manifests.iter().map(plain).collect();
    let mut text = ManifestList::build(IndexFormat::Auto, &IndexHeader::default(), &entries).bytes;
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_printed_as_they_are() {
        assert_eq!(manifest(b"{\"x\":\"\xff\"}").unwrap(), b"{\n\t\"x\": \"\xff\"\n}\n");
    }
}
