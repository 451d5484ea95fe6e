//! The index of a layout: which manifests it has, and under which tags.

use super::writer::LayoutEntry;
use super::{INDEX_FILE, LayoutError};
use crate::json::indent;
use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor};
use serde_json::{Value, json};
use std::path::Path;

/// The tag of an entry.
pub(super) fn tag(entry: &Descriptor) -> Option<&str> {
    Some(entry.annotations().as_ref()?.get(ANNOTATION_REF_NAME)?.as_str())
}

/// The bytes of an index with these entries put into it. An entry takes the place of those with its tag, and one without
/// a tag that of the same manifest without a tag. Everything else stays as it was, what is unknown included.
pub(super) fn merge(directory: &Path, old: Option<&[u8]>, entries: &[LayoutEntry]) -> Result<Vec<u8>, LayoutError> {
    let failed = |error| LayoutError::Index { path: directory.join(INDEX_FILE), error };
    let mut index: Value = match old {
        Some(bytes) => serde_json::from_slice(bytes).map_err(failed)?,
        None => json!({"schemaVersion": 2, "mediaType": crate::manifest::OCI_INDEX}),
    };
    let mut manifests = index["manifests"].as_array().cloned().unwrap_or_default();
    for entry in entries {
        manifests.retain(|other| !is_replaced(other, entry));
        manifests.push(describe(entry));
    }
    match index.as_object_mut() {
        Some(fields) => drop(fields.insert("manifests".to_owned(), manifests.into())),
        None => return Err(failed(serde::de::Error::custom("it is not an object"))),
    }
    let bytes = serde_json::to_vec(&index).map_err(failed)?;
    Ok(indent(&bytes, "  ").unwrap_or(bytes))
}

fn is_replaced(other: &Value, entry: &LayoutEntry) -> bool {
    let tag = other["annotations"][ANNOTATION_REF_NAME].as_str();
    match (&entry.tag, tag) {
        (Some(new), Some(tag)) => new == tag,
        (_, None) => other["digest"].as_str() == Some(entry.digest.as_str()),
        (None, Some(_)) => false,
    }
}

fn describe(entry: &LayoutEntry) -> Value {
    let LayoutEntry { tag, media_type, digest, size } = entry;
    let mut value = json!({"mediaType": media_type, "digest": digest.as_str(), "size": size});
    if let Some(tag) = tag {
        value["annotations"] = json!({ANNOTATION_REF_NAME: tag});
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn entry(tag: Option<&str>, content: &[u8]) -> LayoutEntry {
        let (media_type, digest) = ("application/x".to_owned(), Digest::of(content));
        LayoutEntry { tag: tag.map(str::to_owned), media_type, digest, size: 1 }
    }

    fn merged(old: Option<&[u8]>, entries: &[LayoutEntry]) -> Value {
        serde_json::from_slice(&merge(Path::new("d"), old, entries).unwrap()).unwrap()
    }

    #[test]
    fn a_tag_is_moved_and_everything_else_stays() {
        let old = json!({"schemaVersion": 2, "x": 1, "manifests": [
            {"digest": "sha256:a", "annotations": {ANNOTATION_REF_NAME: "1"}, "y": 2},
            {"digest": "sha256:b", "annotations": {ANNOTATION_REF_NAME: "2"}, "y": 3},
        ]});
        let index = merged(Some(old.to_string().as_bytes()), &[entry(Some("1"), b"new")]);
        assert_eq!(index["x"], 1);
        assert_eq!(index["manifests"][0], old["manifests"][1]);
        assert_eq!(index["manifests"][1]["digest"], Digest::of(b"new").as_str());
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_has_no_tag_is_there_once() {
        let once = merge(Path::new("d"), None, &[entry(None, b"a"), entry(None, b"b")]).unwrap();
        let index = merged(Some(&once), &[entry(None, b"a")]);
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
        let tagged = merged(Some(&once), &[entry(Some("1"), b"a")]);
        assert_eq!(tagged["manifests"].as_array().unwrap().len(), 2, "the entry gets its tag");
    }

    #[test]
    fn an_index_that_is_not_one_is_refused() {
        for old in ["[]", "x"] {
            assert!(matches!(merge(Path::new("d"), Some(old.as_bytes()), &[]), Err(LayoutError::Index { .. })));
        }
    }
}
