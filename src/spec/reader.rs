//! Reads values of a YAML document, and collects what is wrong with them.

use super::budget::Budget;
use super::error::{SpecError, unknown_key};
use super::variables::{self, VariableError};
use super::yaml::{Key, Node, Place, Value};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Looks up an environment variable.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Collects errors, so that one run reports all of them. A value with an error is read as none.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) variable: Variable<'a>,
    pub(super) budget: &'a mut Budget,
    pub(super) errors: Vec<SpecError>,
}

/// A mapping with known keys.
pub(super) struct Fields<'n> {
    pairs: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of a key, unless it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.any(name).filter(|node| !matches!(node.value, Value::Null))
    }

    /// The value of a key.
    pub(super) fn any(&self, name: &str) -> Option<&'n Node> {
        self.pairs.iter().find(|(key, _)| *key.name == *name).map(|(_, node)| node)
    }
}

impl Reader<'_> {
    /// Adds an error. Messages contain texts of the file and count as such.
    pub(super) fn fail<T>(&mut self, place: Place, message: impl Display) -> Option<T> {
        let message = message.to_string();
        if self.counted(place, message.len()) {
            self.errors.push(SpecError::at(self.file, place, message));
        }
        None
    }

    /// Counts a text of this many bytes; the first one that is too much is an error.
    fn counted(&mut self, place: Place, bytes: usize) -> bool {
        if self.budget.is_exceeded() {
            return false;
        }
        match self.budget.take_text(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.errors.push(SpecError::at(self.file, place, error));
                false
            }
        }
    }

    /// A mapping that should have no keys but these, and the required ones.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, known: &[&str], required: &[&str]) -> Option<Fields<'n>> {
        let Value::Mapping(pairs) = &node.value else { return self.fail(node.place, "this must be a mapping") };
        let unknown: Vec<&Key> = pairs.iter().map(|(key, _)| key).filter(|key| !known.contains(&&*key.name)).collect();
        for key in &unknown {
            if self.budget.is_exceeded() {
                return None;
            }
            self.fail::<()>(key.place, unknown_key(&key.name, known));
        }
        let fields = Fields { pairs };
        // An unknown key may be a typo of a missing one.
        if unknown.is_empty() {
            for name in required.iter().filter(|name| fields.any(name).is_none()) {
                self.fail::<()>(node.place, format_args!("the key {name} is missing"));
            }
        }
        Some(fields)
    }

    /// The items of a list; none without a list.
    pub(super) fn list<'n>(&mut self, node: Option<&'n Node>) -> &'n [Node] {
        match node.map(|node| (&node.value, node.place)) {
            None => &[],
            Some((Value::List(items), _)) => items,
            Some((_, place)) => {
                self.fail::<()>(place, "this must be a list");
                &[]
            }
        }
    }

    /// A string with its variables expanded.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Scalar(text) => match variables::expand(text, self.variable, self.budget.text_room()) {
                Ok(expanded) => self.counted(node.place, expanded.len()).then_some(expanded),
                Err(VariableError::TooMuch) => {
                    self.counted(node.place, usize::MAX);
                    None
                }
                Err(error) => self.fail(node.place, error),
            },
            Value::Null => self.fail(node.place, "a value is missing here"),
            Value::List(_) | Value::Mapping(_) => self.fail(node.place, "this must be a string"),
        }
    }

    /// A string, parsed.
    pub(super) fn parse<T, E: Display>(&mut self, node: &Node, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let expanded = self.text(node)?;
        match parse(&expanded) {
            Ok(value) => Some(value),
            Err(error) => self.fail(node.place, format_args!("\"{expanded}\": {error}")),
        }
    }

    /// A list of strings, parsed.
    pub(super) fn parse_all<T, E: Display>(
        &mut self,
        node: Option<&Node>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let items = self.list(node);
        items.iter().filter_map(|item| self.parse(item, &parse)).collect()
    }

    /// A mapping of strings to strings.
    pub(super) fn strings(&mut self, node: Option<&Node>) -> BTreeMap<String, String> {
        match node.map(|node| (&node.value, node.place)) {
            None => BTreeMap::new(),
            Some((Value::Mapping(pairs), _)) => {
                let mut pair = |(key, value): &(Key, Node)| {
                    let value = self.text(value)?;
                    self.counted(key.place, key.name.len()).then(|| (key.name.to_string(), value))
                };
                pairs.iter().filter_map(&mut pair).collect()
            }
            Some((_, place)) => {
                self.fail::<()>(place, "this must be a mapping");
                BTreeMap::new()
            }
        }
    }
}
