//! An OCI registry inside the process, in memory: `ferro-oci-server`'s router
//! with one layer for each concern around it. From the outside in: the log, the
//! scripted faults, the gate, the walls between repositories.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use ferro_blob_store::{BlobStore, Digest, InMemoryBlobStore};
use ferro_oci_server::{AppState, InMemoryRegistryMeta, Reference, RegistryMeta, router};

use crate::acl::Acl;
use crate::certs::Identity;
use crate::faults::{self, Fault, Script};
use crate::gate::{self, Bearer, Gate};
use crate::log::{self, Log};
use crate::repositories::{self, Repositories};
use crate::sample::Sample;
use crate::server::{Server, Tls};
use crate::token::TokenServer;

/// Settings of a registry; see [`Embedded::plain`].
#[derive(Debug)]
pub struct Builder {
    ip: String,
    tls: Tls,
    gate: Gate,
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

    /// Speaks plain HTTP and never answers a TLS handshake.
    #[must_use]
    pub fn stalled_tls(mut self) -> Self {
        self.tls = Tls::Stalled;
        self
    }

    /// Wants this user and password with every request.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.gate = Gate::Basic(Acl::default().user(user, password, &[]));
        self
    }

    /// Wants tokens of this server, which must outlive the registry's use.
    #[must_use]
    pub fn bearer(mut self, tokens: &TokenServer) -> Self {
        self.gate = Gate::Bearer(Bearer::of(tokens));
        self
    }

    /// Wants tokens, and says so in `WWW-Authenticate` headers of this form;
    /// `{realm}`, `{service}`, `{scope}` and `{error}` stand for what they name.
    #[must_use]
    pub fn bearer_in_words(mut self, tokens: &TokenServer, challenges: &[&str]) -> Self {
        self.gate = Gate::Bearer(Bearer::of(tokens).in_words(challenges));
        self
    }

    /// Wants tokens, and calls a bad one a bad request, without a challenge.
    #[must_use]
    pub fn bearer_without_a_word(mut self, tokens: &TokenServer) -> Self {
        self.gate = Gate::Bearer(Bearer::of(tokens).without_a_word());
        self
    }

    /// Answers mounts with this status instead of doing them.
    #[must_use]
    pub fn declining_mounts(mut self, status: u16) -> Self {
        self.repositories = Repositories::declining(status);
        self
    }

    /// Starts the registry.
    pub fn start(self) -> Embedded {
        let blobs = Arc::new(InMemoryBlobStore::new());
        let meta = Arc::new(InMemoryRegistryMeta::new());
        let (log, script) = (Log::default(), Script::default());
        let app =
            router(AppState::new(Arc::<InMemoryBlobStore>::clone(&blobs), Arc::<InMemoryRegistryMeta>::clone(&meta)))
                .layer(from_fn_with_state(self.repositories.clone(), repositories::separate))
                .layer(from_fn_with_state(self.gate, gate::check))
                .layer(from_fn_with_state(script.clone(), faults::apply))
                .layer(from_fn_with_state(log.clone(), log::record));
        Embedded {
            server: Server::start(Server::bind(&self.ip), self.tls, app),
            blobs,
            meta,
            repositories: self.repositories,
            log,
            script,
        }
    }
}

/// A running registry.
pub struct Embedded {
    server: Server,
    blobs: Arc<InMemoryBlobStore>,
    meta: Arc<InMemoryRegistryMeta>,
    repositories: Repositories,
    log: Log,
    script: Script,
}

impl Embedded {
    /// A registry over plain HTTP on 127.0.0.1 that lets everyone in.
    pub fn plain() -> Builder {
        Builder { ip: "127.0.0.1".to_owned(), tls: Tls::None, gate: Gate::Open, repositories: Repositories::default() }
    }

    /// `HOST:PORT`, the first part of an image reference.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// A reference into this registry: `HOST:PORT/` and `name`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections were accepted, those without a request included.
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// The requests so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds a rule of misbehaviour.
    pub fn fault(&self, fault: Fault) {
        self.script.add(fault);
    }

    /// The rules of misbehaviour.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Stores a blob past the network and tells its digest.
    pub fn put_blob(&self, repo: &str, bytes: &[u8]) -> String {
        let digest = Digest::sha256_of(bytes);
        let bytes = Bytes::copy_from_slice(bytes);
        self.server.run(self.blobs.put(&digest, bytes)).expect("a stored blob");
        self.repositories.insert(repo, &digest.to_string());
        digest.to_string()
    }

    /// Stores a manifest, whatever is in it, past the network and tells its
    /// digest.
    pub fn put_manifest(&self, repo: &str, reference: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = Digest::sha256_of(bytes);
        let reference: Reference = reference.parse().expect("a tag or a digest");
        let bytes = Bytes::copy_from_slice(bytes);
        let put = self.meta.put_manifest(repo, &reference, &digest, media_type, bytes);
        self.server.run(put).expect("a stored manifest");
        digest.to_string()
    }

    /// Stores an image with its blobs and tells its digest.
    pub fn put_image(&self, repo: &str, tag: &str, image: &Sample) -> String {
        for blob in image.blobs() {
            self.put_blob(repo, blob);
        }
        self.put_manifest(repo, tag, image.media_type(), image.manifest())
    }

    /// Forgets a manifest and all its tags, so that what refers to it dangles.
    pub fn remove_manifest(&self, repo: &str, reference: &str) {
        let (_, bytes) = self.manifest(repo, reference).expect("a manifest to remove");
        let digest = Reference::Digest(Digest::sha256_of(&bytes));
        assert!(self.server.run(self.meta.delete_manifest(repo, &digest)).expect("a writable registry"));
    }

    /// Media type and bytes of a manifest, read past the network.
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
