//! Reads the fields a program wants from JSON it did not write, as forgivingly as Go's `json.Unmarshal`.

use super::Error;
use super::scan::Scanner;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// A value that does not fit its field, worded as Go words it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("json: cannot unmarshal {found} into Go {} of type {wanted}", place(.field))]
pub struct TypeError {
    /// What kind of value it is.
    pub found: &'static str,
    /// `Struct.field`, or empty for the whole text.
    pub field: String,
    /// The Go type that was wanted.
    pub wanted: &'static str,
}

fn place(field: &str) -> String {
    if field.is_empty() { "value".to_owned() } else { format!("struct field {field}") }
}

/// Checks that the text is one JSON value and nothing else.
fn check(json: &[u8]) -> Result<(), Error> {
    let mut scanner = Scanner::new();
    for &byte in json {
        scanner.step(byte)?;
    }
    Ok(scanner.finish()?)
}

/// A JSON object whose fields are looked up the way Go does.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    /// What Go calls the type, for error messages.
    name: &'static str,
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads a text that is an object or `null` (an object without fields).
    pub fn parse(json: &'a str, name: &'static str) -> Result<Self, Error> {
        check(json.as_bytes())?;
        Self::read(json, name, || (String::new(), name))
    }

    fn read(json: &'a str, name: &'static str, place: impl Fn() -> (String, &'static str)) -> Result<Self, Error> {
        let wrong = || {
            let (field, wanted) = place();
            Error::Type(TypeError { found: kind(json), field, wanted })
        };
        if is_null(json) {
            return Ok(Self { name, fields: Vec::new() });
        }
        let fields = serde_json::Deserializer::from_str(json).deserialize_map(FieldsInOrder).map_err(|_| wrong())?;
        Ok(Self { name, fields })
    }

    /// The bytes of a field as they stand in the text; none for an absent field and for `null`.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        let same = |(name, _): &&(String, &RawValue)| name == key || name.eq_ignore_ascii_case(key);
        self.fields.iter().rev().find(same).map(|(_, value)| value.get()).filter(|value| !is_null(value))
    }

    /// The fields in the order of the text, for objects that are maps.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    /// A string field; empty if absent.
    pub fn string(&self, key: &str) -> Result<String, Error> {
        self.typed(key, "string").map(Option::unwrap_or_default)
    }

    /// A whole number; zero if absent.
    pub fn integer(&self, key: &str) -> Result<i64, Error> {
        self.typed(key, "int64").map(Option::unwrap_or_default)
    }

    /// A list of strings; empty if absent.
    pub fn strings(&self, key: &str) -> Result<Vec<String>, Error> {
        let items: Option<Vec<Option<String>>> = self.typed(key, "[]string")?;
        Ok(items.unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect())
    }

    /// A map of strings; empty if absent.
    pub fn string_map(&self, key: &str) -> Result<BTreeMap<String, String>, Error> {
        let map: Option<BTreeMap<String, Option<String>>> = self.typed(key, "map[string]string")?;
        Ok(map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
    }

    /// A `[]byte` field, which Go writes as base64; empty if absent.
    pub fn bytes(&self, key: &str) -> Result<Vec<u8>, Error> {
        let text = self.string(key)?;
        STANDARD.decode(text).map_err(|_| Error::Base64(self.field(key)))
    }

    /// An object field; none if absent.
    pub fn object(&self, key: &str, name: &'static str) -> Result<Option<Object<'a>>, Error> {
        let Some(json) = self.raw(key) else { return Ok(None) };
        Object::read(json, name, || (self.field(key), name)).map(Some)
    }

    /// The elements of an array field, each as it stands; none if absent.
    pub fn array(&self, key: &str) -> Result<Option<Vec<&'a str>>, Error> {
        let Some(json) = self.raw(key) else { return Ok(None) };
        let elements = elements(json).ok_or_else(|| self.wrong(key, json, "[]array"))?;
        Ok(Some(elements))
    }

    fn typed<T: serde::de::DeserializeOwned>(&self, key: &str, wanted: &'static str) -> Result<Option<T>, Error> {
        let Some(json) = self.raw(key) else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|_| self.wrong(key, json, wanted))
    }

    fn wrong(&self, key: &str, json: &str, wanted: &'static str) -> Error {
        Error::Type(TypeError { found: kind(json), field: self.field(key), wanted })
    }

    fn field(&self, key: &str) -> String {
        format!("{}.{key}", self.name.rsplit('.').next().unwrap_or(self.name))
    }
}

/// A JSON text that is one string.
pub fn string(json: &str) -> Result<String, Error> {
    let wrong = |_| TypeError { found: kind(json), field: String::new(), wanted: "string" };
    Ok(serde_json::from_str(json).map_err(wrong)?)
}

/// The elements of a JSON array, each as it stands; none if the text is something else.
fn elements(json: &str) -> Option<Vec<&str>> {
    let values: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(values.into_iter().map(RawValue::get).collect())
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

struct FieldsInOrder;

impl<'de> Visitor<'de> for FieldsInOrder {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(fields)
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
    fn unread_fields_may_hold_anything() {
        let deep =
            format!(r#"{{"a":"x","big":1e999,"half":"\ud800","deep":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert_eq!(Object::parse(&deep, "T").unwrap().string("a").unwrap(), "x");
    }
}
