//! Changes the logins in the text of `config.json`.

use crate::json::{self, Object, compact, indent, marshal};
use std::collections::BTreeMap;

/// The fields of `config.json` in docker's order (docker/cli `configfile.ConfigFile`). docker leaves out those that are
/// empty, but for the first.
const FIELDS: [&str; 25] = [
    "auths",
    "HttpHeaders",
    "psFormat",
    "imagesFormat",
    "networksFormat",
    "pluginsFormat",
    "volumesFormat",
    "statsFormat",
    "detachKeys",
    "credsStore",
    "credHelpers",
    "serviceInspectFormat",
    "servicesFormat",
    "tasksFormat",
    "secretFormat",
    "configFormat",
    "nodesFormat",
    "pruneFilters",
    "proxies",
    "currentContext",
    "cliPluginsExtraDirs",
    "plugins",
    "aliases",
    "features",
    "experimental",
];

/// What is changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The keys of `auths` that are removed.
    pub(super) remove: &'a [String],
    /// The key and the entry that are set.
    pub(super) set: Option<(&'a str, &'a str)>,
    /// The helper for all registries, where none is configured.
    pub(super) store: Option<&'a str>,
}

/// The text of `config.json` after a change, as docker writes it; docker drops fields that it does not know, and this keeps
/// them. None if nothing would change.
pub(super) fn apply(text: &str, change: &Change<'_>) -> Result<Option<Vec<u8>>, json::Error> {
    let object =
        if text.trim().is_empty() { Object::default() } else { Object::parse(json::first_value(text), "ConfigFile")? };
    let old = object.object("auths", "map[string]types.AuthConfig")?.unwrap_or_default();
    let mut auths: BTreeMap<&str, &str> = old.entries().collect();
    for key in change.remove {
        auths.remove(key.as_str());
    }
    auths.extend(change.set);
    if change.set.is_none() && auths.len() == old.entries().count() {
        return Ok(None);
    }
    let auths = object_of(auths.into_iter());
    let store = change.store.map(|store| String::from_utf8_lossy(&marshal(&store)).into_owned());
    let known = FIELDS.iter().filter_map(|field| {
        let value = match (*field, &store) {
            ("auths", _) => auths.as_str(),
            ("credsStore", Some(store)) => store,
            _ => object.raw(field)?,
        };
        let is_empty = matches!(compact(value.as_bytes()).as_deref(), Ok(b"\"\"" | b"{}" | b"[]"));
        (*field == "auths" || !is_empty).then_some((*field, value))
    });
    let is_unknown = |(name, _): &(&str, &str)| !FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name));
    let text = object_of(known.chain(object.entries().filter(is_unknown)));
    Ok(Some(indent(text.as_bytes(), "\t").map_err(json::Error::Syntax)?))
}

fn object_of<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let field = |(name, value): (&str, &str)| format!("{}:{value}", String::from_utf8_lossy(&marshal(&name)));
    format!("{{{}}}", fields.map(field).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> String {
        let change = Change { remove: &[], set: Some(("h.io", r#"{"auth":"YTpi"}"#)), store: None };
        String::from_utf8(apply(text, &change).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_new_file_looks_as_dockers() {
        assert_eq!(set(""), "{\n\t\"auths\": {\n\t\t\"h.io\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t}\n}");
    }

    #[test]
    fn fields_that_docker_does_not_know_stay_behind_the_others() {
        let text = set(
            r#"{"mine":[1, 2.50],"psFormat":"x","AUTHS":{"z.io":{"auth":"YTpi","email":"e"},"a.io":{}},"aliases":{}}"#,
        );
        let places: Vec<_> = ["auths", "a.io", "h.io", "z.io", "email", "psFormat", "mine", "2.50"]
            .iter()
            .map(|word| text.find(word))
            .collect();
        assert!(places.is_sorted() && places[0].is_some(), "{text}");
        assert!(!text.contains("aliases") && !text.contains("AUTHS"), "{text}");
    }

    #[test]
    fn a_login_that_is_not_there_changes_nothing() {
        let change = Change { remove: &["h.io".to_owned()], set: None, store: None };
        assert_eq!(apply(r#"{"auths":{"a.io":{}}}"#, &change).unwrap(), None);
        let after = apply(r#"{"auths":{"h.io":{}}}"#, &change).unwrap().unwrap();
        assert_eq!(after, b"{\n\t\"auths\": {}\n}");
    }

    #[test]
    fn a_helper_that_docker_would_use_is_recorded() {
        let change = Change { remove: &[], set: Some(("h.io", "{}")), store: Some("pass") };
        let text = String::from_utf8(apply("{}", &change).unwrap().unwrap()).unwrap();
        assert!(text.contains("\"h.io\": {}") && text.contains("\"credsStore\": \"pass\""), "{text}");
    }
}
