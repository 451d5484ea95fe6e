//! Help, the version, and suggestions for what is mistyped.

use mfst_testkit::installed::{find, skip};
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::scene::{Scene, first_line};

const COMMANDS: [&str; 21] = [
    "create",
    "annotate",
    "inspect",
    "push",
    "rm",
    "ls",
    "remove",
    "copy",
    "show",
    "digest",
    "exists",
    "tags",
    "verify",
    "diff",
    "apply",
    "spec",
    "login",
    "logout",
    "completion",
    "help",
    "version",
];
const PUSH_HEADING: &str = "Options that need --push:";

/// The help of a command; of mfst without one.
fn help(command: &str) -> String {
    let home = Sandbox::new();
    if command.is_empty() { home.run_ok(&["--help"]) } else { home.run_ok(&[command, "--help"]) }
}

fn help_at(columns: &str, args: &[&str]) -> String {
    let mut home = Sandbox::new();
    home.env("COLUMNS", columns);
    home.run_ok(args)
}

/// The lines that are not indented and end with a colon.
fn headings(help: &str) -> Vec<&str> {
    help.lines().filter(|line| !line.starts_with(' ') && line.ends_with(':')).collect()
}

/// The lines under a heading.
fn section<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// The long flags under a heading, with the name of their value if they have one.
fn flags<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let flag = |line: &'a str| Some(&line[line.find("--")?..]).filter(|_| line.trim_start().starts_with('-'));
    let flags = section(help, heading).into_iter().filter_map(flag);
    flags.map(|flag| flag.split("  ").next().unwrap_or_default()).collect()
}

/// The examples with their continuation lines joined.
fn examples(help: &str) -> Vec<String> {
    let text = section(help, "Examples:").join("\n").replace(" \\\n   ", "");
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_begins_with_what_the_command_does_and_then_how_it_is_used() {
    let all = words(&help_at("200", &["--help"]));
    for command in COMMANDS {
        let help = help_at("200", &[command, "--help"]);
        let lines: Vec<&str> = help.lines().collect();
        assert!(lines[0].len() > 10 && all.contains(&format!("{command} {}", lines[0])), "{command}: {}", lines[0]);
        assert_eq!(lines[1], "");
        let usage = lines.iter().position(|line| line.starts_with(&format!("Usage: mfst {command}")));
        assert!(usage.is_some_and(|at| at <= 4), "one paragraph more at most: {help}");
    }
    assert_eq!(first_line(&help("create")), "Create a local manifest list for annotating and pushing to a registry");
    assert_eq!(first_line(&help("push")), "Push a manifest list to a repository");
    assert_eq!(first_line(&help("")), "Put images for several platforms under one name in a registry");
}

#[test]
fn the_commands_of_docker_come_first() {
    let help = help("");
    let mut names = Vec::new();
    for heading in headings(&help).into_iter().take_while(|heading| *heading != "Global options:") {
        names.extend(section(&help, heading).into_iter().filter(|line| !line.starts_with("   ")));
    }
    let names: Vec<&str> = names.into_iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, COMMANDS);
}

#[test]
fn a_commands_own_flags_come_first_and_the_global_ones_last() {
    assert_eq!(headings(&help("create")), ["Options:", PUSH_HEADING, "Global options:", "Examples:"]);
    assert_eq!(headings(&help("push")), ["Options:", "Global options:", "Examples:"]);
    assert_eq!(headings(&help("remove")), ["Global options:", "Examples:"]);
    assert_eq!(
        flags(&help("remove"), "Global options:"),
        ["--config <DIR>", "--debug", "--log-level <LEVEL>", "--help"]
    );
    assert_eq!(flags(&help("version"), "Global options:"), ["--help"]);
}

#[test]
fn flags_under_the_heading_about_push_and_no_others_need_it() {
    let home = Sandbox::new();
    let help = help("create");
    for (heading, needs_push) in [("Options:", false), (PUSH_HEADING, true)] {
        let flags = flags(&help, heading);
        assert!(flags.len() >= 4, "{flags:?}");
        for flag in flags {
            let value = match flag.split_once(' ') {
                Some((_, "<PLATFORM>")) => "=linux/amd64",
                Some((_, "<ACTION>")) => "=drop",
                Some((_, "<MODE>")) => "=plain",
                Some((_, "<TIME>")) => "=1s",
                Some((_, "<FORMAT>")) => "=oci",
                Some((_, "<DIGEST>")) => "=none",
                Some(_) => "=key=value",
                None => "",
            };
            let flag = flag.split(' ').next().unwrap_or_default();
            // The name of the list is invalid, so that nothing else happens.
            let said = home.run(&["create", &format!("{flag}{value}"), "A", "b"]).failure(1);
            assert_eq!(first_line(&said) == format!("{flag} needs --push"), needs_push, "{said}");
        }
    }
}

