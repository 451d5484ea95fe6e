//! `mfst apply`: pushes the lists that files describe.

use super::assemble;
use super::lines;
use crate::app::App;
use crate::content::Content;
use crate::error::{MultiError, in_context};
use crate::location::Location;
use crate::output::Progress;
use crate::publish::{self, PushMetadata, PushOptions, Sent};
use crate::reference::Reference;
use crate::resolve::{Absent, Resolver};
use crate::spec::{self, ListSpec, Position, SourceSpec};
use crate::warning;
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use std::cell::Cell;
use std::collections::HashMap;
use std::pin::pin;
use thiserror::Error;
use tokio::sync::Semaphore;

/// The most errors of the files that are printed.
const MAX_PRINTED: usize = 20;

/// How many lists are sent at the same time: enough to use all slots for requests, and few enough to fit into memory.
const LISTS_AT_A_TIME: usize = 16;

/// The arguments and flags of `apply`.
#[derive(Debug)]
pub struct Options {
    /// The files, as typed; `-` is standard input.
    pub files: Vec<String>,
    /// Whether no further push is started after a list has failed.
    pub fail_fast: bool,
    /// What to do about images that do not exist.
    pub absent: Absent,
    /// Whether unverified TLS and plain HTTP are allowed.
    pub insecure: bool,
    /// How to push.
    pub push: PushOptions,
}

/// Why the files cannot be applied, or one of their lists has not been pushed.
#[derive(Debug, Error)]
enum ApplyError {
    #[error("{position}: {target} is also a name of the list at {other}")]
    SameTarget { position: Position, target: Reference, other: Position },
    #[error("{position}: {image} is also a list of these files; run apply for it first")]
    SourceInRun { position: Position, image: Reference },
    #[error("--digestfile is for one list, and there are {0}; --metadata-file has all digests")]
    SeveralDigests(usize),
    #[error("and {0} more")]
    More(usize),
    #[error("not pushed, because another list has failed (--fail-fast)")]
    Stopped,
}

/// A list, its names and how to push it.
struct Job {
    spec: ListSpec,
    targets: Vec<Reference>,
    push: PushOptions,
}

/// The entry of a list in the metadata file.
#[derive(Serialize)]
#[serde(untagged)]
enum Receipt {
    Pushed(Box<PushMetadata>),
    Failed { references: Vec<String>, error: String },
}

/// The results of all lists, in the order of the files.
#[derive(Default)]
struct Results {
    receipts: Vec<Receipt>,
    digests: Vec<String>,
    errors: Vec<anyhow::Error>,
}

/// Pushes each list as soon as its own images are resolved. A list that fails does not stop the others.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let jobs = jobs(read(&options.files)?, &options.push)?;
    if jobs.len() > 1 && options.push.digest_file.is_some() {
        return Err(ApplyError::SeveralDigests(jobs.len()).into());
    }
    let files = options.push.prepare_files()?;
    let content = Content::new(app.client(options.insecure));
    let Results { receipts, digests, errors } = app.block_on(push_all(app, &content, &jobs, options))?;
    if !options.push.dry_run {
        files.write(&digests.join("\n"), &crate::json::document(&receipts))?;
    }
    MultiError::of(errors).map_or(Ok(()), Err)
}

/// The lists of all files, or what is wrong with them.
fn read(files: &[String]) -> anyhow::Result<Vec<ListSpec>> {
    spec::read(files).map_err(|found| {
        let more = found.len().saturating_sub(MAX_PRINTED);
        let mut errors: Vec<anyhow::Error> = found.into_iter().take(MAX_PRINTED).map(anyhow::Error::from).collect();
        if more > 0 {
            errors.push(ApplyError::More(more).into());
        }
        MultiError(errors).into()
    })
}

/// What to push where. Two lists cannot have the same name.
fn jobs(lists: Vec<ListSpec>, push: &PushOptions) -> anyhow::Result<Vec<Job>> {
    let mut known: HashMap<Reference, Position> = HashMap::new();
    let mut jobs = Vec::with_capacity(lists.len());
    for spec in lists {
        let mut push = PushOptions { quiet: true, ..push.clone() };
        push.require_platforms.extend(spec.require_platforms.iter().cloned());
        let mut targets = push.targets(&spec.image)?;
        for target in &spec.targets {
            if !targets.contains(target) {
                targets.push(target.clone());
            }
        }
        for target in &targets {
            if let Some(other) = known.insert(target.clone(), spec.position.clone()) {
                let (position, target) = (spec.position.clone(), target.clone());
                return Err(ApplyError::SameTarget { position, target, other }.into());
            }
        }
        jobs.push(Job { spec, targets, push });
    }
    jobs.iter().try_for_each(|job| check_sources(&job.spec, &known))?;
    Ok(jobs)
}

