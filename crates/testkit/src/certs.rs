//! Certificate authorities made when the tests run, so that no key is kept in
//! the project and nothing expires in it.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::NamedTempFile;

/// The names a server certificate is good for. Those in `test` are reached
/// through a proxy: what is on loopback is not verified.
const NAMES: [&str; 6] = ["localhost", "127.0.0.1", "::1", "registry.test", "other.test", "tokens.test"];

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// What a TLS server presents, and the file that makes a client trust it.
#[derive(Debug)]
pub struct Identity {
    config: Arc<ServerConfig>,
    pair: Pair,
    trust: NamedTempFile,
}

impl Identity {
    fn new(chain: &CertificateDer<'static>, key: &KeyPair, pair: Pair, trust: &str, clients: Option<&Ca>) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("TLS versions");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.der().clone()).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let mut config = config.with_single_cert(vec![chain.clone()], key).expect("a certificate that fits its key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut file = NamedTempFile::with_suffix(".crt").expect("a temporary file");
        file.write_all(trust.as_bytes()).expect("a certificate file");
        Self { config: Arc::new(config), pair, trust: file }
    }

    /// The server's side.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The server's certificate and key.
    pub fn pair(&self) -> &Pair {
        &self.pair
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

    /// The text of that file.
    pub fn trust(&self) -> String {
        std::fs::read_to_string(self.trust_file()).expect("the trusted certificate")
    }
}

type Ca = CertifiedIssuer<'static, KeyPair>;

/// A private certificate authority.
pub struct Authority(Ca);

impl Authority {
    /// A new one, different from all others.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "mfst test authority");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server that may be spoken to by anyone.
    pub fn server(&self) -> Identity {
        self.issue(&leaf(&NAMES), None)
    }

    /// A server for some other name.
    pub fn server_named(&self, name: &str) -> Identity {
        self.issue(&leaf(&[name]), None)
    }

    /// A server whose certificate is no longer good.
    pub fn expired_server(&self) -> Identity {
        self.issue(&expired(leaf(&NAMES)), None)
    }

    /// A server that wants a certificate of this authority from its clients.
    pub fn server_for_known_clients(&self) -> Identity {
        self.issue(&leaf(&NAMES), Some(&self.0))
    }

    /// A client's certificate and key.
    pub fn client(&self) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "mfst test client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn issue(&self, params: &CertificateParams, clients: Option<&Ca>) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.0).expect("a certificate");
        let pair = Pair { certificate: leaf.pem(), key: key.serialize_pem() };
        Identity::new(leaf.der(), &key, pair, &self.pem(), clients)
    }
}

/// A leaf certificate from a private authority.
pub fn private_ca() -> Identity {
    Authority::new().server()
}

/// What `openssl req -x509` makes and most guides for private registries use:
/// one certificate that is authority and server at once.
pub fn self_signed() -> Identity {
    self_issued(leaf(&NAMES))
}

/// The same, no longer good.
pub fn expired_self_signed() -> Identity {
    self_issued(expired(leaf(&NAMES)))
}

/// The same for some other name.
pub fn self_signed_named(name: &str) -> Identity {
    self_issued(leaf(&[name]))
}

fn self_issued(mut params: CertificateParams) -> Identity {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let pair = Pair { certificate: certificate.pem(), key: key.serialize_pem() };
    Identity::new(certificate.der(), &key, pair, &certificate.pem(), None)
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().copied().map(String::from).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "mfst test server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}