#[test]
fn flags_about_requests_are_shown_where_requests_are_sent_and_accepted_everywhere() {
    for command in COMMANDS {
        let sends = !["rm", "remove", "logout", "completion", "help", "version"].contains(&command);
        let help = help(command);
        for flag in ["--jobs <N>", "--retries <N>", "--timeout <TIME>"] {
            assert_eq!(flags(&help, "Global options:").contains(&flag), sends, "{command} {flag}");
        }
    }
    assert!(flags(&help(""), "Global options:").contains(&"--jobs <N>"));
    let home = Sandbox::new();
    home.run_ok(&["ls", "--jobs", "4", "--retries=1", "--timeout", "9s"]);
    home.run_ok(&["--jobs", "4", "ls"]);
}

#[test]
fn switches_are_shown_without_the_value_that_they_may_have() {
    for command in COMMANDS {
        let help = help(command);
        assert!(!help.contains("[=") && !help.contains("BOOL"), "{help}");
    }
    assert!(flags(&help("create"), "Options:").contains(&"--amend"));
    let home = Sandbox::new();
    let table = home.run_ok(&["ls"]);
    assert_eq!(home.run_ok(&["ls", "--quiet", "--quiet=F"]), table);
    assert_eq!(home.run_ok(&["ls", "--quiet=false", "-q=1"]), "");
}

#[test]
fn every_command_has_examples() {
    for command in COMMANDS {
        let examples = examples(&help(command));
        assert!((2..=3).contains(&examples.len()), "{command}: {examples:?}");
        assert!(examples.iter().all(|example| example.starts_with("mfst ")), "{examples:?}");
        if ["create", "inspect", "push"].contains(&command) {
            let has = |flag| examples[1].contains(flag);
            assert!(has("--push") || has("--platform") || has("--tag"), "{}", examples[1]);
        }
    }
}

#[test]
fn an_example_can_be_copied_from_a_narrow_terminal() {
    for command in COMMANDS {
        let [narrow, wide] = ["40", "1000"].map(|columns| examples(&help_at(columns, &[command, "--help"])));
        assert_eq!(narrow, wide);
    }
}

#[test]
fn help_is_as_wide_as_columns_says() {
    let commands = COMMANDS.map(|command| vec![command, "--help"]);
    for command in [vec!["--help"]].iter().chain(&commands) {
        let mut heights = Vec::new();
        for columns in [40, 80, 200] {
            let help = help_at(&columns.to_string(), command);
            let too_wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > columns).collect();
            assert!(too_wide.is_empty(), "{command:?} at {columns}: {too_wide:#?}");
            heights.push(help.lines().count());
        }
        assert!(heights[0] >= heights[1] && heights[1] >= heights[2], "{command:?}: {heights:?}");
        assert!(heights[0] > heights[2] || heights[2] < 12, "{command:?}: {heights:?}");
    }
}

#[test]
fn without_a_terminal_help_is_80_columns_wide() {
    let expected = help_at("80", &["create", "--help"]);
    assert_eq!(help("create"), expected);
    for columns in ["0", "", "wide", "-1"] {
        assert_eq!(help_at(columns, &["create", "--help"]), expected, "{columns:?}");
    }
}

#[test]
fn help_is_as_wide_as_the_terminal() {
    let Some(script) = find("script") else { return skip("script", "script is not installed") };
    let home = Sandbox::new();
    let mfst = home.command(&[]).get_program().to_string_lossy().into_owned();
    for columns in ["40", "120"] {
        let line = format!("stty rows 24 cols {columns} && {mfst} create --help");
        let seen =
            CommandOutput::of(home.program(&script, &["-qec", &line, "/dev/null"]).env("TERM", "xterm")).success();
        assert_eq!(seen.replace('\r', ""), help_at(columns, &["create", "--help"]));
    }
}

#[test]
fn a_description_goes_on_below_its_beginning() {
    let help = help("create");
    let lines = section(&help, "Options:");
    let at = lines.iter().position(|line| line.contains("--platform")).expect("the flag");
    let column = lines[at].find("Keep only").expect("its description");
    let next = lines[at + 1];
    assert_eq!(next.len() - next.trim_start().len(), column, "{lines:#?}");
}

