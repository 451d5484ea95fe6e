//! Decodes JSON as leniently as Go's `json.Unmarshal`.

use super::Error;
use super::scan::Scanner;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The most elements of an array of objects. A descriptor with a digest takes more than a hundred bytes, so a manifest of
/// 4 MiB has room for fewer than 40,000; empty ones would take three bytes there, and hundreds once they are parsed.
const MAX_OBJECTS: usize = 50_000;
/// The most fields of an object, strings of an array, and entries of a map.
const MAX_FIELDS: usize = 10_000;

/// A value of a wrong type, in Go's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("json: cannot unmarshal {found} into Go {} of type {wanted}", place(.field))]
pub struct TypeError {
    /// The type of the value.
    pub found: String,
    /// `Struct.field`, or empty for the whole text.
    pub field: String,
    /// The Go type of the field.
    pub wanted: String,
}

fn place(field: &str) -> String {
    if field.is_empty() { "value".to_owned() } else { format!("struct field {field}") }
}

/// Checks that the text is one JSON value and nothing else.
fn check(json: &[u8]) -> Result<(), Error> {
    let (mut scanner, mut rest) = (Scanner::new(), json);
    while let Some((&byte, after)) = rest.split_first() {
        scanner.step(byte)?;
        rest = &after[scanner.plain_run_len(after)..];
    }
    Ok(scanner.finish()?)
}

