//! Runs scenario files.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};

use mfst_testkit::docker_registry::{DockerRegistry, Registry};
use mfst_testkit::installed;

use crate::parity::compare::{check_shapes, compare};
use crate::parity::fake_registry::FakeRegistry;
use crate::parity::record;
use crate::parity::runner::{Outcome, Roles, Runner};
use crate::parity::scenario::{self, Scenario};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity/scenarios")
}

/// Runs a file of `scenarios/` with mfst. Fails with all differences from docker.
pub fn file(name: &str) {
    run(name, &scenario::read(&directory().join(format!("{name}.txt"))), &[Roles::Mfst]);
}

/// The same, and then with docker and mfst alternating on one store, if docker may be run.
pub fn file_alternating(name: &str) {
    let roles = [Roles::Mfst, Roles::Alternating { mfst_first: true }, Roles::Alternating { mfst_first: false }];
    run(name, &scenario::read(&directory().join(format!("{name}.txt"))), &roles);
}

/// Runs scenarios with docker, or reads its recorded results, and then with mfst in each of the roles.
pub fn run(name: &str, scenarios: &[Scenario], roles: &[Roles]) {
    let docker = installed::docker();
    let login = scenarios.iter().any(|scenario| scenario.login);
    assert!(!login || scenarios.iter().all(|scenario| scenario.login), "a file has one kind of registry");
    if record::is_recording() {
        let docker = docker.expect("recording needs docker");
        let registry = DockerRegistry::available(login).expect("recording needs docker-registry");
        return record(name, scenarios, Runner::new(Box::new(registry), Some(docker)));
    }
    if docker.is_none() {
        eprintln!("{name}: compared with recorded results; alternating runs are skipped");
    }
    let mut reference = docker.as_ref().map(|docker| Runner::new(start_registry(login).0, Some(docker.clone())));
    let (registry, is_embedded) = start_registry(login);
    let mut runner = Runner::new(registry, docker.clone());
    let recorded = record::read(name);
    let mut differences = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| is_selected(&scenario.name)) {
        if scenario.needs_docker_registry && is_embedded {
            installed::skip("registry", &format!("{name}, {}: this needs docker-registry", scenario.name));
            continue;
        }
        let actual = reference.as_mut().map(|reference| reference.run(scenario, Roles::Docker));
        let found = match (actual, recorded.get(&scenario.name)) {
            // The recordings contain messages of docker-registry.
            (Some(actual), Some(recorded)) if !is_embedded && *recorded != actual => {
                vec![format!("docker's result is not the recorded one (MFST_RECORD=1 records it): {actual:?}")]
            }
            (Some(actual), _) => compare_roles(scenario, &actual, &mut runner, roles),
            (None, Some(recorded)) => compare_roles(scenario, recorded, &mut runner, roles),
            (None, None) => vec!["nothing is recorded for this scenario".into()],
        };
        differences.extend(found.into_iter().map(|what| format!("{name}, {}: {what}", scenario.name)));
    }
    report(&differences);
}

/// Runs the scenarios with docker and records the results.
fn record(name: &str, scenarios: &[Scenario], mut runner: Runner) {
    assert!(env::var_os("MFST_ONLY").is_none(), "a recording has all scenarios of a file");
    let (mut outcomes, mut differences) = (BTreeMap::new(), Vec::new());
    for scenario in scenarios {
        let outcome = runner.run(scenario, Roles::Docker);
        let found = check_shapes(scenario, &outcome);
        differences.extend(found.into_iter().map(|what| format!("{name}, {}: {what}", scenario.name)));
        outcomes.insert(scenario.name.clone(), outcome);
    }
    record::write(name, &outcomes);
    report(&differences);
}

fn report(differences: &[String]) {
    assert!(differences.is_empty(), "{} differences:\n\n{}\n", differences.len(), differences.join("\n\n"));
}

/// The differences from docker's outcome in each of the roles that can be run.
fn compare_roles(scenario: &Scenario, docker: &Outcome, runner: &mut Runner, roles: &[Roles]) -> Vec<String> {
    let mut differences = Vec::new();
    for roles in roles {
        if !runner.can_run(scenario, *roles) {
            continue;
        }
        let outcome = runner.run(scenario, *roles);
        let found = compare(scenario, docker, &outcome);
        differences.extend(found.into_iter().map(|what| match roles {
            Roles::Mfst => what,
            other => format!("({other:?}) {what}"),
        }));
    }
    if !differences.is_empty() {
        differences.push(format!("this is the scenario:\n{}", scenario.text()));
    }
    differences
}

/// A new docker-registry, or the embedded registry if that is not installed; and whether it is the embedded one.
fn start_registry(login: bool) -> (Box<dyn Registry>, bool) {
    let embedded = env::var("MFST_REGISTRY").is_ok_and(|name| name == "embedded");
    match if embedded { None } else { DockerRegistry::available(login) } {
        Some(registry) => (Box::new(registry), false),
        None => (Box::new(FakeRegistry::start(login)), true),
    }
}

fn is_selected(name: &str) -> bool {
    env::var("MFST_ONLY").map_or(true, |text| name.contains(&text))
}

#[test]
fn the_scenarios_cover_all_deliberate_differences() {
    let files = std::fs::read_dir(directory()).expect("list the scenarios").map(|file| file.expect("a file").path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let scenarios: Vec<Scenario> = texts.flat_map(|path| scenario::read(&path)).collect();
    assert!(scenarios.len() >= 150, "only {} scenarios", scenarios.len());
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    let covered: BTreeSet<&str> =
        steps.filter_map(|step| step.difference.as_ref()).map(|difference| difference.id.as_str()).collect();
    for id in ["D1", "D2", "D3", "D4", "D5", "D6", "D8", "D10", "D11", "D12", "D15", "D17"] {
        assert!(covered.contains(id), "no scenario shows {id}");
    }
}
