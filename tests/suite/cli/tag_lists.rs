//! `mfst tags`.

use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::faults::Fault;
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, amd64};
use mfst_testkit::wire;
use serde_json::{Value, json};

fn page(tags: &[&str]) -> String {
    json!({"name": "t/app", "tags": tags}).to_string()
}

#[test]
fn tags_are_one_on_a_line_in_the_order_of_the_registry() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, page(&["zebra", "1.0", "latest"])));
    assert_eq!(scene.run_ok("tags @t/app"), "zebra\n1.0\nlatest\n");
}

#[test]
fn every_page_is_read() {
    let scene = Scene::new();
    let linked =
        |tags: &[&str], link: &str| Fault::on("GET", "/tags/list").answer(200, page(tags)).header("link", link);
    scene.registry.fault(linked(&["a", "b"], "</v2/t/app/tags/list?n=2&last=b>; rel=\"next\""));
    let absolute = format!("<{}/v2/t/app/tags/list?n=2&last=d>; rel=next", scene.registry.origin());
    scene.registry.fault(linked(&["c", "d"], &absolute));
    scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, page(&["e"])));
    scene.registry.log().clear();
    assert_eq!(scene.run_ok("tags @t/app"), "a\nb\nc\nd\ne\n");
    let expected = ["?n=1000", "?n=2&last=b", "?n=2&last=d"].map(|query| format!("GET /v2/t/app/tags/list{query} 200"));
    assert_eq!(scene.registry.log().lines(), expected);
}

#[test]
fn a_page_on_another_server_is_refused() {
    let scene = Scene::new();
    for link in ["<https://elsewhere.example.com/v2/t/app/tags/list>; rel=\"next\"", "<//127.0.0.2:1/x>; rel=next"] {
        scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, page(&["a"])).header("link", link));
        let said = scene.run("tags @t/app").failure(1);
        assert!(said.contains("refusing to go on to") && said.contains("it is on another server"), "{said}");
    }
}

#[test]
fn pages_that_go_round_in_circles_are_an_error() {
    // Each page links to the first one, or to the one before it.
    for links in [["n=1000"].as_slice(), &["last=1", "last=2", "last=1"]] {
        let scene = Scene::new();
        for link in links {
            let link = format!("</v2/t/app/tags/list?{link}>; rel=\"next\"");
            scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, page(&["a"])).header("link", &link));
        }
        let ran = scene.run("tags @t/app");
        assert_eq!(ran.stdout, "");
        assert!(ran.failure(1).contains("that page has been read already"), "{links:?}");
    }
}

#[test]
fn pages_without_end_are_an_error() {
    let scene = Scene::new();
    let many: Vec<String> = (0..30_000).map(|number| format!("{number:0>100}")).collect();
    let page = page(&many.iter().map(String::as_str).collect::<Vec<_>>());
    for number in 1..10 {
        let link = format!("</v2/t/app/tags/list?last={number}>; rel=next");
        scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, page.clone()).header("link", &link));
    }
    let args = scene.words("tags @t/app");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = scene.home.run_within(64, &args).failure(1);
    assert!(said.contains("larger than 16777216 bytes"), "{said}");
}

#[test]
fn tags_as_json_are_one_object() {
    let scene = Scene::new();
    let json: Value = serde_json::from_str(&scene.run_ok("tags --format json @t/app")).expect("JSON");
    assert_eq!(json, json!({"name": scene.name("t/app"), "tags": ["amd64", "arm64"]}));
}

#[test]
fn a_repository_has_neither_tag_nor_digest() {
    let scene = Scene::new();
    for name in ["@t/app:amd64", "@t/app:latest", &format!("@t/app@{}", amd64().digest())] {
        assert!(scene.run(&format!("tags {name}")).failure(1).contains("is an image; tags takes a repository"));
    }
}

#[test]
fn a_repository_that_is_not_there_is_an_error() {
    let scene = Scene::new();
    scene
        .registry
        .fault(Fault::on("GET", "/v2/no/repo/tags/list").answer(404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#));
    let said = scene.run("tags @no/repo").failure(1);
    assert!(said.contains(&scene.expand("no such repository: @no/repo")) && !said.contains(":latest"), "{said}");
    scene.registry.fault(Fault::on("GET", "/tags/list").answer(200, "<html>"));
    assert!(scene.run("tags @t/app").failure(1).contains("the answer is not a list of tags"));
}

#[test]
fn a_layout_has_tags_too() {
    let scene = Scene::new();
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    assert_eq!(scene.run_ok(&format!("tags oci:{layout}")), "1.0\n");
    scene.run(&format!("tags oci:{layout}:1.0")).failure(1);
}

#[test]
fn debians_registry_lists_its_tags() {
    let Some(registry) = DockerRegistry::available(false) else { return };
    let image = amd64();
    for blob in image.blobs() {
        wire::put_blob(registry.target(), "t/app", blob);
    }
    for tag in ["b", "a", "c"] {
        wire::put_manifest(registry.target(), "t/app", tag, image.media_type(), image.manifest());
    }
    let listed = Sandbox::new().run_ok(&["tags", &format!("{}/t/app", registry.target().host)]);
    let mut tags: Vec<&str> = listed.lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, ["a", "b", "c"]);
}
