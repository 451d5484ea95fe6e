//! What the tests, the benchmarks and the demo share: a registry inside the process, with every kind of login, transport
//! and fault, and a sandbox that runs the `mfst` binary.
//!
//! Every server binds to loopback on a free port and keeps its files in temporary directories, so tests can run in
//! parallel.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    reason = "only tests call this, and a test fails by panicking"
)]

pub mod acl;
pub mod build;
pub mod certs;
pub mod debian;
pub mod dice;
pub mod embedded;
pub mod faults;
pub mod gate;
pub mod glob;
pub mod helper;
pub mod http;
pub mod images;
pub mod issuer;
pub mod json;
pub mod jwt;
pub mod log;
pub mod proxy;
pub mod raw;
pub mod repositories;
pub mod route;
pub mod rtt;
pub mod sample;
pub mod sandbox;
pub mod scene;
pub mod secrets;
pub mod server;
pub mod storage;
pub mod strace;
pub mod temp;
pub mod token;
pub mod tools;
pub mod wire;
