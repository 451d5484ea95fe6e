//! Holds the modules to the map in `src/lib.rs`: who may use whom, and who may touch what.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from top to bottom, as the table in `src/lib.rs` lists them.
fn layers() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| Some(line.strip_prefix("//! | [`")?.split_once('`')?.0.to_owned());
    let table: Vec<String> = text.lines().filter_map(row).collect();
    assert!(table.len() > 10, "the table of modules was not found");
    table
}

/// Words that only some modules may have in their code.
const RESERVED: &[(&str, &[&str])] = &[
    ("reqwest", &["transport"]),
    ("rustls", &["transport"]),
    ("tokio::runtime", &["app"]),
    ("fs::", &["store", "config", "auth", "output", "file", "layout", "standin"]),
    ("std::process", &["main", "lib", "standin", "error", "commands", "auth"]),
    ("std::env", &["main", "standin", "cli", "config", "auth", "transport", "output", "spec"]),
    ("::stdout()", &["output"]),
    ("::stderr()", &["output"]),
    ("indicatif", &["output"]),
    ("println!", &[]),
    ("clap::", &["cli"]),
    ("tempfile", &["output", "layout"]),
    ("unsafe", &[]),
];

/// Without its tests, a file longer than this has more than one concern.
const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    module: String,
    /// The code up to the unit tests, without comments.
    code: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&root, path));
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn read(root: &Path, path: PathBuf) -> Source {
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    let module = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(&path).unwrap();
    let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let code = code.filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect();
    Source { path, module, code }
}

/// The modules that a file names as `crate::a`.
fn used(source: &Source) -> BTreeSet<String> {
    let paths = source.code.iter().flat_map(|line| line.split("crate::").skip(1));
    paths
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn modules_use_only_those_below_them() {
    let layers = layers();
    let depth = |name: &str| layers.iter().position(|layer| layer == name);
    for source in sources().iter().filter(|source| !["main", "lib"].contains(&source.module.as_str())) {
        let own = depth(&source.module).unwrap_or_else(|| panic!("{} is not in the table", source.path.display()));
        for name in used(source).iter().filter(|name| **name != source.module) {
            let used = depth(name).unwrap_or_else(|| panic!("{}: no module {name}", source.path.display()));
            assert!(used > own, "{} uses {name}, which is above it", source.path.display());
        }
    }
}

#[test]
fn contributing_lists_the_same_modules_in_the_same_order() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `src/")?.split(['/', '.', '`']).next()?.to_owned());
    assert_eq!(text.lines().filter_map(row).collect::<Vec<_>>(), layers());
}

#[test]
fn what_is_reserved_is_used_by_its_owner_only() {
    for source in sources() {
        for (word, owners) in RESERVED {
            let line = source.code.iter().find(|line| line.contains(word));
            if let Some(line) = line.filter(|_| !owners.contains(&source.module.as_str())) {
                panic!("{}: only {owners:?} may have `{word}`: {line}", source.path.display());
            }
        }
    }
}

#[test]
fn files_have_one_concern() {
    for source in sources() {
        assert!(source.code.len() <= MAX_LINES, "{}: {} lines", source.path.display(), source.code.len());
    }
}

#[test]
fn the_program_only_wires() {
    let main = sources().into_iter().find(|source| source.module == "main").unwrap();
    assert!(main.code.len() <= 40);
}
