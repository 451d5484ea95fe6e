//! How references are parsed and normalised, and with which words they are refused: a large table, compared by
//! `rm`, which says the full name of every list it does not find, one line for each argument.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parity::record;
use mfst_testkit::debian;
use mfst_testkit::dice::{DEFAULT_SEED, Dice, seed};
use mfst_testkit::sandbox::binary;
use mfst_testkit::temp;

/// How many references are made up.
const GENERATED: usize = 560;
/// How many arguments one command gets.
const BATCH: usize = 50;

const HEX64: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What each reference is answered.
type Answers = BTreeMap<String, String>;

#[test]
fn references() {
    let listed = listed();
    let generated = generate(seed());
    let all: Vec<String> = listed.into_iter().chain(generated).collect();
    assert!(all.len() >= 500, "only {} references", all.len());
    let docker = debian::docker();
    let fresh = docker.as_ref().map(|program| ask(program, &["manifest"], &all));
    if record::recording() {
        assert_eq!(seed(), DEFAULT_SEED, "only the default seed is recorded");
        write(&fresh.expect("recording needs docker"));
        return;
    }
    let recorded = read();
    let mut wrong = Vec::new();
    let mine = ask(&binary(), &[], &all);
    for reference in &all {
        let old = recorded.get(reference);
        let new = fresh.as_ref().map(|answers| &answers[reference]);
        if let (Some(old), Some(new)) = (old, new).to_owned()
            && old != new
        {
            wrong.push(format!("{reference:?}: recorded {old:?}, but docker now says {new:?}"));
        }
        match new.or(old) {
            Some(theirs) if *theirs != mine[reference] => {
                wrong.push(format!("{reference:?}:\n  docker: {theirs}\n  mfst:   {}", mine[reference]));
            }
            None => debian::skip("docker", &format!("{reference:?} is not recorded")),
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} references:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// Runs `rm` with many references at once. The store is there and empty, so that even a name too long for a file
/// gets as far as the file system.
fn ask(program: &Path, before: &[&str], references: &[String]) -> Answers {
    let place = temp::dir();
    let config = place.path().join("docker");
    fs::create_dir_all(config.join("manifests")).expect("create a store");
    let mut answers = Answers::new();
    for batch in references.chunks(BATCH) {
        let output = Command::new(program)
            .args(before)
            .args(["rm", "--"])
            .args(batch)
            .env_clear()
            .env("HOME", place.path())
            .env("DOCKER_CONFIG", &config)
            .output()
            .expect("run rm");
        assert_eq!(output.status.code(), Some(1), "rm finds nothing: {output:?}");
        let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
        let stderr = stderr.replace(&*config.to_string_lossy(), "{CONFIG}");
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("hint:")).collect();
        assert_eq!(lines.len(), batch.len(), "one line for each argument: {batch:#?}\n{stderr}");
        answers.extend(batch.iter().cloned().zip(lines.into_iter().map(str::to_owned)));
    }
    answers
}

/// The references that somebody thought of: one a line, or a JSON string where a line cannot hold it.
fn listed() -> Vec<String> {
    let text = fs::read_to_string(directory().join("references.txt")).expect("read the references");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(
            |line| {
                if line.starts_with('"') { serde_json::from_str(line).expect("a JSON string") } else { line.to_owned() }
            },
        )
        .collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/parity")
}

fn read() -> Answers {
    let text = fs::read_to_string(directory().join("recorded/references.txt")).unwrap_or_default();
    let pairs = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (reference, answer) = line.split_once('\t').expect("a reference, a tab, an answer");
        (serde_json::from_str(reference).expect("a JSON string"), answer.to_owned())
    });
    pairs.collect()
}

fn write(answers: &Answers) {
    let mut text = format!("# What docker {} answers to `docker manifest rm REFERENCE`.\n", debian::DOCKER_VERSION);
    for (reference, answer) in answers {
        text.push_str(&serde_json::to_string(reference).expect("a string becomes JSON"));
        text.push('\t');
        text.push_str(answer);
        text.push('\n');
    }
    fs::write(directory().join("recorded/references.txt"), text).expect("write the answers");
}

