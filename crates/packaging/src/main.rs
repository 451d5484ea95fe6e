//! Writes the manual pages, made from the definitions of the command line: `cargo run -p mfst-packaging -- DIR`.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("usage: mfst-packaging DIRECTORY"))?;
    let pages = mfst::cli::manual();
    fs::create_dir_all(&directory)?;
    for (name, command) in &pages {
        fs::write(directory.join(format!("{name}.1")), page(name, command, &pages)?)?;
    }
    Ok(())
}

fn page(name: &str, command: &Command, pages: &[(String, Command)]) -> io::Result<Vec<u8>> {
    let version = format!("mfst {}", mfst::cli::VERSION);
    // Without a date: the page is the same whenever it is made.
    let man = Man::new(command.clone()).title(name.to_uppercase()).date("").source(version).manual("mfst");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    section("NAME", &[&format!("{name} - {about}")]).to_writer(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if name == "mfst" {
        let mut commands = section("COMMANDS", &[]);
        for (name, command) in pages.iter().skip(1) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            commands.control("TP", []).text([bold(format!("{name}(1)"))]).text([roman(about)]);
        }
        commands.to_writer(&mut text)?;
    }
    if command.get_arguments().any(|argument| !argument.is_positional()) {
        man.render_options_section(&mut text)?;
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut section = section("EXAMPLES", &[]);
    section.control("nf", []);
    for example in examples.lines().filter(|line| !line.is_empty()) {
        section.text([roman(example)]);
    }
    section.control("fi", []).to_writer(&mut text)?;
    Ok(text)
}

fn section(heading: &str, lines: &[&str]) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [heading]);
    for line in lines {
        section.text([roman(*line)]);
    }
    section
}