#[test]
fn help_is_a_command_too() {
    let home = Sandbox::new();
    assert_eq!(home.run_ok(&["help"]), home.run_ok(&["--help"]));
    for command in COMMANDS {
        assert_eq!(home.run_ok(&["help", command]), home.run_ok(&[command, "--help"]));
    }
    let said = home.run(&["help", "bogus"]).failure(1);
    assert_eq!(first_line(&said), "mfst: unknown command: mfst bogus");
    let said = home.run(&["help", "create", "push"]).failure(1);
    assert_eq!(first_line(&said), "mfst: 'mfst help' requires at most 1 argument");
    home.run(&["help", "--bogus"]).failure(125);
}

#[test]
fn version_is_a_command_too_and_needs_no_home() {
    let mut home = Sandbox::new();
    home.unset("HOME").unset("DOCKER_CONFIG");
    let version = format!("mfst {}\n", env!("CARGO_PKG_VERSION"));
    for args in [&["version"][..], &["--version"], &["-v"]] {
        assert_eq!(home.run_ok(args), version);
    }
    let said = home.run(&["version", "x"]).failure(1);
    assert_eq!(first_line(&said), "mfst: 'mfst version' accepts no arguments");
}

#[test]
fn what_is_mistyped_gets_a_suggestion_below_dockers_message() {
    let home = Sandbox::new();
    for (args, code, message, name) in [
        (&["crate", "a", "b"][..], 1, "mfst: unknown command: mfst crate", "mfst create"),
        (&["help", "insepct"], 1, "mfst: unknown command: mfst insepct", "mfst inspect"),
        (&["crate", "--push", "a", "b"], 125, "unknown flag: --push", "mfst create"),
        (&["create", "--platfrom=linux/amd64", "a", "b"], 125, "unknown flag: --platfrom", "--platform"),
        (&["push", "--digest-file", "x", "a"], 125, "unknown flag: --digest-file", "--digestfile"),
        (&["rm", "--dbug", "a"], 125, "unknown flag: --dbug", "--debug"),
        (&["--confg", "x", "ls"], 125, "unknown flag: --confg", "--config"),
        (&["push", "-purge", "a"], 125, "unknown shorthand flag: 'u' in -urge", "--purge"),
        (&["create", "-insecure=true", "a", "b"], 125, "unknown shorthand flag: 'i' in -insecure=true", "--insecure"),
    ] {
        let said = home.run(args).failure(code);
        assert_eq!(first_line(&said), message);
        assert_eq!(said.lines().last(), Some(format!("hint: did you mean '{name}'?").as_str()), "{said}");
    }
}

#[test]
fn what_is_like_nothing_gets_no_suggestion() {
    let home = Sandbox::new();
    for args in [&["zzz"][..], &["push", "--zzz", "a"], &["push", "-z", "a"], &["push", "--purge=zzz", "a"]] {
        let ran = home.run(args);
        assert!(ran.code != Some(0) && !ran.stderr.contains("hint:"), "{ran:#?}");
    }
}

#[test]
fn the_number_of_jobs_is_checked() {
    let mut home = Sandbox::new();
    for value in ["0", "abc", "-1", "1.5", ""] {
        let said = home.run(&["ls", "--jobs", value]).failure(125);
        let message = format!("invalid argument \"{value}\" for \"--jobs\" flag: it must be a whole number, 1 or more");
        assert_eq!(first_line(&said), message);
    }
    for value in ["0", "abc", "-1"] {
        home.env("MFST_JOBS", value);
        let said = home.run(&["ls"]).failure(1);
        assert_eq!(said, format!("invalid value \"{value}\" of MFST_JOBS: it must be a whole number, 1 or more\n"));
        // The flag counts, and help asks for no jobs.
        home.run_ok(&["ls", "--jobs", "4"]);
        home.run_ok(&["ls", "--help"]);
    }
    home.env("MFST_JOBS", "");
    home.run_ok(&["ls"]);
}

#[test]
fn a_number_of_jobs_beyond_all_bounds_is_as_many_as_there_may_be() {
    let mut scene = Scene::new();
    for value in ["2305843009213693952", "18446744073709551615", "99999999999999999999999"] {
        scene.run_ok(&format!("inspect --jobs {value} @t/app:amd64"));
        scene.home.env("MFST_JOBS", value);
        scene.run_ok("inspect @t/app:amd64");
    }
}
