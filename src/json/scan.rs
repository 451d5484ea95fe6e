//! Checks JSON syntax byte by byte and classifies each byte.

use thiserror::Error;

/// The deepest nesting of arrays and objects, as in Go's decoder.
const MAX_DEPTH: usize = 10_000;

/// A syntax error, in Go's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SyntaxError {
    /// The text ends inside a value.
    #[error("unexpected end of JSON input")]
    UnexpectedEnd,
    /// An unexpected byte.
    #[error("invalid character {} {context}", quoted(*.found))]
    InvalidCharacter {
        /// The byte, shown as the Latin-1 character of that number, as Go does.
        found: u8,
        /// The context, as Go describes it.
        context: &'static str,
    },
    /// A wrong letter in `true`, `false` or `null`.
    #[error("invalid character {} in literal {literal} (expecting {})", quoted(*.found), quoted(*.expected))]
    InvalidLiteral {
        /// The byte.
        found: u8,
        /// The expected byte.
        expected: u8,
        /// The literal.
        literal: &'static str,
    },
    /// More than ten thousand levels of nesting.
    #[error("exceeded max depth")]
    TooDeep,
    /// Indented, the text would be many times as long.
    #[error("nested so deeply that it would take more than {0} bytes to show")]
    TooLong(usize),
}

fn quoted(byte: u8) -> String {
    match char::from(byte) {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        '\u{7}' => r"'\a'".to_owned(),
        '\u{8}' => r"'\b'".to_owned(),
        '\u{b}' => r"'\v'".to_owned(),
        '\u{c}' => r"'\f'".to_owned(),
        '\n' => r"'\n'".to_owned(),
        '\r' => r"'\r'".to_owned(),
        '\t' => r"'\t'".to_owned(),
        '\\' => r"'\\'".to_owned(),
        '\u{7f}' => r"'\x7f'".to_owned(),
        c if c < ' ' => format!(r"'\x{byte:02x}'"),
        c if ('\u{80}'..='\u{a0}').contains(&c) || c == '\u{ad}' => format!(r"'\u{:04x}'", u32::from(c)),
        c => format!("'{c}'"),
    }
}

