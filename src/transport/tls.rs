//! TLS settings. They cost nothing until a TLS connection is made.

use super::certificate::SelfSigned;
use crate::config::HostCertificates;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// Whether a server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertVerification {
    /// Against the trusted certificate authorities.
    Enabled,
    /// Not at all.
    Disabled,
}

/// Finds the certificate files for a `host[:port]`. The error says what is wrong with them.
type FindCertificates = dyn Fn(&str) -> Result<HostCertificates, String>;

/// Certificates that are trusted if a server shows exactly them, as PEM. The error says why they must not be read.
pub type TrustedByName = Result<Vec<u8>, String>;

/// Where certificates come from.
pub struct Certificates {
    for_host: Box<FindCertificates>,
    trusted_by_name: TrustedByName,
}

impl Certificates {
    /// `for_host` finds the certificate files for a `host[:port]`; its error says what is wrong with them.
    pub fn new(
        for_host: impl Fn(&str) -> Result<HostCertificates, String> + 'static,
        trusted_by_name: TrustedByName,
    ) -> Self {
        Self { for_host: Box::new(for_host), trusted_by_name }
    }

    pub(super) fn of(&self, host: &str) -> Result<HostCertificates, String> {
        (self.for_host)(host)
    }

    pub(super) fn trusted_by_name(&self) -> &TrustedByName {
        &self.trusted_by_name
    }
}

/// The settings for one host: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1. The error says what is wrong with the certificate
/// files.
pub(super) fn configuration(
    verification: CertVerification,
    files: &HostCertificates,
    trusted_by_name: &TrustedByName,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let check = CertificateCheck {
        verification,
        provider: Arc::clone(&provider),
        authorities: certificates(&files.authorities)?,
        trusted_by_name: trusted_by_name.clone(),
        roots: OnceLock::new(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check));
    let mut configuration = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("client key: {error}"))?;
            let chain = certificates(certificate)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("client certificate: {error}"))?
        }
    };
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| format!("certificate: {error}"))
}

/// Verifies a server's certificate. That the server has its private key is always verified.
///
/// The system's certificates are read at the first handshake that needs them: reading them takes milliseconds, and a
/// system without any can still use plain HTTP.
#[derive(Debug)]
struct CertificateCheck {
    verification: CertVerification,
    provider: Arc<CryptoProvider>,
    /// Trusted in addition to the system's.
    authorities: Vec<CertificateDer<'static>>,
    trusted_by_name: TrustedByName,
    roots: OnceLock<Result<Verifier, Error>>,
}

impl CertificateCheck {
    /// Whether a server shows exactly a certificate that the user trusts. `openssl req -x509` makes server certificates
    /// that are marked as authorities; the TLS library never accepts those from a server, but Go does if they are trusted
    /// themselves.
    fn is_trusted_itself(&self, shown: &CertificateDer<'_>) -> bool {
        let trusted = self.trusted_by_name.as_ref().ok().and_then(|pem| certificates(pem).ok()).unwrap_or_default();
        self.authorities.iter().chain(&trusted).any(|certificate| certificate == shown)
    }

    /// Accepts a certificate that is trusted itself for the right name and at the right time.
    fn check_name_and_dates(
        &self,
        trusted: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(trusted)?;
        self.check_dates(&parsed, now)?;
        verify_server_name(&parsed, name)?;
        Ok(ServerCertVerified::assertion())
    }

    /// Whether a certificate that is no authority has signed itself: it is valid if it is the only root.
    fn is_self_signed(&self, shown: &CertificateDer<'_>, now: UnixTime) -> bool {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let mut itself = RootCertStore::empty();
        itself.add(shown.clone().into_owned()).is_ok()
            && ParsedCertificate::try_from(shown).is_ok_and(|parsed| {
                verify_server_cert_signed_by_trust_anchor(&parsed, &itself, &[], now, algorithms).is_ok()
            })
    }

    /// The dates are checked before the path, so without any roots a certificate within its dates has an unknown issuer.
    fn check_dates(&self, certificate: &ParsedCertificate<'_>, now: UnixTime) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let no_roots = RootCertStore::empty();
        match verify_server_cert_signed_by_trust_anchor(certificate, &no_roots, &[], now, algorithms) {
            Err(Error::InvalidCertificate(
                fault @ (CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::BadEncoding),
            )) => Err(Error::InvalidCertificate(fault)),
            _ => Ok(()),
        }
    }
}

impl ServerCertVerifier for CertificateCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.verification == CertVerification::Disabled {
            return Ok(ServerCertVerified::assertion());
        }
        let load = || {
            // The verifier reads the same file, without looking at what kind of file it is.
            self.trusted_by_name.as_ref().map_err(|error| Error::General(error.clone()))?;
            Verifier::new_with_extra_roots(self.authorities.iter().cloned(), Arc::clone(&self.provider))
        };
        let verifier = self.roots.get_or_init(load).as_ref().map_err(Clone::clone)?;
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(_)) if self.is_trusted_itself(end_entity) => {
                self.check_name_and_dates(end_entity, server_name, now)
            }
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) if self.is_self_signed(end_entity, now) => {
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(SelfSigned)))))
            }
            decided => decided,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
