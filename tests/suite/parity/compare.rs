//! Says in words where a run differs from docker's.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::parity::lane::{Done, Outcome, Reached, Store};
use crate::parity::scenario::{Difference, Scenario, Stderr, Step, StoreRule};
use crate::parity::seeds::{self, Images};

/// Where docker itself does not show what the documents show. After a deliberate difference it may not.
pub fn check_document(scenario: &Scenario, docker: &Outcome) -> Vec<String> {
    let like_docker = scenario.steps.iter().zip(&docker.steps).take_while(|(step, _)| step.difference.is_none());
    like_docker.filter_map(|(step, done)| check_shape(step, done)).collect()
}

/// All the ways in which `mine` is not what the scenario asks for; none is success.
pub fn compare(scenario: &Scenario, docker: &Outcome, mine: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut store_counts = true;
    let (mut theirs_now, mut mine_now) = (None, None);
    let images = seeds::make(scenario);
    for (number, step) in scenario.steps.iter().enumerate() {
        let (theirs, ours) = (&docker.steps[number], &mine.steps[number]);
        let title = format!("step {} `{}`", number + 1, step.args.join(" "));
        let mut found = match &step.difference {
            Some(difference) => check_difference(difference, ours, &images),
            None => check_step(step, theirs, ours, &images),
        };
        found.extend(check_shape(step, ours));
        theirs_now = theirs.store.as_ref().or(theirs_now);
        let before = mine_now;
        mine_now = ours.store.as_ref().or(mine_now);
        match step.difference.as_ref().map_or(StoreRule::Docker, |difference| difference.store) {
            StoreRule::Docker if store_counts => found.extend(compare_stores(theirs_now, mine_now)),
            StoreRule::Docker => {}
            StoreRule::Unchanged => {
                store_counts = false;
                if mine_now != before {
                    found.push(format!("the store changed:\n{}", list(mine_now)));
                }
            }
            StoreRule::Free => store_counts = false,
        }
        wrong.extend(found.into_iter().map(|what| format!("{title}: {what}")));
    }
    let differs = scenario.steps.iter().any(|step| step.difference.is_some());
    if !differs {
        wrong.extend(compare_reached(&docker.reached, &mine.reached));
    }
    wrong
}

fn check_step(step: &Step, docker: &Done, mine: &Done, images: &Images) -> Vec<String> {
    let mut wrong = Vec::new();
    if docker.exit != mine.exit {
        wrong.push(format!("exit code {}, docker's is {} (stderr: {:?})", mine.exit, docker.exit, mine.stderr));
    }
    if step.help {
        if docker.stdout.is_empty() != mine.stdout.is_empty() || docker.stderr.is_empty() != mine.stderr.is_empty() {
            wrong.push(format!("help goes elsewhere:\n{}", both(&docker.stdout, &mine.stdout)));
        }
        return wrong;
    }
    if docker.stdout != mine.stdout {
        wrong.push(format!("stdout differs:\n{}", both(&docker.stdout, &mine.stdout)));
    }
    let stderr_right = match &step.stderr {
        Stderr::Lines => stderr_follows(&docker.stderr, &mine.stderr),
        Stderr::FirstLine => first_line(&as_mfst(&docker.stderr)) == first_line(&mine.stderr),
        Stderr::Says(needles) => {
            needles.iter().all(|needle| mine.stderr.contains(&seeds::expand_images(needle, images)))
        }
    };
    if !stderr_right {
        wrong.push(format!("stderr differs ({:?}):\n{}", step.stderr, both(&docker.stderr, &mine.stderr)));
    }
    wrong
}

fn check_difference(difference: &Difference, mine: &Done, images: &Images) -> Vec<String> {
    let mut wrong = Vec::new();
    let Difference { id, exit, stdout, stderr, .. } = difference;
    if mine.exit != *exit {
        wrong.push(format!("{id}: exit code {}, not {exit}; stderr:\n{}", mine.exit, mine.stderr));
    }
    for (name, needles, text) in [("stdout", stdout, &mine.stdout), ("stderr", stderr, &mine.stderr)] {
        for needle in
            needles.iter().map(|needle| seeds::expand_images(needle, images)).filter(|needle| !text.contains(needle))
        {
            wrong.push(format!("{id}: {name} lacks {needle:?}:\n{text}"));
        }
    }
    wrong
}

/// Docker's lines first, then nothing but hints and warnings.
fn stderr_follows(docker: &str, mine: &str) -> bool {
    mine.strip_prefix(docker).is_some_and(|more| {
        (docker.is_empty() || docker.ends_with('\n') || more.is_empty())
            && more.lines().all(|line| line.starts_with("hint:") || line.starts_with("warning:"))
    })
}

fn as_mfst(text: &str) -> String {
    text.replace("docker manifest", "mfst").replace("docker:", "mfst:")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A document's output: every line of it, in order, with digests and sizes left open.
fn check_shape(step: &Step, mine: &Done) -> Option<String> {
    let shown: Vec<String> = mine.stdout.lines().map(open).collect();
    let mut rest = shown.iter();
    let missing = step.shape.iter().map(|line| open(line)).find(|line| !rest.any(|other| other == line))?;
    Some(format!("the document shows this line, or shows it earlier: {missing}\n{}", mine.stdout))
}

/// Replaces digests by `*` and the number after `"size":` too.
fn open(line: &str) -> String {
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

fn compare_stores(docker: Option<&Store>, mine: Option<&Store>) -> Option<String> {
    let empty = Store::new();
    compare_maps("the store", docker.unwrap_or(&empty), mine.unwrap_or(&empty))
}

fn compare_reached(docker: &BTreeMap<String, Reached>, mine: &BTreeMap<String, Reached>) -> Option<String> {
    compare_maps("what reached the registry", docker, mine)
}

fn compare_maps<T: Debug + PartialEq>(
    what: &str,
    docker: &BTreeMap<String, T>,
    mine: &BTreeMap<String, T>,
) -> Option<String> {
    let names = docker.keys().chain(mine.keys().filter(|name| !docker.contains_key(*name)));
    let told: Vec<String> = names
        .filter(|name| docker.get(*name) != mine.get(*name))
        .map(|name| format!("  {name}\n    docker: {:?}\n    mfst:   {:?}", docker.get(name), mine.get(name)))
        .collect();
    (!told.is_empty()).then(|| format!("{what} differs:\n{}", told.join("\n")))
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
fn documents_leave_digests_and_sizes_open() {
    assert_eq!(open("   \"size\": 12,"), "   \"size\": *");
    assert_eq!(open("x@sha256:00ff with digest: sha256:ab"), "x@* with digest: *");
    assert_eq!(open("   \"os\": \"linux\","), "   \"os\": \"linux\"");
}
