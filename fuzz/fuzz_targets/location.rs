#![no_main]

#[path = "../silence.rs"]
mod log;
#[path = "../properties.rs"]
mod properties;

// The private modules under test name these through `crate`.
#[allow(unused_imports)]
use mfst::{digest, json, manifest, reference, secret, transport};

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::location(data));
