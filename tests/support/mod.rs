//! What the tests, the benchmarks and the demo share: a registry that lives in
//! the process, with every kind of login, transport and misbehaviour, and a
//! sandbox for the `mfst` binary.
//!
//! Everything binds to loopback on a port of its own and keeps its files in
//! temporary directories, so tests run at once and beside each other.
#![allow(dead_code, unreachable_pub, reason = "each binary that includes this module uses a part of it")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

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
pub mod token;
pub mod tools;
pub mod wire;
