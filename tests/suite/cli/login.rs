//! `mfst login` and `mfst logout`. The files are those that docker 28.2.2 writes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use mfst_testkit::acl::Acl;
use mfst_testkit::credential_helper as helper;
use mfst_testkit::docker_registry::{DockerRegistry, LOGIN, Registry as _};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::installed::{docker, find, skip};
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::{PASSWORD, WRONG_PASSWORD};
use mfst_testkit::terminal::Terminal;
use mfst_testkit::token_server::TokenServer;

/// A scene whose registry lets in alice only.
fn scene() -> Scene {
    Scene::with(Embedded::plain().basic("alice", PASSWORD))
}

/// Runs a program with this text on stdin.
fn run_with(home: &Sandbox, program: impl AsRef<std::ffi::OsStr>, words: &[&str], text: &str) -> CommandOutput {
    let mut command = home.program(program, words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a program that runs");
    // A program that does not want the text may have ended.
    let _ = child.stdin.take().expect("stdin").write_all(text.as_bytes());
    CommandOutput::from(child.wait_with_output().expect("an end"))
}

/// Runs mfst with this text on stdin.
fn mfst(scene: &Scene, line: &str, text: &str) -> CommandOutput {
    let words = scene.words(line);
    let mfst = scene.home.command(&[]).get_program().to_owned();
    run_with(&scene.home, mfst, &words.iter().map(String::as_str).collect::<Vec<_>>(), text)
}

fn config(scene: &Scene) -> String {
    fs::read_to_string(scene.home.config_dir().join("config.json")).unwrap_or_default()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn a_login_that_the_registry_accepts_is_stored_and_used() {
    let scene = scene();
    scene.run("inspect @t/app:amd64").failure(1);
    let host = scene.registry.host();
    let ran = mfst(&scene, &format!("login --username alice --password-stdin {host}"), &format!("{PASSWORD}\r\n"));
    assert!(ran.stderr.starts_with("warning: the password is stored unencrypted in "), "{ran:?}");
    assert_eq!(ran.success(), "Login Succeeded\n");
    assert_eq!(mode(&scene.home.config_dir().join("config.json")), 0o600);
    scene.run_ok("inspect @t/app:amd64");
    let again = mfst(&scene, &format!("login -u alice --password-stdin https://{host}/v2/"), PASSWORD);
    assert_eq!((again.stderr.as_str(), again.code), ("", Some(0)), "the warning comes once");
    assert_eq!(scene.run_ok(&format!("logout {host}")), format!("Removing login credentials for {host}\n"));
    scene.run("inspect @t/app:amd64").failure(1);
    assert_eq!(config(&scene), "{\n\t\"auths\": {}\n}");
    scene.run_ok(&format!("logout {host}"));
}

#[test]
fn a_login_that_the_registry_refuses_is_not_stored() {
    let tokens = TokenServer::plain(Acl::default().user("alice", PASSWORD, &[("t/*", "pull")])).start();
    for registry in [Embedded::plain().basic("alice", PASSWORD), Embedded::plain().bearer(&tokens)] {
        let scene = Scene::with(registry);
        let host = scene.registry.host();
        scene.home.write_config("{\"psFormat\":\"x\"}");
        let said = mfst(&scene, &format!("login -u alice --password-stdin {host}"), WRONG_PASSWORD).failure(1);
        assert!(said.starts_with(&format!("{host} refused this user name and password (GET ")), "{said}");
        assert!(said.contains("401"), "{said}");
        assert_eq!(config(&scene), "{\"psFormat\":\"x\"}");
        mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).success();
        scene.run_ok("inspect @t/app:amd64");
    }
}

#[test]
fn a_registry_that_cannot_be_reached_is_not_logged_in_to() {
    let scene = scene();
    let said = mfst(&scene, "--retries 0 login -u alice --password-stdin 127.0.0.1:1", PASSWORD).failure(1);
    assert!(said.contains("127.0.0.1:1"), "{said}");
    assert_eq!(config(&scene), "");
}

#[test]
fn a_registry_that_asks_for_no_login_is_stored_with_a_warning() {
    let scene = Scene::new();
    let host = scene.registry.host();
    let ran = mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD);
    assert!(ran.stderr.contains(&format!("warning: {host} asks for no login; the password has not been checked\n")));
    ran.success();
}

