//! The `mfst` binary as its users meet it: a process with arguments, an
//! environment, a home directory and a registry. What is said about docker was
//! observed with docker 28.2.2; D1, D2, … are the deliberate differences.

mod amend;
mod annotate;
mod auth;
mod budget;
mod children;
mod clear;
mod consumers;
mod copies;
mod copies_broken;
mod create;
mod create_push;
mod credential_helpers;
mod dry_run;
mod duplicates;
mod embedded;
mod errors;
mod flags;
mod help;
mod index_sources;
mod inspect;
mod ls;
mod ls_limits;
mod messages;
mod passing_on;
mod platforms;
mod process;
mod progress;
mod push;
mod raw;
mod receipts;
mod releases;
mod remove;
mod replace;
mod result_files;
mod rm;
mod scale;
mod special_files;
mod stale;
mod tags;
mod terminal;
mod tls;