/// A JSON object whose fields are looked up as in Go: ignoring case; of several values for a field the last counts,
/// objects are merged, and `null` resets only lists and maps.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    /// The name of the Go type, for error messages.
    name: &'static str,
    /// The path to the object, each key followed by a dot, for error messages.
    path: String,
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads a text that is an object or `null` (an object without fields).
    pub fn parse(json: &'a str, name: &'static str) -> Result<Self, Error> {
        check(json.as_bytes())?;
        let wrong = || TypeError { found: kind(json).to_owned(), field: String::new(), wanted: name.to_owned() };
        match fields(json) {
            Ok(fields) => Ok(Self { name, path: String::new(), fields }),
            Err(Malformed::OtherKind) => Err(wrong().into()),
            Err(Malformed::TooMany(most)) => Err(Error::TooMany { field: name.to_owned(), most }),
        }
    }

    /// The JSON of a field; none for an absent field and for `null`.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        self.values(key).last().filter(|json| !is_null(json))
    }

    /// The fields in the order of the text, for objects that are maps.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    /// A string field; empty if absent.
    pub fn string(&self, key: &str) -> Result<String, Error> {
        let mut text = String::new();
        for json in self.values(key).filter(|json| !is_null(json)) {
            text = self.typed(key, json, "string")?;
        }
        Ok(text)
    }

    /// A whole number; zero if absent.
    pub fn integer(&self, key: &str) -> Result<i64, Error> {
        let mut number = 0;
        for json in self.values(key).filter(|json| !is_null(json)) {
            number = json.trim_ascii().parse().map_err(|_| match kind(json) {
                // Go quotes a number that is too large or not an integer.
                "number" => self.wrong(key, format!("number {}", json.trim_ascii()), "int64"),
                other => self.wrong(key, other.to_owned(), "int64"),
            })?;
        }
        Ok(number)
    }

    /// A list of strings; empty if absent.
    pub fn strings(&self, key: &str) -> Result<Vec<String>, Error> {
        let mut strings = Vec::new();
        for json in self.values(key) {
            strings.clear();
            if is_null(json) {
                continue;
            }
            let malformed = |error| self.malformed(key, json, "[]string", &error);
            for item in elements(json, MAX_FIELDS).map_err(malformed)? {
                let text: Option<String> = self.typed_in(key, json, item, "[]string")?;
                strings.push(text.unwrap_or_default());
            }
        }
        Ok(strings)
    }

    /// A map of strings; empty if absent.
    pub fn string_map(&self, key: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut strings = BTreeMap::new();
        for json in self.values(key) {
            if is_null(json) {
                strings.clear();
                continue;
            }
            let malformed = |error| self.malformed(key, json, "map[string]string", &error);
            for (name, value) in fields(json).map_err(malformed)? {
                let text: Option<String> = self.typed_in(key, json, value.get(), "map[string]string")?;
                strings.insert(name, text.unwrap_or_default());
            }
        }
        Ok(strings)
    }

    /// A `[]byte` field, which Go writes as base64; empty if absent.
    pub fn bytes(&self, key: &str) -> Result<Vec<u8>, Error> {
        let text: String = self.raw(key).map(|json| self.typed(key, json, "[]uint8")).transpose()?.unwrap_or_default();
        STANDARD.decode(text).map_err(|_| Error::Base64(self.field(key)))
    }

    /// An object field; none if absent.
    pub fn object(&self, key: &str, name: &'static str) -> Result<Option<Object<'a>>, Error> {
        let values: Vec<&str> = self.values(key).filter(|json| !is_null(json)).collect();
        if values.is_empty() {
            return Ok(None);
        }
        let mut object = Object { name, path: format!("{}{key}.", self.path), fields: Vec::new() };
        for json in values {
            object.fields.extend(fields(json).map_err(|error| self.malformed(key, json, name, &error))?);
        }
        Ok(Some(object))
    }

    /// An array field whose elements are objects, each read by `read`; empty if absent.
    pub fn objects<T>(
        &self,
        key: &str,
        name: &'static str,
        read: impl Fn(&Object<'a>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let Some(json) = self.raw(key) else { return Ok(Vec::new()) };
        let malformed = |error| self.malformed(key, json, &format!("[]{name}"), &error);
        let elements = elements(json, MAX_OBJECTS).map_err(malformed)?;
        let path = format!("{}{key}.", self.path);
        let object = |json: &'a str| {
            let fields = fields(json).map_err(|error| self.malformed(key, json, name, &error))?;
            read(&Object { name, path: path.clone(), fields })
        };
        elements.into_iter().map(object).collect()
    }

    /// The JSON of each element of an array field; none if absent.
    pub fn array(&self, key: &str) -> Result<Option<Vec<&'a str>>, Error> {
        let Some(json) = self.raw(key) else { return Ok(None) };
        elements(json, MAX_FIELDS).map(Some).map_err(|error| self.malformed(key, json, "array", &error))
    }

    /// Every value that the text has for a field.
    fn values(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| is_same_key(name, key)).map(|(_, value)| value.get())
    }

    fn typed<T: serde::de::DeserializeOwned>(&self, key: &str, json: &str, wanted: &str) -> Result<T, Error> {
        self.typed_in(key, json, json, wanted)
    }

    /// Reads a part of a value; an error is about the whole value.
    fn typed_in<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        whole: &str,
        part: &str,
        wanted: &str,
    ) -> Result<T, Error> {
        serde_json::from_str(part).map_err(|_| self.wrong(key, kind(whole).to_owned(), wanted))
    }

    fn malformed(&self, key: &str, json: &str, wanted: &str, error: &Malformed) -> Error {
        match error {
            Malformed::OtherKind => self.wrong(key, kind(json).to_owned(), wanted),
            Malformed::TooMany(most) => Error::TooMany { field: self.field(key), most: *most },
        }
    }

    fn wrong(&self, key: &str, found: String, wanted: &str) -> Error {
        Error::Type(TypeError { found, field: self.field(key), wanted: wanted.to_owned() })
    }

    fn field(&self, key: &str) -> String {
        format!("{}.{}{key}", self.name.rsplit('.').next().unwrap_or(self.name), self.path)
    }
}

/// Whether a key names a field as in Go: case is ignored, also of the two letters outside ASCII whose other case is in
/// ASCII.
fn is_same_key(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key == name || key.chars().map(fold).eq(name.chars().map(fold))
}

