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

/// The longest platform that a config may state, in bytes: every image with that config has a copy.
const MAX_PLATFORM: usize = 4096;

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
            let platform = Platform::from_config(&config)?;
            if platform.text_len() > MAX_PLATFORM {
                Err(ResolveError::PlatformTooLong(digest.to_string()).into())
            } else {
                anyhow::Ok(platform)
            }
        });
        Ok(platform.await?.clone())
    }
}
