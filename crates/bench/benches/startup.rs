//! What commands cost that ask no registry: `cargo bench -p mfst-bench --bench startup`.
//!
//! CPU time of whole processes, of mfst, of docker where it is found, and of a Rust program that does nothing.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is what it prints")]
#![allow(clippy::expect_used, unreachable_pub, reason = "a benchmark fails by panicking, and is nobody's interface")]

use std::fs;
use std::process::{Command, Stdio};

use mfst_testkit::scene::Scene;

/// How often each command is run; the clock counts hundredths of a second.
const RUNS: u32 = 500;
/// Ticks of the kernel's clock in a second, as programs see it on Linux (`proc(5)`).
const TICKS: f64 = 100.0;

/// CPU time of all children that have ended, user and system, in seconds.
fn spent() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().expect("a number of ticks");
    (ticks(13) + ticks(14)) / TICKS
}

/// CPU time of one run, in milliseconds.
fn cost(command: impl Fn(u32) -> Command) -> f64 {
    let before = spent();
    for run in 0..RUNS {
        let status = command(run).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a program that runs");
        assert!(status.success(), "{:?}", command(run));
    }
    (spent() - before) / f64::from(RUNS) * 1e3
}

/// A list for every run, so that each can remove one.
fn make_lists(scene: &Scene) {
    let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    for run in 0..RUNS {
        let list = scene.home.list(&scene.name(&format!("t/app:run-{run}")));
        fs::create_dir(&list).expect("a directory");
        fs::copy(&entry, list.join(entry.file_name().expect("a name"))).expect("a copy");
    }
}

fn main() {
    let scene = Scene::with_list();
    let (list, image) = (scene.name("t/app:v1"), scene.name("t/app:amd64"));
    let directory = tempfile::TempDir::new().expect("a directory");
    let source = directory.path().join("empty.rs");
    fs::write(&source, "fn main() {}").expect("a file");
    let empty = directory.path().join("empty");
    let compiled = Command::new("rustc").args(["-O", "-C", "panic=abort", "-o"]).arg(&empty).arg(&source).status();
    assert!(compiled.is_ok_and(|status| status.success()), "rustc is needed");

    let nothing = cost(|_| Command::new(&empty));
    println!("a Rust program that does nothing: {nothing:.2} ms of CPU time\n");
    println!("| command | mfst | against doing nothing | docker | mfst needs |");
    println!("|---|---|---|---|---|");
    let has_docker = Command::new("docker").arg("--version").stdout(Stdio::null()).status().is_ok();
    let commands: [(&str, &[&str]); 5] = [
        ("annotate", &["annotate", "--arch", "amd64", &list, &image]),
        ("inspect LIST", &["inspect", &list]),
        ("inspect LIST IMAGE", &["inspect", &list, &image]),
        ("ls", &["ls"]),
        ("rm", &["rm", &scene.name("t/app:run-RUN")]),
    ];
    for (name, words) in commands {
        let prepare = || {
            if name == "rm" {
                make_lists(&scene);
            }
        };
        let words = |run: u32| words.iter().map(|word| word.replace("RUN", &run.to_string())).collect::<Vec<_>>();
        prepare();
        let mfst = cost(|run| scene.home.command(&words(run).iter().map(String::as_str).collect::<Vec<_>>()));
        // docker has no `ls`.
        let docker = (has_docker && name != "ls").then(|| {
            prepare();
            cost(|run| {
                let words = words(run);
                let words = std::iter::once("manifest").chain(words.iter().map(String::as_str));
                scene.home.program("docker", &words.collect::<Vec<_>>())
            })
        });
        let (docker, share) = match docker {
            Some(docker) => (format!("{docker:.2} ms"), format!("{:.1}x less", docker / mfst)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        println!("| {name} | {mfst:.2} ms | {:.1}x | {docker} | {share} |", mfst / nothing);
    }
}
