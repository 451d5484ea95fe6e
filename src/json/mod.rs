//! JSON as Go's `encoding/json` reads and writes it.
//!
//! docker is written in Go, and mfst stores, prints and pushes the same bytes. `Indent` changes only white space,
//! `Marshal` escapes `<`, `>`, `&`, U+2028 and U+2029, and `Unmarshal` ignores the case of keys, takes `null` for an
//! absent value, and lets the last duplicate win.

mod decode;
mod encode;
mod indent;
mod scan;

pub use decode::{Object, TypeError, first_value, string};
pub use encode::marshal;
pub use indent::{compact, indent};
pub use scan::SyntaxError;

use serde::Serialize;
use std::borrow::Cow;
use thiserror::Error;

/// Bytes as text, as Go reads them: what is not UTF-8 is replaced.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Much quicker than the conversion, which goes through valid text piece by piece.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A value as mfst prints and writes its own documents: indented by two spaces, with a line break at the end.
#[must_use]
pub fn document(value: &impl Serialize) -> Vec<u8> {
    let json = marshal(value);
    let mut text = indent(&json, "  ").unwrap_or(json);
    text.push(b'\n');
    text
}

/// Why a JSON text could not be decoded, in Go's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The text is not JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A value has another type than its field.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// A `[]byte` field is not base64.
    #[error("illegal base64 data in {0}")]
    Base64(String),
    /// An array or object with too many elements.
    #[error("{field} has more than {most} entries")]
    TooMany {
        /// The field.
        field: String,
        /// The limit.
        most: usize,
    },
}
