//! The digests of manifests that need not be read, and whether there are such manifests.

use super::{ANSWER_LIMIT, Client, FetchedManifest, MANIFEST_LIMIT, RegistryError, Scope, manifest_request};
use crate::digest::Digest;
use crate::json::Object;
use crate::reference::Reference;
use crate::transport::{Method, Operation, Response, display_url, status_name};

/// The fields of which every manifest and every index has at least one.
const FIELDS: [&str; 5] = ["schemaVersion", "mediaType", "manifests", "config", "layers"];

impl Client {
    /// The digest of a tag's manifest; none if there is no such manifest. The digest that the registry states is
    /// believed: this is for finding out whether a tag has moved.
    pub async fn digest(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        let (session, operation) = (self.session(reference), self.transport.begin());
        let response = session.follow(&operation, manifest_request(Method::HEAD, reference, ANSWER_LIMIT)).await?;
        match stated_digest(&response) {
            Some(digest) => Ok(Some(digest)),
            None if response.status == 404 => Ok(None),
            None if response.is_success() => self.digest_of_body(&operation, reference).await.map(Some),
            None => Err(session.refusal(&Method::HEAD, &response).into()),
        }
    }

    /// The digest of the manifest that a reference means; none if the registry says that there is no such manifest.
    /// [`RegistryError::ManifestDigest`] if the tag of a reference has another digest than the reference.
    ///
    /// Responses to HEAD have no body. Without a digest a GET follows, whose error body distinguishes a registry's "no
    /// such manifest" from a web server's 404. It does not follow a failure that all retries have not mended.
    pub async fn confirmed_digest(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        let (session, operation) = (self.session(reference), self.transport.begin());
        let response = session.follow(&operation, manifest_request(Method::HEAD, reference, ANSWER_LIMIT)).await?;
        match stated_digest(&response) {
            Some(digest) if reference.digest().is_none_or(|expected| *expected == digest) => Ok(Some(digest)),
            None if response.is_temporary_failure() => Err(session.refusal(&Method::HEAD, &response).into()),
            _ => match self.digest_of_body(&operation, reference).await {
                Ok(digest) => Ok(Some(reference.digest().cloned().unwrap_or(digest))),
                Err(RegistryError::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether a repository that is written to certainly has the manifest with the reference's digest.
    pub async fn has_manifest(&self, reference: &Reference) -> Result<bool, RegistryError> {
        let (session, operation) = (self.session(reference), self.transport.begin());
        let mut call = manifest_request(Method::HEAD, reference, ANSWER_LIMIT);
        call.scopes = std::iter::once(Scope::push(reference.path())).collect();
        let response = match session.follow(&operation, call).await {
            Err(RegistryError::Unsafe { .. }) => return Ok(false),
            response => response?,
        };
        let states_other = stated_digest(&response).is_some_and(|stated| reference.digest() != Some(&stated));
        Ok(response.status == 200 && !states_other)
    }

    /// The digest of a manifest that is fetched, and must have the form of one.
    async fn digest_of_body(&self, operation: &Operation<'_>, reference: &Reference) -> Result<Digest, RegistryError> {
        let response = self.get_manifest(operation, reference, MANIFEST_LIMIT).await?;
        if let Some(reason) = wrong_form(&response) {
            return Err(RegistryError::Unreadable { url: display_url(&response.url), what: "a manifest", reason });
        }
        Ok(FetchedManifest::of_response(reference, response)?.digest)
    }
}

/// The digest in a response that says that there is such a manifest.
fn stated_digest(response: &Response) -> Option<Digest> {
    let stated = response.header("docker-content-digest").filter(|_| response.status == 200)?;
    Digest::parse(stated).ok()
}

/// Why a response cannot be a manifest, whatever its media type.
fn wrong_form(response: &Response) -> Option<String> {
    if response.status != 200 {
        return Some(format!("its status is {} {}", response.status, status_name(response.status)));
    }
    match Object::parse(&String::from_utf8_lossy(&response.body), "Manifest") {
        Ok(object) if object.entries().any(|(key, _)| FIELDS.contains(&key)) => None,
        Ok(_) => Some("it has no field of a manifest".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
