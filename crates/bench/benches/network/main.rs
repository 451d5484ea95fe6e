//! What the network costs: `cargo bench -p mfst-bench --bench network`.
//!
//! A registry in this process, with TLS and tokens, stands behind a relay that
//! makes it 20 ms away (`MFST_RTT_MS` sets another distance); its token server
//! stands behind another one. Every tool found on `PATH` makes the same list of
//! the same images in it, one after the other, and what they needed is printed
//! as a table. The registry itself answers at once, so what is counted is how
//! often a tool waits for the network.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is what it prints")]
#![allow(clippy::expect_used, unreachable_pub, reason = "a benchmark fails by panicking, and is nobody's interface")]

mod bed;
mod tools;

use std::process::ExitCode;
use std::time::Duration;

use bed::{Bed, Cost};
use tools::Tool;

/// How long a tool is measured before its median is taken.
const PATIENCE: Duration = Duration::from_secs(6);
const MOST_RUNS: usize = 9;

/// Images, and blobs in each of them, of the lists that mfst makes beside the
/// one that all tools make.
const SIZES: [(usize, usize); 6] = [(1, 9), (10, 9), (4, 30), (10, 30), (30, 9), (100, 9)];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("network: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let rtt = match std::env::var("MFST_RTT_MS") {
        Ok(text) => text.parse().map_err(|_| format!("MFST_RTT_MS is not a number: {text}"))?,
        Err(_) => 20,
    };
    let rtt = Duration::from_millis(rtt);
    let real = bed::round_trip(rtt);
    println!("Round trip: {:.1} ms set, {:.1} ms measured.\n", millis(rtt), millis(real));

    println!("One list of 4 images x 9 blobs from 4 repositories in a fifth one:\n");
    println!("| tool | time | round trips | of the floor | mfst is | connections | requests | tokens | memory |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let bed = Bed::new(rtt, 4, 9);
    let mut quickest = None;
    for tool in tools::found(&bed) {
        let cost = match measure(&bed, &tool) {
            Ok(cost) => cost,
            Err(message) => {
                println!("| {} | {message} | | | | | | | |", tool.name);
                continue;
            }
        };
        let first = quickest.get_or_insert(cost.wall).as_secs_f64();
        println!(
            "| {} | {:.0} ms | {:.1} | {:.2}x of {} | {:.1}x as fast | {} | {} | {} | {} |",
            tool.name,
            millis(cost.wall),
            ratio(cost.wall, rtt),
            ratio(cost.wall, rtt) / f64::from(tool.floor),
            tool.floor,
            cost.wall.as_secs_f64() / first,
            cost.connections,
            cost.requests,
            cost.tokens,
            megabytes(&cost),
        );
    }

    println!("\nmfst with other lists:\n");
    println!("| images x blobs | command | time | round trips | connections | requests | tokens | memory |");
    println!("|---|---|---|---|---|---|---|---|");
    for (images, blobs) in SIZES {
        let bed = Bed::new(rtt, images, blobs);
        for tool in tools::mfst(&bed) {
            let cost = measure(&bed, &tool)?;
            println!(
                "| {images} x {blobs} | {} | {:.0} ms | {:.1} | {} | {} | {} | {} |",
                tool.name,
                millis(cost.wall),
                ratio(cost.wall, rtt),
                cost.connections,
                cost.requests,
                cost.tokens,
                megabytes(&cost),
            );
        }
    }
    Ok(())
}

/// The median of several runs.
fn measure(bed: &Bed, tool: &Tool) -> Result<Cost, String> {
    let mut costs = Vec::new();
    let mut spent = Duration::ZERO;
    while costs.len() < MOST_RUNS && (costs.is_empty() || spent < PATIENCE) {
        let cost = bed.cost(tool)?;
        spent += cost.wall;
        costs.push(cost);
    }
    costs.sort_by_key(|cost| cost.wall);
    Ok(costs.swap_remove(costs.len() / 2))
}

fn megabytes(cost: &Cost) -> String {
    cost.memory.map_or_else(|| "-".to_owned(), |memory| format!("{memory} MiB"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn ratio(time: Duration, unit: Duration) -> f64 {
    time.as_secs_f64() / unit.as_secs_f64()
}