/// The class of a byte in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// White space between tokens.
    Space,
    /// One of `{ } [ ] , :` between tokens.
    Punctuation,
    /// Part of a string, a number or a literal.
    Content,
    /// White space after the whole value, which Go's `Indent` keeps.
    Trailing,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    AfterValue,
    Text { key: bool },
    Escape { key: bool },
    Hex { key: bool, left: u8 },
    Literal { word: &'static str, next: usize },
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// The state after the bytes scanned so far.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    /// The open arrays (`false`) and objects (`true`).
    open: Vec<bool>,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { state: State::Value, open: Vec::new() }
    }

    /// The number of bytes that follow inside a string and do not change the state. They need not be passed to `step`,
    /// but may be; most of a manifest is such bytes.
    pub(super) fn plain_run_len(&self, next: &[u8]) -> usize {
        match self.state {
            State::Text { .. } => {
                let is_letter = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
                next.iter().position(|byte| !is_letter(byte)).unwrap_or(next.len())
            }
            _ => 0,
        }
    }

    /// Scans the next byte.
    pub(super) fn step(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        match self.state {
            State::Text { .. } | State::Escape { .. } | State::Hex { .. } => self.in_string(byte),
            State::Literal { word, next } => self.in_literal(byte, word, next),
            State::Minus
            | State::Zero
            | State::Integer
            | State::Point
            | State::Fraction
            | State::Exponent
            | State::ExponentSign
            | State::ExponentDigits => self.in_number(byte),
            _ => self.between(byte),
        }
    }

    /// Checks that the text may end here.
    pub(super) fn finish(mut self) -> Result<(), SyntaxError> {
        // A number ends with the next byte only.
        match self.step(b' ') {
            Ok(Class::Trailing) => Ok(()),
            _ => Err(SyntaxError::UnexpectedEnd),
        }
    }

    fn in_string(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        self.state = match (self.state, byte) {
            (State::Text { key: true }, b'"') => State::Colon,
            (State::Text { key: false }, b'"') => State::AfterValue,
            (State::Text { key }, b'\\') => State::Escape { key },
            (State::Text { .. }, 0..0x20) => return invalid(byte, "in string literal"),
            (State::Escape { key }, b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => State::Text { key },
            (State::Escape { key }, b'u') => State::Hex { key, left: 4 },
            (State::Escape { .. }, _) => return invalid(byte, "in string escape code"),
            (State::Hex { key, left: 1 }, b) if b.is_ascii_hexdigit() => State::Text { key },
            (State::Hex { key, left }, b) if b.is_ascii_hexdigit() => State::Hex { key, left: left - 1 },
            (State::Hex { .. }, _) => return invalid(byte, r"in \u hexadecimal character escape"),
            (state, _) => state,
        };
        Ok(Class::Content)
    }

    fn in_literal(&mut self, byte: u8, word: &'static str, next: usize) -> Result<Class, SyntaxError> {
        let expected = word.as_bytes()[next];
        if byte != expected {
            return Err(SyntaxError::InvalidLiteral { found: byte, expected, literal: word });
        }
        self.state = if next + 1 == word.len() { State::AfterValue } else { State::Literal { word, next: next + 1 } };
        Ok(Class::Content)
    }

    fn in_number(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        self.state = match (self.state, byte) {
            (State::Minus, b'0') => State::Zero,
            (State::Minus, b'1'..=b'9') | (State::Integer, b'0'..=b'9') => State::Integer,
            (State::Minus, _) => return invalid(byte, "in numeric literal"),
            (State::Zero | State::Integer, b'.') => State::Point,
            (State::Point | State::Fraction, b'0'..=b'9') => State::Fraction,
            (State::Point, _) => return invalid(byte, "after decimal point in numeric literal"),
            (State::Zero | State::Integer | State::Fraction, b'e' | b'E') => State::Exponent,
            (State::Exponent, b'+' | b'-') => State::ExponentSign,
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => State::ExponentDigits,
            (State::Exponent | State::ExponentSign, _) => return invalid(byte, "in exponent of numeric literal"),
            _ => {
                self.state = State::AfterValue;
                return self.between(byte);
            }
        };
        Ok(Class::Content)
    }

    fn between(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        let at_end = matches!(self.state, State::AfterValue) && self.open.is_empty();
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(if at_end { Class::Trailing } else { Class::Space });
        }
        if at_end {
            return invalid(byte, "after top-level value");
        }
        match self.state {
            State::ValueOrEnd if byte == b']' => Ok(self.close()),
            State::Value | State::ValueOrEnd => self.begin_value(byte),
            State::KeyOrEnd if byte == b'}' => Ok(self.close()),
            State::Key | State::KeyOrEnd if byte == b'"' => {
                self.state = State::Text { key: true };
                Ok(Class::Content)
            }
            State::Key | State::KeyOrEnd => invalid(byte, "looking for beginning of object key string"),
            State::Colon if byte == b':' => {
                self.state = State::Value;
                Ok(Class::Punctuation)
            }
            State::Colon => invalid(byte, "after object key"),
            _ => self.after_value(byte),
        }
    }

    fn begin_value(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        self.state = match byte {
            b'{' => return self.open(true, State::KeyOrEnd),
            b'[' => return self.open(false, State::ValueOrEnd),
            b'"' => State::Text { key: false },
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Integer,
            b't' => State::Literal { word: "true", next: 1 },
            b'f' => State::Literal { word: "false", next: 1 },
            b'n' => State::Literal { word: "null", next: 1 },
            _ => return invalid(byte, "looking for beginning of value"),
        };
        Ok(Class::Content)
    }

    fn after_value(&mut self, byte: u8) -> Result<Class, SyntaxError> {
        let in_object = self.open.last() == Some(&true);
        match byte {
            b',' => {
                self.state = if in_object { State::Key } else { State::Value };
                Ok(Class::Punctuation)
            }
            b'}' if in_object => Ok(self.close()),
            b']' if !in_object => Ok(self.close()),
            _ if in_object => invalid(byte, "after object key:value pair"),
            _ => invalid(byte, "after array element"),
        }
    }

    fn open(&mut self, object: bool, state: State) -> Result<Class, SyntaxError> {
        if self.open.len() == MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        self.open.push(object);
        self.state = state;
        Ok(Class::Punctuation)
    }

    fn close(&mut self) -> Class {
        self.open.pop();
        self.state = State::AfterValue;
        Class::Punctuation
    }
}

fn invalid(found: u8, context: &'static str) -> Result<Class, SyntaxError> {
    Err(SyntaxError::InvalidCharacter { found, context })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn letters_may_be_passed_over(json in r#"[\[{]{0,2}("[a\\u0é<\x01]{0,6}"?[:,]?){0,4}[0-9]{0,2}[\]}]{0,2}"#) {
            let json = json.as_bytes();
            let mut patient = Scanner::new();
            let one_by_one = json.iter().try_for_each(|byte| patient.step(*byte).map(drop));
            let (mut hasty, mut rest, mut passing) = (Scanner::new(), json, Ok(()));
            while let (Ok(()), Some((&byte, after))) = (&passing, rest.split_first()) {
                passing = hasty.step(byte).map(drop);
                rest = &after[hasty.plain_run_len(after)..];
            }
            prop_assert_eq!(&one_by_one, &passing);
            if one_by_one.is_ok() {
                prop_assert_eq!(patient.finish(), hasty.finish());
            }
        }
    }
}
