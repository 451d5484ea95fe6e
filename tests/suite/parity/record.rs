//! Docker's results as files, so that the suite means something where docker is absent.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::parity::lane::Outcome;
use mfst_testkit::debian::DOCKER_VERSION;

/// Texts longer than this are kept once per file, and referred to.
const LONG: usize = 120;

/// The recorded results of one scenario file.
#[derive(Default, Serialize, Deserialize)]
struct Recording {
    docker: String,
    scenarios: BTreeMap<String, Outcome>,
    /// Long texts by digest: most store files and manifests occur again and again.
    texts: BTreeMap<String, String>,
}

/// Whether docker's results are to be recorded anew.
pub fn recording() -> bool {
    env::var_os("MFST_RECORD").is_some_and(|value| value == "1")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity/recorded").join(format!("{name}.json"))
}

/// Reads the recorded results of a scenario file.
pub fn read(name: &str) -> BTreeMap<String, Outcome> {
    let Ok(text) = fs::read(path(name)) else { return BTreeMap::new() };
    let mut recording: Recording = serde_json::from_slice(&text).expect("a recording is JSON");
    let texts = recording.texts;
    let expand = |text: &mut String| {
        if let Some(long) = text.strip_prefix("text:").and_then(|key| texts.get(key)) {
            text.clone_from(long);
        }
    };
    for outcome in recording.scenarios.values_mut() {
        each_text(outcome, expand);
    }
    recording.scenarios
}

/// Writes the results of a scenario file.
pub fn write(name: &str, outcomes: &BTreeMap<String, Outcome>) {
    let mut texts = BTreeMap::new();
    let mut scenarios = outcomes.clone();
    for outcome in scenarios.values_mut() {
        each_text(outcome, |text| {
            if text.len() > LONG {
                let key = mfst_testkit::images::digest(text.as_bytes())["sha256:".len()..][..12].to_owned();
                let long = std::mem::replace(text, format!("text:{key}"));
                texts.insert(key, long);
            }
        });
    }
    let recording = Recording { docker: DOCKER_VERSION.into(), scenarios, texts };
    let mut text = serde_json::to_string_pretty(&recording).expect("a recording becomes JSON");
    text.push('\n');
    fs::create_dir_all(path(name).parent().expect("a file has a directory")).expect("create a directory");
    fs::write(path(name), text).expect("write a recording");
}

fn each_text(outcome: &mut Outcome, mut change: impl FnMut(&mut String)) {
    for done in &mut outcome.steps {
        change(&mut done.stdout);
        change(&mut done.stderr);
        for stored in done.store.iter_mut().flat_map(|store| store.values_mut()) {
            stored.text.iter_mut().for_each(&mut change);
        }
    }
    for reached in outcome.reached.values_mut() {
        change(&mut reached.text);
    }
}
