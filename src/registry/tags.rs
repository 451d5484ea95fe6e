//! The tags of a repository (distribution-spec, "Listing Tags").

use super::paging::Pages;
use super::session::ApiRequest;
use super::{Client, RegistryError, Scope};
use crate::reference::Reference;
use crate::transport::{Method, TransportFault};
use serde::Deserialize;

/// The requested number of tags per page; registries may send fewer.
const PAGE_SIZE: usize = 1000;
/// The maximum size of a page, in bytes.
const PAGE_LIMIT: usize = 4 * 1024 * 1024;
/// The maximum memory for all tags of a repository, in bytes.
const TOTAL_LIMIT: usize = 16 * 1024 * 1024;
/// The memory that a tag takes in addition to its text, in bytes.
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
        let (session, operation) = (self.session(repository), self.transport.begin());
        let mut pages = Pages::starting_at(format!("/v2/{}/tags/list?n={PAGE_SIZE}", repository.path()));
        let mut tags = Vec::new();
        let mut size = 0;
        loop {
            let path = pages.path().to_owned();
            let call = ApiRequest::new(Method::GET, path, PAGE_LIMIT, Scope::pull(repository.path()));
            let response = session.follow(&operation, call).await?;
            if !response.is_success() {
                let refusal = session.refusal(&Method::GET, &response);
                let is_missing = refusal.is_not_found();
                return Err(if is_missing { RegistryError::NoRepository(repository.clone()) } else { refusal.into() });
            }
            let page: TagPage = serde_json::from_slice(&response.body)
                .map_err(|error| RegistryError::unreadable(&response.url, "a list of tags", &error))?;
            let page = page.tags.unwrap_or_default();
            size += page.iter().map(|tag| tag.len() + TAG_COST).sum::<usize>();
            if size > TOTAL_LIMIT {
                return Err(RegistryError::broken(&response.url, TransportFault::TooLarge(TOTAL_LIMIT)));
            }
            let is_empty = page.is_empty();
            tags.extend(page);
            // An empty page ends the list: a registry must not be able to send pages forever.
            if is_empty || !pages.advance(&session, &response)? {
                return Ok(tags);
            }
        }
    }
}
