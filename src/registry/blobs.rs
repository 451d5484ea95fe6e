//! Whether a registry has a blob (distribution-spec, "Checking if content exists in the registry").

use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, RegistryError, Scope};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::transport::{Method, Response};

/// What is known of a blob that has not been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobStatus {
    /// It is there, with this size in bytes if that is known.
    Present(Option<u64>),
    /// It is not there.
    Missing,
}

impl Client {
    /// Asks for a blob in the repository of a reference, without reading it. Storage servers that registries redirect
    /// to may refuse HEAD; they are asked with GET, and the body is not read.
    pub async fn blob_status(&self, repository: &Reference, digest: &Digest) -> Result<BlobStatus, RegistryError> {
        let host = self.host(repository);
        let path = format!("/v2/{}/blobs/{digest}", repository.path());
        let call = ApiRequest::new(Method::HEAD, path, ANSWER_LIMIT, Scope::pull(repository.path()));
        let (url, response) = self.follow(&host, call).await?;
        match response.status {
            404 if host.is_own(&url) => Ok(BlobStatus::Missing),
            _ if response.is_success() && size(&response).is_some() => Ok(BlobStatus::Present(size(&response))),
            _ if response.is_success() || !host.is_own(&url) => self.blob_status_by_get(repository, digest).await,
            _ => Err(host.refusal("HEAD", &url, &response).into()),
        }
    }

    async fn blob_status_by_get(&self, repository: &Reference, digest: &Digest) -> Result<BlobStatus, RegistryError> {
        match self.blob(repository, digest, ANSWER_LIMIT, true).await {
            Ok((_, response)) => Ok(BlobStatus::Present(response.stream.and_then(|body| body.length()))),
            Err(RegistryError::BlobUnknown { .. }) => Ok(BlobStatus::Missing),
            Err(error) => Err(error),
        }
    }
}

/// The size that an answer to HEAD states. Zero is what servers say that do not know.
fn size(response: &Response) -> Option<u64> {
    response.header("content-length")?.parse().ok().filter(|size| *size > 0)
}
