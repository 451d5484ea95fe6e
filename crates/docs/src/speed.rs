//! The measured times, as the network bench has written them.

use serde_json::Value;
use std::fmt::Write as _;

/// What stands before and after the table in `docs/speed.md`.
const BEGIN: &str = "<!-- from speed.json: cargo run -p mfst-docs -->\n";
const END: &str = "<!-- end -->\n";

/// What a tool needs for the list.
pub(crate) struct Row {
    /// The tool with its version.
    pub(crate) tool: String,
    /// How long it took.
    pub(crate) milliseconds: f64,
    round_trips: f64,
    connections: u64,
    requests: u64,
    tokens: u64,
    /// MiB.
    memory: u64,
}

impl Row {
    /// Whether it is mfst.
    pub(crate) fn is_mfst(&self) -> bool {
        self.tool.starts_with("mfst")
    }
}

/// The tools in a report of the bench, the fastest first.
pub(crate) fn rows(report: &str) -> Vec<Row> {
    let report: Value = serde_json::from_str(report).expect("speed.json is JSON");
    let rows = report["create"].as_array().expect("speed.json has rows");
    let mut rows: Vec<Row> = rows.iter().map(row).collect();
    rows.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    rows
}

fn row(row: &Value) -> Row {
    let number = |name: &str| row[name].as_f64().expect("a number");
    let count = |name: &str| row[name].as_u64().expect("a whole number");
    Row {
        tool: row["tool"].as_str().expect("a tool").to_owned(),
        milliseconds: number("milliseconds"),
        round_trips: number("round_trips"),
        connections: count("connections"),
        requests: count("requests"),
        tokens: count("tokens"),
        memory: count("memory_mib"),
    }
}

/// The text with its table replaced by one of these rows.
pub(crate) fn with_table(text: &str, rows: &[Row]) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("speed.md has a place for the table");
    let (_, after) = rest.split_once(END).expect("speed.md has an end of the table");
    format!("{before}{BEGIN}{}{END}{after}", table(rows))
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| | time | round trips | mfst is | connections | requests | tokens | memory |\n|---|---|---|---|---|---|---|---|\n",
    );
    let fastest = rows.iter().find(|row| row.is_mfst()).expect("mfst is among the tools").milliseconds;
    for row in rows {
        let factor = if row.is_mfst() {
            String::new()
        } else {
            let digits = usize::from(row.milliseconds < 10.0 * fastest);
            format!("{:.digits$} times as fast", row.milliseconds / fastest)
        };
        let Row { tool, milliseconds, round_trips, connections, requests, tokens, memory, .. } = row;
        writeln!(
            table,
            "| `{tool}` | {milliseconds:.0} ms | {round_trips:.0} | {factor} | {connections} | {requests} | {tokens} | {memory} MiB |"
        )
        .expect("a string");
    }
    table
}
