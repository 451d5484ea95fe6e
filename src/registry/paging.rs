//! Lists that come in pages: the `Link` header (RFC 8288) with `rel="next"`.

use super::error::{RegistryError, one_line};
use super::redirect::path_and_query;
use super::session::Session;
use crate::transport::{Response, display_url};
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// The page of a list to be read, and those that have been read.
pub(super) struct Pages {
    path: String,
    hasher: RandomState,
    seen: HashSet<u64>,
}

impl Pages {
    /// Begins with the page of this path and query.
    pub(super) fn starting_at(path: String) -> Self {
        let hasher = RandomState::new();
        let seen = HashSet::from([hasher.hash_one(&path)]);
        Self { path, hasher, seen }
    }

    /// Path and query of the page.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Goes on to the page after this response; false if it was the last one. A page on another server is refused, and one
    /// that has been read already: such a list has no end.
    pub(super) fn advance(&mut self, session: &Session, response: &Response) -> Result<bool, RegistryError> {
        let Some(target) = response.headers("link").find_map(next_target) else { return Ok(false) };
        let refuse =
            |reason| RegistryError::Unsafe { url: display_url(&response.url), target: one_line(target), reason };
        let next = response.url.join(target).map_err(|_| refuse("it is not a URL"))?;
        if !session.is_own(&next) {
            return Err(refuse("it is on another server"));
        }
        self.path = path_and_query(&next);
        if self.seen.insert(self.hasher.hash_one(&self.path)) {
            Ok(true)
        } else {
            Err(refuse("that page has been read already"))
        }
    }
}

/// The target of the link to the next page in the value of a `Link` header.
fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, link) = rest.split_once('<')?;
        let (target, parameters) = link.split_once('>')?;
        let end = parameters.find('<').unwrap_or(parameters.len());
        let is_next = |parameter: &str| {
            let value = parameter.trim().strip_prefix("rel").and_then(|value| value.trim_start().strip_prefix('='));
            value.is_some_and(|value| value.trim().trim_matches('"').split(' ').any(|rel| rel == "next"))
        };
        if parameters[..end].split([';', ',']).any(is_next) {
            return Some(target);
        }
        rest = &parameters[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for (header, expected) in [
            ("</v2/a/tags/list?n=1&last=x>; rel=\"next\"", Some("/v2/a/tags/list?n=1&last=x")),
            ("</x>; rel=next", Some("/x")),
            ("</p>; rel=\"prev\", </n>; title=\"a\"; rel=\"next\"", Some("/n")),
            ("</p>; rel=\"first prev\"", None),
            ("</p>", None),
            ("nonsense", None),
            ("<unclosed; rel=next", None),
        ] {
            assert_eq!(next_target(header), expected, "{header}");
        }
    }
}
