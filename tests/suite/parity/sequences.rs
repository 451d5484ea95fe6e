//! Random sequences of commands.
//!
//! There are few lists and images, so that commands meet the results of earlier ones. Deliberate differences from docker are
//! left out: lists as sources, a `create` that fails half-way, platforms that docker does not know.

use std::env;

use crate::parity::record;
use crate::parity::run;
use crate::parity::runner::Roles;
use crate::parity::scenario::{Fixture, Scenario, Tool, split, step};
use mfst_testkit::installed;
use mfst_testkit::rng::{DEFAULT_SEED, Rng, seed};

/// How many sequences run unless `MFST_SEQUENCES` says otherwise.
const SEQUENCES: usize = 24;
/// The number of commands in a sequence.
const STEPS: usize = 9;

const IMAGES: [&str; 6] = [
    "app:a docker platform=linux/amd64",
    "app:b docker platform=linux/arm64/v8 style=compact",
    "app:c oci platform=linux/arm/v7 style=newline",
    "other:d oci platform=linux/s390x style=compact annotations",
    "other:e docker platform=windows/amd64 os.version=10.0.1 os.features=win32k unknown",
    "deep/er/f:latest oci platform=linux/386 layers=0",
];

const REFERENCES: [&str; 9] = [
    "{R}/app:a",
    "{R}/app:b",
    "{R}/app:c",
    "{R}/other:d",
    "{R}/other:e",
    "{R}/deep/er/f",
    "{R}/app@{digest:app:b}",
    "{R}/other@{digest:other:d}",
    "{R}/app:a@{digest:app:a}",
];

const LISTS: [&str; 4] = ["{R}/app:list", "{R}/new/list:1.0", "{R}/other", "{R}/app:all"];

const PAIRS: [&str; 6] = [
    "--os linux --arch arm64",
    "--os=linux --arch=ppc64le",
    "--arch amd64 --os windows",
    "--os linux --arch arm --variant v6",
    "--os darwin --arch arm64",
    "--arch=riscv64 --os=linux",
];

const DETAILS: [&str; 8] = [
    "--variant v7",
    "--variant=v8",
    "--os-version 10.0.17763",
    "--os-features sse4,aes",
    "--os-features win32k",
    "--os-version='a<b>&c'",
    "--os-features=x --os-features=y,x",
    "",
];

#[test]
fn random_sequences_have_the_same_results() {
    let seed = seed();
    let count = env::var("MFST_SEQUENCES").map_or(SEQUENCES, |text| text.parse().expect("MFST_SEQUENCES is a number"));
    println!("MFST_SEED={seed} MFST_SEQUENCES={count}");
    let sequences: Vec<Scenario> = (0..count).map(|number| sequence(seed, number)).collect();
    let is_recorded = seed == DEFAULT_SEED && count <= SEQUENCES;
    assert!(is_recorded || !record::is_recording(), "only the default sequences are recorded");
    if is_recorded || installed::docker().is_some() {
        let roles = [Roles::Mfst, Roles::Alternating { mfst_first: true }, Roles::Alternating { mfst_first: false }];
        run::run("sequences", &sequences, &roles);
    }
}

fn sequence(seed: u64, number: usize) -> Scenario {
    let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let fixtures = IMAGES.iter().map(|line| {
        let mut options = split(line);
        Fixture { name: options.remove(0), options, index: false, pushed: true }
    });
    let mut scenario = Scenario { name: format!("seed {seed}, sequence {number}"), ..Scenario::default() };
    scenario.fixtures = fixtures.collect();
    let mut known = Known::new();
    for position in 0..STEPS {
        let line = if position == 0 { create(&mut rng, &mut known) } else { command(&mut rng, &mut known) };
        scenario.steps.push(step(Tool::Mfst, split(&line)));
    }
    scenario
}

/// The lists and entries of earlier commands, so that most later commands find something.
type Known = Vec<(&'static str, &'static str)>;

fn command(rng: &mut Rng, known: &mut Known) -> String {
    match rng.below(14) {
        0..=3 => create(rng, known),
        4..=7 => annotate(rng, known),
        8..=10 => inspect(rng, known),
        11..=12 => push(rng, known),
        _ => rm(rng, known),
    }
}

/// A list and an image; in three of four cases the list has the image.
fn entry(rng: &mut Rng, known: &Known) -> (&'static str, &'static str) {
    if !known.is_empty() && rng.chance(75) {
        known[rng.below(known.len())]
    } else {
        (rng.pick(&LISTS), rng.pick(&REFERENCES))
    }
}

fn create(rng: &mut Rng, known: &mut Known) -> String {
    let amend = rng.pick(&["", "", "--amend ", "-a ", "--amend=false ", "-a --amend=true "]);
    let list = rng.pick(&LISTS);
    let mut line = format!("create --insecure {amend}{list}");
    // The missing image comes first, so that docker does not leave a partial list behind.
    let missing = rng.chance(6);
    if missing {
        line.push_str(" {R}/app:missing");
    }
    for _ in 0..=rng.below(3) {
        let reference = rng.pick(&REFERENCES);
        line.push(' ');
        line.push_str(reference);
        if !missing {
            known.push((list, reference));
        }
    }
    line
}

fn annotate(rng: &mut Rng, known: &Known) -> String {
    let pair = if rng.chance(50) { rng.pick(&PAIRS) } else { "" };
    let detail = rng.pick(&DETAILS);
    let (list, image) = entry(rng, known);
    if rng.chance(50) {
        format!("annotate {pair} {detail} {list} {image}")
    } else {
        format!("annotate {list} {image} {pair} {detail}")
    }
}

fn inspect(rng: &mut Rng, known: &Known) -> String {
    let verbose = rng.pick(&["", "", "-v ", "--verbose=false "]);
    let (list, image) = entry(rng, known);
    match rng.below(3) {
        0 => format!("inspect --insecure {verbose}{list} {image}"),
        1 => format!("inspect --insecure {verbose}{image}"),
        _ => format!("inspect {verbose}--insecure {list}"),
    }
}

fn push(rng: &mut Rng, known: &Known) -> String {
    let purge = rng.pick(&["", "", "-p ", "--purge ", "--purge=false "]);
    format!("push --insecure {purge}{}", entry(rng, known).0)
}

fn rm(rng: &mut Rng, known: &mut Known) -> String {
    let (first, _) = entry(rng, known);
    known.retain(|(list, _)| *list != first);
    if rng.chance(30) { format!("rm {first} {}", rng.pick(&LISTS)) } else { format!("rm {first}") }
}
