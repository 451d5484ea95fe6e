//! The `mfst` binary as its users meet it: a process with arguments, an
//! environment, a home directory and a registry. What is said about docker was
//! observed with docker 28.2.2; D1, D2, … are the deliberate differences.

mod amend;
mod annotate;
mod apply;
mod auth;
mod budget;
mod children;
mod clear;
mod conditions;
mod consumers;
mod copies;
mod copies_broken;
mod create;
mod create_push;
mod dry_run;
mod duplicates;
mod embedded;
mod errors;
mod flags;
mod index_sources;
mod inspect;
mod list_options;
mod ls;
mod manifest_tool;
mod platforms;
mod process;
mod progress;
mod push;
mod raw;
mod receipts;
mod releases;
mod remove;
mod replace;
mod rm;
mod scale;
mod spec;
mod stale;
mod tags;
mod tls;
