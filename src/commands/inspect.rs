//! `mfst inspect`: shows a manifest or a manifest list, local or in a registry.

use crate::app::App;
use crate::json::{SyntaxError, indent};
use crate::manifest::{Descriptor, Document, ImageManifest, Index, ManifestList, check_entry, parse};
use crate::reference::Reference;
use crate::registry::Registry;
use crate::resolve;
use anyhow::Context as _;

/// What `inspect` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The local list that the image is in, as typed.
    pub list: Option<String>,
    /// The image or list, as typed.
    pub name: String,
    /// Whether to show everything that is known.
    pub verbose: bool,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
}

/// Looks in the local store first and then in the registry.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let reference = Reference::parse(&options.name)?;
    if let Some(list) = &options.list {
        let image = app.store.get(&Reference::parse(list)?, &reference)?;
        return app.print(show_image(&image, options.verbose)?);
    }
    // A local list that cannot be read is passed over, as docker does.
    if let Ok(images) = app.store.list(&reference) {
        return app.print(show_list(&reference, &images, options.verbose)?);
    }
    let registry = app.registry(options.insecure);
    let text = app.wait_for(async {
        let fetched = registry.manifest(&reference).await?;
        match parse(&fetched.content_type, &fetched.bytes)? {
            Document::Image(_) if !options.verbose => Ok(indented(&fetched.bytes)?),
            Document::Image(image) => show_image(&resolve::image(&registry, &reference, fetched, image).await?, true),
            // Shown from its own bytes: an entry that is missing, nested or no image at all is still an entry.
            Document::Index(index) if !options.verbose => Ok(show_descriptors(&index.manifests)),
            Document::Index(index) => show_index_in_full(app, &registry, &reference, index).await,
        }
    })??;
    app.print(text)
}

fn show_image(image: &ImageManifest, verbose: bool) -> anyhow::Result<Vec<u8>> {
    if verbose { Ok(indented(&image.to_json())?) } else { Ok(indented(&image.payload()?.json)?) }
}

fn show_list(list: &Reference, images: &[ImageManifest], verbose: bool) -> anyhow::Result<Vec<u8>> {
    if verbose {
        return show_records(images);
    }
    for image in images {
        check_entry(list, &image.reference, &image.descriptor).context("failed to assemble ManifestDescriptor")?;
    }
    Ok(show_descriptors(images.iter().map(|image| &image.descriptor)))
}

fn show_descriptors<'a>(descriptors: impl IntoIterator<Item = &'a Descriptor>) -> Vec<u8> {
    let mut text = ManifestList::build(descriptors).bytes;
    text.push(b'\n');
    text
}

async fn show_index_in_full(
    app: &App,
    registry: &Registry,
    reference: &Reference,
    index: Index,
) -> anyhow::Result<Vec<u8>> {
    let children = resolve::children(registry, reference, index).await?;
    for child in children.iter().filter(|child| child.payload().is_err()) {
        app.log.warn(format_args!("{} is in the list, but there is no image behind it", child.reference));
    }
    show_records(&children)
}

fn show_records(images: &[ImageManifest]) -> anyhow::Result<Vec<u8>> {
    let records: Vec<_> = images.iter().map(ImageManifest::to_json).collect();
    Ok(indented(&[b"[", records.join(&b',').as_slice(), b"]"].concat())?)
}

fn indented(json: &[u8]) -> Result<Vec<u8>, SyntaxError> {
    let mut text = indent(json, "\t")?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_as_they_are() {
        assert_eq!(indented(b"{\"x\":\"\xff\"}").unwrap(), b"{\n\t\"x\": \"\xff\"\n}\n");
    }
}
