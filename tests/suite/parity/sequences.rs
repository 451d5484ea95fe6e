//! Random command sequences: what nobody thought of writing down as a scenario.
//!
//! The universe is small, so that commands meet each other's traces. Everything in which mfst differs from docker
//! on purpose is left out: lists as sources, creates that fail half-way, pairs of os and architecture that docker does not know.

use std::env;

use crate::parity::lane::Cast;
use crate::parity::run;
use crate::parity::scenario::{Scenario, Seed, Tool, split, step};
use mfst_testkit::dice::{DEFAULT_SEED, Dice, seed};

/// How many sequences run unless `MFST_SEQUENCES` says otherwise.
const SEQUENCES: usize = 24;
/// How many commands a sequence has.
const STEPS: usize = 9;

const IMAGES: [&str; 6] = [
    "app:a docker platform=linux/amd64",
    "app:b docker platform=linux/arm64/v8 look=compact",
    "app:c oci platform=linux/arm/v7 look=newline",
    "other:d oci platform=linux/s390x look=compact annotations",
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
fn random_sequences() {
    let seed = seed();
    let count = env::var("MFST_SEQUENCES").map_or(SEQUENCES, |text| text.parse().expect("MFST_SEQUENCES is a number"));
    println!("MFST_SEED={seed} MFST_SEQUENCES={count}");
    let sequences: Vec<Scenario> = (0..count).map(|number| sequence(seed, number)).collect();
    let casts = [Cast::Mfst, Cast::Turns(true), Cast::Turns(false)];
    // Other seeds and numbers have no recorded results, and so need docker.
    if seed == DEFAULT_SEED && count <= SEQUENCES {
        run::scenarios("sequences", &sequences, &casts);
    } else {
        run::unrecorded("sequences", &sequences, &casts);
    }
}

fn sequence(seed: u64, number: usize) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let seeds = IMAGES.iter().map(|line| {
        let mut words = split(line);
        Seed { name: words.remove(0), words, index: false, pushed: true }
    });
    let mut scenario = Scenario { name: format!("seed {seed}, sequence {number}"), ..Scenario::default() };
    scenario.seeds = seeds.collect();
    let mut known = Known::new();
    for position in 0..STEPS {
        let line = if position == 0 { create(&mut dice, &mut known) } else { command(&mut dice, &mut known) };
        scenario.steps.push(step(Tool::Mfst, split(&line)));
    }
    scenario
}

/// The lists and entries that earlier commands were to make: most later commands should find something.
type Known = Vec<(&'static str, &'static str)>;

fn command(dice: &mut Dice, known: &mut Known) -> String {
    match dice.below(14) {
        0..=3 => create(dice, known),
        4..=7 => annotate(dice, known),
        8..=10 => inspect(dice, known),
        11..=12 => push(dice, known),
        _ => rm(dice, known),
    }
}

/// A list and an image, three times in four ones that belong together.
fn entry(dice: &mut Dice, known: &Known) -> (&'static str, &'static str) {
    if !known.is_empty() && dice.chance(75) {
        known[dice.below(known.len())]
    } else {
        (dice.pick(&LISTS), dice.pick(&REFERENCES))
    }
}

fn create(dice: &mut Dice, known: &mut Known) -> String {
    let amend = dice.pick(&["", "", "--amend ", "-a ", "--amend=false ", "-a --amend=true "]);
    let list = dice.pick(&LISTS);
    let mut line = format!("create --insecure {amend}{list}");
    // A missing image comes first: then docker, too, leaves nothing behind.
    let missing = dice.chance(6);
    if missing {
        line.push_str(" {R}/app:missing");
    }
    for _ in 0..=dice.below(3) {
        let reference = dice.pick(&REFERENCES);
        line.push(' ');
        line.push_str(reference);
        if !missing {
            known.push((list, reference));
        }
    }
    line
}

fn annotate(dice: &mut Dice, known: &Known) -> String {
    let pair = if dice.chance(50) { dice.pick(&PAIRS) } else { "" };
    let detail = dice.pick(&DETAILS);
    let (list, image) = entry(dice, known);
    if dice.chance(50) {
        format!("annotate {pair} {detail} {list} {image}")
    } else {
        format!("annotate {list} {image} {pair} {detail}")
    }
}

fn inspect(dice: &mut Dice, known: &Known) -> String {
    let verbose = dice.pick(&["", "", "-v ", "--verbose=false "]);
    let (list, image) = entry(dice, known);
    match dice.below(3) {
        0 => format!("inspect --insecure {verbose}{list} {image}"),
        1 => format!("inspect --insecure {verbose}{image}"),
        _ => format!("inspect {verbose}--insecure {list}"),
    }
}

fn push(dice: &mut Dice, known: &Known) -> String {
    let purge = dice.pick(&["", "", "-p ", "--purge ", "--purge=false "]);
    format!("push --insecure {purge}{}", entry(dice, known).0)
}

fn rm(dice: &mut Dice, known: &mut Known) -> String {
    let (first, _) = entry(dice, known);
    known.retain(|(list, _)| *list != first);
    if dice.chance(30) { format!("rm {first} {}", dice.pick(&LISTS)) } else { format!("rm {first}") }
}