/// Why the parts of a value cannot be read.
enum Malformed {
    /// It is not an object or not an array.
    OtherKind,
    /// It has more parts than this.
    TooMany(usize),
}

/// The fields of an object, none of `null`.
fn fields(json: &str) -> Result<Vec<(String, &RawValue)>, Malformed> {
    if is_null(json) {
        return Ok(Vec::new());
    }
    let fields = serde_json::Deserializer::from_str(json).deserialize_map(FieldsInOrder);
    fields.map_err(|_| Malformed::OtherKind)?.ok_or(Malformed::TooMany(MAX_FIELDS))
}

/// The first JSON value of a text; the whole text if it does not begin with one.
#[must_use]
pub fn first_value(text: &str) -> &str {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(_)) => &text[..values.byte_offset()],
        _ => text,
    }
}

/// A JSON text that is one string.
pub fn string(json: &str) -> Result<String, Error> {
    let wrong = |_| TypeError { found: kind(json).to_owned(), field: String::new(), wanted: "string".to_owned() };
    Ok(serde_json::from_str(json).map_err(wrong)?)
}

/// The JSON of each element of an array.
fn elements(json: &str, most: usize) -> Result<Vec<&str>, Malformed> {
    let elements = serde_json::Deserializer::from_str(json).deserialize_seq(Elements { most });
    elements.map_err(|_| Malformed::OtherKind)?.ok_or(Malformed::TooMany(most))
}

fn is_null(json: &str) -> bool {
    json.trim_ascii() == "null"
}

fn kind(json: &str) -> &'static str {
    match json.trim_ascii_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        _ => "number",
    }
}

/// Reads the fields of an object; none if there are too many.
struct FieldsInOrder;

impl<'de> Visitor<'de> for FieldsInOrder {
    type Value = Option<Vec<(String, &'de RawValue)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key()? {
            fields.push((key, map.next_value()?));
            if fields.len() > MAX_FIELDS {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
        }
        Ok(Some(fields))
    }
}

