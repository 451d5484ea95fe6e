//! mfst and registries: the rules that a client of every registry has to follow (`rules_*`), logins, TLS, proxies,
//! retries and messages.
//!
//! The numbers of the rules are those of the specification that the client was written from. Rules 4, 7, 8 and 9 are
//! about blobs.

mod budgets;
mod credentials;
mod guards;
mod helpers;
mod hints;
mod hostile;
mod hostile_runs;
mod limits;
mod logins;
mod messages;
mod met;
mod proxies;
mod proxies_socks;
mod raw_server;
mod real;
mod remembered;
mod remembered_forged;
mod retries;
mod rules_answers;
mod rules_asking;
mod rules_blobs;
mod rules_tokens;
mod setup;
mod tls;
mod tokens;
