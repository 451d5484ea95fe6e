//! Blobs that are fetched into memory, asked for (distribution-spec, "Checking if content exists in the registry"), or
//! mounted from another repository.

use super::redirect::location;
use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, ErrorResponse, RegistryError, Scope};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::transport::{Method, Operation, Response, Url, display_url};

/// The maximum size of an image's config, in bytes.
pub const CONFIG_LIMIT: usize = 8 * 1024 * 1024;

/// What is known of a blob that has not been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobStatus {
    /// The repository has it; the size is in bytes, if the registry states it.
    Present(Option<u64>),
    /// The repository does not have it.
    Missing,
}

/// What a request to mount a blob did.
#[derive(Debug)]
pub enum Mount {
    /// The target repository has the blob.
    Done,
    /// The registry wants the bytes, or has refused.
    NotMounted(Box<NotMounted>),
}

/// A mount that a registry has not done.
#[derive(Debug)]
pub struct NotMounted {
    /// The upload that the registry has opened instead.
    pub(super) upload: Option<Url>,
    /// Why not, unless the registry simply wants the bytes.
    pub refusal: Option<ErrorResponse>,
}

impl Client {
    /// Fetches a small blob, an image's config, from the repository of the reference.
    pub async fn config(&self, repository: &Reference, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        match self.blob_within(repository, digest, CONFIG_LIMIT).await {
            Err(RegistryError::BlobDigest(digest)) => Err(RegistryError::ConfigDigest(digest)),
            fetched => fetched,
        }
    }

    /// Fetches a blob of at most `limit` bytes from the repository of a reference.
    pub async fn blob_within(
        &self,
        repository: &Reference,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut call = request(Method::GET, repository, digest, Scope::pull(repository.path()));
        call.limit = limit;
        let response = self.blob(&self.transport.begin(), repository, call).await?;
        let is_right = digest.matches(&response.body);
        if is_right { Ok(response.body) } else { Err(RegistryError::BlobDigest(digest.clone())) }
    }

    /// Asks for a blob in the repository of a reference, without reading it. Storage servers that registries redirect
    /// to may refuse HEAD; they are asked with GET, and the body is not read.
    pub async fn blob_status(&self, repository: &Reference, digest: &Digest) -> Result<BlobStatus, RegistryError> {
        let (session, operation) = (self.session(repository), self.transport.begin());
        let call = request(Method::HEAD, repository, digest, Scope::pull(repository.path()));
        let response = session.follow(&operation, call).await?;
        let size = stated_size(&response);
        let is_own = session.is_own(&response.url);
        match response.status {
            404 if is_own => Ok(BlobStatus::Missing),
            _ if response.is_success() && size.is_some() => Ok(BlobStatus::Present(size)),
            _ if response.is_success() || !is_own => self.blob_status_by_get(&operation, repository, digest).await,
            _ => Err(session.refusal(&Method::HEAD, &response).into()),
        }
    }

    async fn blob_status_by_get(
        &self,
        operation: &Operation<'_>,
        repository: &Reference,
        digest: &Digest,
    ) -> Result<BlobStatus, RegistryError> {
        let mut call = request(Method::GET, repository, digest, Scope::pull(repository.path()));
        call.streams = true;
        match self.blob(operation, repository, call).await {
            Ok(response) => Ok(BlobStatus::Present(response.stream.and_then(|body| body.length()))),
            Err(RegistryError::BlobUnknown { .. }) => Ok(BlobStatus::Missing),
            Err(error) => Err(error),
        }
    }

    /// Fetches a blob. The caller verifies its digest.
    pub(super) async fn blob(
        &self,
        operation: &Operation<'_>,
        repository: &Reference,
        call: ApiRequest,
    ) -> Result<Response, RegistryError> {
        let session = self.session(repository);
        let response = session.follow(operation, call).await?;
        match response.status {
            404 => Err(RegistryError::BlobUnknown { url: display_url(&response.url) }),
            _ if !response.is_success() => Err(session.refusal(&Method::GET, &response).into()),
            _ => Ok(response),
        }
    }

    /// Asks the registry to mount a blob of its repository `from` in the target's repository.
    pub async fn mount(&self, target: &Reference, digest: &Digest, from: &str) -> Result<Mount, RegistryError> {
        let session = self.session(target);
        let path = format!("/v2/{}/blobs/uploads/?mount={digest}&from={}", target.path(), from.replace('/', "%2F"));
        let mut call = ApiRequest::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
        call.scopes = [Scope::push(target.path()), Scope::pull(from)].into_iter().collect();
        let response = session.send(&self.transport.begin(), &call).await?;
        let (upload, refusal) = match response.status {
            201 => return Ok(Mount::Done),
            202 => (location(&response), None),
            _ => (None, Some(session.refusal(&Method::POST, &response))),
        };
        Ok(Mount::NotMounted(Box::new(NotMounted { upload, refusal })))
    }
}

pub(super) fn request(method: Method, repository: &Reference, digest: &Digest, scope: Scope) -> ApiRequest {
    ApiRequest::new(method, format!("/v2/{}/blobs/{digest}", repository.path()), ANSWER_LIMIT, scope)
}

/// The size that a response to HEAD states. Servers that do not know it say zero.
fn stated_size(response: &Response) -> Option<u64> {
    response.header("content-length")?.parse().ok().filter(|size| *size > 0)
}
