//! Describes an image or list and its content.

mod build;
mod object;
mod referrers;

pub use object::{Attestation, Config, Image, Kind, Layer, Overview, ReferrerTree};

use crate::digest::Digest;
use crate::location::Location;
use crate::manifest::{Descriptor, ImageIndex, ImageManifest, IndexHeader, Manifest, Platform, PlatformSelector};
use crate::resolve::{self, Document, Surveyed, Walker, find};
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci_spec::image::{ANNOTATION_CREATED, ImageConfiguration};

/// How many configs of a list are fetched at a time: each may have 8 MiB.
const CONFIG_CONCURRENCY: usize = 2;
/// The most bytes that all configs of a list may have together.
const CONFIGS_LIMIT: usize = 8 * 1024 * 1024;

/// What to fetch and describe.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The image of a list to describe instead of the list.
    pub platform: Option<&'a PlatformSelector>,
    /// Whether to list referrers.
    pub referrers: bool,
    /// Whether to fetch the configs of a list's images.
    pub configs: bool,
}

/// An image or list with the documents that templates can use.
#[derive(Debug)]
pub struct Shown {
    /// The description.
    pub overview: Overview,
    /// The bytes of the manifest.
    pub manifest: Bytes,
    /// The configs that have been fetched, each with the platform of its image.
    pub configs: Vec<(Platform, Bytes)>,
}

/// Fetches an image or list and as much of its content as the request needs.
pub async fn look_up(walker: &Walker<'_>, location: &Location, request: Request<'_>) -> anyhow::Result<Shown> {
    let root = walker.root(location).await?;
    let Some(platform) = request.platform else { return shown(walker, location, &root, None, request).await };
    let found = find::image(walker, location, root, platform).await?;
    let digest = found.document.fetched.digest.clone();
    let image = if found.platform.is_some() { pinned(location, digest) } else { location.clone() };
    shown(walker, &image, &found.document, found.platform, request).await
}

/// The name of an image in a list.
fn pinned(list: &Location, digest: Digest) -> Location {
    match list {
        Location::Registry(reference) => Location::Registry(reference.pinned_to(digest)),
        Location::Layout(_) => list.sibling(digest),
    }
}

async fn shown(
    walker: &Walker<'_>,
    location: &Location,
    document: &Document,
    platform: Option<Platform>,
    request: Request<'_>,
) -> anyhow::Result<Shown> {
    let described = async {
        match &document.manifest {
            Manifest::Image(image) => single(walker, location, document, image, platform).await,
            Manifest::Index(index) => list(walker, location, document, index, request.configs).await,
        }
    };
    let referrers = async {
        if !request.referrers {
            return Ok(None);
        }
        referrers::tree(walker.content(), location, &document.fetched.digest).await.map(Some)
    };
    let (mut shown, referrers) = try_join(described, referrers).await?;
    shown.overview.referrers = referrers;
    Ok(shown)
}

/// The part of the description that needs only the manifest.
fn overview(location: &Location, document: &Document, kind: Kind) -> Overview {
    let header = IndexHeader::parse(&document.fetched.bytes);
    Overview {
        name: location.to_string(),
        kind,
        media_type: document.raw().media_type,
        digest: document.fetched.digest.to_string(),
        size: document.fetched.bytes.len() as u64,
        created: header.annotations.get(ANNOTATION_CREATED).cloned(),
        artifact_type: header.artifact_type,
        subject: header.subject,
        annotations: header.annotations,
        total_size: 0,
        images: Vec::new(),
        lists: Vec::new(),
        attestations: Vec::new(),
        config: None,
        config_problem: None,
        referrers: None,
    }
}

async fn single(
    walker: &Walker<'_>,
    location: &Location,
    document: &Document,
    image: &ImageManifest,
    platform: Option<Platform>,
) -> anyhow::Result<Shown> {
    let kind = if image.is_artifact() { Kind::Artifact } else { Kind::Image };
    let mut overview = overview(location, document, kind);
    let mut configs = Vec::new();
    let mut platform = platform.filter(Platform::is_specified);
    if kind == Kind::Image {
        let digest = Digest::parse(&image.config.digest).context("the image's config")?;
        let bytes = walker.content().config(location, &digest).await?;
        let stated = Platform::from_config(&bytes)?;
        match serde_json::from_slice::<ImageConfiguration>(&bytes) {
            Ok(config) => {
                overview.created = overview.created.or_else(|| config.created().clone());
                overview.config = Some(build::config(&config));
            }
            Err(error) => overview.config_problem = Some(error.to_string()),
        }
        configs.push((stated.clone(), bytes));
        platform = platform.or(Some(stated));
    } else if overview.artifact_type.is_empty() {
        overview.artifact_type.clone_from(&image.config.media_type);
    }
    overview.images = vec![build::single(document, image, platform)];
    overview.total_size = build::total_size(&overview.images);
    Ok(Shown { overview, manifest: document.fetched.bytes.clone(), configs })
}

async fn list(
    walker: &Walker<'_>,
    location: &Location,
    document: &Document,
    index: &ImageIndex,
    with_configs: bool,
) -> anyhow::Result<Shown> {
    let surveyed = resolve::survey(walker, location, index).await?;
    let configs = if with_configs { configs(walker, location, &surveyed).await? } else { Vec::new() };
    let build::Entries { images, lists, attestations } = build::entries(surveyed);
    let total_size = build::total_size(&images);
    let overview = Overview { total_size, images, lists, attestations, ..overview(location, document, Kind::Index) };
    Ok(Shown { overview, manifest: document.fetched.bytes.clone(), configs })
}

/// The configs of all images of a list.
async fn configs(
    walker: &Walker<'_>,
    location: &Location,
    surveyed: &[Surveyed],
) -> anyhow::Result<Vec<(Platform, Bytes)>> {
    let mut total = 0usize;
    let images = surveyed.iter().filter_map(|it| match it.document.as_ref().ok().map(|document| &document.manifest) {
        Some(Manifest::Image(image)) if !image.is_artifact() && !it.entry.is_attestation() => Some((&it.entry, image)),
        _ => None,
    });
    let fetches = images.map(|(entry, image)| async move {
        let digest = Digest::parse(&image.config.digest).with_context(|| format!("the config of {}", entry.digest))?;
        let bytes = walker.content().config(location, &digest).await?;
        let platform = platform_of(entry).map_or_else(|| Platform::from_config(&bytes), Ok)?;
        anyhow::Ok((platform, bytes))
    });
    let mut answers = std::pin::pin!(stream::iter(fetches).buffered(CONFIG_CONCURRENCY));
    let mut configs = Vec::new();
    while let Some((platform, bytes)) = answers.try_next().await? {
        total += bytes.len();
        anyhow::ensure!(total <= CONFIGS_LIMIT, "the configs of {location} have more than {CONFIGS_LIMIT} bytes");
        configs.push((platform, bytes));
    }
    Ok(configs)
}

fn platform_of(entry: &Descriptor) -> Option<Platform> {
    entry.platform.clone().filter(Platform::is_specified)
}
