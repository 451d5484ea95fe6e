//! Reads a blob once and writes it to all targets that need it, without holding it in memory.

use super::target::{Target, TargetWriter};
use crate::content::Content;
use crate::digest::Digest;
use crate::layout::{BlobReader, BlobWriter, LayoutError};
use crate::location::Location;
use crate::registry::{Download, NotMounted, RegistryError, Transfer};
use crate::transport::Url;
use bytes::Bytes;
use futures_util::future::{join, join_all, try_join, try_join_all};
use futures_util::stream::{self, Stream};
use std::io;
use thiserror::Error;
use tokio::sync::mpsc;

/// Why a blob has not been moved.
#[derive(Debug, Error)]
pub(super) enum TransferError {
    /// On a registry's side.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// On a layout's side.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl TransferError {
    /// What is behind it: its hints are found by its type.
    pub(super) fn into_cause(self) -> anyhow::Error {
        match self {
            Self::Registry(error) => error.into(),
            Self::Layout(error) => error.into(),
        }
    }

    /// Whether the source does not have the blob.
    pub(super) fn says_blob_unknown(&self) -> bool {
        matches!(self, Self::Registry(RegistryError::BlobUnknown { .. }) | Self::Layout(LayoutError::NoBlob { .. }))
    }
}

/// A blob that is read.
enum Source {
    Registry(Box<Download>),
    Layout(BlobReader),
}

impl Source {
    async fn open(content: &Content, transfer: &Transfer<'_>, blob: &Moved<'_>) -> Result<Self, TransferError> {
        Ok(match blob.source {
            Location::Registry(repository) => Self::Registry(Box::new(transfer.download(repository).await?)),
            Location::Layout(layout) => Self::Layout(content.layout(&layout.path)?.sized_blob(blob.digest, blob.size)?),
        })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, TransferError> {
        Ok(match self {
            Self::Registry(download) => download.chunk().await?,
            Self::Layout(file) => {
                // Reading a file never waits, so the uploads would not run.
                tokio::task::yield_now().await;
                file.chunk()?
            }
        })
    }

    /// The error for a blob that does not have its digest.
    fn mismatch(&self, digest: &Digest) -> TransferError {
        let digest = digest.clone();
        match self {
            Self::Registry(_) => RegistryError::BlobDigest(digest).into(),
            Self::Layout(file) => LayoutError::DigestMismatch { path: file.path().to_owned(), digest }.into(),
        }
    }
}

/// A blob to move.
pub(super) struct Moved<'a> {
    pub(super) digest: &'a Digest,
    /// The size that its descriptor states, in bytes.
    pub(super) size: u64,
    pub(super) source: &'a Location,
}

/// Where a blob goes.
pub(super) struct Recipient<'a> {
    pub(super) target: &'a Target,
    /// The registry's response to a request to mount the blob.
    pub(super) not_mounted: Option<Box<NotMounted>>,
}

/// Where the chunks of a blob go.
enum Sink<'a> {
    Upload(Option<mpsc::Sender<io::Result<Bytes>>>),
    Layout(Option<BlobWriter<'a>>, Result<(), LayoutError>),
}

/// Moves a blob to all recipients. After a temporary failure the blob is read again for the recipients that lack it.
/// `progress` is called with the size of each chunk.
pub(super) async fn move_blob(
    content: &Content,
    transfer: &Transfer<'_>,
    blob: &Moved<'_>,
    mut recipients: Vec<Recipient<'_>>,
    progress: impl Fn(u64),
) -> Result<(), TransferError> {
    let uploads = recipients.iter().filter(|it| matches!(it.target.writer, TargetWriter::Registry(_))).count();
    let _turn = transfer.turn(uploads).await;
    loop {
        let failed = match attempt(content, transfer, blob, &mut recipients, &progress).await {
            Ok(results) => keep_failed(&mut recipients, results),
            Err(error) => Some(error),
        };
        match failed {
            None => return Ok(()),
            Some(TransferError::Registry(error)) if transfer.start_over(&error).await => {}
            Some(error) => return Err(error),
        }
    }
}

/// One for each recipient.
type Results = Vec<Result<(), TransferError>>;

/// Drops the recipients that have the blob, and returns the first error of the others.
fn keep_failed(recipients: &mut Vec<Recipient<'_>>, results: Results) -> Option<TransferError> {
    let mut results = results.into_iter();
    let mut failed = None;
    recipients.retain(|_| match results.next() {
        Some(Err(error)) => {
            failed.get_or_insert(error);
            true
        }
        _ => false,
    });
    failed
}

