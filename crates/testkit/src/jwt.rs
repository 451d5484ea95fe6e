//! Tokens that Debian's docker-registry verifies: JWTs signed with ES256, their
//! certificate in the header.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::acl::Access;
use crate::token::TokenServer;

/// Signs tokens.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    header: Value,
    certificate: String,
}

impl Signer {
    /// Who the tokens say they are from.
    pub const ISSUER: &'static str = "mfst-test";

    /// With a key of its own.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [BASE64.encode(certificate.der())]});
        let pkcs8 = key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new());
        Self { key: key.expect("the key"), header, certificate: certificate.pem() }
    }

    /// The registry's `rootcertbundle`.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A token for this access.
    pub fn sign(&self, access: &[Access], lifetime: Duration) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
        let entry = |a: &Access| json!({"type": "repository", "name": a.repo, "actions": a.actions});
        let claims = json!({
            "iss": Self::ISSUER,
            "aud": TokenServer::SERVICE,
            "sub": "",
            "jti": crate::secrets::TOKEN,
            "nbf": now,
            "exp": now + lifetime.as_secs(),
            "access": access.iter().map(entry).collect::<Vec<_>>(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&self.header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
