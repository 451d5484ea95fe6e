//! Arguments as docker's flag library takes them, and the exit codes.

use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, first};

#[test]
fn without_arguments_the_usage_goes_to_standard_error_and_all_is_well() {
    let ran = Sandbox::new().run(&[]);
    assert!(ran.stderr.to_lowercase().contains("usage"), "{ran:#?}");
    assert_eq!(ran.ok(), "");
}

#[test]
fn help_goes_to_standard_output_and_has_an_example() {
    let home = Sandbox::new();
    for command in ["create", "annotate", "inspect", "push", "ls", "remove", "rm"] {
        for flag in ["--help", "-h"] {
            let said = home.ok(&[command, flag]);
            assert!(said.contains(&format!("mfst {command}")), "{said}");
            assert!(said.to_lowercase().contains("example"), "{said}");
        }
    }
    for command in ["create", "annotate", "inspect", "push", "ls", "remove", "rm"] {
        assert!(home.ok(&["--help"]).contains(command));
    }
}

#[test]
fn version_is_that_of_the_package() {
    let said = Sandbox::new().ok(&["--version"]);
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
}

#[test]
fn an_unknown_flag_or_a_bad_value_ends_with_125() {
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
        // A long flag is not to be shortened.
        (&["push", "--pur", "a"], "unknown flag: --pur"),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.stdout, "");
        assert_eq!(first(&ran.fails(125)), words);
    }
}

#[test]
fn a_wrong_number_of_arguments_or_an_unknown_command_ends_with_1() {
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
        let ran = home.run(args);
        assert_eq!(ran.stdout, "", "{args:?}");
        let said = ran.fails(1);
        assert!(!said.is_empty() && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn flags_may_stand_anywhere_and_repeat_and_the_last_counts() {
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
        let ran = scene.run(&format!("create {flags}"));
        assert_eq!(ran.code, Some(i32::from(!works)), "{flags}: {ran:#?}");
    }
}

#[test]
fn after_two_dashes_nothing_is_a_flag() {
    let scene = Scene::with_list();
    let said = scene.run("rm -- --amend @t/app:v1").fails(1);
    assert_eq!(first(&said), "invalid reference format");
    assert!(scene.home.tree().is_empty());
}

#[test]
fn a_value_may_follow_its_flag_or_an_equals_sign_and_the_last_counts() {
    for flags in ["--variant v8", "--variant=v8", "--variant=v7 --variant v8", "--variant=v8 --arch="] {
        let scene = Scene::with_list();
        scene.ok(&format!("annotate @t/app:v1 {flags} @t/app:arm64"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"][1]["platform"]["variant"], "v8", "{flags}");
        assert_eq!(list["manifests"][1]["platform"]["architecture"], "arm64");
    }
}

#[test]
fn global_flags_stand_before_the_command() {
    let scene = Scene::with_list();
    let elsewhere = scene.home.home().join("elsewhere");
    let config = elsewhere.display();
    for line in [format!("--config {config} inspect @t/app:v1"), format!("--config={config} inspect @t/app:v1")] {
        let said = scene.run(&line).fails(1);
        assert_eq!(first(&said), scene.expand("no such manifest: @t/app:v1"));
    }
    for line in ["-D inspect @t/app:v1", "--debug inspect @t/app:v1", "-l debug inspect @t/app:v1"] {
        scene.ok(line);
    }
}
