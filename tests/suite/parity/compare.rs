//! Compares the outcome of a scenario with docker's.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::parity::fixtures::{self, Images};
use crate::parity::runner::{Outcome, PushedManifest, StepResult, Store};
use crate::parity::scenario::{Difference, Scenario, Stderr, Step, StoreRule};

/// The shapes that docker itself does not print. Steps after a deliberate difference are not checked.
pub fn check_shapes(scenario: &Scenario, docker: &Outcome) -> Vec<String> {
    let steps = scenario.steps.iter().zip(&docker.steps).take_while(|(step, _)| step.difference.is_none());
    steps.filter_map(|(step, result)| check_shape(step, result)).collect()
}

/// All differences between what the scenario requires and mfst's outcome.
pub fn compare(scenario: &Scenario, docker: &Outcome, mfst: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare_store = true;
    let (mut docker_store, mut mfst_store) = (None, None);
    let images = fixtures::make(scenario);
    for (number, step) in scenario.steps.iter().enumerate() {
        let (docker_result, mfst_result) = (&docker.steps[number], &mfst.steps[number]);
        let title = format!("step {} `{}`", number + 1, step.args.join(" "));
        let mut found = match &step.difference {
            Some(difference) => check_difference(difference, mfst_result, &images),
            None => check_step(step, docker_result, mfst_result, &images),
        };
        found.extend(check_shape(step, mfst_result));
        docker_store = docker_result.store.as_ref().or(docker_store);
        let before = mfst_store;
        mfst_store = mfst_result.store.as_ref().or(mfst_store);
        match step.difference.as_ref().map_or(StoreRule::Docker, |difference| difference.store) {
            StoreRule::Docker if compare_store => found.extend(compare_stores(docker_store, mfst_store)),
            StoreRule::Docker => {}
            StoreRule::Unchanged => {
                compare_store = false;
                if mfst_store != before {
                    found.push(format!("the store changed:\n{}", list(mfst_store)));
                }
            }
            StoreRule::Any => compare_store = false,
        }
        differences.extend(found.into_iter().map(|what| format!("{title}: {what}")));
    }
    if scenario.steps.iter().all(|step| step.difference.is_none()) {
        differences.extend(compare_pushed(&docker.pushed, &mfst.pushed));
    }
    differences
}

fn check_step(step: &Step, docker: &StepResult, mfst: &StepResult, images: &Images) -> Vec<String> {
    let mut differences = Vec::new();
    if docker.exit != mfst.exit {
        differences.push(format!("exit code {}, docker's is {} (stderr: {:?})", mfst.exit, docker.exit, mfst.stderr));
    }
    if step.help {
        if docker.stdout.is_empty() != mfst.stdout.is_empty() || docker.stderr.is_empty() != mfst.stderr.is_empty() {
            differences.push(format!("help goes to another stream:\n{}", both(&docker.stdout, &mfst.stdout)));
        }
        return differences;
    }
    if docker.stdout != mfst.stdout {
        differences.push(format!("stdout differs:\n{}", both(&docker.stdout, &mfst.stdout)));
    }
    let is_equal = match &step.stderr {
        Stderr::Lines => stderr_follows(&docker.stderr, &mfst.stderr),
        Stderr::FirstLine => first_line(&with_mfst_names(&docker.stderr)) == first_line(&mfst.stderr),
        Stderr::Contains(needles) => {
            needles.iter().all(|needle| mfst.stderr.contains(&fixtures::expand_images(needle, images)))
        }
    };
    if !is_equal {
        differences.push(format!("stderr differs ({:?}):\n{}", step.stderr, both(&docker.stderr, &mfst.stderr)));
    }
    differences
}

