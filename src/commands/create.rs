//! `mfst create`: makes a local manifest list, or adds images to one.

use crate::app::App;
use crate::manifest::ImageManifest;
use crate::reference::Reference;
use crate::resolve;
use crate::store::StoreError;
use anyhow::Context as _;

/// What `create` was asked for.
#[derive(Debug)]
pub struct Options {
    /// The list, as typed.
    pub list: String,
    /// The images, as typed.
    pub images: Vec<String>,
    /// Whether the list may exist already.
    pub amend: bool,
    /// Whether unverified TLS and plain HTTP will do.
    pub insecure: bool,
}

/// Resolves every image first and then stores all of them; after any failure the store is as it was.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let list = Reference::parse(&options.list)
        .with_context(|| format!("error parsing name for manifest list {}", options.list))?;
    match app.store.list(&list) {
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
        Ok(_) if options.amend => {}
        Ok(_) => return Err(StoreError::ListExists.into()),
    }
    // An error in a later name does not hide what is wrong with an earlier image.
    let mut sources = Vec::new();
    let mut bad_name = None;
    for image in &options.images {
        match Reference::parse(image).map_err(anyhow::Error::from).and_then(|image| source(app, &list, image)) {
            Ok(source) => sources.push(source),
            Err(error) => {
                bad_name = Some(error);
                break;
            }
        }
    }
    let (mut kept, mut missing) = (Vec::new(), Vec::new());
    for source in sources {
        let (Source::Store(image) | Source::Registry(image)) = &source;
        let known = if matches!(source, Source::Store(_)) { &mut kept } else { &mut missing };
        if !known.contains(image) {
            known.push(image.clone());
        }
    }
    let images = fetch(app, &missing, options.insecure)?;
    if let Some(error) = bad_name {
        return Err(error);
    }
    if options.amend {
        app.store.amend(&list, &images, &kept)?;
    } else {
        app.store.create(&list, &images)?;
    }
    app.print(format!("Created manifest list {list}\n"))
}

/// Where an image's manifest comes from.
enum Source {
    Store(Reference),
    Registry(Reference),
}

/// An image that the list has already is not fetched again, unless an old docker stored it without its bytes.
fn source(app: &App, list: &Reference, image: Reference) -> anyhow::Result<Source> {
    match app.store.get(list, &image) {
        Ok(stored) if !stored.raw.is_empty() => Ok(Source::Store(image)),
        Ok(_) | Err(StoreError::NotFound(_)) => Ok(Source::Registry(image)),
        Err(error) => Err(error.into()),
    }
}

fn fetch(app: &App, missing: &[Reference], insecure: bool) -> anyhow::Result<Vec<ImageManifest>> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let registry = app.registry(insecure);
    app.wait_for(resolve::images(&registry, missing))?
}
