//! Commands watched and hindered by strace: what they ask of the operating
//! system, and what becomes of them when a call fails or is their last.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::debian::skip;
use crate::sandbox::{Ran, Sandbox};

/// The calls that work on files. Those with a question mark exist on some
/// architectures only.
const CALLS: &str = "openat,?open,?creat,mkdirat,?mkdir,?rename,?renameat,renameat2,linkat,?link,unlinkat,?unlink,\
    ?rmdir,read,pread64,readv,write,pwrite64,writev,ftruncate,truncate,fsync,fdatasync,fchmod,fchmodat,?chmod,fchown,\
    fchownat,?chown,?lchown,flock,statx,?newfstatat,?stat,?lstat,fstat,getdents64,copy_file_range,fallocate,close";

/// Which calls are of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// Those that have to do with the configuration directory.
    Files,
    /// All, those for the network and for memory included.
    All,
}

/// One call of a command, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The call's name, such as `renameat2`.
    pub name: String,
    /// Which of the calls of this name it is, counted from 1.
    pub number: usize,
    /// The call with its arguments and its result, as strace shows it.
    pub text: String,
}

/// What is done to a command at a call.
#[derive(Debug, Clone, Copy)]
pub enum Hindrance {
    /// It is killed before the call is carried out.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// strace.
#[derive(Debug, Clone)]
pub struct Strace(PathBuf);

impl Strace {
    /// The program, if it is installed and allowed to work; else the reason is
    /// told, or the test fails where `MFST_REQUIRE_REAL` is set to anything.
    pub fn find() -> Option<Self> {
        let paths = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&paths).map(|path| path.join("strace")).find(|path| path.is_file());
        let part = env::var("MFST_REQUIRE_REAL").unwrap_or_default();
        let Some(program) = found else {
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
        skip(&part, "strace may not trace here");
        None
    }

    /// Runs the binary under test and tells its calls.
    pub fn watch(&self, home: &Sandbox, args: &[&str], range: Range) -> (Ran, Vec<Call>) {
        let calls = if range == Range::All { "all" } else { CALLS };
        let ran = self.run(home, args, &format!("trace={calls}"));
        (ran, read_log(home, range))
    }

    /// Runs it and hinders it at one call. The answer is none where the run
    /// took another way and the call was not the one that was meant.
    pub fn hinder(&self, home: &Sandbox, args: &[&str], call: &Call, hindrance: Hindrance) -> Option<Ran> {
        let Call { name, number, .. } = call;
        let what = match hindrance {
            Hindrance::Kill => "signal=KILL".to_owned(),
            Hindrance::Error(error) => format!("error={error}"),
        };
        let ran = self.run(home, args, &format!("inject={name}:{what}:when={number}"));
        let met = read_log(home, Range::Files).iter().any(|met| (&met.name, &met.number) == (name, number));
        // What a killed command was about to do is not always in the log.
        (met || matches!(hindrance, Hindrance::Kill)).then_some(ran)
    }

    fn run(&self, home: &Sandbox, args: &[&str], expression: &str) -> Ran {
        let log = home.home().join("strace.log");
        let mut words = vec!["-f", "-y", "-o", log.to_str().expect("a path in UTF-8"), "-e", expression];
        if !expression.starts_with("trace") {
            words.extend(["-e", "signal=none"]);
        }
        let mfst = home.command(args);
        words.push(mfst.get_program().to_str().expect("a path in UTF-8"));
        words.extend(args);
        Ran::of(&mut home.program(&self.0, &words))
    }
}

/// Reads the log of the last run.
fn read_log(home: &Sandbox, range: Range) -> Vec<Call> {
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
        if range == Range::All || text.contains(&home) {
            calls.push(Call { name: name.to_owned(), number: *number, text: text.to_owned() });
        }
    }
    calls
}