fn check_difference(difference: &Difference, mfst: &StepResult, images: &Images) -> Vec<String> {
    let mut differences = Vec::new();
    let Difference { id, exit, stdout, stderr, .. } = difference;
    if mfst.exit != *exit {
        differences.push(format!("{id}: exit code {}, not {exit}; stderr:\n{}", mfst.exit, mfst.stderr));
    }
    for (name, needles, text) in [("stdout", stdout, &mfst.stdout), ("stderr", stderr, &mfst.stderr)] {
        for needle in
            needles.iter().map(|needle| fixtures::expand_images(needle, images)).filter(|needle| !text.contains(needle))
        {
            differences.push(format!("{id}: {name} lacks {needle:?}:\n{text}"));
        }
    }
    differences
}

/// Whether stderr is docker's, followed by hints and warnings only.
fn stderr_follows(docker: &str, mfst: &str) -> bool {
    mfst.strip_prefix(docker).is_some_and(|more| {
        (docker.is_empty() || docker.ends_with('\n') || more.is_empty())
            && more.lines().all(|line| line.starts_with("hint:") || line.starts_with("warning:"))
    })
}

fn with_mfst_names(text: &str) -> String {
    text.replace("docker manifest", "mfst").replace("docker:", "mfst:")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Checks that all lines of the shape are printed in this order, apart from digests and sizes.
fn check_shape(step: &Step, result: &StepResult) -> Option<String> {
    let shown: Vec<String> = result.stdout.lines().map(mask).collect();
    let mut rest = shown.iter();
    let missing = step.shape.iter().map(|line| mask(line)).find(|line| !rest.any(|other| other == line))?;
    Some(format!("this line is missing or comes earlier: {missing}\n{}", result.stdout))
}

/// Replaces digests and sizes by `*`.
fn mask(line: &str) -> String {
    if let Some((before, _)) = line.split_once("\"size\":") {
        return format!("{before}\"size\": *");
    }
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("sha256:") {
        out.push_str(before);
        out.push('*');
        rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out + rest.trim_end().trim_end_matches(',')
}

fn compare_stores(docker: Option<&Store>, mfst: Option<&Store>) -> Option<String> {
    let empty = Store::new();
    compare_maps("the store", docker.unwrap_or(&empty), mfst.unwrap_or(&empty))
}

fn compare_pushed(
    docker: &BTreeMap<String, PushedManifest>,
    mfst: &BTreeMap<String, PushedManifest>,
) -> Option<String> {
    compare_maps("the content of the registry", docker, mfst)
}

fn compare_maps<T: Debug + PartialEq>(
    what: &str,
    docker: &BTreeMap<String, T>,
    mfst: &BTreeMap<String, T>,
) -> Option<String> {
    let names = docker.keys().chain(mfst.keys().filter(|name| !docker.contains_key(*name)));
    let differences: Vec<String> = names
        .filter(|name| docker.get(*name) != mfst.get(*name))
        .map(|name| format!("  {name}\n    docker: {:?}\n    mfst:   {:?}", docker.get(name), mfst.get(name)))
        .collect();
    (!differences.is_empty()).then(|| format!("{what} differs:\n{}", differences.join("\n")))
}

fn list(store: Option<&Store>) -> String {
    store.map_or_else(String::new, |store| format!("{store:#?}"))
}

fn both(docker: &str, mine: &str) -> String {
    format!("--- docker\n{docker}\n--- mfst\n{mine}\n---")
}

#[test]
fn hints_and_warnings_may_follow_dockers_lines() {
    assert!(stderr_follows("a\n", "a\n"));
    assert!(stderr_follows("a\n", "a\nhint: b\nwarning: c\n"));
    assert!(stderr_follows("", "warning: c\n"));
    assert!(!stderr_follows("a\n", ""));
    assert!(!stderr_follows("a\n", "hint: b\na\n"));
    assert!(!stderr_follows("a\n", "a\nb\n"));
    assert!(!stderr_follows("", "b\n"));
}

#[test]
fn shapes_ignore_digests_and_sizes() {
    assert_eq!(mask("   \"size\": 12,"), "   \"size\": *");
    assert_eq!(mask("x@sha256:00ff with digest: sha256:ab"), "x@* with digest: *");
    assert_eq!(mask("   \"os\": \"linux\","), "   \"os\": \"linux\"");
}
