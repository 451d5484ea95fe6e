//! Reads a blob once and writes it to all targets that need it, without holding it in memory.

use super::target::{Target, TargetWriter};
use crate::content::Content;
use crate::digest::{Digest, Verifier};
use crate::layout::{BlobReader, BlobWriter, LayoutError};
use crate::location::Location;
use crate::registry::{Download, NotMounted, RegistryError, Transfer};
use crate::transport::Url;
use bytes::Bytes;
use futures_util::future::{join_all, try_join, try_join_all};
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
    Registry(Download),
    Layout(BlobReader),
}

impl Source {
    async fn open(content: &Content, transfer: &Transfer<'_>, blob: &Moved<'_>) -> Result<Self, TransferError> {
        Ok(match blob.source {
            Location::Registry(repository) => Self::Registry(transfer.download(repository).await?),
            Location::Layout(layout) => Self::Layout(content.layout(&layout.path)?.blob(blob.digest)?),
        })
    }

    /// The size in bytes, if known.
    fn size(&self) -> Option<u64> {
        match self {
            Self::Registry(download) => download.size(),
            Self::Layout(file) => Some(file.size()),
        }
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
}

/// A blob to move.
pub(super) struct Moved<'a> {
    pub(super) digest: &'a Digest,
    /// The size in bytes, if known.
    pub(super) size: Option<u64>,
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

/// Moves a blob to all recipients and returns its size in bytes. After a temporary failure the blob is read again for the
/// recipients that lack it. `progress` is called with the size of each chunk.
pub(super) async fn move_blob(
    content: &Content,
    blob: &Moved<'_>,
    mut recipients: Vec<Recipient<'_>>,
    progress: impl Fn(u64),
) -> Result<u64, TransferError> {
    let _turn = content.client.transfer_turn().await;
    let transfer = content.client.transfer(blob.digest);
    loop {
        let (size, results) = match attempt(content, &transfer, blob, &mut recipients, &progress).await {
            Ok(done) => done,
            Err(error) => {
                retry(&transfer, error).await?;
                continue;
            }
        };
        let mut results = results.into_iter();
        let mut failed = None;
        // One result for each recipient; those that have the blob are done.
        recipients.retain(|_| match results.next() {
            Some(Err(error)) => {
                failed = failed.take().or(Some(error));
                true
            }
            _ => false,
        });
        match failed {
            None => return Ok(size),
            Some(error) => retry(&transfer, error).await?,
        }
    }
}

async fn retry(transfer: &Transfer<'_>, error: TransferError) -> Result<(), TransferError> {
    match &error {
        TransferError::Registry(cause) if transfer.start_over(cause).await => Ok(()),
        _ => Err(error),
    }
}

type Results = Vec<Result<(), TransferError>>;

/// Reads the blob once. The error is the source's; each recipient has a result of its own.
async fn attempt(
    content: &Content,
    transfer: &Transfer<'_>,
    blob: &Moved<'_>,
    recipients: &mut [Recipient<'_>],
    progress: &impl Fn(u64),
) -> Result<(u64, Results), TransferError> {
    let uploads = recipients.iter_mut().map(|recipient| open_upload(transfer, recipient));
    let (source, uploads) = try_join(Source::open(content, transfer, blob), try_join_all(uploads)).await?;
    let size = source.size().or(blob.size);
    let (mut sinks, mut sending) = (Vec::new(), Vec::new());
    for (recipient, upload) in recipients.iter().zip(uploads) {
        match (&recipient.target.writer, upload) {
            (TargetWriter::Layout(layout), _) => {
                let writer = layout.start_blob(blob.digest, size.unwrap_or_default())?;
                sinks.push(Sink::Layout(Some(writer), Ok(())));
                sending.push(None);
            }
            (TargetWriter::Registry(reference), Some(upload)) => {
                let (sender, receiver) = mpsc::channel(1);
                sinks.push(Sink::Upload(Some(sender)));
                sending.push(Some(transfer.upload(reference, upload, size, chunks(receiver))));
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
    let mut pump =
        Pump { source, digest: blob.digest, size, received: 0, verifier: Some(blob.digest.verifier()), sinks };
    let (pumped, sent) = futures_util::future::join(pump.run(progress), sending).await;
    // A failure of the source is the cause of what the targets report.
    pumped?;
    let results = pump.sinks.into_iter().zip(sent).map(|(sink, sent)| match sink {
        Sink::Upload(_) => sent.map_err(Into::into),
        Sink::Layout(_, result) => result.map_err(Into::into),
    });
    Ok((pump.received, results.collect()))
}

async fn open_upload(transfer: &Transfer<'_>, recipient: &mut Recipient<'_>) -> Result<Option<Url>, TransferError> {
    match &recipient.target.writer {
        TargetWriter::Registry(reference) => {
            Ok(Some(transfer.open_upload(reference, recipient.not_mounted.take()).await?))
        }
        TargetWriter::Layout(_) => Ok(None),
    }
}

fn chunks(receiver: mpsc::Receiver<io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|chunk| (chunk, receiver)))
}

/// Passes a blob on and verifies it. The last chunk is held back until the digest has been verified, so that no target can
/// complete a wrong blob.
struct Pump<'a> {
    source: Source,
    digest: &'a Digest,
    size: Option<u64>,
    received: u64,
    /// None after the end.
    verifier: Option<Verifier>,
    sinks: Vec<Sink<'a>>,
}

impl Pump<'_> {
    async fn run(&mut self, progress: &impl Fn(u64)) -> Result<(), TransferError> {
        let passed = self.pass_on(progress).await;
        for sink in &mut self.sinks {
            match sink {
                // Dropping the sender ends the body, which must not look complete.
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

    async fn pass_on(&mut self, progress: &impl Fn(u64)) -> Result<(), TransferError> {
        let mut last: Option<Bytes> = None;
        while let Some(chunk) = self.source.chunk().await? {
            self.received += chunk.len() as u64;
            if self.size.is_some_and(|size| self.received > size) {
                return Err(self.mismatch());
            }
            progress(chunk.len() as u64);
            if let Some(verifier) = &mut self.verifier {
                verifier.update(&chunk);
            }
            if let Some(ready) = last.replace(chunk)
                && !self.send(&ready).await
            {
                // No target wants the rest.
                return Ok(());
            }
        }
        let is_right = self.verifier.take().is_none_or(Verifier::matches);
        if !is_right || self.size.is_some_and(|size| self.received < size) {
            return Err(self.mismatch());
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
            match sink {
                Sink::Upload(sender) => {
                    if let Some(open) = sender
                        && open.send(Ok(chunk.clone())).await.is_err()
                    {
                        *sender = None;
                    }
                    is_wanted |= sender.is_some();
                }
                Sink::Layout(writer, result) => {
                    if let Some(open) = writer
                        && let Err(error) = open.write(chunk)
                    {
                        (*writer, *result) = (None, Err(error));
                    }
                    is_wanted |= writer.is_some();
                }
            }
        }
        is_wanted
    }

    fn mismatch(&self) -> TransferError {
        let digest = self.digest.clone();
        match &self.source {
            Source::Registry(_) => RegistryError::BlobDigest(digest).into(),
            Source::Layout(file) => LayoutError::DigestMismatch { path: file.path().to_owned(), digest }.into(),
        }
    }
}
