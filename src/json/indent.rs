//! Changes the white space of a JSON text and nothing else.

use super::scan::{Class, Scanner, SyntaxError};

/// The most times that a text may grow when it is indented, and the bytes that it may grow by in any case. Manifests
/// double in size; deeply nested arrays would grow ten thousand times.
const GROWTH: usize = 5;
const ROOM: usize = 1024 * 1024;

/// Indents a JSON text as Go's `json.Indent` does: every token keeps its bytes, leading white space is dropped, trailing
/// white space is kept.
pub fn indent(json: &[u8], indent: &str) -> Result<Vec<u8>, SyntaxError> {
    let mut scanner = Scanner::new();
    let mut out = Vec::with_capacity(json.len() * 2);
    let limit = json.len().saturating_mul(GROWTH).saturating_add(ROOM);
    let mut depth = 0;
    // An opening bracket is followed by a line break unless the closing one comes next.
    let mut just_opened = false;
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        let class = scanner.step(byte)?;
        let (letters, others) = after.split_at(scanner.plain_run_len(after));
        rest = others;
        if class == Class::Space {
            continue;
        }
        if out.len() > limit {
            return Err(SyntaxError::TooLong(limit));
        }
        let closes = class == Class::Punctuation && matches!(byte, b'}' | b']');
        if just_opened && !closes {
            depth += 1;
            new_line(&mut out, indent, depth);
        } else if closes && !just_opened {
            depth -= 1;
            new_line(&mut out, indent, depth);
        }
        just_opened = class == Class::Punctuation && matches!(byte, b'{' | b'[');
        out.push(byte);
        match byte {
            b',' if class == Class::Punctuation => new_line(&mut out, indent, depth),
            b':' if class == Class::Punctuation => out.push(b' '),
            _ => {}
        }
        out.extend_from_slice(letters);
    }
    scanner.finish()?;
    Ok(out)
}

fn new_line(out: &mut Vec<u8>, indent: &str, depth: usize) {
    out.push(b'\n');
    for _ in 0..depth {
        out.extend_from_slice(indent.as_bytes());
    }
}

/// Removes all white space and escapes what Go's `Marshal` escapes. Go does the same to values that encode themselves
/// (`json.Marshaler`).
pub fn compact(json: &[u8]) -> Result<Vec<u8>, SyntaxError> {
    let mut scanner = Scanner::new();
    let mut out = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        let class = scanner.step(byte)?;
        if matches!(class, Class::Punctuation | Class::Content) {
            match byte {
                b'<' | b'>' | b'&' => out.extend_from_slice(format!(r"\u00{byte:02x}").as_bytes()),
                // U+2028 and U+2029 end a line in JavaScript; both are three bytes of which none is ASCII.
                0xE2 if matches!(after, [0x80, 0xA8 | 0xA9, ..]) => {
                    out.extend_from_slice(format!(r"\u202{:x}", after[1] & 0xF).as_bytes());
                    rest = &after[2..];
                    continue;
                }
                _ => out.push(byte),
            }
        }
        let letters = &after[..scanner.plain_run_len(after)];
        let escaped = letters.iter().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xE2));
        let (plain, others) = after.split_at(escaped.unwrap_or(letters.len()));
        out.extend_from_slice(plain);
        rest = others;
    }
    scanner.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn indented(json: &str) -> String {
        String::from_utf8(indent(json.as_bytes(), "\t").unwrap()).unwrap()
    }

    #[test]
    fn tokens_keep_their_bytes_and_white_space_is_replaced() {
        assert_eq!(
            indented(" {\"a\" : [ 1e2 ,\r\n2.0],\"b\":{ }, \"c\":[\t]}"),
            "{\n\t\"a\": [\n\t\t1e2,\n\t\t2.0\n\t],\n\t\"b\": {},\n\t\"c\": []\n}"
        );
        assert_eq!(indented(r#"{"a,b":"{[:,]}\"<"}"#), "{\n\t\"a,b\": \"{[:,]}\\\"<\"\n}");
        assert_eq!(indented("[[]]"), "[\n\t[]\n]");
    }

    #[test]
    fn trailing_white_space_stays_as_in_go() {
        assert_eq!(indented("{}\n\n"), "{}\n\n");
        assert_eq!(indented("1 "), "1 ");
    }

    #[test]
    fn compact_escapes_what_go_escapes() {
        let text = "{ \"a<b\" : \"\u{2028}&\u{2029}\u{2027}\" }\n";
        assert_eq!(compact(text.as_bytes()).unwrap(), "{\"a\\u003cb\":\"\\u2028\\u0026\\u2029\u{2027}\"}".as_bytes());
    }

    #[test]
    fn errors_are_worded_as_go_words_them() {
        let message = |json: &str| indent(json.as_bytes(), "").unwrap_err().to_string();
        for (json, expected) in [
            ("", "unexpected end of JSON input"),
            ("  ", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("\"a", "unexpected end of JSON input"),
            ("-", "unexpected end of JSON input"),
            ("tru", "unexpected end of JSON input"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("'", r"invalid character '\'' looking for beginning of value"),
            ("{a", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[,]", "invalid character ',' looking for beginning of value"),
            ("{}{", "invalid character '{' after top-level value"),
            ("\"\n", r"invalid character '\n' in string literal"),
            ("\"\\x", "invalid character 'x' in string escape code"),
            ("\"\\u12x", r"invalid character 'x' in \u hexadecimal character escape"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("01", "invalid character '1' after top-level value"),
            ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ] {
            assert_eq!(message(json), expected, "{json:?}");
        }
        assert_eq!(message(&"[".repeat(10_001)), "exceeded max depth");
    }

    #[test]
    fn a_text_that_is_all_nesting_does_not_get_out_of_hand() {
        let nested = |depth: usize| format!("{}{}{}", "[".repeat(depth), "1,".repeat(100_000) + "1", "]".repeat(depth));
        assert!(indent(nested(12).as_bytes(), "\t").is_ok());
        assert!(matches!(indent(nested(9_000).as_bytes(), "\t"), Err(SyntaxError::TooLong(_))));
        assert_eq!(compact(nested(9_000).as_bytes()).unwrap(), nested(9_000).as_bytes());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn indent_agrees_with_an_independent_printer(value in any_json()) {
            use serde::Serialize;
            let mut expected = Vec::new();
            let printer = serde_json::ser::PrettyFormatter::with_indent(b"   ");
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut expected, printer)).unwrap();
            let compacted = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(indent(&compacted, "   ").unwrap(), expected.clone());
            prop_assert_eq!(indent(&expected, "   ").unwrap(), expected);
        }

        #[test]
        fn compact_undoes_indent_and_keeps_the_meaning(value in any_json()) {
            let compacted = compact(&serde_json::to_vec(&value).unwrap()).unwrap();
            prop_assert_eq!(compact(&indent(&compacted, "\t").unwrap()).unwrap(), compacted.clone());
            prop_assert_eq!(serde_json::from_slice::<Value>(&compacted).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_accepted_exactly_when_they_are_json(text in r#"[\[\]{}:,"a0-9\\ utrnfals.eE+-]{0,24}"#) {
            let ours = indent(text.as_bytes(), "").is_ok();
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