/// Reads the blob once. The error is the source's; each recipient has a result of its own.
async fn attempt(
    content: &Content,
    transfer: &Transfer<'_>,
    blob: &Moved<'_>,
    recipients: &mut [Recipient<'_>],
    progress: &impl Fn(u64),
) -> Result<Results, TransferError> {
    let opening = recipients.iter_mut().map(|recipient| open_upload(transfer, recipient));
    let (source, uploads) = try_join(Source::open(content, transfer, blob), try_join_all(opening)).await?;
    let (mut sinks, mut sending) = (Vec::new(), Vec::new());
    for (recipient, upload) in recipients.iter().zip(uploads) {
        match (&recipient.target.writer, upload) {
            (TargetWriter::Layout(layout), _) => {
                sinks.push(Sink::Layout(Some(layout.start_blob(blob.digest, blob.size)?), Ok(())));
                sending.push(None);
            }
            (TargetWriter::Registry(reference), Some(upload)) => {
                let (sender, receiver) = mpsc::channel(1);
                sinks.push(Sink::Upload(Some(sender)));
                sending.push(Some(transfer.upload(reference, upload, chunks(receiver))));
            }
            (TargetWriter::Registry(_), None) => {}
        }
    }
    let sending = join_all(sending.into_iter().map(|upload| async {
        match upload {
            Some(upload) => upload.await,
            None => Ok(()),
        }
    }));
    let mut pump = Pump { source, digest: blob.digest, sinks };
    let (pumped, sent) = join(pump.run(progress), sending).await;
    // A failure of the source is the cause of what the targets report.
    pumped?;
    let results = pump.sinks.into_iter().zip(sent).map(|(sink, sent)| match sink {
        Sink::Upload(_) => sent.map_err(Into::into),
        Sink::Layout(_, result) => result.map_err(Into::into),
    });
    Ok(results.collect())
}

async fn open_upload(transfer: &Transfer<'_>, recipient: &mut Recipient<'_>) -> Result<Option<Url>, TransferError> {
    match &recipient.target.writer {
        TargetWriter::Registry(reference) => {
            let not_mounted = recipient.not_mounted.take().map(|answer| *answer);
            Ok(Some(transfer.open_upload(reference, not_mounted).await?))
        }
        TargetWriter::Layout(_) => Ok(None),
    }
}

fn chunks(receiver: mpsc::Receiver<io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|chunk| (chunk, receiver)))
}

/// Passes a blob on while verifying it.
struct Pump<'a> {
    source: Source,
    digest: &'a Digest,
    sinks: Vec<Sink<'a>>,
}

impl Pump<'_> {
    async fn run(&mut self, progress: &impl Fn(u64)) -> Result<(), TransferError> {
        let passed = self.pass_on(progress).await;
        for sink in &mut self.sinks {
            match sink {
                // Without an error, the body would end here as if it were complete.
                Sink::Upload(sender) => {
                    if let (Some(sender), Err(_)) = (sender.take(), &passed) {
                        let _ = sender.send(Err(io::Error::other("the source failed"))).await;
                    }
                }
                Sink::Layout(writer, result) => {
                    if let (Some(writer), Ok(())) = (writer.take(), &passed) {
                        *result = writer.finish();
                    }
                }
            }
        }
        passed
    }

    /// The last chunk is held back until the digest is known to be right, so that nothing else can become the blob,
    /// however little a target verifies.
    async fn pass_on(&mut self, progress: &impl Fn(u64)) -> Result<(), TransferError> {
        let (mut verifier, mut last) = (self.digest.verifier(), None::<Bytes>);
        while let Some(chunk) = self.source.chunk().await? {
            progress(chunk.len() as u64);
            verifier.update(&chunk);
            if let Some(ready) = last.replace(chunk)
                && !self.send(&ready).await
            {
                // No target takes any more; each says why itself.
                return Ok(());
            }
        }
        if !verifier.matches() {
            return Err(self.source.mismatch(self.digest));
        }
        if let Some(ready) = last {
            self.send(&ready).await;
        }
        Ok(())
    }

    /// Sends a chunk to all sinks that work; false if none does.
    async fn send(&mut self, chunk: &Bytes) -> bool {
        let mut is_wanted = false;
        for sink in &mut self.sinks {
            is_wanted |= sink.send(chunk).await;
        }
        is_wanted
    }
}

impl Sink<'_> {
    /// Sends a chunk; false if the sink does not work (any more).
    async fn send(&mut self, chunk: &Bytes) -> bool {
        match self {
            Self::Upload(sender) => {
                if let Some(open) = sender
                    && open.send(Ok(chunk.clone())).await.is_err()
                {
                    *sender = None;
                }
                sender.is_some()
            }
            Self::Layout(writer, result) => {
                if let Some(open) = writer
                    && let Err(error) = open.write(chunk)
                {
                    (*writer, *result) = (None, Err(error));
                }
                writer.is_some()
            }
        }
    }
}
