//! Go templates over the description of an image or list.
//!
//! Fields have the names that they have in JSON and those that they have in Go: `{{.digest}}` and `{{.Digest}}`. `json`
//! prints its argument as JSON, as `docker buildx imagetools inspect` does.

use crate::json::{Object, indent, marshal};
use crate::show::Shown;
use gotmpl::{Template, TemplateError, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key under which an object keeps its JSON, which `json` prints. No JSON field has this name in practice, and one
/// that has is not lost: it is in the text.
const TEXT: &str = "";
/// Fields whose values are maps, not Go structs: their keys have one name.
const MAPS: [&str; 4] = ["annotations", "Labels", "ExposedPorts", "Volumes"];
/// The maximum number of iterations of all loops of a template.
const MAX_ROUNDS: u64 = 1_000_000;

/// The maximum number of fields and elements that a template can use.
const MAX_VALUES: usize = 150_000;
/// The maximum size of all JSON that a template can use, in bytes.
const MAX_BYTES: usize = 6 * 1024 * 1024;
/// The depth to which objects keep their JSON text, which bounds how often the same text is kept.
const MAX_TEXT_DEPTH: usize = 4;
/// The depth below which objects are left out.
const MAX_DEPTH: usize = 32;

/// Whether a template needs the configs of a list's images.
#[must_use]
pub fn needs_configs(template: &str) -> bool {
    template.contains(".Image")
}

/// Checks the syntax of a template.
pub fn check(template: &str) -> Result<(), TemplateError> {
    parse(template).map(drop)
}

fn parse(template: &str) -> Result<Template, TemplateError> {
    Template::new("format").max_range_iters(MAX_ROUNDS).func("json", json).parse(template)
}

/// The template's text for an image or list.
pub fn render(template: &str, shown: &Shown) -> anyhow::Result<String> {
    Ok(parse(template)?.execute_to_string(&data(shown)?)?)
}

/// The object that `--format json` prints, with buildx's `.Name`, `.Manifest` and `.Image` beside its fields.
fn data(shown: &Shown) -> anyhow::Result<Value> {
    let overview = String::from_utf8(marshal(&shown.overview))?;
    let configs = shown.configs.iter().map(|(_, config)| &config[..]);
    let texts = || configs.clone().chain([&shown.manifest[..], overview.as_bytes()]);
    let values: usize = texts().map(|text| text.iter().filter(|byte| b",{[".contains(byte)).count()).sum();
    let bytes: usize = texts().map(<[u8]>::len).sum();
    anyhow::ensure!(
        values <= MAX_VALUES && bytes <= MAX_BYTES,
        "it is too large for a template; --format json has no such limit"
    );
    let mut fields = fields(&overview, false, 0);
    fields.insert("Manifest".into(), value(&manifest(shown)));
    fields.insert("Image".into(), image(shown));
    Ok(Value::Map(Arc::new(fields)))
}

/// The manifest with its digest and size, as buildx has it.
fn manifest(shown: &Shown) -> String {
    let text = String::from_utf8_lossy(&shown.manifest);
    let Ok(object) = Object::parse(&text, "Manifest") else { return text.into_owned() };
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let overview = &shown.overview;
    let stated = [("digest", quote(&overview.digest)), ("size", overview.size.to_string())];
    let first = object.entries().filter(|(key, _)| ["schemaVersion", "mediaType"].contains(key));
    let rest = object.entries().filter(|(key, _)| !["schemaVersion", "mediaType", "digest", "size"].contains(key));
    let owned = |(key, value): (&str, &str)| format!("{}:{value}", quote(key));
    let stated = stated.into_iter().map(|(key, value)| format!("{}:{value}", quote(key)));
    let fields: Vec<String> = first.map(owned).chain(stated).chain(rest.map(owned)).collect();
    format!("{{{}}}", fields.join(","))
}

/// The config, or a map of configs by platform if there are several: `linux/arm64/v8` is `linux/arm64` (docker/buildx
/// `util/imagetools/loader.go`).
fn image(shown: &Shown) -> Value {
    match shown.configs.as_slice() {
        [] => Value::Nil,
        [(_, config)] => value(&String::from_utf8_lossy(config)),
        configs => {
            let named = |(platform, config): &(crate::manifest::Platform, bytes::Bytes)| {
                (Arc::from(platform.normalized().to_string()), value(&String::from_utf8_lossy(config)))
            };
            Value::Map(Arc::new(configs.iter().map(named).collect()))
        }
    }
}

/// A JSON text as a template sees it.
fn value(text: &str) -> Value {
    read(text, false, 0)
}

fn read(text: &str, is_map: bool, depth: usize) -> Value {
    match text.trim_start().bytes().next() {
        Some(b'{' | b'[') if depth == MAX_DEPTH => Value::Nil,
        Some(b'{') => Value::Map(Arc::new(fields(text, is_map, depth))),
        Some(b'[') => {
            let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap_or_default();
            Value::List(items.iter().map(|item| read(item.get(), false, depth + 1)).collect())
        }
        _ => match serde_json::from_str(text).unwrap_or_default() {
            serde_json::Value::Bool(truth) => Value::Bool(truth),
            serde_json::Value::String(text) => Value::String(text.into()),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => Value::Int(number),
                (_, Some(number), _) => Value::Uint(number),
                (.., number) => Value::Float(number.unwrap_or_default()),
            },
            _ => Value::Nil,
        },
    }
}