#[test]
fn flags_that_contradict_each_other_are_refused_in_dockers_words() {
    let scene = scene();
    for (line, message) in [
        (
            "login -u a -p b --password-stdin h.test",
            "conflicting options: cannot specify both --password and --password-stdin",
        ),
        ("login --password-stdin h.test", "the --password-stdin option requires --username to be set"),
    ] {
        let said = scene.run(line).failure(1);
        assert_eq!(said.lines().next(), Some(message));
    }
    for line in ["login h.test", "login -u alice h.test"] {
        let said = scene.run(line).failure(1);
        assert_eq!(said, "Cannot perform an interactive login from a non TTY device\n", "{line}");
    }
    let said = scene.run("login -u alice --password-stdin h.test").failure(1);
    assert_eq!(said, "password is required\n");
    for server in ["registry", "a/b/c", "https://"] {
        let said = scene.run(&format!("login -u alice -p {PASSWORD} {server}")).failure(1);
        assert!(said.contains("is not the name of a registry, HOST or HOST:PORT"), "{said}");
    }
    scene.run("login a b").failure(1);
    scene.run("logout a b").failure(1);
}

#[test]
fn a_password_among_the_arguments_is_warned_about() {
    let scene = scene();
    let ran = scene.run(&format!("login -u alice -p {PASSWORD} {}", scene.registry.host()));
    assert_eq!(
        ran.stderr.lines().next(),
        Some("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    );
    ran.success();
}

#[test]
fn at_a_terminal_the_user_is_asked_and_the_password_is_not_shown() {
    let scene = scene();
    let host = scene.registry.host();
    let program = scene.home.command(&[]).get_program().to_str().expect("UTF-8").to_owned();
    let line = format!("{program} login {host}");
    let Some(mut terminal) = Terminal::start(&scene.home, &line) else { return };
    terminal.wait_for(&format!("Username for {host}: "));
    terminal.keys("alice\n");
    terminal.wait_for("Password: ");
    // With a mistake that is corrected.
    terminal.keys(&format!("{PASSWORD}x\u{7f}\n"));
    terminal.wait_for("Login Succeeded");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(!screen.contains(PASSWORD), "{screen:?}");
    scene.run_ok("inspect @t/app:amd64");
    // The stored login is tried first.
    let ran = scene.run(&format!("login {host}"));
    assert_eq!(ran.stderr, "Authenticating with existing credentials... [Username: alice]\n");
    ran.success();
}

#[test]
fn ctrl_c_at_the_password_leaves_the_terminal_in_order() {
    let scene = scene();
    let program = scene.home.command(&[]).get_program().to_str().expect("UTF-8").to_owned();
    let line = format!("sh -c '{program} login -u alice {}; echo code $?; stty -a'", scene.registry.host());
    let Some(mut terminal) = Terminal::start(&scene.home, &line) else { return };
    terminal.wait_for("Password: ");
    terminal.keys("secret\u{3}");
    let (_, screen) = terminal.finish();
    // The shell of a test that runs in the background ignores the signal.
    assert!(screen.contains("code 130") || screen.contains("code 1\r"), "{screen:?}");
    assert!(screen.contains(" echo ") && screen.contains(" icanon") && screen.contains("isig"), "{screen:?}");
    assert_eq!(config(&scene), "");
}

#[test]
fn a_credential_helper_keeps_the_login_if_there_is_one() {
    let mut scene = scene();
    let host = scene.registry.host();
    let body = format!("case $1 in get) {};; esac", helper::answering("alice", PASSWORD));
    helper::install(&mut scene.home, "other", &body);
    let helpers =
        format!("{{\"credHelpers\":{{\"{host}\":\"other\"}},\"auths\":{{\"{host}\":{{\"auth\":\"YTpi\"}}}}}}");
    scene.home.write_config(&helpers);
    let ran = mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD);
    assert_eq!(ran.stderr, "");
    ran.success();
    let calls = helper::calls(&scene.home, "other");
    assert!(calls.len() == 1 && calls[0].starts_with("store "), "{calls:?}");
    assert!(calls[0].contains(&format!("\"ServerURL\":\"{host}\",\"Username\":\"alice\"")), "{calls:?}");
    let expected = format!(
        "{{\n\t\"auths\": {{\n\t\t\"{host}\": {{}}\n\t}},\n\t\"credHelpers\": {{\n\t\t\"{host}\": \"other\"\n\t}}\n}}"
    );
    assert_eq!(config(&scene), expected);
    scene.run_ok("inspect @t/app:amd64");
    fs::remove_file(scene.home.home().join("other.calls")).expect("the calls, which have the password in them");
    scene.run_ok(&format!("logout {host}"));
    let calls = helper::calls(&scene.home, "other");
    assert_eq!(calls, [format!("erase {host}"), format!("erase http://{host}"), format!("erase https://{host}")]);
    assert!(!config(&scene).contains("\"auths\": {\n"), "{}", config(&scene));
}

#[test]
fn a_helper_that_fails_is_an_error_and_the_password_does_not_end_up_in_the_file() {
    let mut scene = scene();
    let host = scene.registry.host();
    // Without the record of its calls, which would have the password in it.
    let calls = scene.home.home().join("broken.calls");
    helper::install(&mut scene.home, "broken", &format!("rm -f '{}'; {}", calls.display(), helper::FAILING));
    scene.home.write_config("{\"credsStore\":\"broken\"}");
    let said = mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).failure(1);
    assert!(said.contains("the credential helper for this registry failed: "), "{said}");
    assert_eq!(config(&scene), "{\"credsStore\":\"broken\"}");
}

