//! Nothing lost, nothing leaked: commands that are killed or hindered at any
//! call, pushes that fail at any request, and input that means harm.
//!
//! The default run takes samples; `MFST_EVERY=1` takes everything.

#![allow(
    clippy::expect_used,
    unreachable_pub,
    reason = "a test fails by panicking, and its helpers are nobody's interface"
)]

#[path = "../support/mod.rs"]
mod support;

use support::scene;

// The private modules that `properties` compiles in name these through `crate`.
use mfst::{digest, json, manifest, reference, secret, transport};
#[path = "../../fuzz/silence.rs"]
mod log;

mod crash;
mod disks;
mod obstacles;
mod operations;
mod properties;
mod requests;
