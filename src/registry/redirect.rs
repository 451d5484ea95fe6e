//! Where registries send us: redirects and upload locations.

use super::error::RegistryError;
use super::session::{ApiRequest, Session};
use crate::transport::{Operation, Response, Url, display_url};

/// The maximum number of redirects that are followed.
const REDIRECT_LIMIT: usize = 10;

impl Session {
    /// Sends a GET or HEAD and follows redirects. Only the registry itself is sent authorization.
    pub(super) async fn follow(
        &self,
        operation: &Operation<'_>,
        mut call: ApiRequest,
    ) -> Result<Response, RegistryError> {
        let mut response = self.send(operation, &call).await?;
        // No server on the way may lead to a nearer place than its own.
        let mut nearest = response.locality;
        for _ in 0..REDIRECT_LIMIT {
            let Some(target) = redirect(&response)? else { return Ok(response) };
            response = if target.origin() == self.origin()?.url.origin() {
                call.path = path_and_query(&target);
                self.send(operation, &call).await?
            } else {
                let mut request = self.linked(call.request(target))?;
                request.nearest = nearest;
                operation.send(&request).await?
            };
            nearest = nearest.max(response.locality);
        }
        let (url, target) = (display_url(&response.url), "another redirect".to_owned());
        Err(RegistryError::Unsafe { url, target, reason: "redirected too often" })
    }
}

/// The target of a redirect; none if the response is not one.
fn redirect(response: &Response) -> Result<Option<Url>, RegistryError> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(target) = location(response) else { return Ok(None) };
    check_scheme(&response.url, &target)?;
    Ok(Some(target))
}

/// The URL in a response's `Location`. It may be relative; what the server wrote, its query included, is kept.
pub(super) fn location(response: &Response) -> Option<Url> {
    response.url.join(response.header("location")?).ok()
}

/// Refuses to be led from TLS to plain HTTP, or out of HTTP.
pub(super) fn check_scheme(url: &Url, target: &Url) -> Result<(), RegistryError> {
    let reason = match (url.scheme(), target.scheme()) {
        ("https", "http") => "it is not encrypted, and the registry is",
        (_, "http" | "https") => return Ok(()),
        _ => "it is neither http nor https",
    };
    Err(RegistryError::Unsafe { url: display_url(url), target: display_url(target), reason })
}

pub(super) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
