//! Stores and removes logins, for `login` and `logout`.

use super::Config;
use super::rewrite::{self, Change};
use crate::auth::{Credentials, HelperError, Server};
use crate::file::{self, ReadError, reason};
use crate::json;
use crate::output::{ResultFile, ResultFileError};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use thiserror::Error;

/// A login that cannot be stored or removed. `config.json` is as it was.
#[derive(Debug, Error)]
pub enum LoginStoreError {
    /// The credential helper refused.
    #[error("the credential helper for this registry failed: {0}")]
    Helper(HelperError),
    /// `config.json` cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: ReadError,
    },
    /// `config.json` is not JSON, or `auths` is not an object.
    #[error("{} is left as it is: {error}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: json::Error,
    },
    /// `config.json` or its directory cannot be created.
    #[error("cannot write {}: {}", path.display(), reason(error))]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// `config.json` cannot be written.
    #[error(transparent)]
    Write(#[from] ResultFileError),
}

impl Config {
    /// Stores a login: in the credential helper for the registry if there is one, else in `config.json`. Returns the path
    /// of the file if the password is in it now and was not before.
    pub fn store_login(&self, server: &Server, login: &Credentials) -> Result<Option<PathBuf>, LoginStoreError> {
        let mut docker = self.docker.clone();
        let store = docker.use_default_store().map(str::to_owned);
        let is_in_helper = docker.store_in_helper(server, login).map_err(LoginStoreError::Helper)?;
        let entry = if is_in_helper { "{}".to_owned() } else { login.to_json() };
        let change = Change { remove: &[], set: Some((server.key(), &entry)), store: store.as_deref() };
        let path = self.change_logins(&change)?;
        let is_new = !is_in_helper && !self.docker.has_any(&[server.key().to_owned()]);
        Ok(path.filter(|_| is_new))
    }

    /// Removes the login of a registry, under every form of its name.
    pub fn remove_login(&self, server: &Server) -> Result<(), LoginStoreError> {
        let mut docker = self.docker.clone();
        docker.use_default_store();
        // A password in the file must not stay because a helper fails.
        let erased = docker.erase_from_helper(server).map_err(LoginStoreError::Helper);
        self.change_logins(&Change { remove: &server.keys(), set: None, store: None })?;
        erased
    }

    /// Rewrites `config.json` in one step and returns its path. A new file can be read by its owner only.
    fn change_logins(&self, change: &Change<'_>) -> Result<Option<PathBuf>, LoginStoreError> {
        let path = self.directory.join("config.json");
        let text = match file::read(&path) {
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| LoginStoreError::Read { path: path.clone(), error })?,
        };
        let changed = rewrite::apply(&String::from_utf8_lossy(&text), change);
        let changed = changed.map_err(|error| LoginStoreError::Parse { path: path.clone(), error })?;
        let Some(changed) = changed else { return Ok(None) };
        let failed = |error| LoginStoreError::Create { path: path.clone(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        ResultFile::prepare(&path)?.write(&changed)?;
        Ok(Some(path))
    }
}
