//! The `mfst` binary as its users meet it: a process with arguments, an
//! environment, a home directory and a registry.

#[path = "../support/mod.rs"]
mod support;

mod embedded;
