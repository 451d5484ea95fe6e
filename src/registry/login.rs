//! Trying a login.

use super::session::ApiRequest;
use super::{ANSWER_LIMIT, Client, RegistryError, Scope, ScopeSet};
use crate::reference::Reference;
use crate::transport::Method;

/// What a registry makes of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginCheck {
    /// The registry or its token server accepts it.
    Accepted,
    /// The registry asks for no login at its entry, so that nothing is known about this one.
    NotAskedFor,
}

impl Client {
    /// Tries the login of this client at the entry of a registry, `/v2/`. A login that is refused is an error.
    pub async fn check_login(&self, registry: &Reference) -> Result<LoginCheck, RegistryError> {
        let (session, operation) = (self.session(registry), self.transport.begin());
        let mut call = ApiRequest::new(Method::GET, "/v2/".to_owned(), ANSWER_LIMIT, Scope::pull(registry.path()));
        call.scopes = ScopeSet::default();
        let refused = |error: RegistryError| error.refused_login(registry.domain());
        let response = session.send(&operation, &call).await.map_err(refused)?;
        match response.status {
            _ if !response.is_success() => Err(refused(session.refusal(&Method::GET, &response).into())),
            _ if session.was_challenged() => Ok(LoginCheck::Accepted),
            _ => Ok(LoginCheck::NotAskedFor),
        }
    }
}
