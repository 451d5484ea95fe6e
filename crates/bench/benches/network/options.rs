//! The arguments of the benchmark.

use std::path::PathBuf;
use std::time::Duration;

/// What the arguments say.
#[derive(Debug)]
pub struct Options {
    /// The round-trip time to the registry and to its token server.
    pub rtt: Duration,
    /// Where the results are written as JSON.
    pub json: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments. cargo adds `--bench`.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { rtt: Duration::from_millis(20), json: None };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--bench" => {}
                "--rtt" => {
                    let text = value()?;
                    let rtt = text.parse().map_err(|_| format!("--rtt is not a number of milliseconds: {text}"))?;
                    options.rtt = Duration::from_millis(rtt);
                }
                "--json" => options.json = Some(value()?.into()),
                _ => return Err(format!("unknown argument {name}; there are --rtt MS and --json FILE")),
            }
        }
        Ok(options)
    }
}
