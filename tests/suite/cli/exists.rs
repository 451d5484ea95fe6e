//! `mfst exists`: 0, 1 and 2 are answers.

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, amd64};
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
