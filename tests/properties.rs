//! The properties of `fuzz/properties.rs`, for input that is made up here: bytes of any kind, words of the grammar in
//! any order, and good input with damage. And that time and memory grow with the input and no faster.

#![allow(clippy::expect_used, unreachable_pub, reason = "a test fails by panicking, and nobody can reach into it")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

#[path = "../fuzz/properties.rs"]
mod shared;

/// A property, by the name of its fuzz target.
type Property = (&'static str, fn(&[u8]));

const PROPERTIES: [Property; 10] = [
    ("reference", shared::reference),
    ("entry", shared::entry),
    ("config", shared::config),
    ("manifest", shared::manifest),
    ("archive", shared::archive),
    ("challenge", shared::challenge),
    ("error_body", shared::error_body),
    ("location", shared::location),
    ("json_look", shared::json_look),
    ("spec", shared::spec),
];

/// What the grammars are made of.
const WORDS: [&str; 60] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u12",
    "\\u2028",
    "null",
    "true",
    "-0.5e+7",
    "1",
    "99999999999999999999",
    " ",
    "\n",
    "\t",
    "\0",
    "\u{1b}[31m",
    "\u{9b}",
    "\u{202e}",
    "\u{212a}",
    "é",
    "\"a\":",
    "\"errors\":",
    "\"code\":",
    "\"message\":",
    "\"manifests\":",
    "\"config\":",
    "\"layers\":",
    "\"digest\":",
    "\"platform\":",
    "\"mediaType\":",
    "\"Ref\":",
    "\"Raw\":",
    "\"Digest\":",
    "\"OCIManifest\":",
    "\"auths\":",
    "\"auth\":",
    "\"h.io\":",
    "\"aGk=\"",
    "Bearer ",
    "Basic ",
    "realm=",
    "service=",
    "=",
    "h.io",
    "localhost:5000",
    "/",
    "//",
    "..",
    "@",
    "sha256:",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "https://",
    "user:pass@",
    "?",
    "%2F",
    "A",
];

/// The good input of a fuzz target.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let files = fs::read_dir(directory).expect("seeds").map(|file| file.expect("a file").path());
    files.map(|path| fs::read(path).expect("a seed")).collect()
}

fn damaged(seed: &[u8], damage: &[(Index, u8)], cut: Option<Index>) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (at, byte) in damage.iter().filter(|_| !seed.is_empty()) {
        bytes[at.index(seed.len())] = *byte;
    }
    bytes.truncate(cut.map_or(seed.len(), |cut| cut.index(seed.len() + 1)));
    bytes
}

fn input(name: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let damage = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(select(&WORDS[..]), 0..40).prop_map(|words| words.concat().into_bytes()),
        (select(seeds(name)), damage, any::<Option<Index>>())
            .prop_map(|(seed, damage, cut)| damaged(&seed, &damage, cut)),
    ]
}

#[test]
fn whatever_comes_in_the_properties_hold() {
    for (name, property) in PROPERTIES {
        let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
        let held = TestRunner::new(config).run(&input(name), |bytes| {
            property(&bytes);
            Ok(())
        });
        assert!(held.is_ok(), "{name}: {held:?}");
    }
}

#[test]
fn the_seeds_are_good() {
    for (name, property) in PROPERTIES {
        assert!(!seeds(name).is_empty(), "{name}");
        for seed in seeds(name) {
            property(&seed);
        }
    }
}

/// Whatever takes the square of its input's length, or more, does not come back from this.
#[test]
fn long_input_takes_no_longer_than_it_is_long() {
    const LENGTH: usize = 256 * 1024;
    for (unit, end) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("{\"manifests\":[", "]}"),
        ("{\"a\":1,\"a\":", "}"),
        ("{},", ""),
        ("\"\\u0000", "\""),
        ("Bearer realm=\"a\",", ""),
        ("Bearer a=b, ", ""),
        ("Basic ", ""),
        (", ", ""),
        ("a/", ""),
        ("a.", ""),
        ("a-", "/a"),
        ("\u{202e}", ""),
        ("0", ""),
        ("\\", "\""),
        ("<", ""),
        ("%2", ""),
        ("//", ""),
        ("0\u{82}", ""),
    ] {
        let times = LENGTH / unit.len();
        let deep = [unit.repeat(9000), end.repeat(9000)].concat();
        let wide = [unit.repeat(times), end.repeat(times)].concat();
        let listed = format!("{{\"manifests\":[{}{{}}],\"layers\":null}}", unit.repeat(times));
        for input in [deep, wide, listed] {
            for (_, property) in PROPERTIES {
                property(input.as_bytes());
                property([&[1], input.as_bytes()].concat().as_slice());
            }
        }
    }
}
