//! The secrets of all tests. Every run of a command in a sandbox is searched for
//! them, in whatever form; so are the store and what helpers were called with.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use crate::debian::LOGIN;
use crate::storage::Storage;

/// The password of every account, with characters that mean something.
pub const PASSWORD: &str = "se:cr$t";
/// A password that is nobody's.
pub const WRONG_PASSWORD: &str = "wrong-password";
/// What identity tokens contain.
pub const IDENTITY: &str = "identity-secret";
/// What tokens contain.
pub const TOKEN: &str = "opaque-test-token";

/// The secrets, each with the forms in which it might be seen.
static TRACES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let words = [PASSWORD, WRONG_PASSWORD, IDENTITY, TOKEN, LOGIN, Storage::SIGNATURE];
    words.into_iter().flat_map(|word| forms(word).into_iter().map(move |form| (word, form))).collect()
});

/// A text as it is, percent-encoded, in hexadecimal digits, and in base64
/// wherever it stands in what was encoded.
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
        // What depends on the neighbours does not count.
        let (start, end) = ((before * 8).div_ceil(6), (before + word.len()) * 8 / 6);
        encoded[start..end].to_owned()
    }));
    forms
}

/// The secret that is in the text, and the form it is in.
fn found(text: &str) -> Option<&'static (&'static str, String)> {
    TRACES.iter().find(|(_, form)| text.contains(form))
}

/// Fails if a secret is in the text, in any form.
#[track_caller]
pub fn assert_none(text: &str, place: &str) {
    if let Some((secret, form)) = found(text) {
        assert!(std::thread::panicking(), "{secret:?} is in {place}, as {form:?}: {text}");
    }
}

#[test]
fn a_secret_is_recognised_in_every_form() {
    for before in ["", "a", "ab", "alice:"] {
        assert!(found(&BASE64.encode(format!("{before}{PASSWORD}\0\0"))).is_some());
    }
    for text in ["password=se%3Acr%24t&", "7365:73653a63722474", "(se:cr$t)"] {
        assert!(found(text).is_some());
    }
    assert!(found("c2VjcmV0 secret se:cret").is_none());
}
