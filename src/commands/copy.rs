//! `mfst copy`: copies images and lists between registries and layouts, bytes and digests unchanged.

use crate::app::App;
use crate::content::Content;
use crate::digest::Digest;
use crate::error::Interrupted;
use crate::layout;
use crate::location::{LayoutName, LayoutPath, LayoutReference, Location};
use crate::manifest::{
    Descriptor, ImageManifest, IndexFormat, IndexHeader, Manifest, ManifestList, OCI_INDEX, Platform, PlatformSelector,
    parse,
};
use crate::publish::{self, Collector, Fetched, PushOptions, Root};
use crate::registry::{FetchedManifest, is_digest_tag};
use crate::resolve::{self, Filtered, Selection, Walker};
use crate::warning::{self, Warning};
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;
use std::path::PathBuf;
use thiserror::Error;

/// How many tags are copied together: each costs memory.
const TAGS_AT_A_TIME: usize = 50;

/// The arguments and flags of `copy`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// What is copied, as typed.
    pub source: String,
    /// Where to, as typed.
    pub targets: Vec<String>,
    /// Whether all tags of the repository are copied.
    pub all_tags: bool,
    /// Whether tags that are there already stay as they are.
    pub no_clobber: bool,
    /// Whether what refers to the manifests is copied too.
    pub referrers: bool,
    /// The platforms to keep; all if there are none.
    pub platforms: Vec<PlatformSelector>,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
    /// How to push.
    pub push: PushOptions,
}

#[derive(Debug, Error)]
enum CopyError {
    #[error("{target} names another digest than {source_name} has: {actual}")]
    OtherDigest { target: Location, source_name: Location, actual: String },
    #[error("{0} has no platform; copy it without --platform")]
    NoPlatform(Location),
    #[error("no image for {requested} in {source_name}; available: {available}")]
    NoMatchingImage { requested: String, source_name: Location, available: String },
    #[error("{0} names a tag or a digest; with --all-tags it is a repository or layout")]
    NotARepository(String),
    #[error("{0} is the source, and an archive is written anew; choose another file")]
    SameArchive(Location),
}

/// Copies the source to all targets.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let source = Location::parse(&options.source)?;
    let targets = targets(options)?;
    check_archives(&source, &targets)?;
    if options.all_tags {
        check_repositories(options)?;
    }
    let content = Content::new(app.client(options.insecure));
    let _progress = app.progress(options.push.progress, publish::destination(&targets));
    content.plan(std::slice::from_ref(&source), &targets);
    let copy = Copy { app, content: &content, options };
    let written = if options.push.dry_run { &[] } else { targets.as_slice() };
    let done = app.block_on(content.with_targets(written, async {
        if options.all_tags { copy.all_tags(&source, &targets).await } else { copy.one(&source, &targets).await }
    }));
    // Nothing is left of an archive that is not complete.
    let starts_over = targets.iter().all(Location::is_archive);
    done.map_err(|error| {
        if error.is::<Interrupted>() && starts_over { Interrupted { is_sending: false }.into() } else { error }
    })
}

/// Checks that no archive is both source and target.
fn check_archives(source: &Location, targets: &[Location]) -> Result<(), CopyError> {
    let Some(file) = archive(source) else { return Ok(()) };
    match targets.iter().find(|target| archive(target).as_ref() == Some(&file)) {
        Some(target) => Err(CopyError::SameArchive(target.clone())),
        None => Ok(()),
    }
}

/// The file of a location in an archive, the same for every spelling of its path.
fn archive(location: &Location) -> Option<PathBuf> {
    match location {
        Location::Layout(LayoutReference { path: LayoutPath::Archive(file), .. }) => {
            Some(layout::canonical_archive(file))
        }
        _ => None,
    }
}

/// All names that the copy gets. A further tag is one in the first target's repository or layout. An archive that has
/// several spellings gets the first one.
fn targets(options: &Options) -> anyhow::Result<Vec<Location>> {
    let mut targets = options.targets.iter().map(|text| Location::parse(text)).collect::<Result<Vec<_>, _>>()?;
    for tag in &options.push.tags {
        let further = if publish::is_tag(tag) {
            targets[0].check_tag(tag)?;
            targets[0].tagged(tag)
        } else {
            Location::parse(tag)?
        };
        if let Location::Registry(reference) = &further
            && !publish::is_tag(tag)
        {
            publish::check_registry(tag, reference, |tag| targets[0].tagged(tag).to_string())?;
        }
        targets.push(further);
    }
    let mut spellings: HashMap<PathBuf, LayoutPath> = HashMap::new();
    for target in &mut targets {
        if let Some(file) = archive(target)
            && let Location::Layout(LayoutReference { path, .. }) = target
        {
            spellings.entry(file).or_insert_with(|| path.clone()).clone_into(path);
        }
    }
    let mut distinct = Vec::new();
    targets.retain(|target| {
        let is_new = !distinct.contains(target);
        distinct.push(target.clone());
        is_new
    });
    Ok(targets)
}

