//! Fields of a list that the parsed form does not have, so that they get lost when a list is built from its entries.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

const INDEX_FIELDS: &[&str] = &["schemaVersion", "mediaType", "manifests", "annotations", "subject", "artifactType"];
const ENTRY_FIELDS: &[&str] = &["mediaType", "digest", "size", "annotations", "platform", "artifactType"];
const PLATFORM_FIELDS: &[&str] = &["architecture", "os", "os.version", "os.features", "variant"];

/// The most fields that are named, and the most characters of a name.
const MAX_NAMED: (usize, usize) = (10, 100);

/// The values of an object by key; none for `null`, which is as good as absent.
type Fields = BTreeMap<String, Option<IgnoredAny>>;

#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Entry>>,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Deserialize)]
struct Entry {
    platform: Option<Fields>,
    #[serde(flatten)]
    fields: Fields,
}

/// The names of such fields of a list and of its entries, `platform.features` for one of a platform. `urls` and `data`
/// are among them: entries of lists are built without.
#[must_use]
pub fn extra_fields(list: &[u8]) -> BTreeSet<String> {
    let Ok(Index { manifests, fields }) = serde_json::from_slice(list) else { return BTreeSet::new() };
    let mut names: BTreeSet<String> = others(&fields, INDEX_FIELDS).collect();
    for Entry { platform, fields } in manifests.iter().flatten() {
        names.extend(others(fields, ENTRY_FIELDS));
        let of_platform = platform.iter().flat_map(|fields| others(fields, PLATFORM_FIELDS));
        names.extend(of_platform.map(|name| format!("platform.{name}")));
    }
    let (most, longest) = MAX_NAMED;
    names.into_iter().take(most).map(|name| name.chars().take(longest).collect()).collect()
}

/// The keys that are not among the known ones. Go ignores the case of keys.
fn others<'a>(fields: &'a Fields, known: &'static [&'static str]) -> impl Iterator<Item = String> + use<'a> {
    let is_known = |key: &str| known.iter().any(|known| known.eq_ignore_ascii_case(key));
    fields.iter().filter(move |(key, value)| value.is_some() && !is_known(key)).map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_would_get_lost_are_named() {
        let list = br#"{"schemaVersion": 2, "x": 1, "manifests": [
            {"digest": "d", "Size": 1, "urls": ["u"], "data": null, "platform": {"os": "linux", "features": ["sse4"]}},
            {"digest": "e", "platform": null}
        ]}"#;
        assert_eq!(extra_fields(list).into_iter().collect::<Vec<_>>(), ["platform.features", "urls", "x"]);
    }
}
