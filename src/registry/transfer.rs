//! Moves one blob out of a repository and into others without holding it in memory (distribution-spec, "POST then PUT").
//!
//! An upload is one PUT with the whole blob: some registries lose uploads in chunks, and others refuse them.

use super::redirect::{check_scheme, location, path_and_query};
use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, NotMounted, RegistryError, Scope, blob};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::transport::{Failure, Method, Operation, Response, ResponseBody, Url, display_url};
use bytes::Bytes;
use futures_util::stream::Stream;
use std::cell::Cell;
use std::io;
use tokio::sync::SemaphorePermit;

/// The requests that move one blob. They share the limits on time and retries.
pub struct Transfer<'a> {
    client: &'a Client,
    operation: Operation<'a>,
    digest: &'a Digest,
    size: u64,
    /// Whether there are more uploads at the same time than slots.
    slotless: Cell<bool>,
    has_renewed_token: Cell<bool>,
}

/// A blob that is being downloaded. It has the size that its descriptor states; the caller verifies its digest.
pub struct Download {
    digest: Digest,
    size: u64,
    received: u64,
    body: ResponseBody,
    /// Keeps the download's slot among the requests to its registry.
    response: Response,
}

impl Client {
    /// Starts to move a blob of `size` bytes, as its descriptor states; none for a descriptor that states none.
    #[must_use]
    pub fn transfer<'a>(&'a self, digest: &'a Digest, size: Option<u64>) -> Transfer<'a> {
        // Without a size, a blob would have no end. Only an empty one can do without.
        let size = size.unwrap_or_default();
        let operation = self.transport.begin();
        let (slotless, has_renewed_token) = (Cell::new(false), Cell::new(false));
        Transfer { client: self, operation, digest, size, slotless, has_renewed_token }
    }
}

impl<'a> Transfer<'a> {
    /// Waits until the blob may be moved with so many uploads at the same time. The turn ends when the result is
    /// dropped.
    ///
    /// Of a download and its uploads, all must have a slot among the requests to their hosts before any can go on. So
    /// there are never more of them, in all transfers together, than a host has slots; a transfer that is too large for
    /// that does without.
    pub async fn turn(&self, uploads: usize) -> Option<SemaphorePermit<'a>> {
        let (streams, most) = (uploads + 1, self.client.max_streams);
        self.slotless.set(streams > most);
        let permits = u32::try_from(streams.min(most)).unwrap_or(u32::MAX);
        self.operation.uncounted(self.client.streams.acquire_many(permits)).await.ok()
    }

    /// Whether a repository has the blob, as far as the registry says.
    pub async fn is_in(&self, repository: &Reference) -> bool {
        // A token that allows push as well will be needed if the blob is missing.
        let call = blob::request(Method::HEAD, repository, self.digest, Scope::push(repository.path()));
        let response = self.client.session(repository).follow(&self.operation, call).await;
        response.is_ok_and(|response| response.is_success())
    }

    /// Opens the blob of a repository.
    pub async fn download(&self, repository: &Reference) -> Result<Download, RegistryError> {
        let mut call = blob::request(Method::GET, repository, self.digest, Scope::pull(repository.path()));
        (call.streams, call.slotless) = (true, self.slotless.get());
        let mut response = self.client.blob(&self.operation, repository, call).await?;
        let (digest, size) = (self.digest.clone(), self.size);
        let Some(body) = response.stream.take() else { return Err(RegistryError::BlobDigest(digest)) };
        match body.length() {
            Some(length) if length != size => {
                let sent = format!("{length} bytes");
                Err(RegistryError::BlobSize { digest, expected: size, sent })
            }
            _ => Ok(Download { digest, size, received: 0, body, response }),
        }
    }

    /// Opens an upload to a repository, unless the registry has opened one instead of mounting the blob.
    pub async fn open_upload(&self, target: &Reference, mount: Option<NotMounted>) -> Result<Url, RegistryError> {
        if let Some(upload) = mount.and_then(|not_mounted| not_mounted.upload) {
            return Ok(upload);
        }
        let session = self.client.session(target);
        let path = format!("/v2/{}/blobs/uploads/", target.path());
        let call = ApiRequest::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
        let response = session.send(&self.operation, &call).await?;
        match location(&response).filter(|_| response.status == 202) {
            Some(upload) => Ok(upload),
            None => Err(session.refusal(&Method::POST, &response).into()),
        }
    }

    /// Sends the blob to an upload, in these chunks.
    pub async fn upload(
        &self,
        target: &Reference,
        mut upload: Url,
        chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let session = self.client.session(target);
        let query = upload.query().map_or_else(String::new, |query| format!("{query}&"));
        upload.set_query(Some(&format!("{query}digest={}", self.digest)));
        let mut call = ApiRequest::new(Method::PUT, path_and_query(&upload), ANSWER_LIMIT, Scope::push(target.path()));
        call.headers.push(("content-type", "application/octet-stream".to_owned()));
        call.slotless = self.slotless.get();
        let body = self.operation.body(self.size, chunks);
        let response = if session.is_own(&upload) {
            session.upload(&self.operation, &call, body).await?
        } else {
            // The registry's storage may be elsewhere. It gets no authorization.
            check_scheme(&session.origin()?.url, &upload)?;
            self.operation.upload(&session.linked(call.request(upload))?, body).await?
        };
        if response.is_success() { Ok(()) } else { Err(session.refusal(&Method::PUT, &response).into()) }
    }

    /// Waits before the blob is sent again after this error; false if it should not be.
    pub async fn start_over(&self, error: &RegistryError) -> bool {
        let (host, failure) = match error {
            RegistryError::Transport(error) => (error.host(), Failure::Fault(&error.fault)),
            // The new upload finds out whether a new token helps.
            RegistryError::Refused(refusal)
                if refusal.may_be_stale_token() && !self.has_renewed_token.replace(true) =>
            {
                return true;
            }
            RegistryError::Refused(refusal) => (refusal.host.clone(), Failure::Status(refusal.status)),
            _ => return false,
        };
        self.operation.start_over(&host, failure).await
    }
}

impl Download {
    /// The next chunk; none at the end. A byte past the blob's size is never returned.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let chunk = self.body.chunk().await.map_err(|fault| RegistryError::broken(&self.response.url, fault))?;
        self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        let sent = match &chunk {
            Some(_) if self.received > self.size => "more".to_owned(),
            None if self.received < self.size => format!("{} bytes", self.received),
            _ => return Ok(chunk),
        };
        Err(RegistryError::BlobSize { digest: self.digest.clone(), expected: self.size, sent })
    }

    /// The URL that the blob comes from, without secrets.
    #[must_use]
    pub fn url(&self) -> String {
        display_url(&self.response.url)
    }
}
