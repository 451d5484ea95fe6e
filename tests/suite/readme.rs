//! The documentation: every command in it works, its translation has the same commands, and its links lead somewhere.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use mfst_testkit::examples::Examples;
use mfst_testkit::installed;
use mfst_testkit::sandbox::{CommandOutput, binary};
use serde_json::Value;

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

/// The commands of README that build something, and what `.ci/run` has in their place.
const BUILDS: [(&str, &str); 2] = [
    ("cargo install --path .", "cargo install --path . --locked"),
    ("cargo run --example demo", "cargo run --locked --example demo"),
];

/// A text with commands between two lines of three backticks.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    /// `sh` or `bash`.
    shell: String,
    commands: String,
}

/// A file of the project.
fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(project(name)).expect("a file of the project")
}

/// The lines outside of blocks, and the blocks.
fn parse(text: &str) -> (Vec<&str>, Vec<Block>) {
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(shell) = line.strip_prefix("```") else {
            prose.push(line);
            continue;
        };
        let commands: String = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        blocks.push(Block { shell: shell.to_owned(), commands });
    }
    (prose, blocks)
}

/// The files that the links of a text lead to, pictures included.
fn links(text: &str) -> Vec<&str> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    let attributes = ["src=\"", "srcset=\""].into_iter().flat_map(|attribute| text.split(attribute).skip(1));
    let attributes = attributes.filter_map(|rest| rest.split_once('"')).map(|(link, _)| link);
    inline.chain(attributes).filter(|link| !link.contains("://")).collect()
}

/// The texts between single backticks that begin with a word.
fn code<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.split('`').skip(1).step_by(2).filter(|code| code.split(' ').next() == Some(word)).collect()
}

/// Runs what a reader would type.
fn run(examples: &Examples, block: &Block) -> CommandOutput {
    CommandOutput::of(&mut examples.home.program(&block.shell, &["-euc", &block.commands]))
}

/// Whether a block needs the docker CLI: it has its commands, and mfst does not stand in for it yet.
fn needs_docker(examples: &Examples, block: &Block) -> bool {
    let is_docker = |line: &str| line.trim_start().starts_with("docker ");
    block.commands.lines().any(is_docker) && !block.commands.contains("ln -s") && !stands_in(examples)
}

fn stands_in(examples: &Examples) -> bool {
    examples.home.home().join("bin/docker").exists()
}

#[track_caller]
fn assert_every_command_works(readme: &str) {
    let text = read(readme);
    let (_, blocks) = parse(&text);
    let examples = Examples::start(&binary());
    let mut ran = 0;
    for block in &blocks {
        if let Some((_, in_ci)) = BUILDS.iter().find(|(build, _)| *build == block.commands.trim()) {
            assert!(read(".ci/run").contains(in_ci), "{in_ci}");
        } else if !needs_docker(&examples, block) || installed::docker().is_some() {
            run(&examples, block).success();
            ran += 1;
        }
    }
    assert!(ran >= 7, "only {ran} blocks have been run");
    // The lists have been copied, one of them through a file, and the link stands in for docker.
    for tag in ["1.0", "1.1"] {
        let [here, there] = [&examples.registry, &examples.other].map(|registry| registry.manifest("app", tag));
        assert!(here.is_some() && here == there, "app:{tag}");
    }
    assert!(stands_in(&examples));
}

#[test]
fn every_command_in_the_readme_works() {
    assert_every_command_works(ENGLISH);
}

#[test]
fn every_command_in_the_chinese_readme_works() {
    assert_every_command_works(CHINESE);
}

#[test]
fn the_chinese_readme_has_the_sections_commands_and_links_of_the_english_one() {
    let [english, chinese] = [ENGLISH, CHINESE].map(read);
    let [english, chinese] = [&english, &chinese].map(|text| (text, parse(text)));
    assert_eq!(chinese.1.1, english.1.1);
    let levels = |prose: &[&str]| -> Vec<usize> {
        prose.iter().filter(|line| line.starts_with('#')).map(|line| line.matches('#').count()).collect()
    };
    assert_eq!(levels(&chinese.1.0), levels(&english.1.0));
    let others =
        |text| -> Vec<&str> { links(text).into_iter().filter(|link| ![ENGLISH, CHINESE].contains(link)).collect() };
    assert_eq!(others(chinese.0), others(english.0));
    // Those in sentences and tables too.
    for tool in ["mfst", "crane", "docker", "packaging/build"] {
        assert_eq!(code(&chinese.1.0.join("\n"), tool), code(&english.1.0.join("\n"), tool));
    }
}

