//! TLS settings that cost nothing until a TLS connection is attempts.

use super::CertVerification;
use crate::config::{HostCertificates, named_by_user};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// The settings for one registry: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1. The error tells what is wrong with the
/// certificate files.
pub(super) fn configuration(verification: CertVerification, files: &HostCertificates) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let check = CertificateCheck {
        verification,
        provider: Arc::clone(&provider),
        authorities: certificates(&files.authorities)?,
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

/// Decides about a server's certificate. That the server holds its key is checked whatever the trust.
///
/// The system's certificates are read at the first handshake that needs them: reading them takes milliseconds, and a
/// system without any can still talk plain HTTP.
#[derive(Debug)]
struct CertificateCheck {
    verification: CertVerification,
    provider: Arc<CryptoProvider>,
    /// Trusted beside the system's.
    authorities: Vec<CertificateDer<'static>>,
    roots: OnceLock<Result<Verifier, Error>>,
}

impl CertificateCheck {
    /// Whether a server shows the very certificate that the user has named as trusted, for the right name and at the
    /// right time. `openssl req -x509` makes certificates that claim to be authorities; the TLS library never takes
    /// one of those from a server, and Go does when it is trusted itself.
    fn is_named_by_user(&self, shown: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        let named = named_by_user().and_then(|pem| certificates(&pem)).unwrap_or_default();
        self.authorities.iter().chain(&named).any(|certificate| certificate == shown)
            && ParsedCertificate::try_from(shown).is_ok_and(|parsed| {
                verify_server_name(&parsed, name).is_ok() && self.is_in_validity_period(&parsed, now)
            })
    }

    /// The path is checked after the dates, so without any roots a certificate within its dates is of an unknown issuer.
    fn is_in_validity_period(&self, certificate: &ParsedCertificate<'_>, now: UnixTime) -> bool {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let no_roots = RootCertStore::empty();
        let checked = verify_server_cert_signed_by_trust_anchor(certificate, &no_roots, &[], now, algorithms);
        !matches!(
            checked,
            Err(Error::InvalidCertificate(
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. }
                    | CertificateError::BadEncoding
            ))
        )
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
            // The verifier reads SSL_CERT_FILE too, without looking at what kind of file it is.
            named_by_user().map_err(Error::General)?;
            Verifier::new_with_extra_roots(self.authorities.iter().cloned(), Arc::clone(&self.provider))
        };
        let verifier = self.roots.get_or_init(load).as_ref().map_err(Clone::clone)?;
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(_)) if self.is_named_by_user(end_entity, server_name, now) => {
                Ok(ServerCertVerified::assertion())
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
