//! Runs commands in a mount namespace of their own, where some files differ from the machine's. The machine's own are not
//! touched.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

use crate::installed::skip;
use crate::sandbox::{CommandOutput, Sandbox};

/// Puts a file in place of `/etc/hosts` and becomes the command.
const NAMES: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
/// Makes a directory read-only and becomes the command.
const READ_ONLY: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";

/// A mount namespace.
#[derive(Debug)]
pub struct Namespace {
    /// The shell script that changes it, with `path` as its `$0`.
    script: &'static str,
    path: PathBuf,
    /// The file at `path`, if it is a temporary one.
    _file: Option<NamedTempFile>,
}

impl Namespace {
    /// One where these addresses have these names, if the system permits one.
    pub fn with_names(entries: &[(&str, &str)]) -> Option<Self> {
        let mut file = NamedTempFile::new().expect("a temporary file");
        for (address, name) in entries {
            writeln!(file, "{address} {name}").expect("a file to write to");
        }
        Self { script: NAMES, path: file.path().to_owned(), _file: Some(file) }.if_permitted()
    }

    /// One where a directory is read-only, if the system permits one.
    pub fn with_read_only(directory: &Path) -> Option<Self> {
        Self { script: READ_ONLY, path: directory.to_owned(), _file: None }.if_permitted()
    }

    fn if_permitted(self) -> Option<Self> {
        let is_permitted = self.around("true").output().is_ok_and(|output| output.status.success());
        if !is_permitted {
            skip("unshare", "unshare is not installed, or may not be used here");
        }
        is_permitted.then_some(self)
    }

    /// Runs the binary under test.
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
        let user = ["--user", "--map-root-user", "--mount", "sh", "-c", self.script];
        command.args(user).arg(&self.path).arg(program);
        command
    }
}
