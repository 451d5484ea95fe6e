//! The first request to a registry, and a token that is fetched while the connection for it is made.

use super::ANSWER_LIMIT;
use super::authorization::{Authorization, challenge_of};
use super::error::RegistryError;
use super::remembered::TokenSource;
use super::scope::{Scope, ScopeSet};
use super::session::{ApiRequest, Origin, Session};
use super::token::{Token, TokenServer};
use crate::transport::{CertVerification, Locality, Method, Operation, Request, Response, Url};
use futures_util::future::{Either, ready, select};
use std::pin::pin;
use std::rc::Rc;

/// A token that the registry has not asked for yet.
struct EarlyToken {
    source: TokenSource,
    scopes: ScopeSet,
    token: Token,
}

impl Session {
    /// Finds the registry's origin and its challenge, and fetches a token that allows this, unless another request is
    /// already doing so.
    pub(super) async fn connect(&self, operation: &Operation<'_>, scope: Scope) {
        if self.is_opening() {
            return;
        }
        let call = ApiRequest::new(Method::GET, "/v2/".to_owned(), ANSWER_LIMIT, scope);
        let Ok(Some(response)) = self.open(operation, &call).await else { return };
        if let Some(challenge) = self.note_challenge(&response)
            && let Ok(Authorization::Token(server)) = self.authorization(operation, &challenge).await
        {
            let _ = self.tokens.get(operation, &server, &self.token_scopes(&call)).await;
        }
    }

    /// Sends the first request, which finds the registry's origin. If an earlier run has met the registry, a token is
    /// fetched meanwhile, and kept if the registry still names the same token server.
    pub(super) async fn meet(
        &self,
        operation: &Operation<'_>,
        call: &ApiRequest,
    ) -> Result<(Origin, Response), RegistryError> {
        // The connection is begun first: looking the login up may run a program.
        let opening = pin!(self.find_origin(operation, call));
        let fetching = pin!(self.fetch_early(operation, call));
        Ok(match select(opening, fetching).await {
            Either::Left((opened, fetching)) => self.confirm(opened?, fetching).await,
            Either::Right((early, opening)) => self.confirm(opening.await?, ready(early)).await,
        })
    }

    /// Keeps the early token if the registry's first response names the same token server.
    async fn confirm(
        &self,
        (origin, response): (Origin, Response),
        early: impl Future<Output = Option<EarlyToken>>,
    ) -> (Origin, Response) {
        if let Some(current) = self.confirmed_source(&origin, &response)
            && let Some(early) = early.await.filter(|early| early.source == current)
        {
            self.tokens.insert(&early.scopes, early.token).await;
        }
        (origin, response)
    }

    /// Whether what is learned from the registry may be remembered: certificates are verified, its own and those of the
    /// hosts that it leads to.
    pub(super) fn is_verified(&self, origin: &Url, locality: Locality) -> bool {
        let verifications = [self.endpoint.own_verification(locality), self.endpoint.linked_verification()];
        origin.scheme() == "https" && verifications == [CertVerification::Enabled; 2]
    }

    /// Fetches a token where the registry had its tokens before, once and without consequences. The login is sent there
    /// only if it was accepted there before.
    async fn fetch_early(&self, operation: &Operation<'_>, call: &ApiRequest) -> Option<EarlyToken> {
        let remembered = self.remembered.as_ref()?;
        let origin = self.endpoint.origin("https")?;
        let locality = operation.locality(&Request::new(Method::GET, origin.clone(), 0)).await.ok()?;
        if !self.is_verified(&origin, locality) || !remembered.knows(self.host()) {
            return None;
        }
        let login = self.login().login.as_ref();
        if login.is_some_and(|login| login.registry_token.is_some()) {
            return None;
        }
        let source = remembered.find(self.host(), login)?;
        let request = Request::new(Method::GET, Url::parse(&source.realm).ok()?, ANSWER_LIMIT);
        let server = TokenServer {
            request: Rc::new(Request { nearest: locality, ..request }),
            service: &source.service,
            host: self.host(),
            login,
            lookup_error: None,
            remembered: None,
            console: self.console.clone(),
        };
        let scopes = self.token_scopes(call);
        let attempt = operation.single_attempt();
        match server.fetch_once(&attempt, &scopes).await {
            Ok(Some(token)) => Some(EarlyToken { source, scopes, token }),
            Ok(None) => {
                remembered.forget_others(self.host(), None);
                None
            }
            Err(_) => None,
        }
    }

    /// The token source that the registry's first response names, if it is the remembered one. Others are forgotten.
    fn confirmed_source(&self, origin: &Origin, response: &Response) -> Option<TokenSource> {
        let remembered = self.remembered.as_ref().filter(|_| self.is_verified(&origin.url, origin.locality))?;
        let current = challenge_of(response).and_then(|challenge| TokenSource::of(&challenge));
        if response.status == 401 || response.is_success() {
            remembered.forget_others(self.host(), current.as_ref());
        }
        current.filter(|_| remembered.knows(self.host()))
    }
}
