//! Lists that come in pages: the `Link` header (RFC 8288) with `rel="next"`.

use super::error::RegistryError;
use super::path_and_query;
use super::session::Session;
use crate::transport::{Response, Url, display_url};

/// Path and query of the next page; none after the last. A page on another server is refused.
pub(super) fn next_page(host: &Session, url: &Url, response: &Response) -> Result<Option<String>, RegistryError> {
    let Some(target) = response.headers("link").find_map(next_target) else { return Ok(None) };
    let refuse =
        |reason| RegistryError::Unsafe { url: display_url(url), target: super::error::one_line(target), reason };
    let next = url.join(target).map_err(|_| refuse("it is not a URL"))?;
    if host.is_own(&next) { Ok(Some(path_and_query(&next))) } else { Err(refuse("it is on another server")) }
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
