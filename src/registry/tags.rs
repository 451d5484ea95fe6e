//! The tags of a repository (distribution-spec, "Listing Tags").

use super::paging::next_page;
use super::session::ApiRequest;
use super::{Client, RegistryError, Scope};
use crate::reference::Reference;
use crate::transport::{Method, TransportFault};
use serde::Deserialize;

/// How many tags a page is asked for; registries send fewer if that is too many.
const PAGE_SIZE: usize = 1000;
/// The most bytes of one page.
const PAGE_LIMIT: usize = 4 * 1024 * 1024;
/// The most bytes that the tags of one repository may have together.
const TOTAL_LIMIT: usize = 16 * 1024 * 1024;
/// The memory that one tag costs, in bytes, beside its text.
const TAG_COST: usize = 32;

/// One page of the answer.
#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<String>>,
}

impl Client {
    /// All tags of the repository of a reference, in the registry's order. Pages are followed on the registry's own
    /// origin only. [`RegistryError::NoRepository`] if the registry says that there is no such repository.
    pub async fn tags(&self, repository: &Reference) -> Result<Vec<String>, RegistryError> {
        let host = self.host(repository);
        let mut path = format!("/v2/{}/tags/list?n={PAGE_SIZE}", repository.path());
        let mut tags = Vec::new();
        let mut size = 0;
        loop {
            let call = ApiRequest::new(Method::GET, path.clone(), PAGE_LIMIT, Scope::pull(repository.path()));
            let (url, response) = self.follow(&host, call).await?;
            if !response.is_success() {
                let refusal = host.refusal("GET", &url, &response);
                let is_missing = refusal.is_not_found();
                return Err(if is_missing { RegistryError::NoRepository(repository.clone()) } else { refusal.into() });
            }
            let page: TagPage = serde_json::from_slice(&response.body)
                .map_err(|error| RegistryError::unreadable(&url, "a list of tags", &error))?;
            let page = page.tags.unwrap_or_default();
            size += page.iter().map(|tag| tag.len() + TAG_COST).sum::<usize>();
            if size > TOTAL_LIMIT {
                return Err(RegistryError::broken(&url, TransportFault::TooLarge(TOTAL_LIMIT)));
            }
            let is_empty = page.is_empty();
            tags.extend(page);
            match next_page(&host, &url, &response)? {
                // An empty page ends the list: a registry must not keep us going for ever.
                Some(next) if !is_empty && next != path => path = next,
                _ => return Ok(tags),
            }
        }
    }
}
