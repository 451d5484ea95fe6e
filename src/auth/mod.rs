//! Stored logins: where docker, podman and credential helpers keep them.

mod auths;
mod helper;
mod keychain;
mod server;

pub use auths::{AuthsError, Credentials, Login};
pub use helper::HelperError;
pub use keychain::{AuthFile, CredentialSources, Keychain, Lookup};
pub use server::{InvalidServer, Server};
