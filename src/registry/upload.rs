//! Copies blobs from one repository to another, which may be on another registry: the bytes that come in go out again
//! at once (distribution-spec, "POST then PUT").
//!
//! One PUT carries the whole blob. Uploads in chunks are lost by some registries and refused by others.

use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, NotMounted, RegistryError, Scope, check_target, path_and_query};
use crate::digest::{Digest, Verifier};
use crate::reference::Reference;
use crate::transport::{Body, Failure, Method, Response, ResponseBody, UploadBody, Url};
use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::stream::{self, Stream};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A blob that is to be in another repository too.
#[derive(Debug, Clone, Copy)]
pub struct BlobCopy<'a> {
    /// The blob.
    pub digest: &'a Digest,
    /// Its size in bytes, if known.
    pub size: Option<u64>,
    /// An image in the repository that has it.
    pub source: &'a Reference,
    /// An image of the repository that is to have it.
    pub target: &'a Reference,
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// The blob was there already.
    Present,
    /// So many bytes have been sent.
    Sent(u64),
}

/// Where an upload goes on. A location is opaque: what the registry wrote, its query included, is sent back.
pub(super) fn location(url: &Url, response: &Response) -> Option<Url> {
    url.join(response.header("location")?).ok()
}

impl Client {
    /// Copies a blob unless it is there. `not_mounted` is the answer to the request to mount it, `moved` is called
    /// with the size of each chunk.
    pub async fn copy_blob(
        &self,
        blob: BlobCopy<'_>,
        not_mounted: Option<NotMounted>,
        moved: impl Fn(u64) + Clone + Send + 'static,
    ) -> Result<Copied, RegistryError> {
        if self.has_blob(blob.target, blob.digest).await {
            return Ok(Copied::Present);
        }
        let _turn = self.copies.acquire().await;
        let mut upload = not_mounted.and_then(|not_mounted| not_mounted.upload);
        let (started, mut attempts) = (Instant::now(), 0);
        loop {
            let error = match self.try_copy(blob, upload.take(), moved.clone()).await {
                Ok(sent) => return Ok(Copied::Sent(sent)),
                Err(error) => error,
            };
            attempts += 1;
            let again = match &error {
                RegistryError::Transport(error) => Failure::Fault(&error.fault),
                // What is judged here has been tried before its body was sent; a token may have ended meanwhile.
                RegistryError::Refused(refusal) if refusal.status == 401 && attempts == 1 => continue,
                RegistryError::Refused(refusal) => Failure::Status(refusal.status),
                _ => return Err(error),
            };
            if !self.transport.wait_to_retry(blob.target.domain(), again, attempts, started).await {
                return Err(error);
            }
        }
    }

    /// Whether a repository has a blob, for all we can tell.
    async fn has_blob(&self, repository: &Reference, digest: &Digest) -> bool {
        let host = self.host(repository);
        let path = format!("/v2/{}/blobs/{digest}", repository.path());
        // The right to write is asked for at once: it is needed if the blob is not there.
        let call = ApiRequest::new(Method::HEAD, path, ANSWER_LIMIT, Scope::push(repository.path()));
        self.follow(&host, call).await.is_ok_and(|(_, response)| response.is_success())
    }

    async fn try_copy(
        &self,
        blob: BlobCopy<'_>,
        upload: Option<Url>,
        moved: impl Fn(u64) + Send + 'static,
    ) -> Result<u64, RegistryError> {
        let opened = async {
            match upload {
                Some(upload) => Ok(upload),
                None => self.open_upload(blob.target).await,
            }
        };
        let ((url, incoming), upload) = try_join(self.download(blob.source, blob.digest), opened).await?;
        let size = incoming.length().or(blob.size);
        let failure = SourceError::default();
        let relay = VerifyingStream {
            incoming,
            url,
            size,
            sent: 0,
            last_chunk: None,
            verifier: Some(blob.digest.verifier()),
            moved,
        };
        let outgoing = UploadBody::new(size, relay.chunks(blob.digest.clone(), failure.clone()));
        let sent = self.finish_upload(blob.target, upload, blob.digest, outgoing).await;
        // What was wrong with the source is the reason, whatever the target attempts of it.
        match failure.take() {
            Some(error) => Err(error),
            None => sent.map(|()| size.unwrap_or_default()),
        }
    }