#[test]
fn other_content_of_the_file_its_mode_and_a_link_to_it_stay() {
    let scene = scene();
    let host = scene.registry.host();
    let (real, link) = (scene.home.home().join("real.json"), scene.home.config_dir().join("config.json"));
    fs::write(&real, r#"{"mine":{"b":1.50,"a":[]},"currentContext":"c","auths":{"z.test":{"auth":"YTpi"}}}"#)
        .expect("a file");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("a mode");
    symlink("../real.json", &link).expect("a link");
    mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).success();
    scene.run_ok(&format!("logout {host}"));
    let expected = "{\n\t\"auths\": {\n\t\t\"z.test\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t},\n\t\"currentContext\": \"c\",\n\t\
                    \"mine\": {\n\t\t\"b\": 1.50,\n\t\t\"a\": []\n\t}\n}";
    assert_eq!(fs::read_to_string(&real).expect("the file"), expected);
    assert!(link.is_symlink());
    assert_eq!(mode(&real), 0o640);
    // A link that leads nowhere yet.
    fs::remove_file(&real).expect("the file");
    mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).success();
    assert!(link.is_symlink());
    assert_eq!(mode(&real), 0o600);
}

#[test]
fn a_file_that_cannot_be_understood_is_left_as_it_is() {
    let scene = scene();
    let host = scene.registry.host();
    for broken in ["{bad", "[]", "{\"auths\":[]}"] {
        scene.home.write_config(broken);
        let said = mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).failure(1);
        assert!(said.contains("config.json is left as it is: "), "{said}");
        assert_eq!(config(&scene), broken);
    }
    let path = scene.home.config_dir().join("config.json");
    fs::remove_file(&path).expect("the file");
    let fifo = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(fifo.success());
    let said = mfst(&scene, &format!("login -u alice --password-stdin {host}"), PASSWORD).failure(1);
    assert!(said.contains("it is a named pipe, not a regular file"), "{said}");
}

