//! Runs scenario files.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::parity::compare::{check_document, compare};
use crate::parity::lane::{Cast, Lane, Outcome};
use crate::parity::record;
use crate::parity::scenario::{self, Scenario};
use crate::parity::stand_in::StandIn;
use mfst_testkit::debian::{self, DebianRegistry, Registry};

/// Runs one file of `scenarios/`, and fails with all that is wrong in it.
pub fn file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity/scenarios").join(format!("{name}.txt"));
    scenarios(name, &scenario::read(&path), &[Cast::Mfst]);
}

/// The same, and then again with docker and mfst taking turns on one store.
pub fn file_in_turns(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity/scenarios").join(format!("{name}.txt"));
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
    let (mut model, mut copy) = (lane(docker.as_ref(), login), lane(docker.as_ref(), login));
    if docker.is_none() {
        eprintln!("{name}: comparing with recorded results; what docker and mfst do in turns is left out");
    }
    // The recorded results come from docker-registry, and its words are in some of them.
    let recorded = if recorded { record::read(name) } else { BTreeMap::new() };
    let exact = recorded.is_empty() || !model.stands_in;
    let (mut fresh, mut wrong) = (BTreeMap::new(), Vec::new());
    for scenario in all.iter().filter(|scenario| wanted(&scenario.name)) {
        if scenario.debian && model.stands_in {
            debian::skip("registry", &format!("{name}, {}: this needs docker-registry", scenario.name));
            continue;
        }
        let theirs = docker.is_some().then(|| model.lane.play(scenario, Cast::Docker));
        if record::recording() {
            wrong.extend(theirs.iter().flat_map(|outcome| check_document(scenario, outcome)));
            fresh.extend(theirs.map(|outcome| (scenario.name.clone(), outcome)));
            continue;
        }
        let told = match (theirs, recorded.get(&scenario.name)) {
            (Some(theirs), Some(old)) if exact && *old != theirs => {
                vec![format!("docker's result is not the recorded one (MFST_RECORD=1 records it): {theirs:?}")]
            }
            (Some(theirs), _) => judge(scenario, &theirs, &mut copy.lane, casts),
            (None, Some(old)) => judge(scenario, old, &mut copy.lane, casts),
            (None, None) => vec!["nothing is recorded for this scenario".into()],
        };
        wrong.extend(told.into_iter().map(|what| format!("{name}, {}: {what}", scenario.name)));
    }
    if record::recording() {
        assert!(docker.is_some() && !model.stands_in, "recording needs docker and docker-registry");
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

/// A lane, and whether its registry is not the one that the results were recorded with.
struct Side {
    lane: Lane,
    stands_in: bool,
}

/// A registry of its own for each side: Debian's, or the embedded one where that is absent.
fn lane(docker: Option<&PathBuf>, login: bool) -> Side {
    let embedded = env::var("MFST_REGISTRY").is_ok_and(|name| name == "embedded");
    let real = if embedded { None } else { DebianRegistry::available(login) };
    let stands_in = real.is_none();
    let registry: Box<dyn Registry> = match real {
        Some(registry) => Box::new(registry),
        None => Box::new(StandIn::start(login)),
    };
    Side { lane: Lane::new(registry, docker.cloned()), stands_in }
}

fn wanted(name: &str) -> bool {
    env::var("MFST_ONLY").map_or(true, |text| name.contains(&text))
}

/// The suite is to stay as broad as it was promised to be.
#[test]
fn breadth() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity/scenarios");
    let files = std::fs::read_dir(directory).expect("list the scenarios").map(|file| file.expect("a file").path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let all: Vec<Scenario> = texts.flat_map(|path| scenario::read(&path)).collect();
    assert!(all.len() >= 150, "only {} scenarios", all.len());
    let differences = all.iter().flat_map(|scenario| &scenario.steps).filter_map(|step| step.difference.as_ref());
    let ids: std::collections::BTreeSet<&str> = differences.map(|difference| difference.id.as_str()).collect();
    for id in ["D1", "D2", "D3", "D4", "D5", "D6", "D8", "D10", "D11", "D12", "D15", "D17"] {
        assert!(ids.contains(id), "no scenario shows {id}");
    }
    println!("{} scenarios, {} steps", all.len(), all.iter().map(|scenario| scenario.steps.len()).sum::<usize>());
}
