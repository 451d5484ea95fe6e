//! `mfst completion`: the scripts, in the shells themselves.

use std::env;
use std::fs;
use std::path::PathBuf;

use mfst_testkit::installed::{docker, find, skip};
use mfst_testkit::sandbox::{CommandOutput, binary};
use mfst_testkit::scene::Scene;
use mfst_testkit::terminal::Terminal;

/// Puts the binary under test first on `PATH`.
fn with_mfst_on_path(mut scene: Scene) -> Scene {
    let directory = binary().parent().expect("a directory").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([directory].into_iter().chain(env::split_paths(&path))).expect("a search path");
    scene.home.env("PATH", path);
    scene
}

/// What `mfst __complete` offers for these words, without descriptions.
#[track_caller]
fn offered(scene: &Scene, line: &str) -> Vec<String> {
    let mut words = vec!["__complete".to_owned()];
    words.extend(line.split(' ').map(|word| scene.expand(word)));
    let printed = scene.home.run_ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    printed.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn commands_flags_and_values_are_offered() {
    let scene = Scene::new();
    assert_eq!(offered(&scene, "pu"), ["push", ":4"]);
    assert!(offered(&scene, "").contains(&"create".to_owned()));
    assert_eq!(offered(&scene, "push --pur"), ["--purge", ":4"]);
    assert_eq!(offered(&scene, "ls --format="), ["--format=table", "--format=json", ":4"]);
    assert_eq!(offered(&scene, "completion z"), ["zsh", ":4"]);
    assert_eq!(offered(&scene, "push --digestfile "), [":0"], "files are for the shell");
    assert_eq!(offered(&scene, "--config "), [":16"], "so are directories");
}

#[test]
fn lists_and_their_entries_are_offered() {
    let scene = Scene::with_list();
    scene.create("t/app:v2", &["t/app:arm64"]);
    let name = |name: &str| scene.name(name);
    let both = [name("t/app:v1"), name("t/app:v2"), ":4".into()];
    for command in ["push", "annotate", "inspect", "rm", "remove", "create", "ls"] {
        assert_eq!(offered(&scene, &format!("{command} ")), both, "{command}");
    }
    assert_eq!(offered(&scene, "rm @t/app:v1 "), both[1..], "a list is named once");
    let entries = [name("t/app:amd64"), name("t/app:arm64"), ":4".into()];
    assert_eq!(offered(&scene, "create @t/app:v1 "), entries);
    for command in ["annotate", "inspect", "remove"] {
        let offered = offered(&scene, &format!("{command} @t/app:v1 "));
        assert!(["linux/amd64", &entries[0]].iter().all(|entry| offered.iter().any(|it| it == entry)), "{offered:?}");
    }
    assert_eq!(offered(&scene, "annotate --arch arm64 @t/app:v1 @t/app:am"), [entries[0].as_str(), ":4"]);
    assert_eq!(offered(&scene, "remove @t/app:v1 linux/"), ["linux/amd64", "linux/arm64", ":4"]);
    assert_eq!(offered(&scene, "annotate @t/nope "), [":4"]);
}

#[test]
fn a_list_whose_name_a_shell_would_run_is_not_offered() {
    let scene = Scene::with_list();
    fs::create_dir(scene.home.store().join("$(touch x)")).expect("a directory that docker did not make");
    assert_eq!(offered(&scene, "push "), [scene.name("t/app:v1"), ":4".into()]);
}

#[test]
fn registries_with_a_login_are_offered_to_log_out_from() {
    let scene = Scene::new();
    scene.home.log_in_to(&[("b.example", "u", "p"), ("a.example:5000", "u", "p"), ("$(x)", "u", "p")]);
    assert_eq!(offered(&scene, "logout "), ["a.example:5000", "b.example", ":4"]);
}

#[test]
fn completion_asks_no_registry_and_needs_no_valid_configuration() {
    let scene = Scene::with_list();
    let connections = scene.registry.connections();
    scene.home.write_config("{broken");
    assert_eq!(offered(&scene, "push "), [scene.name("t/app:v1"), ":4".into()]);
    assert_eq!(scene.registry.connections(), connections);
}

#[test]
fn an_unknown_shell_is_refused() {
    let said = Scene::new().run("completion tcsh").failure(1);
    assert!(said.starts_with("unknown shell \"tcsh\": it must be bash, zsh, fish or powershell\n"), "{said}");
    Scene::new().run("completion").failure(1);
}

/// Lines as they are typed, with a tab at the end, and what they become.
const TYPED: [(&str, &str); 9] = [
    ("mfst pu", "mfst push"),
    ("mfst push --pur", "mfst push --purge"),
    ("mfst push @t/a", "mfst push @t/app:v1"),
    ("mfst push @t/app:", "mfst push @t/app:v1"),
    ("mfst annotate @t/app:v1 @t/app:am", "mfst annotate @t/app:v1 @t/app:amd64"),
    ("mfst remove --debug @t/app:v1 linux/ar", "mfst remove --debug @t/app:v1 linux/arm64"),
    ("mfst ls --format=j", "mfst ls --format=json"),
    ("mfst create --platform linux/amd64,linux/s", "mfst create --platform linux/amd64,linux/s390x"),
    ("mfst push --digestfile dig", "mfst push --digestfile digest.txt"),
];

/// Types the lines in a shell and compares what the shell makes of them.
#[track_caller]
fn completes(shell: &str, start: &str, set_up: &str) {
    if find(shell).is_none() {
        return skip(shell, &format!("{shell} is not installed"));
    }
    let scene = with_mfst_on_path(Scene::with_list());
    fs::write(scene.home.home().join("digest.txt"), "").expect("a file");
    let Some(mut terminal) = Terminal::start(&scene.home, start) else { return };
    terminal.keys(&format!("{set_up}\n"));
    terminal.wait_for("set-up: done");
    for (typed, expected) in TYPED {
        let (typed, expected) = (scene.expand(typed), scene.expand(expected));
        // Ctrl-A: the beginning of the line.
        terminal.keys(&format!("{typed}\t\u{1}echo 'be'gin; echo \n"));
        terminal.wait_for("begin");
        terminal.keys("echo 'e'nd\n");
        let printed = terminal.wait_for("end");
        assert!(printed.lines().any(|line| line.trim_end() == expected), "{shell}: {typed}: {printed:?}");
    }
    terminal.keys("exit\n");
    terminal.finish();
}

#[test]
fn bash_completes() {
    completes("bash", "bash --norc --noprofile -i", "source <(mfst completion bash); echo 'set-up': done");
}

#[test]
fn bash_completes_with_the_usual_completions_loaded() {
    let usual = "/usr/share/bash-completion/bash_completion";
    if !PathBuf::from(usual).is_file() {
        return skip("bash-completion", "bash-completion is not installed");
    }
    let set_up = format!("source {usual}; source <(mfst completion bash); echo 'set-up': done");
    completes("bash", "bash --norc --noprofile -i", &set_up);
}

#[test]
fn zsh_completes() {
    let set_up = "autoload -Uz compinit && compinit -u -D; source <(mfst completion zsh); echo 'set-up': done";
    completes("zsh", "zsh -f -i", set_up);
}

#[test]
fn zsh_completes_from_a_directory_of_functions() {
    let set_up = "mkdir f; mfst completion zsh >f/_mfst; fpath=($PWD/f $fpath); autoload -Uz compinit && compinit -u -D; \
                  echo 'set-up': done";
    completes("zsh", "zsh -f -i", set_up);
}

#[test]
fn fish_completes() {
    completes("fish", "fish --no-config -i", "mfst completion fish | source; echo 'set-up': done");
}

#[test]
fn docker_completes_the_words_of_the_plugin() {
    let Some(docker) = docker() else { return };
    let scene = Scene::with_list();
    let plugins = scene.home.config_dir().join("cli-plugins");
    fs::create_dir(&plugins).expect("a directory for plugins");
    std::os::unix::fs::symlink(binary(), plugins.join("docker-mfst")).expect("a link");
    let printed = CommandOutput::of(&mut scene.home.program(docker, &["__complete", "mfst", "push", ""])).success();
    assert!(printed.starts_with(&scene.name("t/app:v1")) && printed.contains(":4\n"), "{printed}");
}