/// Fails if a source is another list of the run: it may not have been pushed when it is resolved.
fn check_sources(spec: &ListSpec, lists: &HashMap<Reference, Position>) -> Result<(), ApplyError> {
    for SourceSpec { source, .. } in &spec.sources {
        if let Location::Registry(image) = &source.location
            && lists.get(image).is_some_and(|list| *list != spec.position)
        {
            return Err(ApplyError::SourceInRun { position: spec.position.clone(), image: image.clone() });
        }
    }
    Ok(())
}

async fn push_all(app: &App, content: &Content, jobs: &[Job], options: &Options) -> anyhow::Result<Results> {
    for job in jobs {
        let targets: Vec<Location> = job.targets.iter().cloned().map(Location::Registry).collect();
        let sources: Vec<Location> = job.spec.sources.iter().map(|source| source.source.location.clone()).collect();
        content.plan(&sources, &targets);
    }
    let targets: Vec<&Reference> = jobs.iter().flat_map(|job| &job.targets).collect();
    let progress = app.progress(options.push.progress, publish::destination(&targets));
    let run = Run {
        app,
        content,
        resolver: Resolver::new(content),
        progress: &progress,
        options,
        slots: Semaphore::new(LISTS_AT_A_TIME),
        has_failed: Cell::new(false),
    };
    let phase = progress.phase("lists pushed", jobs.len());
    // All lists are resolved together: an image that several of them have is fetched once.
    let mut pushed = pin!(stream::iter(jobs.iter().map(|job| run.push(job))).buffered(jobs.len().max(1)));
    let mut results = Results::default();
    // A broken stdout must not abort the pushes.
    let mut printed = Ok(());
    for job in jobs {
        let Some(result) = pushed.next().await else { break };
        match result {
            Ok(sent) => {
                phase.advance_with(format_args!("pushed {}", job.spec.image));
                printed = printed.and_then(|()| job.report(app, &sent, &options.push));
                results.digests.push(sent.digest.to_string());
                results.receipts.push(Receipt::Pushed(Box::new(sent.metadata)));
            }
            Err(error) => {
                let references = job.targets.iter().map(ToString::to_string).collect();
                results.receipts.push(Receipt::Failed { references, error: format!("{error:#}") });
                results.errors.push(in_context(error, &format!("{} ({})", job.spec.image, job.spec.position)));
            }
        }
    }
    printed.context("cannot print what has been pushed")?;
    Ok(results)
}

/// What all lists share.
struct Run<'a> {
    app: &'a App,
    content: &'a Content,
    resolver: Resolver<'a>,
    progress: &'a Progress,
    options: &'a Options,
    /// For lists that are being sent.
    slots: Semaphore,
    has_failed: Cell<bool>,
}

impl Run<'_> {
    async fn push(&self, job: &Job) -> anyhow::Result<Sent> {
        let result = self.resolve_and_send(job).await;
        self.has_failed.set(self.has_failed.get() || result.is_err());
        result
    }

    async fn resolve_and_send(&self, job: &Job) -> anyhow::Result<Sent> {
        let Self { app, content, resolver, progress, options, slots, has_failed } = self;
        let (draft, warnings) = assemble::draft(progress, resolver, content, &job.spec, options.absent).await?;
        let _slot = slots.acquire().await;
        if options.fail_fast && has_failed.get() {
            return Err(ApplyError::Stopped.into());
        }
        warning::report(&app.console, warnings, job.push.strict)?;
        // On the heap: a list that waits for its turn takes little memory.
        Box::pin(publish::send(app, content, &job.targets, draft, &job.push)).await
    }
}

impl Job {
    /// Prints each name with the digest; with `--dry-run` also what would be done, on stderr.
    fn report(&self, app: &App, sent: &Sent, options: &PushOptions) -> anyhow::Result<()> {
        sent.preview.iter().for_each(|line| app.console.plain(line));
        let digest = &sent.digest;
        if options.quiet {
            return app.print(format!("{digest}\n"));
        }
        app.print(lines(self.targets.iter().map(|target| format!("{target} {digest}"))))
    }
}
