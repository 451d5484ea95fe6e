//! A tour of mfst: `cargo run --example demo`.
//!
//! It puts images for four platforms into a registry and makes a list of them with `mfst`. The registry runs inside this
//! process; `--registry HOST:PORT` uses one that already listens on loopback over plain HTTP instead.
//!
//! The commands run this program again with `--as-mfst`, so that cargo has to build mfst only once, as a library.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the demo is what it prints")]

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use mfst_testkit::embedded::Embedded;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::wire::{self, Target};

/// The first argument that makes this program behave as `mfst`.
const AS_MFST: &str = "--as-mfst";

/// The images of the list: tag and platform.
const IMAGES: [(&str, &str); 4] =
    [("amd64", "linux/amd64"), ("arm64", "linux/arm64"), ("armv7", "linux/arm/v7"), ("s390x", "linux/s390x")];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if(|arg| arg == AS_MFST).is_some() {
        return mfst::run(std::iter::once(OsString::from("mfst")).chain(args));
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("demo: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), String> {
    let args = [args.next(), args.next(), args.next()];
    match args.each_ref().map(|arg| arg.as_ref().and_then(|arg| arg.to_str())) {
        [None, None, None] => {
            let registry = Embedded::plain().start();
            tour(&registry.host())
        }
        [Some("--registry"), Some(host), None] => tour(host),
        _ => Err("usage: cargo run --example demo [-- --registry HOST:PORT]".to_owned()),
    }
}

fn tour(host: &str) -> Result<(), String> {
    push_images(&Target { host: host.to_owned(), authorization: None });
    println!("# The registry at {host} has four images, one per platform, in demo/app.");

    let home = home()?;
    let list = format!("{host}/demo/app:1.0");
    let image = |tag: &str| format!("{host}/demo/app:{tag}");
    let mut create = vec!["create".to_owned(), list.clone()];
    create.extend(IMAGES.iter().map(|(tag, _)| image(tag)));

    say("Make a local list of the images.");
    mfst(&home, &create.iter().map(String::as_str).collect::<Vec<_>>())?;
    say("Add what the image itself does not say.");
    mfst(&home, &["annotate", "--variant", "v8", &list, &image("arm64")])?;
    say("Show the list as it will be pushed, and push it.");
    mfst(&home, &["inspect", &list])?;
    mfst(&home, &["push", &list])?;
    say("On another machine, without the local list, it comes from the registry.");
    mfst(&self::home()?, &["inspect", &list])?;
    say("Remove the local list.");
    mfst(&home, &["rm", &list])
}

/// Pushes the images to `demo/app`.
fn push_images(registry: &Target) {
    for (tag, platform) in IMAGES {
        let image = Sample::oci(platform);
        for blob in image.blobs() {
            wire::put_blob(registry, "demo/app", blob);
        }
        wire::put_manifest(registry, "demo/app", tag, image.media_type(), image.manifest());
    }
}

/// An empty home directory in which this program runs as `mfst`.
fn home() -> Result<Sandbox, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(Sandbox::running(&[program.as_os_str(), OsStr::new(AS_MFST)]))
}

fn say(text: &str) {
    println!("\n# {text}");
}

/// Runs a command and prints it with its output.
fn mfst(home: &Sandbox, args: &[&str]) -> Result<(), String> {
    println!("$ mfst {}", args.join(" "));
    let CommandOutput { code, stdout, stderr } = home.run(args);
    print!("{stdout}");
    eprint!("{stderr}");
    match code {
        Some(0) => Ok(()),
        _ => Err(format!("`mfst {}` failed", args[0])),
    }
}
