//! What the network costs: `cargo bench -p mfst-bench --bench network -- [--rtt MS] [--json FILE]`.
//!
//! A registry in this process, with TLS and tokens, stands behind a relay that makes it 20 ms away (`--rtt` sets another
//! distance, such as 0 or 100); its token server stands behind another relay. Every tool found on `PATH` makes the same
//! list of the same images, one after the other, and their costs are printed as tables. The registry itself answers at
//! once, so what is measured is how often a tool waits for the network.
//!
//! mfst is measured twice: at the first contact with the registry, and after one command in the same home has met it.
//!
//! # The JSON file
//!
//! `--json FILE` also writes the results as one object:
//!
//! ```json
//! {
//!   "rtt_ms": 20, "measured_rtt_ms": 20.1,
//!   "results": [
//!     {
//!       "task": "make", "images": 4, "blobs": 9, "tool": "mfst create --push", "contact": "first", "floor": 11,
//!       "wall_ms": 236.1, "round_trips": 11.8, "connections": 2, "requests": 58, "tokens": 1, "memory_mib": 11
//!     },
//!     {"task": "make", "images": 4, "blobs": 9, "tool": "crane index append 0.20.2", "contact": "first", "floor": 11,
//!      "error": "failed: ..."}
//!   ]
//! }
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `task` | `make` a list, the same with every tool; `read` about that list; `copy` it; `release`: 50 lists, together or one at a time; `scale`: `make` with mfst and other sizes |
//! | `images`, `blobs` | the list's images, and the blobs of each |
//! | `tool` | its name and, except for mfst, its version |
//! | `contact` | `first`, or `again` if the tool has met the registry before |
//! | `floor` | round trips that it could not do without |
//! | `wall_ms`, `round_trips` | the median time of all its commands together, and the same divided by `rtt_ms` (null if that is 0) |
//! | `connections`, `requests`, `tokens` | connections to both servers, requests to the registry and to the token server |
//! | `memory_mib` | peak memory; null where it is not known |
//! | `error` | why there are no measurements |
//!
//! The results are in the order of the tables.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is what it prints")]
#![allow(clippy::expect_used, unreachable_pub, reason = "a benchmark fails by panicking, and is nobody's interface")]

mod bed;
mod options;
mod relay;
mod report;
mod tools;

use std::process::ExitCode;
use std::time::Duration;

use bed::{Bed, Cost};
use options::Options;
use report::{Measured, Report, Task};
use tools::Tool;

/// The time after which a tool is not run again.
const MEASURING_TIME: Duration = Duration::from_secs(6);
const MAX_RUNS: usize = 9;

/// Images and blobs of the list that all tools make.
const COMPARED: (usize, usize) = (4, 9);
/// The lists of a release.
const LISTS: usize = 50;
/// Images and blobs of the lists that only mfst makes.
const SCALES: [(usize, usize); 6] = [(1, 9), (10, 9), (4, 30), (10, 30), (30, 9), (100, 9)];

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("network: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let rtt = options.rtt;
    let mut report = Report::new(rtt, bed::round_trip(rtt));
    report.print_round_trip();

    let (images, blobs) = COMPARED;
    let bed = Bed::new(rtt, images, blobs);
    println!("One list of {images} images x {blobs} blobs from {images} repositories in another one:\n");
    measure_all(&mut report, Task::Make, COMPARED, &tools::makers(&bed), |tool| bed.cost(tool));
    println!("\nWhat such a list means, what is in it, whether all of it is there:\n");
    measure_all(&mut report, Task::Read, COMPARED, &tools::readers(&bed), |tool| bed.reading_cost(tool));
    println!("\nA copy of it within the registry, and to another one:\n");
    for is_other in [false, true] {
        let tools = tools::copiers(&bed, is_other);
        measure_all(&mut report, Task::Copy, COMPARED, &tools, |tool| bed.copying_cost(tool, is_other));
        println!();
    }
    release(&mut report, rtt);
    println!("\nmfst with other lists:\n");
    for (at, &(images, blobs)) in SCALES.iter().enumerate() {
        let bed = Bed::new(rtt, images, blobs);
        if at == 0 {
            Report::print_header();
        }
        for tool in tools::mfst() {
            report.add(Task::Scale, (images, blobs), &tool, measure(|| bed.cost(&tool)));
        }
    }
    match &options.json {
        Some(path) => std::fs::write(path, report.to_json()).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(()),
    }
}

/// All lists of a release in one command, and one after the other where a tool makes one at a time.
fn release(report: &mut Report, rtt: Duration) {
    let (images, blobs) = (LISTS * tools::IMAGES_OF_RELEASE, COMPARED.1);
    println!("\n{LISTS} lists of {} images x {blobs} blobs:\n", tools::IMAGES_OF_RELEASE);
    Report::print_header();
    let bed = Bed::new(rtt, images, blobs);
    for (mut tool, is_together) in tools::releases(&bed) {
        let measured = measure(|| bed.release_cost(&tool, is_together));
        if !is_together {
            tool.name += ", one list at a time";
            tool.floor *= u16::try_from(LISTS).expect("a small number");
        }
        report.add(Task::Release, (images, blobs), &tool, measured);
    }
}

fn measure_all(
    report: &mut Report,
    task: Task,
    size: (usize, usize),
    tools: &[Tool],
    run: impl Fn(&Tool) -> Result<Cost, String>,
) {
    Report::print_header();
    for tool in tools {
        report.add(task, size, tool, measure(|| run(tool)));
    }
}

/// The run with the median time.
fn measure(run: impl Fn() -> Result<Cost, String>) -> Measured {
    let mut costs = Vec::new();
    let mut spent = Duration::ZERO;
    while costs.len() < MAX_RUNS && (costs.is_empty() || spent < MEASURING_TIME) {
        let cost = run()?;
        spent += cost.wall;
        costs.push(cost);
    }
    costs.sort_by_key(|cost| cost.wall);
    Ok(costs.swap_remove(costs.len() / 2))
}