/// The fields of an object, under both names unless it is a map.
fn fields(text: &str, is_map: bool, depth: usize) -> BTreeMap<Arc<str>, Value> {
    let mut fields = BTreeMap::new();
    let Ok(object) = Object::parse(text, "Object") else { return fields };
    for (key, json) in object.entries() {
        let value = read(json, MAPS.contains(&key), depth + 1);
        if !is_map {
            fields.entry(go_name(key).into()).or_insert_with(|| value.clone());
        }
        fields.insert(key.into(), value);
    }
    if !is_map && depth < MAX_TEXT_DEPTH {
        fields.insert(TEXT.into(), Value::String(text.into()));
    }
    fields
}

/// The name of a field in Go's structs (image-spec `specs-go/v1`).
fn go_name(key: &str) -> String {
    match key {
        "os" => "OS".to_owned(),
        "os.version" => "OSVersion".to_owned(),
        "os.features" => "OSFeatures".to_owned(),
        "urls" => "URLs".to_owned(),
        "rootfs" => "RootFS".to_owned(),
        "diff_ids" => "DiffIDs".to_owned(),
        key => key.split('_').map(capitalized).collect(),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The template function `json`.
fn json(arguments: &[Value]) -> Result<Value, TemplateError> {
    let text = arguments.first().map(to_json).unwrap_or_default();
    let laid_out = indent(text.as_bytes(), "  ").map_err(|error| TemplateError::Exec(error.to_string()))?;
    Ok(Value::String(String::from_utf8_lossy(&laid_out).into()))
}

fn to_json(value: &Value) -> String {
    let quote = |text: &str| String::from_utf8_lossy(&marshal(&text)).into_owned();
    match value {
        Value::Map(fields) => {
            if let Some(Value::String(text)) = fields.get(TEXT) {
                return text.to_string();
            }
            let fields = fields.iter().map(|(key, value)| format!("{}:{}", quote(key), to_json(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::List(items) => format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(",")),
        Value::String(text) => quote(text),
        Value::Nil | Value::Function(_) => "null".to_owned(),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(template: &str, text: &str) -> String {
        let parsed = Template::new("t").func("json", json).parse(template).unwrap();
        parsed.execute_to_string(&value(text)).unwrap()
    }

    #[test]
    fn fields_have_their_json_name_and_their_go_name() {
        let text = r#"{"mediaType":"m","platform":{"os":"linux","os.version":"1"},"size":7,"annotations":{"k.x":"v"}}"#;
        assert_eq!(run("{{.mediaType}} {{.MediaType}} {{.Size}}", text), "m m 7");
        assert_eq!(run("{{.Platform.OS}} {{.Platform.OSVersion}}", text), "linux 1");
        assert_eq!(run(r#"{{index .Annotations "k.x"}}"#, text), "v");
        assert_eq!(run("{{range $k, $v := .annotations}}{{$k}}={{$v}};{{end}}", text), "k.x=v;");
    }

    #[test]
    fn json_prints_what_was_there_in_its_order() {
        let text = r#"{"z":1,"a":{"y":"<","b":null},"annotations":{"B":"1","a":"2"},"list":[{"size":1}]}"#;
        assert_eq!(run("{{json .A}}", text), "{\n  \"y\": \"<\",\n  \"b\": null\n}");
        assert_eq!(run("{{json .annotations}}", text), "{\n  \"B\": \"1\",\n  \"a\": \"2\"\n}");
        assert_eq!(run("{{json .List}}", text), "[\n  {\n    \"size\": 1\n  }\n]");
        assert_eq!(run("{{json .missing}}", text), "null");
    }

    #[test]
    fn names_of_fields_are_those_of_go() {
        for (key, name) in
            [("mediaType", "MediaType"), ("diff_ids", "DiffIDs"), ("created_by", "CreatedBy"), ("Env", "Env")]
        {
            assert_eq!(go_name(key), name);
        }
    }
}
