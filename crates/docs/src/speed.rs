//! The measured times, as the network bench has written them.

use serde_json::Value;
use std::fmt::Write as _;

/// The tool that the others are compared with.
const MFST: &str = "mfst create --push";

/// The tables in `docs/speed.md`: the bench's task that each is about. Each stands between two comments.
const TABLES: [&str; 5] = ["make", "read", "copy", "release", "scale"];
const END: &str = "<!-- end -->\n";

/// What a tool needs for a task.
pub(crate) struct Row {
    task: String,
    /// The tool, with its version unless it is mfst.
    pub(crate) tool: String,
    /// Images in the list, and blobs in each of them.
    size: (u64, u64),
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

    fn of(result: &Value) -> Self {
        let number = |name: &str| result[name].as_f64().expect("a number");
        let count = |name: &str| result[name].as_u64().expect("a whole number");
        let text = |name: &str| result[name].as_str().expect("a text").to_owned();
        let met_before = if result["contact"] == "again" { ", met before" } else { "" };
        Self {
            task: text("task"),
            tool: text("tool").replace(" ,", ",").trim().to_owned() + met_before,
            size: (count("images"), count("blobs")),
            milliseconds: number("wall_ms"),
            round_trips: number("round_trips"),
            connections: count("connections"),
            requests: count("requests"),
            tokens: count("tokens"),
            memory: result["memory_mib"].as_u64(),
        }
    }
}

/// The results in a report of the bench, in its order.
pub(crate) fn rows(report: &str) -> Vec<Row> {
    let report: Value = serde_json::from_str(report).expect("speed.json is JSON");
    let results = report["results"].as_array().expect("speed.json has results");
    results.iter().filter(|result| result.get("error").is_none()).map(Row::of).collect()
}

/// What every tool needs to make the same list, the fastest first.
pub(crate) fn makers(rows: &[Row]) -> Vec<&Row> {
    let mut makers: Vec<&Row> = rows.iter().filter(|row| row.task == TABLES[0]).collect();
    makers.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    makers
}

/// The text with its tables replaced by those of these results.
pub(crate) fn with_tables(text: &str, rows: &[Row]) -> String {
    TABLES.iter().fold(text.to_owned(), |text, task| {
        let begin = format!("<!-- {task}: from speed.json, by cargo run -p mfst-docs -->\n");
        let (before, rest) = text.split_once(&begin).expect("speed.md has a place for the table");
        let (_, after) = rest.split_once(END).expect("speed.md has an end of the table");
        let table = match *task {
            "make" => compared(&makers(rows)),
            task => plain(rows.iter().filter(|row| row.task == task)),
        };
        format!("{before}{begin}{table}{END}{after}")
    })
}

/// The tools that make a list, beside mfst.
fn compared(rows: &[&Row]) -> String {
    let mut table = heading("| | time | round trips | mfst is | connections | requests | tokens | memory |");
    let mfst = rows.iter().find(|row| row.tool == MFST).expect("mfst is among the tools").milliseconds;
    for row in rows {
        let factor = match row.milliseconds / mfst {
            _ if row.is_mfst() => String::new(),
            factor if factor < 10.0 => format!("{factor:.1} times as fast"),
            factor => format!("{factor:.0} times as fast"),
        };
        let Row { tool, milliseconds, round_trips, .. } = row;
        writeln!(table, "| `{tool}` | {milliseconds:.0} ms | {round_trips:.0} | {factor} | {} |", costs(row))
            .expect("a string");
    }
    table
}

fn plain<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut table = heading("| | images × blobs | time | round trips | connections | requests | tokens | memory |");
    for row in rows {
        let Row { tool, size: (images, blobs), milliseconds, round_trips, .. } = row;
        let costs = costs(row);
        writeln!(table, "| `{tool}` | {images} × {blobs} | {milliseconds:.0} ms | {round_trips:.0} | {costs} |")
            .expect("a string");
    }
    table
}

fn heading(columns: &str) -> String {
    format!("{columns}\n{}|\n", "|---".repeat(columns.matches('|').count() - 1))
}

/// The cells about connections, requests, tokens and memory.
fn costs(row: &Row) -> String {
    let memory = row.memory.map(|memory| format!("{memory} MiB")).unwrap_or_default();
    format!("{} | {} | {} | {memory}", row.connections, row.requests, row.tokens)
}