#[test]
fn docker_hub_is_stored_under_dockers_key_and_removed_under_every_form_of_its_name() {
    let scene = Scene::new();
    let key = "https://index.docker.io/v1/";
    for name in ["", "docker.io", "index.docker.io", key] {
        scene.home.log_in_to(&[(key, "u", "p"), ("docker.io", "u", "p"), ("other.test", "u", "p")]);
        assert_eq!(scene.run_ok(&format!("logout {name}")), format!("Removing login credentials for {key}\n"));
        assert!(!config(&scene).contains("docker.io") && config(&scene).contains("other.test"), "{}", config(&scene));
    }
}

/// The user and the password of the real registry.
fn real_login() -> (&'static str, &'static str) {
    LOGIN.split_once(':').expect("a user and a password")
}

#[test]
fn the_file_is_the_one_that_docker_writes() {
    let Some(docker) = docker() else { return };
    let Some(registry) = DockerRegistry::available(true) else { return };
    let (user, password) = real_login();
    let host = registry.target().host.clone();
    let before = [
        "",
        "{}",
        r#"{"psFormat":"x","auths":{"b.test":{"auth":"YTpi","email":"e@x"},"a.test":{}},"HttpHeaders":{"A":"b"},
            "experimental":"enabled","credsStore":"","aliases":{},"plugins":{"x":{"y":"z"}},"credHelpers":{"z.test":""}}"#,
        r#"{"AUTHS":{"h.test":{"auth":"YTpi"}},"Psformat":"x","proxies":{"default":{"noProxy":"x"}},"pruneFilters":["a"]}"#,
    ];
    for text in before {
        let files = ["docker", "mfst"].map(|program| {
            let home = Sandbox::new();
            home.write_config(text);
            let own = home.command(&[]).get_program().to_owned();
            let program = if program == "docker" { docker.clone().into_os_string() } else { own };
            run_with(&home, &program, &["login", "--username", user, "--password-stdin", &host], password).success();
            let file = || fs::read_to_string(home.config_dir().join("config.json")).expect("config.json");
            let with_login = file();
            run_with(&home, &program, &["logout", &host], "").success();
            (with_login, file())
        });
        assert_eq!(files[0], files[1], "{text}");
    }
}

#[test]
fn docker_podman_and_skopeo_accept_what_is_stored() {
    let Some(registry) = DockerRegistry::available(true) else { return };
    let (user, password) = real_login();
    let host = registry.target().host.clone();
    let home = Sandbox::new();
    let own = home.command(&[]).get_program().to_owned();
    run_with(&home, own, &["login", "--username", user, "--password-stdin", &host], password).success();
    let file = home.config_dir().join("config.json").display().to_string();
    // Without the login the registry would answer 401, not that there is no such image.
    let image = format!("{host}/t/app:1");
    if let Some(docker) = docker() {
        let said =
            CommandOutput::of(&mut home.program(docker, &["manifest", "inspect", "--insecure", &image])).failure(1);
        assert!(said.contains("no such manifest"), "{said}");
    }
    match find("podman") {
        Some(podman) => {
            let printed =
                CommandOutput::of(&mut home.program(podman, &["login", "--authfile", &file, "--get-login", &host]))
                    .success();
            assert_eq!(printed.trim(), user);
        }
        None => skip("podman", "podman is not installed"),
    }
    match find("skopeo") {
        Some(skopeo) => {
            let words = ["list-tags", "--tls-verify=false", "--authfile", &file, &format!("docker://{host}/t/app")];
            let said = CommandOutput::of(&mut home.program(skopeo, &words)).failure(1);
            assert!(said.contains("404") || said.contains("NAME_UNKNOWN"), "{said}");
        }
        None => skip("skopeo", "skopeo is not installed"),
    }
    match find("crane") {
        Some(crane) => {
            let said =
                CommandOutput::of(&mut home.program(crane, &["ls", "--insecure", &format!("{host}/t/app")])).failure(1);
            assert!(said.contains("NAME_UNKNOWN"), "{said}");
        }
        // No Debian package has it.
        None => eprintln!("skipped: crane is not installed"),
    }
}