fn check_repositories(options: &Options) -> Result<(), CopyError> {
    for text in std::iter::once(&options.source).chain(&options.targets) {
        // A reference without a tag is parsed as one with docker's default.
        let is_named = match Location::parse(text) {
            Ok(Location::Registry(_)) => text.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])),
            Ok(layout) => layout.tag().is_some() || layout.digest().is_some(),
            Err(_) => false,
        };
        if is_named {
            return Err(CopyError::NotARepository(text.clone()));
        }
    }
    Ok(())
}

struct Copy<'a> {
    app: &'a App,
    content: &'a Content,
    options: &'a Options,
}

impl Copy<'_> {
    async fn one(&self, source: &Location, targets: &[Location]) -> anyhow::Result<()> {
        let names = targets.iter().map(|target| match target {
            // A layout that is given no name gets the source's tag.
            Location::Layout(LayoutReference { name: LayoutName::Only, .. }) => {
                source.tag().map_or(target.clone(), |tag| target.tagged(tag))
            }
            _ => target.clone(),
        });
        let names = self.without_existing(names.collect()).await?;
        if names.is_empty() {
            return Ok(());
        }
        let roots = self.roots(&Collector::new(self.content), source, names).await?;
        publish::publish_roots(self.app, self.content, &roots, &self.options.push).await
    }

    /// Copies every tag of a repository or layout. An archive is written once, and gets all of them together.
    async fn all_tags(&self, source: &Location, targets: &[Location]) -> anyhow::Result<()> {
        let mut tags = self.content.tags(source).await?;
        if !self.options.platforms.is_empty() || !self.options.push.require_platforms.is_empty() {
            // Referrers have no platform; those of an image are copied with it.
            tags.retain(|tag| !is_digest_tag(tag));
        }
        if tags.is_empty() {
            let warnings = vec![Warning::NoTag(source.container())];
            return warning::report(&self.app.console, warnings, self.options.push.strict);
        }
        for target in targets {
            tags.iter().try_for_each(|tag| target.check_tag(tag))?;
        }
        let together = if targets.iter().any(Location::is_archive) { tags.len() } else { TAGS_AT_A_TIME };
        for tags in tags.chunks(together) {
            let collector = Collector::new(self.content);
            let roots = tags.iter().map(async |tag| {
                let names = targets.iter().map(|target| target.tagged(tag)).collect();
                let names = self.without_existing(names).await?;
                if names.is_empty() {
                    return anyhow::Ok(Vec::new());
                }
                self.roots(&collector, &source.tagged(tag), names).await
            });
            let roots: Vec<_> = stream::iter(roots).buffered(self.content.concurrency()).try_collect().await?;
            let roots: Vec<Root> = roots.into_iter().flatten().collect();
            if !roots.is_empty() {
                publish::publish_roots(self.app, self.content, &roots, &self.options.push).await?;
            }
        }
        Ok(())
    }

    /// The source as a root, and then what refers to it.
    async fn roots(
        &self,
        collector: &Collector<'_>,
        source: &Location,
        names: Vec<Location>,
    ) -> anyhow::Result<Vec<Root>> {
        let fetched = collector.fetch(source).await?;
        if let Some(target) = names.iter().find(|name| name.digest().is_some_and(|it| *it != fetched.manifest.digest)) {
            let (target, source_name) = (target.clone(), source.clone());
            return Err(
                CopyError::OtherDigest { target, source_name, actual: fetched.manifest.digest.to_string() }.into()
            );
        }
        let root = match self.filtered(source, &fetched).await? {
            None => collector.root(source, &fetched, names).await?,
            Some(filtered) => {
                let mut root = collector.root(source, &filtered, names).await?;
                root.manifest.location = None;
                root
            }
        };
        self.check_platforms(source, &root).await?;
        if !self.options.referrers {
            return Ok(vec![root]);
        }
        let referrers = collector.referrers(source, &root).await?;
        Ok(std::iter::once(root).chain(referrers).collect())
    }

    /// Checks that a root has the required platforms.
    async fn check_platforms(&self, source: &Location, root: &Root) -> anyhow::Result<()> {
        let options = &self.options.push;
        if options.require_platforms.is_empty() {
            return Ok(());
        }
        let stated = root.below.iter().filter_map(|node| node.platform.clone());
        let mut platforms: Vec<Platform> = stated.filter(Platform::is_known).collect();
        if root.below.is_empty() {
            let bytes = root.manifest.bytes.clone().unwrap_or_default();
            if let Manifest::Image(image) = parse(&root.manifest.media_type, &bytes)? {
                platforms.push(self.platform_of(source, &image).await?);
            }
        }
        options.check_platforms(source, &platforms)
    }

    /// The platform in an image's config.
    async fn platform_of(&self, source: &Location, image: &ImageManifest) -> anyhow::Result<Platform> {
        let digest = Digest::parse(&image.config.digest)?;
        let config = self.content.config(source, &digest).await?;
        let platform = Platform::from_config(&config).ok().filter(Platform::is_specified);
        Ok(platform.ok_or_else(|| CopyError::NoPlatform(source.clone()))?)
    }

    /// A list with the requested platforms only; none if nothing is left out.
    async fn filtered(&self, source: &Location, fetched: &Fetched) -> anyhow::Result<Option<Fetched>> {
        let platforms = &self.options.platforms;
        if platforms.is_empty() {
            return Ok(None);
        }
        let manifest = &fetched.manifest;
        let index = match parse(&manifest.content_type, &manifest.bytes)? {
            Manifest::Index(index) => index,
            Manifest::Image(image) => {
                let platform = self.platform_of(source, &image).await?;
                let is_wanted = platforms.iter().any(|selector| selector.matches(&platform));
                return if is_wanted { Ok(None) } else { Err(self.no_match(source, &[platform]).into()) };
            }
        };
        let selection = Selection { platforms: platforms.clone(), without_attestations: false };
        let walker = Walker::new(self.content);
        let Filtered { kept, skipped, is_whole } = resolve::filter(&walker, source, &index, &selection).await?;
        let is_for = |entry: &Descriptor, selector: &PlatformSelector| {
            entry.platform.as_ref().is_some_and(|platform| selector.matches(platform))
        };
        let missing = platforms.iter().filter(|selector| !kept.iter().any(|entry| is_for(entry, selector)));
        let missing: Vec<Warning> = missing.cloned().map(Warning::NoImageFor).collect();
        if missing.len() == platforms.len() {
            return Err(self.no_match(source, &skipped).into());
        }
        warning::report(&self.app.console, missing, self.options.push.strict)?;
        if is_whole { Ok(None) } else { rebuild(fetched, &index.header, &kept).map(Some) }
    }

    fn no_match(&self, source: &Location, available: &[Platform]) -> CopyError {
        let requested: Vec<String> = self.options.platforms.iter().map(ToString::to_string).collect();
        let available: Vec<String> = available.iter().map(ToString::to_string).collect();
        CopyError::NoMatchingImage {
            requested: requested.join(", "),
            source_name: source.clone(),
            available: available.join(", "),
        }
    }

    /// The names that are to be written: with `--no-clobber` those that are not there.
    async fn without_existing(&self, names: Vec<Location>) -> anyhow::Result<Vec<Location>> {
        if !self.options.no_clobber {
            return Ok(names);
        }
        let found = names.iter().map(|name| self.exists(name));
        let found: Vec<bool> = stream::iter(found).buffered(self.content.concurrency()).try_collect().await?;
        let mut missing = Vec::new();
        for (name, is_there) in names.into_iter().zip(found) {
            if is_there {
                self.app.console.plain(format_args!("{name} exists and is left as it is"));
            } else {
                missing.push(name);
            }
        }
        Ok(missing)
    }

    async fn exists(&self, name: &Location) -> anyhow::Result<bool> {
        match name {
            Location::Layout(layout) if !layout::exists(&layout.path) => Ok(false),
            // Without a name, something is added to a directory, and an archive is replaced.
            Location::Layout(LayoutReference { name: LayoutName::Only, .. }) => Ok(name.is_archive()),
            Location::Registry(_) | Location::Layout(_) => Ok(self.content.digest(name).await?.is_some()),
        }
    }
}

/// A list of the same kind with these of its entries.
fn rebuild(fetched: &Fetched, header: &IndexHeader, kept: &[Descriptor]) -> anyhow::Result<Fetched> {
    let is_oci = fetched.manifest.content_type.starts_with(OCI_INDEX);
    let format = if is_oci { IndexFormat::Oci } else { IndexFormat::Docker };
    let list = ManifestList::build(format, header, kept);
    let (content_type, digest, bytes) = (list.media_type.to_owned(), list.digest(), list.bytes.into());
    let manifest = FetchedManifest { content_type, bytes, digest };
    let links = crate::manifest::Links::parse(&manifest.bytes).context("the list that was built")?;
    Ok(Fetched { manifest, links })
}
