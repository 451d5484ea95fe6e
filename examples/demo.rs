//! A tour of `mfst` against a real registry: `cargo run --example demo`.
//!
//! Puts four images for different architectures into a registry inside this process, and makes a list of them with
//! `mfst`. `--registry HOST:PORT` uses a registry that already listens on loopback, over plain HTTP, instead.
//!
//! The commands are run by this program itself, started again with `--as-mfst`: cargo builds mfst once, as a library.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a demo is what it prints")]

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use mfst_testkit::embedded::Embedded;
use mfst_testkit::http::{self, Answer};
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::sandbox::{Ran, Sandbox};

/// The first argument that makes this program behave as `mfst`.
const AS_MFST: &str = "--as-mfst";

/// The images that the list is made of: tag and platform.
const IMAGES: [(&str, &str); 4] =
    [("amd64", "linux/amd64"), ("arm64", "linux/arm64"), ("armv7", "linux/arm/v7"), ("s390x", "linux/s390x")];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if(|arg| arg == AS_MFST).is_some() {
        return mfst::run(std::iter::once(OsString::from("mfst")).chain(args));
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("demo: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let registry = registry(std::env::args().skip(1))?;
    if let Some(host) = registry {
        seed(&format!("http://{host}/v2/demo/app"))?;
        println!("# four images are in {host}/demo/app");
        return tour(&host);
    }
    let embedded = Embedded::plain().start();
    for (tag, image) in images() {
        embedded.put_image("demo/app", tag, &image);
    }
    println!("# a registry runs on {0}; four images are in {0}/demo/app", embedded.host());
    tour(&embedded.host())
}

/// The value of `--registry`, if it is given.
fn registry(mut args: impl Iterator<Item = String>) -> Result<Option<String>, String> {
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, _, _) => Ok(None),
        (Some("--registry"), Some(host), None) => Ok(Some(host)),
        _ => Err("usage: cargo run --example demo [-- --registry HOST:PORT]".to_owned()),
    }
}

fn images() -> impl Iterator<Item = (&'static str, Sample)> {
    IMAGES.into_iter().map(|(tag, platform)| (tag, Sample::oci(platform)))
}

/// Puts the images into a registry over HTTP.
fn seed(repository: &str) -> Result<(), String> {
    for (tag, image) in images() {
        for blob in image.blobs() {
            let start = request("POST", &format!("{repository}/blobs/uploads/"), "", b"")?;
            let base = reqwest::Url::parse(repository).map_err(|error| error.to_string())?;
            let upload = base.join(start.header("location"));
            let mut upload = upload.map_err(|error| error.to_string())?;
            upload.query_pairs_mut().append_pair("digest", &digest(blob));
            request("PUT", upload.as_str(), "application/octet-stream", blob)?;
        }
        let url = format!("{repository}/manifests/{tag}");
        request("PUT", &url, image.media_type(), image.manifest())?;
    }
    Ok(())
}

fn request(method: &str, url: &str, content_type: &str, body: &[u8]) -> Result<Answer, String> {
    let headers = [("content-type", content_type)];
    let answer = http::send(method, url, &headers, body);
    let answer = answer.map_err(|error| format!("{method} {url}: {error}"))?;
    if answer.status.is_success() {
        return Ok(answer);
    }
    let body = String::from_utf8_lossy(&answer.body);
    Err(format!("{method} {url}: {} {body}", answer.status))
}

fn tour(host: &str) -> Result<(), String> {
    let here = home()?;
    let list = format!("{host}/demo/app:1.0");
    let image = |tag: &str| format!("{host}/demo/app:{tag}");
    let mut create = vec!["create".to_owned(), list.clone()];
    create.extend(IMAGES.iter().map(|(tag, _)| image(tag)));

    say("A list is made locally from images that are already in the registry.");
    mfst(&here, &create.iter().map(String::as_str).collect::<Vec<_>>())?;
    say("What the images cannot know is added by hand.");
    let arm64 = image("arm64");
    mfst(&here, &["annotate", "--variant", "v8", &list, &arm64])?;
    say("This is what will be pushed.");
    mfst(&here, &["inspect", &list])?;
    mfst(&here, &["push", &list])?;
    say("Elsewhere, without the local list, the same comes from the registry.");
    mfst(&home()?, &["inspect", &list])?;
    say("The local list is of no more use.");
    mfst(&here, &["rm", &list])
}

/// An empty home directory in which this program runs as `mfst`.
fn home() -> Result<Sandbox, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(Sandbox::running(&[program.as_os_str(), OsStr::new(AS_MFST)]))
}

fn say(text: &str) {
    println!("\n# {text}");
}

/// Shows a command and what it prints, in the order in which a terminal would.
fn mfst(home: &Sandbox, args: &[&str]) -> Result<(), String> {
    println!("$ mfst {}", args.join(" "));
    let Ran { code, stdout, stderr } = home.run(args);
    print!("{stdout}");
    eprint!("{stderr}");
    match code {
        Some(0) => Ok(()),
        _ => Err(format!("`mfst {}` failed", args[0])),
    }
}
