//! Stored logins: where docker, podman and credential helpers keep them.

mod auths;
mod helper;
mod keychain;

pub use auths::{AuthsError, Credentials, Login};
pub use keychain::{AuthFile, CredentialSources, Keychain, Lookup};