    /// Opens a blob of any size.
    async fn download(&self, source: &Reference, digest: &Digest) -> Result<(Url, ResponseBody), RegistryError> {
        let (url, response) = self.blob(source, digest, ANSWER_LIMIT, true).await?;
        let stream = response.stream.ok_or_else(|| RegistryError::BlobDigest(digest.clone()))?;
        Ok((url, stream))
    }

    async fn open_upload(&self, target: &Reference) -> Result<Url, RegistryError> {
        let host = self.host(target);
        let path = format!("/v2/{}/blobs/uploads/", target.path());
        let call = ApiRequest::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
        let (url, response) = host.send(&self.transport, &call).await?;
        match location(&url, &response).filter(|_| response.status == 202) {
            Some(upload) => Ok(upload),
            None => Err(host.refusal("POST", &url, &response).into()),
        }
    }

    async fn finish_upload(
        &self,
        target: &Reference,
        mut upload: Url,
        digest: &Digest,
        blob: UploadBody,
    ) -> Result<(), RegistryError> {
        let host = self.host(target);
        let query = upload.query().map_or_else(String::new, |query| format!("{query}&"));
        upload.set_query(Some(&format!("{query}digest={digest}")));
        let mut call = ApiRequest::new(Method::PUT, path_and_query(&upload), ANSWER_LIMIT, Scope::push(target.path()));
        call.headers.push(("content-type", "application/octet-stream".to_owned()));
        call.body = Body::Stream(blob);
        let (url, response) = if host.is_own(&upload) {
            host.send(&self.transport, &call).await?
        } else {
            // Uploads may go to a storage of the registry's, which must not see what authorizes us to the registry.
            host.origin().map_or(Ok(()), |origin| check_target(origin, &upload))?;
            let verification = host.endpoint().verification_for(&upload);
            let response = self.transport.send(call.request(upload.clone()), verification).await?;
            (upload, response)
        };
        if response.is_success() { Ok(()) } else { Err(host.refusal("PUT", &url, &response).into()) }
    }
}

/// What went wrong where it cannot be returned.
#[derive(Clone, Default)]
struct SourceError(Arc<Mutex<Option<RegistryError>>>);

impl SourceError {
    fn set(&self, error: RegistryError) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("the source failed")
    }

    fn take(&self) -> Option<RegistryError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A blob on its way. The last chunk is last_chunk back until the digest is known to be right, so that what is wrong never
/// becomes a blob, however little the target checks.
struct VerifyingStream<M> {
    incoming: ResponseBody,
    url: Url,
    size: Option<u64>,
    sent: u64,
    last_chunk: Option<Bytes>,
    /// None once it has been done.
    verifier: Option<Verifier>,
    moved: M,
}

impl<M: Fn(u64) + Send + 'static> VerifyingStream<M> {
    fn chunks(self, digest: Digest, failed: SourceError) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, move |mut relay| {
            let (digest, failed) = (digest.clone(), failed.clone());
            async move {
                let chunk = relay.next(&digest).await.map_err(|error| failed.set(error))?;
                Ok(chunk.map(|chunk| (chunk, relay)))
            }
        })
    }

    async fn next(&mut self, digest: &Digest) -> Result<Option<Bytes>, RegistryError> {
        let wrong = || RegistryError::BlobDigest(digest.clone());
        loop {
            let chunk = self.incoming.chunk().await.map_err(|fault| RegistryError::broken(&self.url, fault))?;
            let Some(chunk) = chunk else {
                let is_right = self.verifier.take().is_none_or(Verifier::matches);
                return if is_right { Ok(self.last_chunk.take()) } else { Err(wrong()) };
            };
            let length = chunk.len() as u64;
            self.sent += length;
            if self.size.is_some_and(|size| self.sent > size) {
                return Err(wrong());
            }
            (self.moved)(length);
            if let Some(verifier) = &mut self.verifier {
                verifier.update(&chunk);
            }
            if let Some(ready) = self.last_chunk.replace(chunk) {
                return Ok(Some(ready));
            }
        }
    }
}
