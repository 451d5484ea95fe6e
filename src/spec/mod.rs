//! Lists as YAML: what `apply` reads and `spec` writes. `docs/apply.md` describes the format.

mod budget;
mod document;
mod error;
mod reader;
mod variables;
mod write;
mod yaml;

pub use error::{Position, SpecError};
pub use write::{SpecEntry, SpecText};

use crate::file::{self, ReadError};
use crate::manifest::{IndexFormat, PlatformSelector};
use crate::reference::Reference;
use crate::resolve::Source;
use budget::Budget;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The name of standard input on the command line.
const STDIN: &str = "-";

/// A list, as a file describes it.
#[derive(Debug, Clone)]
pub struct ListSpec {
    /// Where in the file it is.
    pub position: Position,
    /// Its name.
    pub image: Reference,
    /// Its further names.
    pub targets: Vec<Reference>,
    /// docker list or OCI index.
    pub format: IndexFormat,
    /// Annotations of the list.
    pub annotations: BTreeMap<String, String>,
    /// The manifest that the list refers to.
    pub subject: Option<String>,
    /// The type of the artifact that the list describes.
    pub artifact_type: Option<String>,
    /// Platforms that the list must have images for.
    pub require_platforms: Vec<PlatformSelector>,
    /// The images and lists that it is made of, in this order.
    pub sources: Vec<SourceSpec>,
}

/// One of the images or lists that a list is made of.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// The image or list.
    pub source: Source,
    /// Annotations of its entries.
    pub annotations: BTreeMap<String, String>,
}

/// Reads the lists of files, or of standard input where the path is `-`, or everything that is wrong with them.
pub fn read(paths: &[String]) -> Result<Vec<ListSpec>, Vec<SpecError>> {
    let mut budget = Budget::default();
    let (mut lists, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        match read_file(path, &mut budget) {
            Ok(found) => lists.extend(found),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(lists) } else { Err(errors) }
}

fn read_file(path: &str, budget: &mut Budget) -> Result<Vec<ListSpec>, Vec<SpecError>> {
    let file = if path == STDIN { "standard input" } else { path };
    let text = text(path, budget.file_room()).map_err(|error| vec![SpecError::unreadable(file, &error)])?;
    budget.take_file(text.len());
    parse_within(file, &text, &|name| std::env::var(name).ok(), budget)
}

/// Reads the lists in a text. `file` is its name in messages, `variable` looks up an environment variable.
pub fn parse(
    file: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<ListSpec>, Vec<SpecError>> {
    parse_within(file, text, variable, &mut Budget::default())
}

fn parse_within(
    file: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    budget: &mut Budget,
) -> Result<Vec<ListSpec>, Vec<SpecError>> {
    let documents = yaml::parse(text).map_err(|error| vec![SpecError::at(file, error.place, error.message)])?;
    if documents.is_empty() {
        return Err(vec![SpecError::empty(file)]);
    }
    let (mut lists, mut errors) = (Vec::with_capacity(documents.len()), Vec::new());
    for document in documents {
        match document::list(file, &document, variable, budget) {
            Ok(list) => lists.push(list),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(lists) } else { Err(errors) }
}

fn text(path: &str, room: u64) -> Result<String, ReadError> {
    let bytes = if path == STDIN {
        file::read_whole(io::stdin().lock(), room)?
    } else {
        file::read_within(Path::new(path), room)?
    };
    Ok(String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../docs/apply.schema.json")).unwrap()
    }

    fn message(text: &str) -> String {
        match parse("F", text, &|_| None) {
            Ok(_) => String::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    /// The objects of the format: in the schema, and as a text with `KEY` where a key of theirs can be.
    fn objects() -> Vec<(Value, &'static str)> {
        let schema = schema();
        vec![
            (schema.clone(), "{image: a, manifests: [{image: a}], KEY}"),
            (schema["$defs"]["manifest"].clone(), "{image: a, manifests: [{image: a, KEY}]}"),
            (schema["$defs"]["platform"].clone(), "{image: a, manifests: [{image: a, platform: {KEY}}]}"),
        ]
    }

    fn properties(object: &Value) -> BTreeSet<String> {
        object["properties"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_schema_has_the_keys_of_the_format() {
        for (object, text) in objects() {
            let said = message(&text.replace("KEY", "no-such-key: 1"));
            let known = said.split_once("known keys: ").unwrap().1.split(", ").map(str::to_owned);
            assert_eq!(properties(&object), known.collect());
            assert_eq!(object["additionalProperties"], false);
        }
    }

    #[test]
    fn the_schema_has_the_types_of_the_format() {
        let schema = schema();
        for (object, text) in objects() {
            for (key, property) in object["properties"].as_object().unwrap() {
                if property.get("oneOf").is_some() {
                    continue;
                }
                let reference = property["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/"));
                let kind = reference.map_or(property, |name| &schema["$defs"][name])["type"].as_str().unwrap();
                for (value, other, expected) in
                    [("x", "string", "string"), ("[]", "array", "list"), ("{x: y}", "object", "mapping")]
                {
                    // A key must not be there twice.
                    let text = match key.as_str() {
                        "image" => text.replace("{image: a, manifests", "{manifests").replace("{image: a, KEY", "{KEY"),
                        "manifests" => text.replace("manifests: [{image: a}], KEY", "KEY"),
                        _ => text.to_owned(),
                    };
                    let said = message(&text.replace("KEY", &format!("{key}: {value}")));
                    let is_wrong_type = said.contains(": this must be a ");
                    assert_eq!(is_wrong_type, kind != other, "{key}: {value}: a {expected}? {said}");
                }
            }
        }
    }

    #[test]
    fn the_schema_has_the_keys_that_must_be_there() {
        assert_eq!(schema()["required"], serde_json::json!(["image", "manifests"]));
        assert_eq!(schema()["$defs"]["manifest"]["required"], serde_json::json!(["image"]));
        assert_eq!(message("{image: a}"), "F:1:1: the key manifests is missing");
        assert_eq!(message("{manifests: [{image: a}]}"), "F:1:1: the key image is missing");
        assert_eq!(message("{image: a, manifests: [{}]}"), "F:1:24: the key image is missing");
        for format in schema()["properties"]["mediaType"]["enum"].as_array().unwrap() {
            let format = format.as_str().unwrap();
            assert_eq!(message(&format!("{{image: a, manifests: [{{image: a}}], mediaType: {format}}}")), "");
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_valid() {
        let document = include_str!("../../docs/apply.md");
        let example = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let lists = parse("F", example, &|name| (name == "VERSION").then(|| "1.0".to_owned())).unwrap();
        let names: Vec<String> = lists.iter().map(|list| list.image.to_string()).collect();
        assert_eq!(names, ["example.com/app:1.0", "example.com/tools:1.0"]);
        assert_eq!(lists[0].sources.len(), 3);
    }
}
