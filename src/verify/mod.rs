//! Checks that an image or list is complete and can be pulled.

mod blobs;
mod finding;
mod inventory;

pub use finding::{Finding, Problem};

use crate::location::Location;
use crate::manifest::{Manifest, Platform, PlatformSelector};
use crate::output::Progress;
use crate::resolve::{self, Defect, Walker};
use inventory::Item;
use std::sync::Arc;

/// Requirements beyond completeness.
#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    /// The platforms that must be in the list.
    pub platforms: &'a [PlatformSelector],
    /// Whether no other platforms are allowed.
    pub is_exact: bool,
}

/// All findings about an image or list. An error means that something could not be checked.
pub async fn verify(
    walker: &Walker<'_>,
    location: &Location,
    requirements: Requirements<'_>,
    progress: &Progress,
) -> anyhow::Result<Vec<Finding>> {
    let root = match walker.root(location).await {
        Ok(root) => root,
        Err(error) => {
            let defect = Defect::of(&error).ok_or(error)?;
            let problem = Problem::Manifest { digest: String::new(), defect };
            return Ok(vec![Finding { subject: String::new(), problem }]);
        }
    };
    let (mut findings, items) = match &root.manifest {
        Manifest::Index(index) => {
            let surveyed = resolve::survey(walker, location, index).await?;
            (inventory::findings(&surveyed), inventory::items(&surveyed))
        }
        Manifest::Image(image) => {
            let (image, has_platform) = (Arc::clone(image), !image.is_artifact());
            (Vec::new(), vec![Item { subject: String::new(), platform: None, image, has_platform }])
        }
    };
    let (of_blobs, configs) = blobs::check(walker.content(), location, &items, progress).await?;
    findings.extend(of_blobs);
    findings.extend(items.iter().zip(&configs).filter_map(|(item, config)| mismatch(item, config.as_ref())));
    let platforms: Vec<Platform> = items
        .iter()
        .zip(configs)
        .filter(|(item, _)| item.has_platform)
        .filter_map(|(item, config)| item.platform.clone().or(config))
        .collect();
    findings.extend(inventory::requirements(&platforms, requirements.platforms, requirements.is_exact));
    Ok(findings)
}

/// The finding that the config states another platform than the list.
fn mismatch(item: &Item, config: Option<&Platform>) -> Option<Finding> {
    let (stated, config) = (item.platform.as_ref()?, config?);
    let is_wrong = item.has_platform && !inventory::agree(stated, config);
    let problem = Problem::Platform { actual: config.to_string() };
    is_wrong.then(|| Finding { subject: item.subject.clone(), problem })
}
