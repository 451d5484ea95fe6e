//! Moves one blob out of a repository and into others without holding it in memory (distribution-spec, "POST then PUT").
//!
//! An upload is one PUT with the whole blob: some registries lose uploads in chunks, and others refuse them.

use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, NotMounted, RegistryError, Scope, check_target, path_and_query};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::transport::{Body, Failure, Method, Response, ResponseBody, UploadBody, Url};
use bytes::Bytes;
use futures_util::stream::Stream;
use std::cell::Cell;
use std::io;
use std::time::Instant;
use tokio::sync::SemaphorePermit;

/// The requests that move one blob. They share one retry limit.
pub struct Transfer<'a> {
    client: &'a Client,
    digest: &'a Digest,
    started: Instant,
    attempts: Cell<u32>,
}

/// A blob that is being downloaded. The caller verifies its digest and its size.
pub struct Download {
    url: Url,
    body: ResponseBody,
}

impl Download {
    /// The size that the registry states, in bytes.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.body.length()
    }

    /// The next chunk; none at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        self.body.chunk().await.map_err(|fault| RegistryError::broken(&self.url, fault))
    }
}

impl Client {
    /// Starts to move a blob.
    #[must_use]
    pub fn transfer<'a>(&'a self, digest: &'a Digest) -> Transfer<'a> {
        Transfer { client: self, digest, started: Instant::now(), attempts: Cell::new(0) }
    }

    /// Waits until a blob may be moved; only some are at a time. The turn ends when the result is dropped.
    pub async fn transfer_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.copies.acquire().await.ok()
    }
}

impl Transfer<'_> {
    /// Whether a repository has the blob, as far as the registry says.
    pub async fn is_in(&self, repository: &Reference) -> bool {
        let host = self.client.host(repository);
        let path = format!("/v2/{}/blobs/{}", repository.path(), self.digest);
        // A token that allows push as well will be needed if the blob is missing.
        let call = ApiRequest::new(Method::HEAD, path, ANSWER_LIMIT, Scope::push(repository.path()));
        self.client.follow(&host, call).await.is_ok_and(|(_, response)| response.is_success())
    }

    /// Opens the blob of a repository.
    pub async fn download(&self, repository: &Reference) -> Result<Download, RegistryError> {
        let (url, response) = self.client.blob(repository, self.digest, ANSWER_LIMIT, true).await?;
        let body = response.stream.ok_or_else(|| RegistryError::BlobDigest(self.digest.clone()))?;
        Ok(Download { url, body })
    }

    /// Opens an upload to a repository, unless the registry has opened one instead of mounting the blob.
    pub async fn open_upload(&self, target: &Reference, mount: Option<Box<NotMounted>>) -> Result<Url, RegistryError> {
        if let Some(upload) = mount.and_then(|not_mounted| not_mounted.upload) {
            return Ok(upload);
        }
        let host = self.client.host(target);
        let path = format!("/v2/{}/blobs/uploads/", target.path());
        let call = ApiRequest::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
        let (url, response) = host.send(&self.client.transport, &call).await?;
        match location(&url, &response).filter(|_| response.status == 202) {
            Some(upload) => Ok(upload),
            None => Err(host.refusal("POST", &url, &response).into()),
        }
    }

    /// Sends the blob to an upload; `size` is in bytes, as far as it is known.
    pub async fn upload(
        &self,
        target: &Reference,
        mut upload: Url,
        size: Option<u64>,
        chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let host = self.client.host(target);
        let query = upload.query().map_or_else(String::new, |query| format!("{query}&"));
        upload.set_query(Some(&format!("{query}digest={}", self.digest)));
        let mut call = ApiRequest::new(Method::PUT, path_and_query(&upload), ANSWER_LIMIT, Scope::push(target.path()));
        call.headers.push(("content-type", "application/octet-stream".to_owned()));
        call.body = Body::Stream(UploadBody::new(size, chunks));
        let (url, response) = if host.is_own(&upload) {
            host.send(&self.client.transport, &call).await?
        } else {
            // The registry's storage may be elsewhere. It gets no authorization.
            host.origin().map_or(Ok(()), |origin| check_target(origin, &upload))?;
            let verification = host.endpoint().verification_for(&upload);
            let response = self.client.transport.send(call.request(upload.clone()), verification).await?;
            (upload, response)
        };
        if response.is_success() { Ok(()) } else { Err(host.refusal("PUT", &url, &response).into()) }
    }

    /// Waits before the blob is sent again after this error; false if it is not to be.
    pub async fn start_over(&self, error: &RegistryError) -> bool {
        let attempts = self.attempts.get() + 1;
        self.attempts.set(attempts);
        let failure = match error {
            RegistryError::Transport(error) => Failure::Fault(&error.fault),
            // The token may have expired meanwhile; the new upload gets another one.
            RegistryError::Refused(refusal) if refusal.status == 401 && attempts == 1 => return true,
            RegistryError::Refused(refusal) => Failure::Status(refusal.status),
            _ => return false,
        };
        self.client.transport.wait_to_retry(failure, attempts, self.started).await
    }
}

/// Where an upload goes on. A location is opaque: what the registry wrote, its query included, is sent back.
pub(super) fn location(url: &Url, response: &Response) -> Option<Url> {
    url.join(response.header("location")?).ok()
}