/// Made-up references: parts that are each fine, or nearly, put together; one in five is damaged afterwards.
fn generate(seed: u64) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let mut made = Vec::new();
    while made.len() < GENERATED {
        let mut reference = String::new();
        reference.push_str(&host(&mut dice));
        reference.push_str(&path(&mut dice));
        if dice.chance(50) {
            reference.push(':');
            reference.push_str(&tag(&mut dice));
        }
        if dice.chance(35) {
            reference.push('@');
            reference.push_str(&digest(&mut dice));
        }
        if dice.chance(20) {
            damage(&mut dice, &mut reference);
        }
        if !made.contains(&reference) {
            made.push(reference);
        }
    }
    made
}

fn host(dice: &mut Dice) -> String {
    let hosts = [
        "",
        "",
        "",
        "docker.io/",
        "index.docker.io/",
        "registry-1.docker.io/",
        "localhost/",
        "localhost:5000/",
        "Localhost/",
        "example.com/",
        "EXAMPLE.com/",
        "example.com:443/",
        "my-host/",
        "my-host:80/",
        "MyHost/",
        "127.0.0.1:5000/",
        "[::1]/",
        "[::1]:5000/",
        "[2001:db8::1]/",
        "[FE80::A]:1/",
        "a.b.c.d.e:65535/",
        "x-.y/",
        "xn--bcher-kva.example/",
        "a_b.example/",
        "example.com:/",
        "example.com:port/",
        "-example.com/",
        "docker.io:443/",
    ];
    dice.pick(&hosts).to_owned()
}

fn path(dice: &mut Dice) -> String {
    let parts = [
        "a",
        "app",
        "library",
        "library",
        "user",
        "some-thing",
        "a.b",
        "a_b",
        "a__b",
        "a___b",
        "a--b",
        "a---b",
        "a..b",
        "a._b",
        "0",
        "09",
        "x1",
        "v2",
        "App",
        "aPP",
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a_",
        "",
        "a b",
        "é",
        "deadbeef",
        HEX64,
    ];
    let sound = dice.chance(60);
    let mut path = dice.pick(if sound { &parts[..9] } else { &parts }).to_owned();
    for _ in 0..dice.below(4) {
        path.push('/');
        // Good parts are more likely, or hardly a long path would be one.
        let likely = dice.chance(60);
        path.push_str(dice.pick(if likely { &parts[..9] } else { &parts }));
    }
    if dice.chance(4) {
        path.push_str(&"/abcdefghi".repeat(23 + dice.below(3)));
        path.push_str(&"x".repeat(dice.below(9)));
    }
    path
}

fn tag(dice: &mut Dice) -> String {
    let tags = [
        "latest",
        "1",
        "1.0",
        "v1.2.3-rc.1",
        "_x",
        "-x",
        ".x",
        "x-",
        "x.",
        "UPPER",
        "a_b",
        "a+b",
        "a b",
        "",
        "é",
        HEX64,
        "1.0_",
        "__",
        "x:y",
    ];
    let mut tag = dice.pick(&tags).to_owned();
    if dice.chance(6) {
        tag = "t".repeat(126 + dice.below(5));
    }
    tag
}

fn digest(dice: &mut Dice) -> String {
    let algorithms = [
        "sha256",
        "sha256",
        "sha256",
        "sha256",
        "sha384",
        "sha512",
        "SHA256",
        "Sha256",
        "sha1",
        "md5",
        "sha256+b64",
        "sha-256",
        "blake3",
        "",
        "256sha",
        "sha256.x",
    ];
    let algorithm = dice.pick(&algorithms);
    let right = match algorithm {
        "sha384" => 96,
        "sha512" => 128,
        _ => 64,
    };
    let lengths = [right, right, right, right, right, right - 1, right + 1, 32, 31, 64, 0];
    let length = lengths[dice.below(lengths.len())];
    let digits = dice.pick(&[
        "0123456789abcdef",
        "0123456789abcdef",
        "0123456789abcdef",
        "0123456789ABCDEF",
        "0123456789abcdefg",
    ]);
    let hex: String = digits.chars().cycle().skip(dice.below(16)).take(length).collect();
    format!("{algorithm}:{hex}")
}

fn damage(dice: &mut Dice, reference: &mut String) {
    let extras =
        ["/", "//", ":", "@", "-", "_", ".", " ", "A", "é", "\n", "\t", "%2f", "\\", "#", "?", "[", "]", "~", "+", "="];
    let extra = dice.pick(&extras);
    let places: Vec<usize> = reference.char_indices().map(|(place, _)| place).chain([reference.len()]).collect();
    let place = places[dice.below(places.len())];
    if dice.chance(70) || place == reference.len() {
        reference.insert_str(place, extra);
    } else {
        reference.remove(place);
    }
}
