//! Environment variables in texts: `${NAME}`, `${NAME:-default}`; `$$` is a dollar sign.

use super::budget::TooMuchText;
use thiserror::Error;

/// Why a text cannot be expanded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum VariableError {
    #[error("the variable {0} is not set; ${{{0}:-DEFAULT}} gives it a default")]
    Unset(String),
    #[error("\"${{\" without \"}}\"; a dollar sign by itself is $$")]
    Unclosed,
    #[error("\"{0}\" is not the name of a variable")]
    Name(String),
    #[error("{}", TooMuchText)]
    TooMuch,
}

/// The text with the values of variables in their place, of at most `room` bytes. A default stands for a variable that is unset or empty.
pub(super) fn expand(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    room: usize,
) -> Result<String, VariableError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (inner, after) = after.split_once('}').ok_or(VariableError::Unclosed)?;
            expanded.push_str(&value(inner, variable)?);
            after
        } else {
            expanded.push('$');
            after
        };
        if expanded.len() > room {
            return Err(VariableError::TooMuch);
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, VariableError> {
    let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err(VariableError::Name(name.to_owned()));
    }
    match (variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(VariableError::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded_and_an_unset_one_is_an_error() {
        let variable = |name: &str| match name {
            "TAG" => Some("1.0".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let expanded = |text: &str| expand(text, &variable, 100).unwrap_or_else(|error| error.to_string());
        assert_eq!(expanded("a:${TAG}-x"), "a:1.0-x");
        assert_eq!(expanded("${NO:-d}${TAG:-d}${EMPTY:-d}[${EMPTY}]"), "d1.0d[]");
        assert_eq!(expanded("$$ $${TAG} $5 $"), "$ ${TAG} $5 $");
        assert_eq!(expanded("${NO}"), "the variable NO is not set; ${NO:-DEFAULT} gives it a default");
        assert_eq!(expanded("${TAG"), "\"${\" without \"}\"; a dollar sign by itself is $$");
        let long = expand(&"${TAG}".repeat(50), &variable, 100);
        assert_eq!(long, Err(VariableError::TooMuch));
        assert_eq!(expanded("${1A}"), "\"1A\" is not the name of a variable");
    }
}
