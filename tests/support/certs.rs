//! A certificate authority made when the tests run, so that no key is kept in
//! the project and nothing expires in it.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;

/// The names a server certificate is good for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What a TLS server presents, and the file that makes a client trust it.
#[derive(Debug)]
pub struct Identity {
    config: Arc<ServerConfig>,
    trust: NamedTempFile,
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair, trust: &str) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate that fits its key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut file = NamedTempFile::with_suffix(".crt").expect("a temporary file");
        file.write_all(trust.as_bytes()).expect("a certificate file");
        Self { config: Arc::new(config), trust: file }
    }

    /// The server's side.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The same without HTTP/2.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = vec![b"http/1.1".to_vec()];
        self
    }

    /// The PEM file that a client has to trust, for `SSL_CERT_FILE`.
    pub fn trust_file(&self) -> &Path {
        self.trust.path()
    }
}

/// A leaf certificate from a private authority.
pub fn private_ca() -> Identity {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "mfst test authority");
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let leaf = leaf("mfst test server").signed_by(&key, &ca).expect("a certificate");
    Identity::new(vec![leaf.der().clone()], &key, &ca.pem())
}

/// What `openssl req -x509` makes and most guides for private registries use:
/// one certificate that is authority and server at once.
pub fn self_signed() -> Identity {
    let mut params = leaf("localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Identity::new(vec![certificate.der().clone()], &key, &certificate.pem())
}

fn leaf(name: &str) -> CertificateParams {
    let names = NAMES.map(String::from);
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}
