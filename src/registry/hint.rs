//! Hints for errors of registries.

use super::error::{ErrorResponse, RegistryError};
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST};
use crate::transport::{CertificateFault, TransportError, TransportFault, Url};

impl RegistryError {
    /// What the user can do about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::BlobUnknown { url } => Some(format!("the registry has the manifest but not {url}")),
            Self::WebPage { url, .. } => Some(format!(
                "GET {url} returned a web page: this is not a registry, or something in between answered for it"
            )),
            Self::Transport(error) => of_transport(error),
            _ => None,
        }
    }
}

fn of_transport(TransportError { url, fault, .. }: &TransportError) -> Option<String> {
    Some(match fault {
        TransportFault::NotTls => "--insecure allows plain HTTP".to_owned(),
        TransportFault::Tls(reason) if reason.starts_with("received fatal alert") => {
            format!(
                "the registry may want a client certificate: put client.cert and client.key into {}",
                certs_d(url, "")
            )
        }
        TransportFault::Certificate(fault) => of_certificate(fault, url),
        TransportFault::Proxy { .. } => {
            "the proxy comes from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; NO_PROXY=HOST goes around it".to_owned()
        }
        TransportFault::BadProxy { variable, .. } => {
            format!("set {variable} to a URL such as http://proxy.example.com:3128 or socks5://proxy.example.com:1080")
        }
        TransportFault::Connect(_) | TransportFault::ConnectTimeout | TransportFault::Timeout => {
            "check the registry's name and port, and whether it can be reached from here".to_owned()
        }
        _ => return None,
    })
}

fn of_certificate(fault: &CertificateFault, url: &str) -> String {
    let insecure = "--insecure trusts any certificate";
    match fault {
        CertificateFault::SelfSigned => format!("to trust it, put it into {}; {insecure}", certs_d(url, "/ca.crt")),
        CertificateFault::UnknownIssuer => format!(
            "to trust it, put the certificate of its authority, or its own if it is self-signed, into {}; {insecure}",
            certs_d(url, "/ca.crt")
        ),
        CertificateFault::Expired(_) => {
            format!("the registry needs a new certificate, or the clock of this machine is wrong; {insecure}")
        }
        CertificateFault::NotValidYet(_) => {
            format!("the clock of this machine may be wrong; {insecure}")
        }
        CertificateFault::OtherName { .. } => {
            format!("use a name that the certificate is for, or let the registry have one for this name; {insecure}")
        }
        CertificateFault::Other(_) => insecure.to_owned(),
    }
}

/// Where certificates for the host of a URL belong.
fn certs_d(url: &str, file: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("HOST");
    let port = url.as_ref().and_then(Url::port).map_or_else(String::new, |port| format!(":{port}"));
    format!("certs.d/{host}{port}{file} in the configuration directory (~/.docker, DOCKER_CONFIG or --config)")
}

/// Why a registry may not take a manifest in docker's format.
const OCI_ONLY: &str = "the registry does not take docker's format, only OCI's; build the images with \
     `docker buildx build --output type=registry,oci-mediatypes=true`";

impl ErrorResponse {
    /// Notes the media type of the manifest that was refused.
    pub(super) fn for_media_type(mut self, media_type: &str) -> Self {
        if self.status == 415 && [DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type) {
            self.explanation = Some(OCI_ONLY.to_owned());
        }
        self
    }

    fn hint(&self) -> Option<String> {
        let host = &self.host;
        if self.explanation.is_some() {
            return self.explanation.clone();
        }
        if let (401 | 403, false, Some(lookup_error)) = (self.status, self.had_login, &self.lookup_error) {
            return Some(format!("no login was sent: {lookup_error}"));
        }
        Some(match self.status {
            400 | 403 | 409 | 412 if self.says_immutable() => {
                "the tag is there already and the registry does not let it be changed; use another tag".to_owned()
            }
            401 | 403 if self.is_login_refused => {
                format!(
                    "the user name or the password stored for {host} was refused; log in again: docker login {host}"
                )
            }
            401 | 403 if self.had_login => format!(
                "the login stored for {host} does not allow this; check its rights, or use another: docker login {host}"
            ),
            401 | 403 => format!("no login is stored for {host}; if one is needed: docker login {host}"),
            429 if self.had_login => "the registry limits the rate of requests; try again later".to_owned(),
            429 => format!(
                "the registry limits the rate of anonymous requests; try again later, or log in: docker login {host}"
            ),
            412 => "the tag no longer means what --expect says".to_owned(),
            407 => "the proxy requires a login; put it into HTTPS_PROXY or HTTP_PROXY".to_owned(),
            _ => return None,
        })
    }
}
