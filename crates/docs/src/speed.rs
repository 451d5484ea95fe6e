//! The measured times, as the network bench has written them.

use serde_json::Value;
use std::fmt::Write as _;

/// What stands before and after the table in `docs/speed.md`.
const BEGIN: &str = "<!-- from speed.json: cargo run -p mfst-docs -->\n";
const END: &str = "<!-- end -->\n";

/// The tool that the others are compared with.
const MFST: &str = "mfst create --push";

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
    /// MiB; none where the bench could not tell.
    memory: Option<u64>,
}

impl Row {
    /// Whether it is mfst.
    pub(crate) fn is_mfst(&self) -> bool {
        self.tool.starts_with("mfst")
    }
}

/// What the tools in a report of the bench need to make the same list, the fastest first.
pub(crate) fn rows(report: &str) -> Vec<Row> {
    let report: Value = serde_json::from_str(report).expect("speed.json is JSON");
    let results = report["results"].as_array().expect("speed.json has results");
    let is_row = |result: &&Value| result["task"] == "make" && result.get("error").is_none();
    let mut rows: Vec<Row> = results.iter().filter(is_row).map(row).collect();
    rows.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    rows
}

fn row(result: &Value) -> Row {
    let number = |name: &str| result[name].as_f64().expect("a number");
    let count = |name: &str| result[name].as_u64().expect("a whole number");
    let mut tool = result["tool"].as_str().expect("a tool").trim().to_owned();
    if result["contact"] == "again" {
        tool.push_str(", met before");
    }
    Row {
        tool,
        milliseconds: number("wall_ms"),
        round_trips: number("round_trips"),
        connections: count("connections"),
        requests: count("requests"),
        tokens: count("tokens"),
        memory: result["memory_mib"].as_u64(),
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
    let mfst = rows.iter().find(|row| row.tool == MFST).expect("mfst is among the tools").milliseconds;
    for row in rows {
        let factor = if row.is_mfst() {
            String::new()
        } else {
            let digits = usize::from(row.milliseconds < 10.0 * mfst);
            format!("{:.digits$} times as fast", row.milliseconds / mfst)
        };
        let memory = row.memory.map(|memory| format!("{memory} MiB")).unwrap_or_default();
        let Row { tool, milliseconds, round_trips, connections, requests, tokens, .. } = row;
        writeln!(
            table,
            "| `{tool}` | {milliseconds:.0} ms | {round_trips:.0} | {factor} | {connections} | {requests} | {tokens} | {memory} |"
        )
        .expect("a string");
    }
    table
}
