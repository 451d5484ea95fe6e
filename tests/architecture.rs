//! Holds the modules to the map in `src/lib.rs`: who may use whom, and who may touch what.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of the others. `crate::` paths in its code, tests left out, are checked against this.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &[]),
    ("lib", &["app", "cli", "failure", "log"]),
    ("cli", &["app", "commands", "manifest", "resolve", "transport"]),
    ("failure", &["cli", "log", "registry", "store"]),
    (
        "commands",
        &[
            "app",
            "digest",
            "failure",
            "json",
            "log",
            "manifest",
            "progress",
            "reference",
            "registry",
            "resolve",
            "result_file",
            "store",
        ],
    ),
    ("app", &["config", "log", "progress", "registry", "store", "transport"]),
    ("resolve", &["digest", "manifest", "progress", "reference", "registry"]),
    ("registry", &["config", "digest", "json", "log", "manifest", "reference", "secret", "transport"]),
    ("transport", &["config", "log"]),
    ("store", &["manifest", "reference"]),
    ("config", &["json", "log", "reference", "secret"]),
    ("manifest", &["digest", "json", "reference"]),
    ("reference", &["digest"]),
    ("digest", &[]),
    ("json", &[]),
    ("secret", &[]),
    ("result_file", &[]),
    ("log", &["progress"]),
    ("progress", &[]),
];

/// Words that only some modules may have in their code.
const RESERVED: &[(&str, &[&str])] = &[
    ("reqwest", &["transport"]),
    ("rustls", &["transport"]),
    ("tokio::runtime", &["app"]),
    ("fs::", &["store", "config", "result_file"]),
    ("std::process", &["main", "lib", "failure", "config"]),
    ("std::env", &["main", "cli", "config", "transport"]),
    ("stdout()", &["app"]),
    ("stderr()", &["log", "progress"]),
    ("indicatif", &["progress"]),
    ("println!", &[]),
    ("clap::", &["cli"]),
    ("tempfile", &["result_file"]),
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

/// The modules of ours that a file names: `crate::a`, and in the library's root also `a::…`.
fn used(source: &Source) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for line in &source.code {
        for rest in line.split("crate::").skip(1) {
            used.insert(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned());
        }
        if source.module == "lib" {
            let named = MAY_USE.iter().filter(|(name, _)| line.contains(&format!("{name}::")));
            used.extend(named.map(|(name, _)| (*name).to_owned()));
        }
    }
    used.remove(&source.module);
    used
}

#[test]
fn modules_use_only_what_they_may() {
    for source in sources() {
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == source.module)
            .unwrap_or_else(|| panic!("{} is not on the map", source.path.display()));
        for name in used(&source) {
            assert!(allowed.contains(&name.as_str()), "{} may not use {name}", source.path.display());
        }
    }
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
