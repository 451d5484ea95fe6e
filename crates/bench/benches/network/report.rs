//! The results: tables on stdout, and JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Cost;
use crate::tools::{Contact, Tool};

/// The cost of a tool, or why it could not be measured.
pub type Measured = Result<Cost, String>;

/// What the tools have to do.
#[derive(Debug, Clone, Copy)]
pub enum Task {
    /// Make a list.
    Make,
    /// Find out about a list.
    Read,
    /// Copy a list.
    Copy,
    /// Make the lists of a release.
    Release,
    /// Make lists of other sizes.
    Scale,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Make => "make",
            Self::Read => "read",
            Self::Copy => "copy",
            Self::Release => "release",
            Self::Scale => "scale",
        }
    }
}

/// All results of a run.
#[derive(Debug)]
pub struct Report {
    rtt: Duration,
    measured_rtt: Duration,
    results: Vec<Value>,
}

impl Report {
    /// A report without results.
    pub fn new(rtt: Duration, measured_rtt: Duration) -> Self {
        Self { rtt, measured_rtt, results: Vec::new() }
    }

    /// Prints the round-trip time.
    pub fn print_round_trip(&self) {
        println!("Round trip: {:.1} ms set, {:.1} ms measured.\n", millis(self.rtt), millis(self.measured_rtt));
    }

    /// Prints the head of a table.
    pub fn print_header() {
        println!(
            "| images x blobs | tool | registry | time | round trips | floor | connections | requests | tokens | memory |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
    }

    /// Adds a result and prints it as a line of a table.
    pub fn add(&mut self, task: Task, (images, blobs): (usize, usize), tool: &Tool, measured: Measured) {
        let mut result = json!({
            "task": task.name(), "images": images, "blobs": blobs,
            "tool": tool.name, "contact": tool.contact.name(), "floor": tool.floor,
        });
        let row = format!("| {images} x {blobs} | {} | {} |", tool.name, tool.contact.title());
        match measured {
            Ok(cost) => {
                let round_trips = self.round_trips(cost.wall);
                let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                println!(
                    "{row} {:.0} ms | {} | {} | {} | {} | {} | {} |",
                    millis(cost.wall),
                    shown(round_trips.map(|count| format!("{count:.1}"))),
                    tool.floor,
                    cost.connections,
                    cost.requests,
                    cost.tokens,
                    shown(cost.memory.map(|memory| format!("{memory} MiB"))),
                );
                result["wall_ms"] = json!(rounded(millis(cost.wall)));
                result["round_trips"] = json!(round_trips.map(rounded));
                result["connections"] = json!(cost.connections);
                result["requests"] = json!(cost.requests);
                result["tokens"] = json!(cost.tokens);
                result["memory_mib"] = json!(cost.memory);
            }
            Err(error) => {
                println!("{row} {error} | | {} | | | | |", tool.floor);
                result["error"] = json!(error);
            }
        }
        self.results.push(result);
    }

    /// Everything as JSON.
    pub fn to_json(&self) -> String {
        let report = json!({
            "rtt_ms": rounded(millis(self.rtt)),
            "measured_rtt_ms": rounded(millis(self.measured_rtt)),
            "results": self.results,
        });
        format!("{report:#}\n")
    }

    fn round_trips(&self, wall: Duration) -> Option<f64> {
        (!self.rtt.is_zero()).then(|| wall.as_secs_f64() / self.rtt.as_secs_f64())
    }
}

impl Contact {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::First => "first contact",
            Self::Again => "met before",
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// With one digit behind the point.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
