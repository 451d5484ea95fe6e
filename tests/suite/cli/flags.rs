//! Arguments as docker's flag library (pflag) parses them, and exit codes.

use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, first_line};

#[test]
fn without_arguments_the_usage_goes_to_stderr_and_the_exit_code_is_0() {
    let result = Sandbox::new().run(&[]);
    assert!(result.stderr.to_lowercase().contains("usage"), "{result:#?}");
    assert_eq!(result.success(), "");
}

#[test]
fn help_goes_to_stdout_and_has_an_example() {
    let home = Sandbox::new();
    for command in ["create", "annotate", "inspect", "push", "ls", "remove", "rm"] {
        for flag in ["--help", "-h"] {
            let output = home.run_ok(&[command, flag]);
            assert!(output.contains(&format!("mfst {command}")), "{output}");
            assert!(output.to_lowercase().contains("example"), "{output}");
        }
    }
    for command in ["create", "annotate", "inspect", "push", "ls", "remove", "rm"] {
        assert!(home.run_ok(&["--help"]).contains(command));
    }
}

#[test]
fn version_prints_the_package_version() {
    let output = Sandbox::new().run_ok(&["--version"]);
    assert!(output.contains(env!("CARGO_PKG_VERSION")), "{output}");
}

#[test]
fn an_unknown_flag_or_a_bad_value_exits_with_125() {
    let home = Sandbox::new();
    for (args, words) in [
        (&["create", "--bogus", "a", "b"][..], "unknown flag: --bogus"),
        (&["push", "-x", "a"], "unknown shorthand flag: 'x' in -x"),
        (&["push", "-px", "a"], "unknown shorthand flag: 'x' in -x"),
        (&["annotate", "a", "b", "--os"], "flag needs an argument: --os"),
        (
            &["create", "--amend=maybe", "a", "b"],
            "invalid argument \"maybe\" for \"-a, --amend\" flag: \
             strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            &["inspect", "--insecure=", "a"],
            "invalid argument \"\" for \"--insecure\" flag: \
             strconv.ParseBool: parsing \"\": invalid syntax",
        ),
        // A long flag cannot be abbreviated.
        (&["push", "--pur", "a"], "unknown flag: --pur"),
    ] {
        let result = home.run(args);
        assert_eq!(result.stdout, "");
        assert_eq!(first_line(&result.failure(125)), words);
    }
}

#[test]
fn a_wrong_number_of_arguments_or_an_unknown_command_exits_with_1() {
    let home = Sandbox::new();
    for args in [
        &["create"][..],
        &["create", "a"],
        &["annotate", "a"],
        &["annotate", "a", "b", "c"],
        &["inspect"],
        &["inspect", "a", "b", "c"],
        &["push"],
        &["push", "a", "b"],
        &["rm"],
        &["bogus"],
    ] {
        let result = home.run(args);
        assert_eq!(result.stdout, "", "{args:?}");
        let output = result.failure(1);
        assert!(!output.is_empty() && !output.contains("panicked"), "{output}");
    }
}

#[test]
fn flags_may_be_anywhere_and_the_last_one_wins() {
    for (flags, works) in [
        ("--amend @t/app:v1 @t/app:amd64", true),
        ("@t/app:v1 --amend @t/app:amd64", true),
        ("@t/app:v1 @t/app:amd64 -a", true),
        ("-a -a @t/app:v1 @t/app:amd64", true),
        ("--amend --amend=false @t/app:v1 @t/app:amd64", false),
        ("--amend=false -a @t/app:v1 @t/app:amd64", true),
        ("-a=false @t/app:v1 @t/app:amd64", false),
        ("--amend=T @t/app:v1 @t/app:amd64", true),
        ("--amend=1 @t/app:v1 @t/app:amd64", true),
        ("--amend=0 @t/app:v1 @t/app:amd64", false),
        ("--amend -- @t/app:v1 @t/app:amd64", true),
        ("--insecure -a @t/app:v1 @t/app:amd64", true),
        ("--insecure=false -a @t/app:v1 @t/app:amd64", true),
    ] {
        let scene = Scene::with_list();
        let result = scene.run(&format!("create {flags}"));
        assert_eq!(result.code, Some(i32::from(!works)), "{flags}: {result:#?}");
    }
}

#[test]
fn two_dashes_end_the_flags() {
    let scene = Scene::with_list();
    let output = scene.run("rm -- --amend @t/app:v1").failure(1);
    assert_eq!(first_line(&output), "invalid reference format");
    assert!(scene.home.lists().is_empty());
}

#[test]
fn a_value_may_follow_a_space_or_an_equals_sign_and_the_last_one_wins() {
    for flags in ["--variant v8", "--variant=v8", "--variant=v7 --variant v8", "--variant=v8 --arch="] {
        let scene = Scene::with_list();
        scene.run_ok(&format!("annotate @t/app:v1 {flags} @t/app:arm64"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"][1]["platform"]["variant"], "v8", "{flags}");
        assert_eq!(list["manifests"][1]["platform"]["architecture"], "arm64");
    }
}

#[test]
fn global_flags_come_before_the_command() {
    let scene = Scene::with_list();
    let elsewhere = scene.home.home().join("elsewhere");
    let config = elsewhere.display();
    for line in [format!("--config {config} inspect @t/app:v1"), format!("--config={config} inspect @t/app:v1")] {
        let output = scene.run(&line).failure(1);
        assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:v1"));
    }
    for line in ["-D inspect @t/app:v1", "--debug inspect @t/app:v1", "-l debug inspect @t/app:v1"] {
        scene.run_ok(line);
    }
}
