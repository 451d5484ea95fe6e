//! Copies a blob from one repository to another.

use super::transfer::{Download, Transfer};
use super::{Client, NotMounted, RegistryError};
use crate::digest::Digest;
use crate::reference::Reference;
use bytes::Bytes;
use futures_util::future::{join, try_join};
use futures_util::stream;
use std::io;
use tokio::sync::mpsc;

/// A blob to copy to another repository.
#[derive(Debug, Clone, Copy)]
pub struct BlobCopy<'a> {
    /// The blob.
    pub digest: &'a Digest,
    /// The size that its descriptor states, in bytes; none if it states none.
    pub size: Option<u64>,
    /// A reference in the repository that has the blob.
    pub source: &'a Reference,
    /// A reference in the repository that is to have it.
    pub target: &'a Reference,
}

/// What a copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// Nothing: the target had the blob.
    Present,
    /// It sent so many bytes.
    Sent(u64),
}

type Sender = mpsc::Sender<io::Result<Bytes>>;

impl Client {
    /// Copies a blob unless the target has it. `not_mounted` is the response to a request to mount it; `progress` is
    /// called with the size of each chunk.
    pub async fn copy_blob(
        &self,
        blob: BlobCopy<'_>,
        mut not_mounted: Option<NotMounted>,
        progress: impl Fn(u64),
    ) -> Result<Copied, RegistryError> {
        let transfer = self.transfer(blob.digest, blob.size);
        if transfer.is_in(blob.target).await {
            return Ok(Copied::Present);
        }
        let _turn = transfer.turn(1).await;
        loop {
            match copy(&transfer, blob, not_mounted.take(), &progress).await {
                Ok(()) => return Ok(Copied::Sent(blob.size.unwrap_or_default())),
                Err(error) if transfer.start_over(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Downloads a blob and uploads it at the same time, once.
async fn copy(
    transfer: &Transfer<'_>,
    blob: BlobCopy<'_>,
    not_mounted: Option<NotMounted>,
    progress: &impl Fn(u64),
) -> Result<(), RegistryError> {
    let opened = transfer.open_upload(blob.target, not_mounted);
    let (download, upload) = try_join(transfer.download(blob.source), opened).await?;
    let (sender, receiver) = mpsc::channel(1);
    let chunks = stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|chunk| (chunk, receiver)));
    let (passed, sent) =
        join(pass_on(download, blob.digest, sender, progress), transfer.upload(blob.target, upload, chunks)).await;
    // What was wrong with the source is the reason, whatever the target says about it.
    passed.and(sent)
}

/// Passes a blob on while verifying it. The last chunk is held back until the digest is known to be right, so that
/// nothing else can become the blob, however little the target verifies.
async fn pass_on(
    mut download: Download,
    digest: &Digest,
    sender: Sender,
    progress: &impl Fn(u64),
) -> Result<(), RegistryError> {
    let outcome = async {
        let (mut verifier, mut last) = (digest.verifier(), None::<Bytes>);
        while let Some(chunk) = download.chunk().await? {
            progress(chunk.len() as u64);
            verifier.update(&chunk);
            let ready = last.replace(chunk);
            // A target that takes no more says why itself.
            if let Some(ready) = ready
                && sender.send(Ok(ready)).await.is_err()
            {
                return Ok(None);
            }
        }
        if verifier.matches() { Ok(last) } else { Err(RegistryError::BlobDigest(digest.clone())) }
    };
    let (rest, result) = match outcome.await {
        Ok(last) => (last.map(Ok), Ok(())),
        // Without an error, the body would end here as if it were complete.
        Err(error) => (Some(Err(io::Error::other("the source failed"))), Err(error)),
    };
    if let Some(rest) = rest {
        let _ = sender.send(rest).await;
    }
    result
}
