//! The integration tests: the `mfst` binary as its users meet it, against a registry.
//!
//! | module | what it tests |
//! |---|---|
//! | [`cli`] | every command, flag and message |
//! | [`registry`] | the rules for clients of registries, logins, TLS, proxies, retries |
//! | [`parity`] | the same output, exit code, files and pushed bytes as docker 28.2.2 |
//! | [`hardening`] | kills, failing system calls and failing requests at any point |
//! | [`readme`] | the documentation: its commands work, and its translation says the same |
//! | [`architecture`] | which module of `src` may use which |

#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking, and nobody can reach into it"
)]

mod architecture;
mod cli;
mod hardening;
mod parity;
mod readme;
mod registry;
