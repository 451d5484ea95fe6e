//! Passing faults, and how long they are put up with.

use std::time::Duration;

use crate::registry::common::{acl, leaks_nothing, tells};
use mfst_testkit::dice::Dice;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

#[test]
fn d9_every_retry_is_said_at_debug_and_only_there() {
    for flag in ["", "--debug "] {
        let scene = Scene::new();
        let busy = Fault::on("GET", "/manifests/amd64").times(2).answer(503, "").header("retry-after", "0");
        scene.registry.fault(busy);
        let ran = scene.run(&format!("{flag}inspect @t/app:amd64"));
        if flag.is_empty() {
            assert_eq!(ran.stderr, "");
        } else {
            tells(&ran.stderr, &["503", "trying again in ", " ms (retry 1)", " ms (retry 2)"]);
            assert!(!ran.stderr.contains("retry 3"), "{}", ran.stderr);
        }
        ran.ok();
        scene.registry.script().assert_played();
    }
}

#[test]
fn d9_retry_after_may_be_a_date() {
    let scene = Scene::new();
    let busy =
        Fault::on("GET", "/manifests/amd64").answer(429, "").header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
    scene.registry.fault(busy);
    scene.ok("inspect @t/app:amd64");
    scene.registry.script().assert_played();
}

#[test]
fn an_odd_retry_after_is_none() {
    for odd in ["soon", "-1", "", "1e9", "99999999999999999999999"] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", odd));
        scene.ok("inspect @t/app:amd64");
        scene.registry.script().assert_played();
    }
}

#[test]
fn who_asks_for_more_patience_than_there_is_gets_none() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"come back tomorrow"}]}"#;
    let busy = Fault::on("GET", "/manifests/amd64").always().answer(429, body).header("retry-after", "86400");
    scene.registry.fault(busy);
    let said = scene.refused("inspect --timeout 5s @t/app:amd64");
    tells(&said, &["429", "come back tomorrow"]);
    assert_eq!(scene.registry.log().entries().len(), 1);
}

#[test]
fn flags_of_patience_are_checked() {
    let scene = Scene::new();
    for flag in ["--retries x", "--retries -1", "--timeout soon", "--timeout"] {
        scene.run(&format!("inspect @t/app:amd64 {flag}")).fails(125);
    }
    for flag in ["--retries 3", "--retries=0", "--timeout 90", "--timeout 90s", "--timeout=2m", "--timeout 1h"] {
        scene.ok(&format!("inspect @t/app:amd64 {flag}"));
    }
    scene.ok("--retries 1 --timeout 9s inspect @t/app:amd64");
}

#[test]
fn a_registry_that_is_not_there_is_given_up_soon() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let scene = Scene::new();
    let ran = scene.home.run(&["--debug", "inspect", &format!("{host}/t/app:v1")]);
    assert!(!ran.stderr.contains("(retry 3)"), "{}", ran.stderr);
    tells(&ran.fails(1), &[&host, "refused"]);
}

#[test]
fn a_registry_that_stops_in_the_middle_is_given_up_in_time() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().hang());
    let said = scene.refused("inspect --retries 0 --timeout 1s @t/app:amd64");
    tells(&said, &["GET", "/v2/t/app/manifests/amd64", "timed out"]);
}

#[test]
fn a_slow_registry_is_waited_for() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").delay(Duration::from_millis(300)));
    scene.ok("inspect --retries 0 @t/app:amd64");
}

/// 10 % 503, 10 % 429, 5 % dropped before or after the work, for every request
/// to the registry and to the token server.
fn weather(dice: &mut Dice, add: impl Fn(Fault)) {
    for number in 0..60 {
        let here = |fault: Fault| fault.skip(number);
        let busy = |status| Fault::on("*", "").answer(status, "busy").header("retry-after", "0");
        match dice.below(40) {
            0..4 => add(here(busy(503))),
            4..8 => add(here(busy(429))),
            8 => add(here(Fault::on("*", "").cut_before())),
            9 => add(here(Fault::on("*", "").cut_after())),
            _ => {}
        }
    }
}

#[test]
fn d9_bad_weather_is_no_obstacle() {
    let runs = std::env::var("MFST_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(4);
    let seed = mfst_testkit::dice::seed();
    let mut dice = Dice::new(seed);
    let identity = mfst_testkit::certs::private_ca();
    for run in 0..runs {
        let tokens = TokenServer::plain(acl()).start();
        let builder = Embedded::plain().bearer(&tokens);
        let scene = Scene::with(if run % 2 == 0 { builder } else { builder.tls(&identity) });
        crate::registry::common::log_in(&scene, "alice");
        weather(&mut dice, |fault| scene.registry.fault(fault));
        weather(&mut dice, |fault| tokens.fault(fault));
        for line in ["--debug create @demo/app:v1 @t/app:amd64 @t/app:arm64", "--debug push @demo/app:v1"] {
            let ran = scene.run(line);
            leaks_nothing(&ran);
            assert_eq!(ran.code, Some(0), "seed {seed}, run {run}: {ran:#?}");
        }
        let (_, list) = scene.registry.manifest("demo/app", "v1").expect("the list");
        let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    }
}