/// Reads the elements of an array; none if there are too many.
struct Elements {
    most: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Option<Vec<&'de str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element::<&RawValue>()? {
            elements.push(element.get());
            if elements.len() > self.most {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
        }
        Ok(Some(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_as_in_go() {
        let object = Object::parse(r#"{"OS":"a","os":"b","Os":"c","n":null,"N":3}"#, "T").unwrap();
        assert_eq!(object.string("os").unwrap(), "c");
        assert_eq!(object.integer("n").unwrap(), 3);
        assert_eq!(object.string("absent").unwrap(), "");
    }

    #[test]
    fn a_field_that_stands_there_several_times_is_taken_as_in_go() {
        let json = r#"{"s":"a","s":null,"i":1,"i":null,"l":["a"],"L":null,"m":{"a":"1","b":"2"},"m":{"b":"3"},
                       "o":{"a":"1","b":"2"},"o":null,"o":{"b":"3"}}"#;
        let object = Object::parse(json, "T").unwrap();
        assert_eq!((object.string("s").unwrap().as_str(), object.integer("i").unwrap()), ("a", 1));
        assert!(object.strings("l").unwrap().is_empty());
        assert_eq!(object.string_map("m").unwrap(), [("a", "1"), ("b", "3")].map(|(k, v)| (k.into(), v.into())).into());
        let inner = object.object("o", "U").unwrap().unwrap();
        assert_eq!((inner.string("a").unwrap(), inner.string("b").unwrap()), ("1".into(), "3".into()));
        let early = Object::parse(r#"{"s":7,"s":"a"}"#, "T").unwrap().string("s");
        assert!(early.is_err(), "{early:?}");
    }

    #[test]
    fn letters_whose_other_case_is_in_ascii_match() {
        let object = Object::parse("{\"o\u{17f}\":\"a\",\"\u{212a}ey\":\"b\"}", "T").unwrap();
        assert_eq!((object.string("os").unwrap(), object.string("key").unwrap()), ("a".into(), "b".into()));
    }

    #[test]
    fn null_is_absent() {
        let object = Object::parse("null", "T").unwrap();
        assert_eq!(object.string("a").unwrap(), "");
        let object = Object::parse(r#"{"a":null,"b":["x",null]}"#, "T").unwrap();
        assert!(object.object("a", "U").unwrap().is_none());
        assert_eq!(object.strings("b").unwrap(), ["x", ""]);
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        let message = |json: &'static str| {
            Object::parse(json, "v1.Platform").and_then(|o| o.string("os")).unwrap_err().to_string()
        };
        assert_eq!(message("[]"), "json: cannot unmarshal array into Go value of type v1.Platform");
        assert_eq!(
            message(r#"{"os":7}"#),
            "json: cannot unmarshal number into Go struct field Platform.os of type string"
        );
        assert_eq!(message("{"), "unexpected end of JSON input");
    }

    #[test]
    fn a_wrong_type_further_down_is_told_with_the_way_there() {
        let json = r#"{"config":{"size":1e3},"layers":[{"size":true}],"list":{},"strings":["x"]}"#;
        let object = Object::parse(json, "Manifest").unwrap();
        let config = object.object("config", "distribution.Descriptor").unwrap().unwrap();
        let layers = object.objects("layers", "distribution.Descriptor", |layer| layer.integer("size")).unwrap_err();
        for (error, expected) in [
            (
                config.integer("size").unwrap_err(),
                "number 1e3 into Go struct field Descriptor.config.size of type int64",
            ),
            (layers, "bool into Go struct field Descriptor.layers.size of type int64"),
            (
                object.objects("list", "T", |_| Ok(())).unwrap_err(),
                "object into Go struct field Manifest.list of type []T",
            ),
            (
                object.objects("strings", "T", |_| Ok(())).unwrap_err(),
                "string into Go struct field Manifest.strings of type T",
            ),
        ] {
            assert_eq!(error.to_string(), format!("json: cannot unmarshal {expected}"));
        }
    }

    #[test]
    fn an_array_has_an_end() {
        let objects = |count: usize| {
            let json = format!(r#"{{"layers":[{}{{}}]}}"#, "{},".repeat(count - 1));
            Object::parse(&json, "Manifest").unwrap().objects("layers", "T", |_| Ok(())).map(|objects| objects.len())
        };
        assert_eq!(objects(MAX_OBJECTS).unwrap(), MAX_OBJECTS);
        assert_eq!(objects(MAX_OBJECTS + 1).unwrap_err().to_string(), "Manifest.layers has more than 50000 entries");
    }

    #[test]
    fn objects_maps_and_lists_of_strings_have_an_end() {
        let parts = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().join(",");
        let field = |number: usize| format!(r#""k{number}":"v""#);
        let object = |count: usize| Object::parse(&format!("{{{}}}", parts(count, &field)), "T").map(drop);
        assert!(object(MAX_FIELDS).is_ok());
        assert_eq!(object(MAX_FIELDS + 1).unwrap_err().to_string(), "T has more than 10000 entries");
        let json = format!(
            r#"{{"list":[{}],"map":{{{}}}}}"#,
            parts(MAX_FIELDS + 1, &|_| r#""""#.to_owned()),
            parts(MAX_FIELDS + 1, &field)
        );
        let object = Object::parse(&json, "T").unwrap();
        assert_eq!(object.strings("list").unwrap_err().to_string(), "T.list has more than 10000 entries");
        assert_eq!(object.string_map("map").unwrap_err().to_string(), "T.map has more than 10000 entries");
    }

    #[test]
    fn unread_fields_may_hold_anything() {
        let deep =
            format!(r#"{{"a":"x","big":1e999,"half":"\ud800","deep":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert_eq!(Object::parse(&deep, "T").unwrap().string("a").unwrap(), "x");
    }
}
