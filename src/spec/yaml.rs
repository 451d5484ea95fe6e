//! YAML documents as trees, in which every value knows its place in the file.

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The most levels of lists and mappings in each other.
const MAX_DEPTH: usize = 32;
/// The most values in a file. An alias counts as everything that it stands for.
const MAX_VALUES: usize = 1_000_000;

/// A place in a text; lines and columns count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and where it is. An alias is where it is used.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// How many values there are in it, itself included.
    size: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// Any scalar that is not null, without its quotes.
    Scalar(Rc<str>),
    List(Rc<[Node]>),
    /// In the order of the text.
    Mapping(Rc<[(Key, Node)]>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: Rc<str>,
    pub(super) place: Place,
}

/// An error of syntax, or a structure without a meaning.
#[derive(Debug)]
pub(super) struct YamlError {
    pub(super) place: Place,
    pub(super) message: String,
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        Self { place: error.marker().into(), message: error.info() }
    }
}

impl YamlError {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

/// A list or mapping whose end has not been read.
struct Open {
    place: Place,
    anchor: usize,
    is_mapping: bool,
    /// Of a mapping, keys and values in turn.
    nodes: Vec<Node>,
}

/// Reads all documents of a text. Empty ones are left out.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        reader.read(event, Place::from(&span.start))?;
    }
    Ok(reader.documents)
}

#[derive(Default)]
struct Reader {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
}

impl Reader {
    fn read(&mut self, event: Event<'_>, place: Place) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null { Value::Null } else { Value::Scalar(text.as_ref().into()) };
                self.count(1, place)?;
                self.add(Node { place, value, size: 1 }, anchor);
                Ok(())
            }
            Event::SequenceStart(_, anchor, _) => self.begin(place, anchor, false),
            Event::MappingStart(_, anchor, _) => self.begin(place, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let anchor = open.anchor;
                    let node = open.close()?;
                    self.add(node, anchor);
                    Ok(())
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.count(node.size, place)?;
                    self.add(Node { place, ..node }, 0);
                    Ok(())
                }
                None => Err(YamlError::new(place, "the alias refers to what it is a part of")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, is_mapping: bool) -> Result<(), YamlError> {
        if self.open.len() == MAX_DEPTH {
            return Err(YamlError::new(place, format!("there are more than {MAX_DEPTH} levels")));
        }
        self.count(1, place)?;
        self.open.push(Open { place, anchor, is_mapping, nodes: Vec::new() });
        Ok(())
    }

    /// Counts values before they take memory.
    fn count(&mut self, values: usize, place: Place) -> Result<(), YamlError> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            return Err(YamlError::new(place, format!("there are more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if let Some(open) = self.open.last_mut() {
            open.nodes.push(node);
        } else if !matches!(node.value, Value::Null) {
            self.documents.push(node);
        }
    }
}

impl Open {
    fn close(self) -> Result<Node, YamlError> {
        let Self { place, is_mapping, nodes, .. } = self;
        let size = nodes.iter().fold(1, |sum: usize, node| sum.saturating_add(node.size));
        let value = if is_mapping { mapping(nodes)? } else { Value::List(nodes.into()) };
        Ok(Node { place, value, size })
    }
}

/// A mapping of keys and values in turn, with the mappings merged into it (`<<`, YAML 1.1 "Merge Key").
fn mapping(nodes: Vec<Node>) -> Result<Value, YamlError> {
    let (mut pairs, mut merged, mut known) = (Vec::new(), Vec::new(), HashSet::new());
    let mut nodes = nodes.into_iter();
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        let Value::Scalar(name) = key.value else { return Err(YamlError::new(key.place, "a key must be a string")) };
        if &*name == "<<" {
            merged.push(value);
        } else if known.insert(Rc::clone(&name)) {
            pairs.push((Key { name, place: key.place }, value));
        } else {
            return Err(YamlError::new(key.place, format!("the key {name} is given twice")));
        }
    }
    for node in merged {
        merge(&mut pairs, &mut known, &node)?;
    }
    Ok(Value::Mapping(pairs.into()))
}

/// Adds the pairs of a mapping, or of several, whose keys are not known.
fn merge(pairs: &mut Vec<(Key, Node)>, known: &mut HashSet<Rc<str>>, node: &Node) -> Result<(), YamlError> {
    match &node.value {
        Value::Mapping(other) => {
            pairs.extend(other.iter().filter(|(key, _)| known.insert(Rc::clone(&key.name))).cloned());
            Ok(())
        }
        Value::List(others) if others.iter().all(|it| matches!(it.value, Value::Mapping(_))) => {
            others.iter().try_for_each(|other| merge(pairs, known, other))
        }
        _ => Err(YamlError::new(node.place, "<< takes a mapping, or a list of mappings")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let YamlError { place, message } = parse(text).unwrap_err();
        format!("{}:{}: {message}", place.line, place.column)
    }

    #[test]
    fn documents_without_a_value_are_left_out() {
        assert_eq!(parse("---\n# nothing\n---\na: 1\n---\n").unwrap().len(), 1);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_mapping_has_its_own_keys_before_merged_ones() {
        let nodes = parse("- &a {k: 1, l: 2}\n- {<<: *a, k: 3}\n- {<<: [*a, {m: 4}]}\n").unwrap();
        let Value::List(items) = &nodes[0].value else { panic!() };
        let shown = |node: &Node| {
            let Value::Mapping(pairs) = &node.value else { panic!() };
            let pair = |(key, node): &(Key, Node)| match &node.value {
                Value::Scalar(text) => format!("{}={text}", key.name),
                other => panic!("{other:?}"),
            };
            pairs.iter().map(pair).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(&items[1]), "k=3 l=2");
        assert_eq!(shown(&items[2]), "k=1 l=2 m=4");
    }

    #[test]
    fn aliases_cannot_make_a_small_file_large() {
        let level = |level: usize| format!("- &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
        let levels: String = (1..8).map(level).collect();
        let text = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned() + &levels;
        assert_eq!(error(&text), "6:43: there are more than 1000000 values");
        assert_eq!(error(&("[".repeat(40) + &"]".repeat(40))), "1:33: there are more than 32 levels");
    }

    #[test]
    fn structures_without_a_meaning_are_errors() {
        assert_eq!(error("[a]: b\n"), "1:1: a key must be a string");
        assert_eq!(error("a: 1\n<<: 2\n"), "2:5: << takes a mapping, or a list of mappings");
        assert_eq!(error("a: 1\nb: 2\na: 3\n"), "3:1: the key a is given twice");
        assert!(error("a: &x [*x]\n").starts_with("1:8: "));
    }
}
