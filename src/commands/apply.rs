//! `mfst apply`: pushes the lists that files describe.

use super::assemble;
use super::lines;
use crate::app::App;
use crate::content::Content;
use crate::error::MultiError;
use crate::location::Location;
use crate::publish::{self, PushMetadata, PushOptions, Pushed, StaleTags};
use crate::reference::Reference;
use crate::resolve::{Absent, Resolver};
use crate::spec::{self, ListSpec, Position};
use crate::warning;
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use std::cell::Cell;
use std::collections::HashMap;
use std::pin::pin;
use thiserror::Error;

/// What `apply` was asked for.
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

/// Why lists cannot be pushed together, or one of them has not been pushed.
#[derive(Debug, Error)]
enum ApplyError {
    #[error("{position}: {target} is also a name of the list at {other}")]
    SameTarget { position: Position, target: Reference, other: Position },
    #[error("--digestfile is for one list, and there are {0}; --metadata-file has all digests")]
    SeveralDigests(usize),
    #[error("not pushed: another list has failed (--fail-fast)")]
    Stopped,
}

/// A list, its names and how to push it.
struct Job {
    spec: ListSpec,
    targets: Vec<Reference>,
    push: PushOptions,
}

/// An entry of the metadata file.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Pushed(Box<PushMetadata>),
    Failed { references: Vec<String>, error: String },
}

/// Pushes each list as soon as its own images are resolved. One that fails does not stop the others.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let jobs = jobs(read(&options.files)?, &options.push)?;
    if jobs.len() > 1 && options.push.digest_file.is_some() {
        return Err(ApplyError::SeveralDigests(jobs.len()).into());
    }
    let files = options.push.prepare_files()?;
    let content = Content::new(app.client(options.insecure));
    let (outcomes, digests, errors) = app.block_on(push_all(app, &content, &jobs, options))?;
    if !options.push.dry_run {
        files.write(&digests.join("\n"), &publish::to_json(&outcomes))?;
    }
    if errors.is_empty() { Ok(()) } else { Err(MultiError(errors).into()) }
}

/// The lists of all files, or everything that is wrong with them.
fn read(files: &[String]) -> anyhow::Result<Vec<ListSpec>> {
    let (mut lists, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        match spec::read(file) {
            Ok(found) => lists.extend(found),
            Err(found) => errors.extend(found.into_iter().map(anyhow::Error::from)),
        }
    }
    if errors.is_empty() { Ok(lists) } else { Err(MultiError(errors).into()) }
}

/// What to push where. No name may be that of two lists.
fn jobs(lists: Vec<ListSpec>, push: &PushOptions) -> anyhow::Result<Vec<Job>> {
    let mut known: HashMap<Reference, Position> = HashMap::new();
    let mut jobs = Vec::with_capacity(lists.len());
    for spec in lists {
        let mut push = PushOptions { quiet: true, ..push.clone() };
        push.require_platforms.extend(spec.require_platforms.iter().cloned());
        let mut targets = push.targets(&spec.image)?;
        let further: Vec<Reference> = spec.targets.iter().filter(|it| !targets.contains(it)).cloned().collect();
        targets.extend(further);
        for target in &targets {
            if let Some(other) = known.insert(target.clone(), spec.position.clone()) {
                let (position, target) = (spec.position.clone(), target.clone());
                return Err(ApplyError::SameTarget { position, target, other }.into());
            }
        }
        jobs.push(Job { spec, targets, push });
    }
    Ok(jobs)
}

async fn push_all(
    app: &App,
    content: &Content,
    jobs: &[Job],
    options: &Options,
) -> anyhow::Result<(Vec<Outcome>, Vec<String>, Vec<anyhow::Error>)> {
    for job in jobs {
        content.client.request_scopes_upfront(publish::scopes(&job.targets, job.sources()));
    }
    let (resolver, has_failed) = (Resolver::new(content), Cell::new(false));
    let bar = app.progress(options.push.quiet).items("pushing lists:", jobs.len());
    let work = jobs.iter().map(|job| job.push(app, content, &resolver, options, &has_failed));
    // Requests are limited for each registry, not lists.
    let mut results = pin!(stream::iter(work).buffered(jobs.len().max(1)));
    let (mut outcomes, mut digests, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut printed = Ok(());
    for job in jobs {
        let Some(result) = results.next().await else { break };
        bar.advance(1);
        match result {
            Ok(pushed) => {
                printed = printed.and_then(|()| job.report(app, &pushed, &options.push));
                digests.push(pushed.digest.to_string());
                outcomes.push(Outcome::Pushed(Box::new(pushed.metadata)));
            }
            Err(error) => {
                let references = job.targets.iter().map(ToString::to_string).collect();
                outcomes.push(Outcome::Failed { references, error: format!("{error:#}") });
                errors.push(error.context(format!("{} ({})", job.spec.image, job.spec.position)));
            }
        }
    }
    printed.context("cannot tell what has been pushed")?;
    Ok((outcomes, digests, errors))
}

impl Job {
    /// References in the repositories that are read.
    fn sources(&self) -> impl Iterator<Item = &Reference> + Clone {
        self.spec.sources.iter().filter_map(|source| match &source.source.location {
            Location::Registry(reference) => Some(reference),
            Location::Layout(_) => None,
        })
    }

    async fn push(
        &self,
        app: &App,
        content: &Content,
        resolver: &Resolver<'_>,
        options: &Options,
        has_failed: &Cell<bool>,
    ) -> anyhow::Result<Pushed> {
        let result = self.resolve_and_push(app, content, resolver, options, has_failed).await;
        has_failed.set(has_failed.get() || result.is_err());
        result
    }

    async fn resolve_and_push(
        &self,
        app: &App,
        content: &Content,
        resolver: &Resolver<'_>,
        options: &Options,
        has_failed: &Cell<bool>,
    ) -> anyhow::Result<Pushed> {
        let (draft, warnings) = assemble::draft(app, resolver, content, &self.spec, options.absent).await?;
        if options.fail_fast && has_failed.get() {
            return Err(ApplyError::Stopped.into());
        }
        warning::report(&app.console, warnings, self.push.strict)?;
        publish::send(app, &content.client, &self.targets, draft, &self.push, StaleTags::Ignore).await
    }

    /// Prints each name with the digest; with `--dry-run` on stderr also what would be sent.
    fn report(&self, app: &App, pushed: &Pushed, options: &PushOptions) -> anyhow::Result<()> {
        if options.dry_run {
            let requests = lines(pushed.requests.iter().map(|request| format!("  {request}")));
            app.console.plain(format_args!("{}:\n{}", self.spec.image, requests.trim_end()));
        }
        let digest = &pushed.digest;
        if options.quiet {
            return app.print(format!("{digest}\n"));
        }
        app.print(lines(self.targets.iter().map(|target| format!("{target} {digest}"))))
    }
}
