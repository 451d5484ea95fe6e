//! The platforms that images' configs state.

use super::ResolveError;
use crate::content::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{ImageManifest, Platform};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::OnceCell;

/// Platforms by the digest of the config, so that each config is fetched once.
#[derive(Debug, Default)]
pub(super) struct Platforms(RefCell<HashMap<Digest, Rc<OnceCell<Platform>>>>);

impl Platforms {
    /// The platform in the config of an image at this location.
    pub(super) async fn get(
        &self,
        content: &Content,
        location: &Location,
        image: &ImageManifest,
    ) -> anyhow::Result<Platform> {
        let digest = Digest::parse(&image.config.digest).map_err(|_| ResolveError::ConfigDigest)?;
        let cell = Rc::clone(self.0.borrow_mut().entry(digest.clone()).or_default());
        let platform = cell.get_or_try_init(|| async {
            let config = content.config(location, &digest).await?;
            anyhow::Ok(Platform::from_config(&config)?)
        });
        Ok(platform.await?.clone())
    }
}
