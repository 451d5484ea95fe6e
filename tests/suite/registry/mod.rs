//! mfst and registries: the rules of `rules_*`, one test each, that a client of
//! every registry has to keep; and logins, TLS, proxies, retries and messages.
//!
//! The rules have the numbers of the list that the client was written from.
//! Rules 4, 7, 8 and 9 are about blobs.

mod common;
mod credentials;
mod helpers;
mod hints;
mod hostile;
mod hostile_runs;
mod messages;
mod proxies;
mod real;
mod retries;
mod rules_answers;
mod rules_asking;
mod rules_blobs;
mod rules_tokens;
mod tls;
mod tokens;
