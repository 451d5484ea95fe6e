//! Names for addresses, for one command at a time: it runs in a mount namespace in which `/etc/hosts` is another file.
//! The machine's own file is not touched.

use std::io::Write as _;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::installed::skip;
use crate::sandbox::{CommandOutput, Sandbox};

/// Puts another file in place of `/etc/hosts` and becomes the command.
const SCRIPT: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// A table of names.
#[derive(Debug)]
pub struct Names(NamedTempFile);

impl Names {
    /// A table of addresses and names, where the system lets a test have one.
    pub fn of(entries: &[(&str, &str)]) -> Option<Self> {
        let mut file = NamedTempFile::new().expect("a temporary file");
        for (address, name) in entries {
            writeln!(file, "{address} {name}").expect("a file to write to");
        }
        let names = Self(file);
        let allowed = names.around("true").output().is_ok_and(|output| output.status.success());
        if !allowed {
            skip("unshare", "unshare is not installed, or may not be used here");
        }
        allowed.then_some(names)
    }

    /// Runs the binary under test with these names.
    pub fn run(&self, home: &Sandbox, args: &[&str]) -> CommandOutput {
        let command = home.command(args);
        let mut around = self.around(command.get_program().to_str().expect("a path in UTF-8"));
        around.args(args).env_clear().current_dir(home.home());
        for (name, value) in command.get_envs() {
            around.env(name, value.unwrap_or_default());
        }
        CommandOutput::of(&mut around)
    }

    fn around(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT]).arg(self.0.path()).arg(program);
        command
    }
}
