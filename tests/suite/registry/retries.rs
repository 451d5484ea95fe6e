//! Temporary faults and retries.

use std::time::Duration;

use crate::registry::setup::{acl, assert_contains, assert_no_secrets};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::rng::Rng;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

#[test]
fn d9_retries_are_printed_with_debug_only() {
    for flag in ["", "--debug "] {
        let scene = Scene::new();
        let busy = Fault::on("GET", "/manifests/amd64").times(2).answer(503, "").header("retry-after", "0");
        scene.registry.fault(busy);
        let result = scene.run(&format!("{flag}inspect @t/app:amd64"));
        if flag.is_empty() {
            assert_eq!(result.stderr, "");
        } else {
            assert_contains(&result.stderr, &["503", "trying again in ", " ms (retry 1)", " ms (retry 2)"]);
            assert!(!result.stderr.contains("retry 3"), "{}", result.stderr);
        }
        result.success();
        scene.registry.script().assert_all_hit();
    }
}

#[test]
fn d9_retry_after_may_be_a_date() {
    let scene = Scene::new();
    let busy =
        Fault::on("GET", "/manifests/amd64").answer(429, "").header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
    scene.registry.fault(busy);
    scene.run_ok("inspect @t/app:amd64");
    scene.registry.script().assert_all_hit();
}

#[test]
fn an_invalid_retry_after_is_ignored() {
    for odd in ["soon", "-1", "", "1e9", "99999999999999999999999"] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", odd));
        scene.run_ok("inspect @t/app:amd64");
        scene.registry.script().assert_all_hit();
    }
}

#[test]
fn a_retry_after_beyond_the_limit_ends_the_retries() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"come back tomorrow"}]}"#;
    let busy = Fault::on("GET", "/manifests/amd64").always().answer(429, body).header("retry-after", "86400");
    scene.registry.fault(busy);
    let output = scene.run_err_unchanged("inspect --timeout 5s @t/app:amd64");
    assert_contains(&output, &["429", "come back tomorrow"]);
    assert_eq!(scene.registry.log().entries().len(), 1);
}

#[test]
fn invalid_retry_flags_are_refused() {
    let scene = Scene::new();
    for flag in ["--retries x", "--retries -1", "--timeout soon", "--timeout"] {
        scene.run(&format!("inspect @t/app:amd64 {flag}")).failure(125);
    }
    for flag in ["--retries 3", "--retries=0", "--timeout 90", "--timeout 90s", "--timeout=2m", "--timeout 1h"] {
        scene.run_ok(&format!("inspect @t/app:amd64 {flag}"));
    }
    scene.run_ok("--retries 1 --timeout 9s inspect @t/app:amd64");
}

#[test]
fn an_unreachable_registry_fails_quickly() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let scene = Scene::new();
    let result = scene.home.run(&["--debug", "inspect", &format!("{host}/t/app:v1")]);
    assert!(!result.stderr.contains("(retry 3)"), "{}", result.stderr);
    assert_contains(&result.failure(1), &[&host, "refused"]);
}

#[test]
fn a_stalled_registry_times_out() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().hang());
    let output = scene.run_err_unchanged("inspect --retries 0 --timeout 1s @t/app:amd64");
    assert_contains(&output, &["GET", "/v2/t/app/manifests/amd64", "timed out"]);
}

#[test]
fn a_slow_registry_does_not_time_out() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").delay(Duration::from_millis(300)));
    scene.run_ok("inspect --retries 0 @t/app:amd64");
}

/// 10 % 503, 10 % 429, 5 % dropped connections before or after the request is handled, for the registry and the token
/// server.
fn weather(rng: &mut Rng, add: impl Fn(Fault)) {
    for number in 0..60 {
        let here = |fault: Fault| fault.skip(number);
        let busy = |status| Fault::on("*", "").answer(status, "busy").header("retry-after", "0");
        match rng.below(40) {
            0..4 => add(here(busy(503))),
            4..8 => add(here(busy(429))),
            8 => add(here(Fault::on("*", "").cut_before())),
            9 => add(here(Fault::on("*", "").cut_after())),
            _ => {}
        }
    }
}

#[test]
fn d9_random_faults_are_overcome() {
    let runs = std::env::var("MFST_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(4);
    let seed = mfst_testkit::rng::seed();
    let mut rng = Rng::new(seed);
    let identity = mfst_testkit::certs::private_ca();
    for run in 0..runs {
        let tokens = TokenServer::plain(acl()).start();
        let builder = Embedded::plain().bearer(&tokens);
        let scene = Scene::with(if run % 2 == 0 { builder } else { builder.tls(&identity) });
        crate::registry::setup::log_in(&scene, "alice");
        weather(&mut rng, |fault| scene.registry.fault(fault));
        weather(&mut rng, |fault| tokens.fault(fault));
        for line in ["--debug create @demo/app:v1 @t/app:amd64 @t/app:arm64", "--debug push @demo/app:v1"] {
            let result = scene.run(line);
            assert_no_secrets(&result);
            assert_eq!(result.code, Some(0), "seed {seed}, run {run}: {result:#?}");
        }
        let (_, list) = scene.registry.manifest("demo/app", "v1").expect("the list");
        let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    }
}
