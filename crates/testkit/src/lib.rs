//! Support for the tests, the benchmarks and the demo: an in-process registry with logins, TLS, a proxy and scripted
//! faults, and a sandbox that runs the `mfst` binary.
//!
//! | module | what it provides |
//! |---|---|
//! | [`scene`] | the usual start of a test: a registry with two images, and a sandbox |
//! | [`examples`] | the registries and images that the documentation's examples name |
//! | [`sandbox`], [`temp`], [`secrets`] | a home directory for mfst; every output is searched for secrets |
//! | [`embedded`] | the registry; its layers are [`log`], [`faults`], [`auth_layer`] and [`repositories`] |
//! | [`token_server`], [`issuer`], [`jwt`], [`acl`] | bearer tokens |
//! | [`object_storage`], [`proxy`], [`socks`] | other servers that a client meets |
//! | [`server`], [`certs`], [`route`], [`glob`] | what the servers are made of |
//! | [`sample`], [`buildx`] | images and what buildx makes of them |
//! | [`installed`], [`docker_registry`], [`strace`], [`names`] | programs that are used if the machine has them |
//! | [`wire`] | an HTTP client that shares no code with mfst |
//!
//! Servers bind to loopback on a free port and keep their state in temporary directories, so tests can run in parallel.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    reason = "only tests call this, and a test fails by panicking"
)]

pub mod acl;
pub mod auth_layer;
pub mod buildx;
pub mod certs;
pub mod credential_helper;
pub mod docker_registry;
pub mod embedded;
pub mod examples;
pub mod faults;
pub mod glob;
pub mod installed;
pub mod issuer;
pub mod jwt;
pub mod log;
pub mod namespace;
pub mod object_storage;
pub mod proxy;
pub mod repositories;
pub mod rng;
pub mod route;
pub mod sample;
pub mod sandbox;
pub mod scene;
pub mod scripted;
pub mod secrets;
pub mod server;
pub mod socks;
pub mod strace;
pub mod temp;
pub mod terminal;
pub mod token_server;
pub mod wire;
