//! Commands with several references: all are fetched concurrently, the results are in the order of the arguments.

use crate::app::App;
use crate::content::Content;
use crate::error::MultiError;
use crate::location::{Location, LocationError};
use crate::resolve::{SharedMemory, Walker};
use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use std::pin::pin;

/// The maximum number of references that are fetched at a time.
const CONCURRENCY: usize = 32;
/// The maximum memory for manifests, in bytes, parsed and unparsed. The output made from them takes several times as
/// much.
const MAX_MEMORY: usize = 8 * 1024 * 1024;

/// Parses all arguments before any request is sent.
pub(super) fn locations(texts: &[String]) -> anyhow::Result<Vec<Location>> {
    let (good, bad): (Vec<_>, Vec<_>) = texts.iter().map(|text| location(text)).partition(Result::is_ok);
    match MultiError::of(bad.into_iter().filter_map(Result::err).collect()) {
        Some(error) => Err(error),
        None => Ok(good.into_iter().flatten().collect()),
    }
}

/// Parses an argument: a reference or `oci:DIR[:TAG|@DIGEST]`.
pub(super) fn location(text: &str) -> anyhow::Result<Location> {
    Location::parse(text).map_err(|error| match error {
        // The other messages begin with what was typed.
        LocationError::Reference(_) => anyhow::Error::from(error).context(text.to_owned()),
        other => other.into(),
    })
}

/// Answers a question for all of these locations concurrently, and passes the answers on in their order. Errors come
/// last, each with the name of its location.
pub(super) fn ask<T>(
    app: &App,
    locations: &[Location],
    insecure: bool,
    question: &impl AsyncFn(&Walker<'_>, &Location) -> anyhow::Result<T>,
    mut take: impl FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (content, memory) = (Content::new(app.client(insecure)), SharedMemory::new(MAX_MEMORY));
    content.plan(locations, &[]);
    let answers = locations.iter().map(|location| async {
        let walker = Walker::sharing(&content, memory.clone());
        let answer = question(&walker, location).await.with_context(|| location.to_string());
        // Its memory is in use until the answer has been passed on.
        (answer, walker)
    });
    let mut errors = Vec::new();
    app.block_on(async {
        let mut answers = pin!(stream::iter(answers).buffered(CONCURRENCY));
        while let Some((answer, _walker)) = answers.next().await {
            match answer {
                Ok(answer) => take(answer)?,
                Err(error) => errors.push(error),
            }
        }
        Ok(())
    })?;
    MultiError::of(errors).map_or(Ok(()), Err)
}

/// Answers one question about two locations.
pub(super) fn ask_about_both<T>(
    app: &App,
    locations: &[Location; 2],
    insecure: bool,
    question: &impl AsyncFn(&Walker<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let content = Content::new(app.client(insecure));
    content.plan(locations, &[]);
    app.block_on(question(&Walker::sharing(&content, SharedMemory::new(MAX_MEMORY))))
}
