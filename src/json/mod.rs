//! JSON with the look and the habits of Go's `encoding/json`.
//!
//! docker is written in Go, and what it stores, prints and pushes is compared byte for byte. Three of Go's
//! habits matter: `Indent` changes only white space, `Marshal` escapes `<`, `>`, `&`, U+2028 and U+2029, and
//! `Unmarshal` matches keys without regard to case, takes `null` for "absent" and lets the last duplicate win.

mod decode;
mod encode;
mod indent;
mod scan;

pub use decode::{Object, TypeError, first_value, string};
pub use encode::marshal;
pub use indent::{compact, indent};
pub use scan::SyntaxError;

use thiserror::Error;

/// Why a JSON text could not be read, in Go's words, which scripts know.
#[derive(Debug, Error, PartialEq, Eq)]
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
    /// An array that is too long to be meant well.
    #[error("{field} has more than {most} entries")]
    TooMany {
        /// The field.
        field: String,
        /// How many there may be.
        most: usize,
    },
}
