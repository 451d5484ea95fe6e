//! Referrers of a manifest: signatures, SBOMs, attestations (distribution-spec, "Listing Referrers").

use super::paging::Pages;
use super::session::ApiRequest;
use super::{Client, MANIFEST_LIMIT, RegistryError, Scope};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest, OCI_INDEX, parse};
use crate::reference::Reference;
use crate::transport::{Method, TransportFault};

/// The maximum number of referrers of a manifest.
const MAX_REFERRERS: usize = 5_000;
/// What cosign appends to the tag of a manifest's digest: signatures, attestations, SBOMs.
const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];
/// How many hex digits a tag has that is made of a digest.
const DIGEST_TAG_HEX: usize = 64;

/// The referrers of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Referrers {
    /// The referrers.
    pub manifests: Vec<Descriptor>,
    /// The tag of the list they are in, if the registry has no referrers API.
    pub fallback_tag: Option<String>,
}

/// The tag `sha256-<hex>` for a digest (distribution-spec, "Referrers Tag Schema"); cosign's tags begin with it.
#[must_use]
pub fn digest_tag(digest: &Digest) -> String {
    let (algorithm, encoded) = digest.as_str().split_once(':').unwrap_or_default();
    format!("{algorithm}-{}", &encoded[..encoded.len().min(DIGEST_TAG_HEX)])
}

/// Whether a tag is made of a digest, as those of referrers are (distribution-spec, "Referrers Tag Schema"; cosign).
#[must_use]
pub fn is_digest_tag(tag: &str) -> bool {
    let hex = tag.split_once('-').map(|(_, rest)| rest.split('.').next().unwrap_or_default());
    hex.is_some_and(|hex| hex.len() == DIGEST_TAG_HEX && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The tags that cosign gives to what it stores about the manifest with this digest.
#[must_use]
pub fn cosign_tag_names(digest: &Digest) -> [String; COSIGN_SUFFIXES.len()] {
    COSIGN_SUFFIXES.map(|suffix| format!("{}{suffix}", digest_tag(digest)))
}

impl Client {
    /// The referrers of the manifest with this digest in the repository of a reference: from the referrers API, or
    /// from the fallback tag if the registry does not have the API.
    pub async fn referrers(&self, repository: &Reference, digest: &Digest) -> Result<Referrers, RegistryError> {
        let (session, operation) = (self.session(repository), self.transport.begin());
        let mut pages = Pages::starting_at(format!("/v2/{}/referrers/{digest}", repository.path()));
        let mut manifests = Vec::new();
        loop {
            let path = pages.path().to_owned();
            let mut call = ApiRequest::new(Method::GET, path, MANIFEST_LIMIT, Scope::pull(repository.path()));
            call.headers.push(("accept", OCI_INDEX.to_owned()));
            let response = session.follow(&operation, call).await?;
            if !response.is_success() {
                // Registries without the API answer 404, some 400, 405 or a web page.
                return match response.status {
                    400 | 404 | 405 | 406 | 501 if manifests.is_empty() => {
                        self.referrers_by_tag(repository, digest).await
                    }
                    _ => Err(session.refusal(&Method::GET, &response).into()),
                };
            }
            let content_type = response.header("content-type").unwrap_or_default();
            // The API always answers with an index; other answers come from servers without it.
            let Ok(Manifest::Index(page)) = parse(content_type, &response.body) else {
                return self.referrers_by_tag(repository, digest).await;
            };
            let is_empty = page.manifests.is_empty();
            manifests.extend(page.manifests);
            if manifests.len() > MAX_REFERRERS {
                return Err(RegistryError::broken(&response.url, TransportFault::TooLarge(MANIFEST_LIMIT)));
            }
            if is_empty || !pages.advance(&session, &response)? {
                return Ok(Referrers { manifests, fallback_tag: None });
            }
        }
    }

    async fn referrers_by_tag(&self, repository: &Reference, digest: &Digest) -> Result<Referrers, RegistryError> {
        let tag = digest_tag(digest);
        let fetched = match self.manifest(&repository.tagged(&tag)).await {
            Err(RegistryError::NotFound(_)) => return Ok(Referrers::default()),
            fetched => fetched?,
        };
        // A tag of this form may also be an ordinary image.
        let Ok(Manifest::Index(index)) = parse(&fetched.content_type, &fetched.bytes) else {
            return Ok(Referrers::default());
        };
        Ok(Referrers { manifests: index.manifests, fallback_tag: Some(tag) })
    }

    /// cosign's tags for this manifest that exist in the repository, with their digests.
    pub async fn cosign_tags(
        &self,
        repository: &Reference,
        digest: &Digest,
    ) -> Result<Vec<(String, Digest)>, RegistryError> {
        let found = cosign_tag_names(digest).map(|tag| async {
            let digest = self.digest(&repository.tagged(&tag)).await?;
            Ok::<_, RegistryError>(digest.map(|digest| (tag, digest)))
        });
        let found = futures_util::future::try_join_all(found).await?;
        Ok(found.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_digest_has_a_tag_of_legal_length() {
        let sha256 = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        assert_eq!(digest_tag(&sha256), format!("sha256-{}", "a".repeat(64)));
        let sha512 = Digest::parse(&format!("sha512:{}", "b".repeat(128))).unwrap();
        assert_eq!(digest_tag(&sha512), format!("sha512-{}", "b".repeat(64)));
    }

    #[test]
    fn tags_of_digests_are_recognised() {
        let hex = "a".repeat(64);
        assert!(is_digest_tag(&format!("sha256-{hex}")) && is_digest_tag(&format!("sha256-{hex}.sig")));
        assert!(!is_digest_tag("1.0-amd64") && !is_digest_tag(&hex));
    }
}
