//! How references are parsed and normalised, and the messages for invalid ones. They are compared through `rm`, which
//! prints the full name of every list that does not exist, one line per argument.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parity::record;
use mfst_testkit::installed;
use mfst_testkit::rng::{DEFAULT_SEED, Rng, seed};
use mfst_testkit::sandbox::binary;
use mfst_testkit::temp;

/// How many references are generated.
const GENERATED: usize = 560;
/// How many arguments a command gets.
const BATCH: usize = 50;

const HEX64: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The line that `rm` prints for each reference.
type Answers = BTreeMap<String, String>;

#[test]
fn references_are_parsed_as_docker_parses_them() {
    let from_file = from_file();
    let generated = generate(seed());
    let all: Vec<String> = from_file.into_iter().chain(generated).collect();
    assert!(all.len() >= 500, "only {} references", all.len());
    let docker = installed::docker();
    let actual = docker.as_ref().map(|program| rm_messages(program, &["manifest"], &all));
    if record::is_recording() {
        assert_eq!(seed(), DEFAULT_SEED, "only the default seed is recorded");
        write(&actual.expect("recording needs docker"));
        return;
    }
    let recorded = read();
    let mut differences = Vec::new();
    let mfst = rm_messages(&binary(), &[], &all);
    for reference in &all {
        let recorded = recorded.get(reference);
        let actual = actual.as_ref().map(|answers| &answers[reference]);
        if let (Some(recorded), Some(actual)) = (recorded, actual)
            && recorded != actual
        {
            differences.push(format!("{reference:?}: recorded {recorded:?}, but docker prints {actual:?}"));
        }
        match actual.or(recorded) {
            Some(docker) if *docker != mfst[reference] => {
                differences.push(format!("{reference:?}:\n  docker: {docker}\n  mfst:   {}", mfst[reference]));
            }
            None => installed::skip("docker", &format!("{reference:?} is not recorded")),
            Some(_) => {}
        }
    }
    assert!(differences.is_empty(), "{} of {} references:\n{}", differences.len(), all.len(), differences.join("\n"));
}

/// Runs `rm` with many references at once. The store is there and empty, so that even a name too long for a file
/// gets as far as the file system.
fn rm_messages(program: &Path, before: &[&str], references: &[String]) -> Answers {
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

/// The references in `references.txt`: one per line, or a JSON string if it does not fit on a line.
fn from_file() -> Vec<String> {
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
    let mut text = format!("# What docker {} answers to `docker manifest rm REFERENCE`.\n", installed::DOCKER_VERSION);
    for (reference, answer) in answers {
        text.push_str(&serde_json::to_string(reference).expect("a string becomes JSON"));
        text.push('\t');
        text.push_str(answer);
        text.push('\n');
    }
    fs::write(directory().join("recorded/references.txt"), text).expect("write the answers");
}

/// Generates references from parts, most of them valid; one in five is damaged afterwards.
fn generate(seed: u64) -> Vec<String> {
    let mut rng = Rng::new(seed);
    let mut references = Vec::new();
    while references.len() < GENERATED {
        let mut reference = String::new();
        reference.push_str(&host(&mut rng));
        reference.push_str(&path(&mut rng));
        if rng.chance(50) {
            reference.push(':');
            reference.push_str(&tag(&mut rng));
        }
        if rng.chance(35) {
            reference.push('@');
            reference.push_str(&digest(&mut rng));
        }
        if rng.chance(20) {
            damage(&mut rng, &mut reference);
        }
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    references
}

fn host(rng: &mut Rng) -> String {
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
    rng.pick(&hosts).to_owned()
}

fn path(rng: &mut Rng) -> String {
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
    let valid = rng.chance(60);
    let mut path = rng.pick(if valid { &parts[..9] } else { &parts }).to_owned();
    for _ in 0..rng.below(4) {
        path.push('/');
        // Prefer valid parts: otherwise hardly any long path would be valid.
        let valid = rng.chance(60);
        path.push_str(rng.pick(if valid { &parts[..9] } else { &parts }));
    }
    if rng.chance(4) {
        path.push_str(&"/abcdefghi".repeat(23 + rng.below(3)));
        path.push_str(&"x".repeat(rng.below(9)));
    }
    path
}

fn tag(rng: &mut Rng) -> String {
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
    let mut tag = rng.pick(&tags).to_owned();
    if rng.chance(6) {
        tag = "t".repeat(126 + rng.below(5));
    }
    tag
}

fn digest(rng: &mut Rng) -> String {
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
    let algorithm = rng.pick(&algorithms);
    let length = match algorithm {
        "sha384" => 96,
        "sha512" => 128,
        _ => 64,
    };
    let lengths = [length, length, length, length, length, length - 1, length + 1, 32, 31, 64, 0];
    let length = lengths[rng.below(lengths.len())];
    let digits = rng.pick(&[
        "0123456789abcdef",
        "0123456789abcdef",
        "0123456789abcdef",
        "0123456789ABCDEF",
        "0123456789abcdefg",
    ]);
    let hex: String = digits.chars().cycle().skip(rng.below(16)).take(length).collect();
    format!("{algorithm}:{hex}")
}

fn damage(rng: &mut Rng, reference: &mut String) {
    let extras =
        ["/", "//", ":", "@", "-", "_", ".", " ", "A", "é", "\n", "\t", "%2f", "\\", "#", "?", "[", "]", "~", "+", "="];
    let extra = rng.pick(&extras);
    let positions: Vec<usize> =
        reference.char_indices().map(|(position, _)| position).chain([reference.len()]).collect();
    let position = positions[rng.below(positions.len())];
    if rng.chance(70) || position == reference.len() {
        reference.insert_str(position, extra);
    } else {
        reference.remove(position);
    }
}
