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
    let (mut kept, mut missing) = (Vec::new(), Vec::new());
    let mut bad_name = None;
    for name in &options.images {
        let found = Reference::parse(name).map_err(anyhow::Error::from);
        match found.and_then(|image| Ok((is_kept(app, &list, &image)?, image))) {
            Ok((is_kept, image)) => {
                let known = if is_kept { &mut kept } else { &mut missing };
                if !known.contains(&image) {
                    known.push(image);
                }
            }
            Err(error) => {
                bad_name = Some(error);
                break;
            }
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

/// Whether the list has an image already. It is not fetched again then, unless an old docker stored it without its bytes.
fn is_kept(app: &App, list: &Reference, image: &Reference) -> anyhow::Result<bool> {
    match app.store.get(list, image) {
        Ok(stored) => Ok(!stored.raw.is_empty()),
        Err(StoreError::NotFound(_)) => Ok(false),
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
