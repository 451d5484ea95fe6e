//! Runs commands under strace: records their system calls, kills them at a call, or makes a call fail.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::installed::{find, skip};
use crate::sandbox::{CommandOutput, Sandbox};

/// The system calls on files. Those with a question mark do not exist on every architecture.
const FILE_CALLS: &str = "openat,?open,?creat,mkdirat,?mkdir,?rename,?renameat,renameat2,linkat,?link,unlinkat,?unlink,\
    ?rmdir,read,pread64,readv,write,pwrite64,writev,ftruncate,truncate,fsync,fdatasync,fchmod,fchmodat,?chmod,fchown,\
    fchownat,?chown,?lchown,flock,statx,?newfstatat,?stat,?lstat,fstat,getdents64,copy_file_range,fallocate,close";

/// Which system calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those on files in the configuration directory.
    ConfigDir,
    /// All, including those for the network and for memory.
    All,
}

/// A system call of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syscall {
    /// Its name, such as `renameat2`.
    pub name: String,
    /// Its number among the calls of this name in its thread, from 1.
    pub number: usize,
    /// The call with its arguments and result, as strace prints it.
    pub text: String,
}

/// What happens to a command at a system call.
#[derive(Debug, Clone, Copy)]
pub enum Injection {
    /// The command is killed before the call.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// strace.
#[derive(Debug, Clone)]
pub struct Strace(PathBuf);

impl Strace {
    /// strace, if it is installed and permitted to trace. Otherwise prints the reason, or panics if `MFST_REQUIRE_REAL` is
    /// set.
    pub fn find() -> Option<Self> {
        let part = env::var("MFST_REQUIRE_REAL").unwrap_or_default();
        let Some(program) = find("strace") else {
            skip(&part, "strace is not installed");
            return None;
        };
        let strace = Self(program);
        let home = Sandbox::new();
        if home
            .program(&strace.0, &["-f", "-o", "/dev/null", "-e", "inject=close:error=EIO:when=99", "true"])
            .status()
            .is_ok_and(|it| it.success())
        {
            return Some(strace);
        }
        skip(&part, "strace is not permitted to trace");
        None
    }

    /// Runs mfst and returns its system calls.
    pub fn trace(&self, home: &Sandbox, args: &[&str], scope: Scope) -> (CommandOutput, Vec<Syscall>) {
        let calls = if scope == Scope::All { "all" } else { FILE_CALLS };
        let result = self.run(home, args, &format!("trace={calls}"));
        (result, read_log(home, scope))
    }

    /// Runs mfst and injects a kill or an error at this call. `None` if the run took another course and did not make the
    /// call.
    pub fn inject(&self, home: &Sandbox, args: &[&str], call: &Syscall, injection: Injection) -> Option<CommandOutput> {
        let Syscall { name, number, .. } = call;
        let what = match injection {
            Injection::Kill => "signal=KILL".to_owned(),
            Injection::Error(error) => format!("error={error}"),
        };
        let result = self.run(home, args, &format!("inject={name}:{what}:when={number}"));
        let reached = read_log(home, Scope::ConfigDir).iter().any(|it| (&it.name, &it.number) == (name, number));
        // The log does not always contain the call at which a command was killed.
        (reached || matches!(injection, Injection::Kill)).then_some(result)
    }

    fn run(&self, home: &Sandbox, args: &[&str], expression: &str) -> CommandOutput {
        let log = home.home().join("strace.log");
        let mut words = vec!["-f", "-y", "-o", log.to_str().expect("a path in UTF-8"), "-e", expression];
        if !expression.starts_with("trace") {
            words.extend(["-e", "signal=none"]);
        }
        let mfst = home.command(args);
        words.push(mfst.get_program().to_str().expect("a path in UTF-8"));
        words.extend(args);
        CommandOutput::of(&mut home.program(&self.0, &words))
    }
}

/// Parses the log of the last run.
fn read_log(home: &Sandbox, scope: Scope) -> Vec<Syscall> {
    let log = fs::read(home.home().join("strace.log")).expect("a log");
    let log = String::from_utf8_lossy(&log).into_owned();
    let home = home.config_dir().display().to_string();
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        let Some((name, _)) = text.split_once('(').filter(|(name, _)| !name.contains([' ', '<', '+', '-'])) else {
            continue;
        };
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        if scope == Scope::All || text.contains(&home) {
            calls.push(Syscall { name: name.to_owned(), number: *number, text: text.to_owned() });
        }
    }
    calls
}
