//! Runs scenario files.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::compare::{check_document, compare};
use crate::lane::{Cast, Lane, Outcome};
use crate::record;
use crate::scenario::{self, Scenario};
use crate::support::debian::{self, DebianRegistry, Registry};

/// Runs one file of `scenarios/`, and fails with all that is wrong in it.
pub fn file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/scenarios").join(format!("{name}.txt"));
    scenarios(name, &scenario::read(&path), &[Cast::Mfst]);
}

/// The same, and then again with docker and mfst taking turns on one store.
pub fn file_in_turns(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/scenarios").join(format!("{name}.txt"));
    scenarios(name, &scenario::read(&path), &[Cast::Mfst, Cast::Turns(true), Cast::Turns(false)]);
}

/// Runs scenarios with docker, where it is present, and with mfst in all the given casts.
pub fn scenarios(name: &str, all: &[Scenario], casts: &[Cast]) {
    run(name, all, casts, true);
}

/// Runs scenarios that have no recorded results.
pub fn unrecorded(name: &str, all: &[Scenario], casts: &[Cast]) {
    assert!(!record::recording(), "these have no recording");
    if debian::docker().is_some() {
        run(name, all, casts, false);
    }
}

fn run(name: &str, all: &[Scenario], casts: &[Cast], recorded: bool) {
    let docker = debian::docker();
    let login = all.iter().any(|scenario| scenario.login);
    assert!(!login || all.iter().all(|scenario| scenario.login), "a file has one kind of registry");
    let (Some(mut model), Some(mut copy)) = (lane(docker.clone(), login), lane(docker.clone(), login)) else { return };
    if docker.is_none() {
        eprintln!("{name}: comparing with recorded results; what docker and mfst do in turns is left out");
    }
    let recorded = recorded.then(|| record::read(name));
    let mut fresh = BTreeMap::new();
    let mut wrong = Vec::new();
    for scenario in all.iter().filter(|scenario| wanted(&scenario.name)) {
        let theirs = docker.is_some().then(|| model.play(scenario, Cast::Docker));
        if record::recording() {
            wrong.extend(theirs.iter().flat_map(|outcome| check_document(scenario, outcome)));
            fresh.extend(theirs.map(|outcome| (scenario.name.clone(), outcome)));
            continue;
        }
        let told = match (theirs, &recorded) {
            (Some(theirs), Some(recorded)) if recorded.get(&scenario.name) != Some(&theirs) => {
                vec![format!("docker's result is not the recorded one (MFST_RECORD=1 records it): {theirs:?}")]
            }
            (Some(theirs), _) => judge(scenario, &theirs, &mut copy, casts),
            (None, recorded) => match recorded.as_ref().and_then(|recorded| recorded.get(&scenario.name)) {
                Some(theirs) => judge(scenario, theirs, &mut copy, casts),
                None => vec!["nothing is recorded for this scenario".into()],
            },
        };
        wrong.extend(told.into_iter().map(|what| format!("{name}, {}: {what}", scenario.name)));
    }
    if record::recording() {
        assert!(docker.is_some(), "recording needs docker {}", debian::DOCKER_VERSION);
        assert!(env::var_os("MFST_ONLY").is_none(), "a recording holds all scenarios");
        record::write(name, &fresh);
    }
    assert!(wrong.is_empty(), "{} differences:\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

fn judge(scenario: &Scenario, model: &Outcome, copy: &mut Lane, casts: &[Cast]) -> Vec<String> {
    let mut wrong = Vec::new();
    for cast in casts.iter().filter(|cast| **cast == Cast::Mfst || scenario.can_take_turns()) {
        if copy.can_play(scenario, *cast) {
            let mine = copy.play(scenario, *cast);
            let told = compare(scenario, model, &mine);
            wrong.extend(told.into_iter().map(|what| match cast {
                Cast::Mfst => what,
                other => format!("({other:?}) {what}"),
            }));
        }
    }
    if !wrong.is_empty() {
        wrong.push(format!("this is the scenario:\n{}", scenario.text()));
    }
    wrong
}

/// A registry of its own for each side. Another implementation of [`Registry`] would be chosen here.
fn lane(docker: Option<PathBuf>, login: bool) -> Option<Lane> {
    let registry: Box<dyn Registry> = Box::new(DebianRegistry::available(login)?);
    Some(Lane::new(registry, docker))
}

fn wanted(name: &str) -> bool {
    env::var("MFST_ONLY").map_or(true, |text| name.contains(&text))
}
