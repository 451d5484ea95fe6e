//! `mfst exists`: 0, 1 and 2 are answers.

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, amd64, arm64};
use mfst_testkit::token_server::TokenServer;

#[test]
fn what_exists_is_zero_and_silent_and_one_request() {
    let scene = Scene::new();
    scene.registry.log().clear();
    let ran = scene.run("exists @t/app:amd64");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(scene.registry.log().lines(), ["HEAD /v2/t/app/manifests/amd64 200"]);
}

#[test]
fn one_that_does_not_exist_is_one_and_silent() {
    let scene = Scene::new();
    for line in ["exists @t/app:no", "exists @t/app:amd64 @t/app:no", "exists @no/repo:1"] {
        let ran = scene.run(line);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(1), "", ""), "{line}");
    }
}

#[test]
fn what_could_not_be_found_out_is_two_and_says_why() {
    let scene = Scene::new();
    let refused = Fault::on("*", "/manifests/secret").always();
    scene.registry.fault(refused.answer(403, r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#));
    // Whatever is known of the others.
    let said = scene.run("exists @t/app:no @t/app:secret @t/app:amd64").failure(2);
    assert!(said.starts_with(&scene.name("t/app:secret: GET ")), "{said}");
    assert!(said.contains("403 Forbidden: DENIED: not for you"), "{said}");
}

#[test]
fn a_web_server_that_finds_no_page_says_nothing_about_images() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("*", "/manifests/amd64").always().answer(404, "<html>no such page</html>"));
    assert!(scene.run("exists @t/app:amd64").failure(2).contains("404 Not Found"));
}

#[test]
fn who_may_not_read_a_repository_does_not_know() {
    let tokens = TokenServer::plain(Acl::default()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.run("exists @t/app:amd64").failure(2);
}

#[test]
fn a_refused_token_is_asked_for_once() {
    let tokens = TokenServer::plain(Acl::default()).start();
    tokens.fault(Fault::on("GET", "/token").always().answer(403, ""));
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.run("exists @t/app:amd64").failure(2);
    assert_eq!(tokens.log().entries().len(), 1, "{:?}", tokens.log().lines());
}

#[test]
fn a_registry_that_is_too_busy_is_asked_as_often_as_retries_allow() {
    for (command, code) in [("exists", 2), ("digest", 1)] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("*", "/manifests/").always().answer(429, "").header("retry-after", "0"));
        scene.registry.log().clear();
        let said = scene.run(&format!("--retries 2 {command} @t/app:amd64")).failure(code);
        assert!(said.contains("429 Too Many Requests (3 attempts in "), "{said}");
        assert_eq!(scene.registry.log().lines(), ["HEAD /v2/t/app/manifests/amd64 429"; 3]);
    }
}

#[test]
fn the_manifest_that_follows_a_head_has_the_retries_that_are_left() {
    let scene = Scene::new();
    let busy = |method| Fault::on(method, "/manifests/").answer(503, "").header("retry-after", "0");
    scene.registry.fault(busy("HEAD"));
    scene.registry.fault(Fault::on("HEAD", "/manifests/").answer(405, ""));
    scene.registry.fault(busy("GET").always());
    scene.registry.log().clear();
    scene.run("--retries 2 exists @t/app:amd64").failure(2);
    let log = scene.registry.log();
    assert_eq!((log.count("HEAD *"), log.count("GET *")), (2, 2), "{:?}", log.lines());
}

#[test]
fn an_answer_that_is_no_manifest_is_no_answer() {
    for (status, body) in
        [(204, ""), (200, ""), (200, "null"), (200, "[]"), (200, r#"{"a":1}"#), (202, r#"{"layers":[]}"#)]
    {
        let scene = Scene::new();
        let answer = |method| {
            Fault::on(method, "/manifests/").always().answer(status, body).without_header("docker-content-digest")
        };
        scene.registry.fault(answer("HEAD"));
        scene.registry.fault(answer("GET"));
        for (command, code) in [("exists", 2), ("digest", 1)] {
            let said = scene.run(&format!("{command} @t/app:amd64")).failure(code);
            assert!(said.contains("the answer is not a manifest"), "{status} {body}: {said}");
        }
    }
    // Nor is a digest without a manifest.
    let scene = Scene::new();
    let stated = Fault::on("HEAD", "/manifests/").answer(204, "").header("docker-content-digest", &amd64().digest());
    scene.registry.fault(stated);
    scene.registry.fault(Fault::on("GET", "/manifests/").answer(404, ""));
    assert_eq!(scene.run("exists @t/app:amd64").code, Some(1));
}

#[test]
fn what_has_moved_does_not_exist_under_its_tag() {
    let scene = Scene::new();
    let old = amd64().digest();
    scene.registry.put_image("t/app", "1", &arm64());
    let ran = scene.run(&format!("exists @t/app:1@{old}"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains(&format!("t/app:1@{old}: the tag has another digest")), "{}", ran.stderr);
    // It is still there, and the tag has what it has.
    scene.run_ok(&format!("exists @t/app@{old} @t/app:1@{}", arm64().digest()));
}

#[test]
fn what_is_no_reference_is_two_and_nothing_is_asked() {
    let scene = Scene::new();
    scene.registry.log().clear();
    let said = scene.run("exists @t/app:amd64 Not/A/Reference x:").failure(2);
    assert_eq!(said.lines().filter(|line| !line.starts_with("hint: ")).count(), 2, "{said}");
    assert!(scene.registry.log().lines().is_empty());
    scene.run("exists").failure(2);
    scene.run("exists --no-such-flag x").failure(125);
}

#[test]
fn a_registry_that_cannot_be_reached_is_two() {
    let scene = Scene::new();
    scene.run("--retries 0 exists 127.0.0.1:1/a:1").failure(2);
}

#[test]
fn layouts_exist_or_not() {
    let scene = Scene::new();
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    scene.run_ok(&format!("exists oci:{layout}:1.0 oci:{layout}@{}", amd64().digest()));
    scene.run(&format!("exists oci:{layout}:2.0")).failure(1);
    scene.run("exists oci:./nowhere:1.0").failure(1);
    std::fs::write(format!("{layout}/index.json"), "no JSON").expect("a file");
    assert!(scene.run(&format!("exists oci:{layout}:1.0")).failure(2).contains("is not an image index"));
}
