//! Copies blobs from one repository to another: download, check, upload (distribution-spec, "POST then PUT").
//!
//! One PUT carries the whole blob. Uploads in pieces are lost by some registries and refused by others.

use super::host::Call;
use super::{ANSWER_LIMIT, Declined, Registry, RegistryError, Scope, path_and_query};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::spool::Spool;
use crate::transport::{Body, Method, Request, Response, Url};

/// Where an upload goes on. A location is opaque: what the registry wrote, its query included, is sent back.
pub(super) fn location(url: &Url, response: &Response) -> Option<Url> {
    url.join(response.header("location")?).ok()
}

impl Registry {
    /// Makes a blob of `source`'s repository part of `target`'s by sending its bytes, after a mount was declined.
    pub async fn copy_blob(
        &self,
        source: &Reference,
        target: &Reference,
        digest: &Digest,
        declined: Declined,
    ) -> Result<(), RegistryError> {
        let _turn = self.copies.acquire().await;
        let blob = self.download(source, digest).await?;
        let upload = match declined.upload {
            Some(upload) => upload,
            None => self.open_upload(target).await?,
        };
        self.finish_upload(target, upload, digest, blob).await
    }

    /// Fetches a blob of any size. What is not what it should be is not passed on.
    async fn download(&self, source: &Reference, digest: &Digest) -> Result<Spool, RegistryError> {
        let blob = Spool::new().map_err(RegistryError::Spool)?;
        self.blob(source, digest, usize::MAX, Some(blob.clone())).await?;
        let mut check = digest.check();
        blob.read(|piece| check.update(piece)).map_err(RegistryError::Spool)?;
        if check.matches() { Ok(blob) } else { Err(RegistryError::BlobDigest(digest.clone())) }
    }

    async fn open_upload(&self, target: &Reference) -> Result<Url, RegistryError> {
        let host = self.host(target);
        let path = format!("/v2/{}/blobs/uploads/", target.path());
        let call = Call::new(Method::POST, path, ANSWER_LIMIT, Scope::push(target.path()));
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
        blob: Spool,
    ) -> Result<(), RegistryError> {
        let host = self.host(target);
        let query = upload.query().map_or_else(String::new, |query| format!("{query}&"));
        upload.set_query(Some(&format!("{query}digest={digest}")));
        let mut call = Call::new(Method::PUT, path_and_query(&upload), ANSWER_LIMIT, Scope::push(target.path()));
        call.headers.push(("content-type", "application/octet-stream".to_owned()));
        call.body = Body::Spool(blob);
        let (url, response) = if host.is_own(&upload) {
            host.send(&self.transport, &call).await?
        } else {
            // Uploads may go to a storage of the registry's, which must not see what authorizes us to the registry.
            let trust = host.endpoint().trust_for(&upload);
            let Call { method, headers, body, limit, .. } = call;
            let request = Request { method, url: upload.clone(), headers, body, limit, sink: None };
            (upload, self.transport.send(request, trust).await?)
        };
        if response.is_success() { Ok(()) } else { Err(host.refusal("PUT", &url, &response).into()) }
    }
}
