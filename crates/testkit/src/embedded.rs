//! An in-process OCI registry that keeps everything in memory: `ferro-oci-server`, with layers around it. From the outside
//! in: the request log, scripted faults, authentication, and separate blobs per repository.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use ferro_blob_store::{BlobStore, Digest, InMemoryBlobStore};
use ferro_oci_server::{AppState, InMemoryRegistryMeta, Reference, RegistryMeta, router};

use crate::acl::Acl;
use crate::auth_layer::{self, AuthLayer, Bearer};
use crate::certs::Identity;
use crate::repositories::{self, Repositories};
use crate::sample::Sample;
use crate::scripted::ScriptedServer;
use crate::server::Tls;
use crate::token_server::TokenServer;

/// Settings of a registry; see [`Embedded::plain`].
#[derive(Debug)]
pub struct Builder {
    ip: String,
    tls: Tls,
    auth: AuthLayer,
    repositories: Repositories,
}

impl Builder {
    /// Listens on another loopback address than 127.0.0.1, such as `[::1]`.
    #[must_use]
    pub fn on(mut self, ip: &str) -> Self {
        ip.clone_into(&mut self.ip);
        self
    }

    /// Serves TLS, with HTTP/2 unless the identity says otherwise.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Tls::Secure(identity.config());
        self
    }

    /// Serves TLS without HTTP/2, whatever the identity says.
    #[must_use]
    pub fn tls_without_http2(mut self, identity: &Identity) -> Self {
        self.tls = Tls::Secure(identity.http1_config());
        self
    }

    /// Serves plain HTTP and never answers a TLS handshake.
    #[must_use]
    pub fn stalled_tls(mut self) -> Self {
        self.tls = Tls::Stalled;
        self
    }

    /// Requires this user and password with every request.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.auth = AuthLayer::Basic(Acl::default().user(user, password, &[]));
        self
    }

    /// Requires tokens of this server, which must be kept running.
    #[must_use]
    pub fn bearer(mut self, tokens: &TokenServer) -> Self {
        self.auth = AuthLayer::Bearer(Bearer::of(tokens));
        self
    }

    /// Requires tokens, with these `WWW-Authenticate` headers; `{realm}`, `{service}`, `{scope}` and `{error}` are
    /// filled in.
    #[must_use]
    pub fn bearer_challenges(mut self, tokens: &TokenServer, challenges: &[&str]) -> Self {
        self.auth = AuthLayer::Bearer(Bearer::of(tokens).challenges(challenges));
        self
    }

    /// Requires tokens, and answers an invalid one with 400 and no challenge.
    #[must_use]
    pub fn bearer_bad_request(mut self, tokens: &TokenServer) -> Self {
        self.auth = AuthLayer::Bearer(Bearer::of(tokens).bad_request());
        self
    }

    /// Answers every mount request with this status instead of mounting; 202 opens an upload.
    #[must_use]
    pub fn mount_status(mut self, status: u16) -> Self {
        self.repositories = Repositories::with_mount_status(status);
        self
    }

    /// Starts the registry.
    pub fn start(self) -> Embedded {
        let blobs = Arc::new(InMemoryBlobStore::new());
        let meta = Arc::new(InMemoryRegistryMeta::new());
        let app =
            router(AppState::new(Arc::<InMemoryBlobStore>::clone(&blobs), Arc::<InMemoryRegistryMeta>::clone(&meta)))
                .layer(from_fn_with_state(self.repositories.clone(), repositories::isolate))
                .layer(from_fn_with_state(self.auth, auth_layer::authenticate));
        Embedded {
            server: ScriptedServer::start(&self.ip, self.tls, app),
            blobs,
            meta,
            repositories: self.repositories,
        }
    }
}

/// A running registry.
pub struct Embedded {
    server: ScriptedServer,
    blobs: Arc<InMemoryBlobStore>,
    meta: Arc<InMemoryRegistryMeta>,
    repositories: Repositories,
}

impl Deref for Embedded {
    type Target = ScriptedServer;

    fn deref(&self) -> &ScriptedServer {
        &self.server
    }
}

impl Embedded {
    /// A registry over plain HTTP on 127.0.0.1, without logins.
    pub fn plain() -> Builder {
        Builder {
            ip: "127.0.0.1".to_owned(),
            tls: Tls::None,
            auth: AuthLayer::Open,
            repositories: Repositories::default(),
        }
    }

    /// `HOST:PORT`, the first part of an image reference.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// A reference into this registry: `HOST:PORT/` and `name`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Stores a blob directly and returns its digest.
    pub fn put_blob(&self, repo: &str, bytes: &[u8]) -> String {
        let digest = Digest::sha256_of(bytes);
        let bytes = Bytes::copy_from_slice(bytes);
        self.server.run(self.blobs.put(&digest, bytes)).expect("a stored blob");
        self.repositories.insert(repo, &digest.to_string());
        digest.to_string()
    }

    /// Stores a manifest directly, without any check, and returns its digest.
    pub fn put_manifest(&self, repo: &str, reference: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = Digest::sha256_of(bytes);
        let reference: Reference = reference.parse().expect("a tag or a digest");
        let bytes = Bytes::copy_from_slice(bytes);
        let put = self.meta.put_manifest(repo, &reference, &digest, media_type, bytes);
        self.server.run(put).expect("a stored manifest");
        digest.to_string()
    }

    /// Stores an image with its blobs and returns its digest.
    pub fn put_image(&self, repo: &str, tag: &str, image: &Sample) -> String {
        for blob in image.blobs() {
            self.put_blob(repo, blob);
        }
        self.put_manifest(repo, tag, image.media_type(), image.manifest())
    }

    /// Removes a manifest and all its tags; references to it dangle.
    pub fn remove_manifest(&self, repo: &str, reference: &str) {
        let (_, bytes) = self.manifest(repo, reference).expect("a manifest to remove");
        let digest = Reference::Digest(Digest::sha256_of(&bytes));
        assert!(self.server.run(self.meta.delete_manifest(repo, &digest)).expect("a writable registry"));
    }

    /// The media type and bytes of a manifest.
    pub fn manifest(&self, repo: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let reference: Reference = reference.parse().expect("a tag or a digest");
        let found = self.server.run(self.meta.get_manifest(repo, &reference));
        let (_, media_type, bytes) = found.expect("a readable registry")?;
        Some((media_type, bytes.to_vec()))
    }

    /// Whether a repository has a blob.
    pub fn has_blob(&self, repo: &str, digest: &str) -> bool {
        self.repositories.contains(repo, digest)
    }
}

#[cfg(test)]
mod tests;
