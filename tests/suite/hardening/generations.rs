//! Commands that work on one list at the same time: each sees the list as it was before or after each of the others.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::hardening::operations::scene;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::{Scene, digests};

/// Starts a command.
fn start(scene: &Scene, line: &str) -> Child {
    let words = scene.words(line);
    let mut command = scene.home.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mfst")
}

fn end(child: Child) -> CommandOutput {
    CommandOutput::from(child.wait_with_output().expect("an end"))
}

/// The images `t/app:0`, `t/app:1`, and so on.
fn with_images(count: usize) -> Scene {
    let scene = Scene::new();
    for number in 0..count {
        scene.registry.put_image("t/app", &number.to_string(), &Sample::oci(&format!("linux/arm/v{number}")));
    }
    scene
}

fn images(numbers: std::ops::Range<usize>) -> String {
    let names: Vec<String> = numbers.map(|number| format!("@t/app:{number}")).collect();
    names.join(" ")
}

#[test]
fn what_is_read_beside_changes_is_one_generation() {
    let scene = with_images(12);
    let replace = |numbers: std::ops::Range<usize>| format!("create --replace @t/app:list {}", images(numbers));
    let lines = [
        replace(0..6),
        format!("create --amend @t/app:list {}", images(6..9)),
        replace(6..12),
        format!("create --amend @t/app:list {}", images(0..3)),
    ];
    let read = || scene.run("inspect --raw @t/app:list").success();
    let generations: BTreeSet<String> = lines
        .iter()
        .map(|line| {
            scene.run_ok(line);
            read()
        })
        .collect();
    assert_eq!(generations.len(), lines.len());
    let entries = |list: &str| -> BTreeSet<String> {
        let list = serde_json::from_str(list).expect("a list");
        digests(&list).into_iter().map(String::from).collect()
    };
    let known: BTreeSet<_> = generations.iter().map(|list| entries(list)).collect();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..24).for_each(|round| drop(scene.run_ok(&lines[round % lines.len()]))));
        while !writer.is_finished() {
            let list = read();
            assert!(generations.contains(&list), "a list that never was: {list}");
            scene.run_ok("push -q @t/app:list");
            let pushed = scene.registry.manifest("t/app", "list").expect("a list").1;
            let pushed = String::from_utf8(pushed).expect("UTF-8");
            assert!(known.contains(&entries(&pushed)), "a list that never was is pushed: {pushed}");
        }
    });
}

#[test]
fn a_purge_keeps_what_was_added_while_the_list_was_pushed() {
    let scene = scene();
    scene.create("demo/list:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").delay(Duration::from_secs(3)));
    let push = start(&scene, "push --purge @demo/list:v1");
    scene.registry.script().wait_until_hit();
    scene.run_ok("create --amend @demo/list:v1 @t/app:arm");
    let pushed = end(push);
    assert!(pushed.stderr.contains(&format!("warning: {} has changed", scene.name("demo/list:v1"))), "{pushed:?}");
    assert!(pushed.stderr.contains(&scene.name("t/app:arm")), "{pushed:?}");
    pushed.success();
    assert_eq!(digests(&scene.pushed("demo/list", "v1")).len(), 2);
    let arm = Sample::oci("linux/arm/v7");
    assert_eq!(digests(&scene.inspect("@demo/list:v1")), [arm.digest()], "what was not pushed is still there");
    // The list goes on as any other.
    scene.run_ok("push --purge @demo/list:v1");
    assert_eq!(digests(&scene.pushed("demo/list", "v1")), [arm.digest()]);
    assert!(scene.home.lists().is_empty());
}

#[test]
fn a_purge_keeps_an_entry_that_was_changed_while_the_list_was_pushed() {
    let scene = scene();
    scene.create("demo/list:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").delay(Duration::from_secs(3)));
    let push = start(&scene, "push --purge @demo/list:v1");
    scene.registry.script().wait_until_hit();
    scene.run_ok("annotate --variant v8 @demo/list:v1 @t/app:arm64");
    end(push).success();
    let list = scene.inspect("@demo/list:v1");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["manifests"][0]["platform"]["variant"], "v8");
}

#[test]
fn a_purge_of_a_list_that_has_been_removed_meanwhile_succeeds() {
    let scene = scene();
    scene.create("demo/list:v1", &["t/app:amd64"]);
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").delay(Duration::from_secs(3)));
    let push = start(&scene, "push --purge @demo/list:v1");
    scene.registry.script().wait_until_hit();
    scene.run_ok("rm @demo/list:v1");
    end(push).success();
}

#[test]
fn several_removals_of_different_entries_succeed_at_once() {
    let scene = with_images(9);
    for _ in 0..4 {
        scene.run_ok(&format!("create --replace @t/app:list {}", images(0..9)));
        let removals: Vec<Child> =
            (0..8).map(|number| start(&scene, &format!("remove @t/app:list @t/app:{number}"))).collect();
        for removal in removals {
            end(removal).success();
        }
        assert_eq!(digests(&scene.inspect("@t/app:list")), [Sample::oci("linux/arm/v8").digest()]);
    }
}
