//! Certificates, issued while the tests run: the project contains no keys and nothing that expires.

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

/// The names in a server certificate. Those after the loopback addresses are reached through a proxy, because mfst does not
/// verify certificates of loopback addresses.
const NAMES: [&str; 8] =
    ["localhost", "127.0.0.1", "::1", "registry.test", "other.test", "tokens.test", "example.com", "other.example.com"];

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// The TLS configuration of a server, and the CA certificate that its clients need.
#[derive(Debug)]
pub struct Identity {
    config: Arc<ServerConfig>,
    pair: Pair,
    ca: NamedTempFile,
}

impl Identity {
    fn new(chain: &CertificateDer<'static>, key: &KeyPair, pair: Pair, ca: &str, clients: Option<&Ca>) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("TLS versions");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der().clone()).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let mut config = config.with_single_cert(vec![chain.clone()], key).expect("a certificate that fits its key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut file = NamedTempFile::with_suffix(".crt").expect("a temporary file");
        file.write_all(ca.as_bytes()).expect("a certificate file");
        Self { config: Arc::new(config), pair, ca: file }
    }

    /// The configuration of the server.
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
        self.config = self.http1_config();
        self
    }

    /// The server's side without HTTP/2.
    pub fn http1_config(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The CA certificate as a PEM file, for `SSL_CERT_FILE`.
    pub fn ca_file(&self) -> &Path {
        self.ca.path()
    }

    /// The CA certificate as PEM.
    pub fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.ca_file()).expect("the trusted certificate")
    }
}

type Ca = CertifiedIssuer<'static, KeyPair>;

/// A private certificate authority.
pub struct Authority(Ca);

impl Authority {
    /// A new authority with its own key.
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

    /// A server that does not ask for a client certificate.
    pub fn server(&self) -> Identity {
        self.issue(&leaf(&NAMES), None)
    }

    /// A server with a certificate for this name only.
    pub fn server_named(&self, name: &str) -> Identity {
        self.issue(&leaf(&[name]), None)
    }

    /// A server whose certificate has expired.
    pub fn expired_server(&self) -> Identity {
        self.issue(&expired(leaf(&NAMES)), None)
    }

    /// A server that requires a client certificate of this authority.
    pub fn server_requiring_client_cert(&self) -> Identity {
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

/// A server with a certificate of a new private authority.
pub fn private_ca() -> Identity {
    Authority::new().server()
}

/// A certificate that is its own CA, as `openssl req -x509` makes it and most guides to private registries use it.
pub fn self_signed() -> Identity {
    self_issued(leaf(&NAMES))
}

/// The same, expired.
pub fn expired_self_signed() -> Identity {
    self_issued(expired(leaf(&NAMES)))
}

/// The same for this name only.
pub fn self_signed_named(name: &str) -> Identity {
    self_issued(leaf(&[name]))
}

/// A certificate that has signed itself and is not marked as a CA.
pub fn self_signed_leaf() -> Identity {
    sign_itself(&leaf(&NAMES))
}

fn self_issued(mut params: CertificateParams) -> Identity {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    sign_itself(&params)
}

fn sign_itself(params: &CertificateParams) -> Identity {
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