/// The helper of README's first example and the one command in its place.
#[test]
fn the_script_before_and_the_command_after_push_the_same_list() {
    let Some(_) = installed::docker() else { return };
    let text = read(ENGLISH);
    let (_, blocks) = parse(&text);
    let pushed = |block: &Block| {
        let examples = Examples::start(&binary());
        run(&examples, block).success();
        examples.registry.manifest("app", "1.0").expect("the list")
    };
    assert!(blocks[0].commands.contains("docker manifest create") && blocks[1].commands.contains("mfst create"));
    assert_eq!(pushed(&blocks[0]), pushed(&blocks[1]));
}

/// The commands in the right column of `docs/instead.md`, with the placeholders filled in.
#[test]
fn every_command_that_replaces_one_of_another_tool_works() {
    let text = read("docs/instead.md");
    let names = [
        ("REPOSITORY", "example.com/app"),
        ("REF", "example.com/app:1.1"),
        ("LIST", "example.com/app:1.1"),
        ("SRC", "example.com/app:1.1"),
        ("DST", "other.example.com/app:1.1"),
        ("MIRROR", "other.example.com/app"),
        ("NEW", "example.com/app:1.0-armv7"),
        ("FILE", "lists.yaml"),
        ("A", "example.com/app:1.1-amd64"),
        ("B", "example.com/app:1.1-arm64"),
    ];
    let fill = |command: &str| {
        let word =
            |word: &'_ str| names.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value).to_owned();
        command.split(' ').map(word).collect::<Vec<_>>().join(" ")
    };
    let examples = Examples::start(&binary());
    examples.home.run_ok(&[
        "create",
        "--push",
        "example.com/app:1.1",
        "example.com/app:1.1-amd64",
        "example.com/app:1.1-arm64",
    ]);
    let lists = "image: example.com/app:1.1\nmanifests: [{image: example.com/app:1.1-amd64}]\n";
    fs::write(examples.home.home().join("lists.yaml"), lists).expect("a file");
    let commands = code(&text, "mfst");
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        // The two images are different.
        let expected = i32::from(command.starts_with("mfst diff"));
        let block = Block { shell: "sh".to_owned(), commands: fill(command) };
        let result = run(&examples, &block);
        assert_eq!(result.code, Some(expected), "{}: {result:#?}", block.commands);
    }
}

/// The numbers in the section about speed are those of the chart beside them.
#[test]
fn the_times_in_the_readme_are_the_measured_ones() {
    let report: Value = serde_json::from_str(&read("docs/speed.json")).expect("JSON");
    let results = report["results"].as_array().expect("results");
    let measured = |tool: &str| {
        let is_result = |result: &&Value| {
            let name = result["tool"].as_str().unwrap_or_default();
            result["task"] == "make" && result["contact"] == "first" && name.starts_with(tool)
        };
        results.iter().find(is_result).unwrap_or_else(|| panic!("no result of {tool}"))
    };
    let number = |tool: &str, field: &str| measured(tool)[field].as_f64().expect("a number").round();
    for text in [ENGLISH, CHINESE].map(read) {
        let (_, section) = text.split_once("speed-dark.svg").expect("the chart");
        let numbers: Vec<&str> = section.split(|c: char| !c.is_ascii_digit()).collect();
        for number in [
            number("mfst create --push", "wall_ms"),
            number("crane", "wall_ms"),
            number("docker", "wall_ms"),
            number("mfst create --push", "round_trips"),
            number("docker", "round_trips"),
        ] {
            assert!(numbers.contains(&number.to_string().as_str()), "{number} is not in {section}");
        }
    }
}

#[test]
fn every_link_in_the_documentation_leads_to_a_file() {
    let docs = fs::read_dir(project("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    files.extend([ENGLISH, CHINESE, "CONTRIBUTING.md", "CHANGELOG.md"].map(project));
    assert!(files.len() > 8);
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        for link in links(&text).into_iter().filter(|link| !link.starts_with('#')) {
            let target = file.parent().expect("a directory").join(link.split('#').next().unwrap_or(link));
            assert!(target.exists(), "{} links to {link}", file.display());
        }
    }
}
