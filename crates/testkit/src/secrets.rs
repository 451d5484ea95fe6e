//! The secrets in the tests. The output of every command in a sandbox is searched for them, and so are the store and the
//! arguments of credential helpers.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use crate::docker_registry::LOGIN;
use crate::object_storage::ObjectStorage;

/// The password of every account, with characters that are special in URLs and in `auth` fields.
pub const PASSWORD: &str = "se:cr$t";
/// A wrong password.
pub const WRONG_PASSWORD: &str = "wrong-password";
/// Part of every identity token.
pub const IDENTITY: &str = "identity-secret";
/// Part of every bearer token.
pub const TOKEN: &str = "opaque-test-token";

/// The secrets, each with the encodings in which it might appear.
static TRACES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let words = [PASSWORD, WRONG_PASSWORD, IDENTITY, TOKEN, LOGIN, ObjectStorage::SIGNATURE];
    words.into_iter().flat_map(|word| forms(word).into_iter().map(move |form| (word, form))).collect()
});

/// A text as it is, percent-encoded, in hexadecimal, and in base64 at any offset.
fn forms(word: &str) -> Vec<String> {
    let percent = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let hex = hex::encode(word);
    let mut forms = vec![word.to_owned(), word.bytes().map(percent).collect(), hex];
    forms.extend((0..3).map(|before| {
        let encoded = BASE64.encode(format!("{}{word}", " ".repeat(before)));
        // Leave out the characters that also depend on the bytes before and after.
        let (start, end) = ((before * 8).div_ceil(6), (before + word.len()) * 8 / 6);
        encoded[start..end].to_owned()
    }));
    forms
}

/// The secret in the text and its encoding.
fn found(text: &str) -> Option<&'static (&'static str, String)> {
    TRACES.iter().find(|(_, form)| text.contains(form))
}

/// Fails if a secret is in the text, in any encoding.
#[track_caller]
pub fn assert_none(text: &str, place: &str) {
    if let Some((secret, form)) = found(text) {
        assert!(std::thread::panicking(), "{secret:?} is in {place}, as {form:?}: {text}");
    }
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    for before in ["", "a", "ab", "alice:"] {
        assert!(found(&BASE64.encode(format!("{before}{PASSWORD}\0\0"))).is_some());
    }
    for text in ["password=se%3Acr%24t&", "7365:73653a63722474", "(se:cr$t)"] {
        assert!(found(text).is_some());
    }
    assert!(found("c2VjcmV0 secret se:cret").is_none());
}
