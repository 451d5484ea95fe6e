//! The layer that authenticates requests before they reach the registry.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::acl::{Access, Acl};
use crate::route::{self, Resource};
use crate::token_server::{self, Issuer, TokenServer};

/// How clients of a registry log in.
#[derive(Debug, Clone, Default)]
pub enum AuthLayer {
    /// No login.
    #[default]
    Open,
    /// User and password with every request.
    Basic(Acl),
    /// A bearer token.
    Bearer(Bearer),
}

/// Where tokens come from, and how they are asked for.
#[derive(Debug, Clone)]
pub struct Bearer {
    realm: String,
    issuer: Arc<Issuer>,
    challenges: Vec<String>,
    bad_request: bool,
}

impl Bearer {
    /// With the challenge of distribution.
    pub fn of(tokens: &TokenServer) -> Self {
        let challenges = vec!["Bearer realm=\"{realm}\",service=\"{service}\"{scope}{error}".to_owned()];
        Self { realm: tokens.realm(), issuer: tokens.issuer(), challenges, bad_request: false }
    }

    /// With these `WWW-Authenticate` headers; see [`crate::embedded::Builder::bearer_challenges`].
    #[must_use]
    pub fn challenges(mut self, challenges: &[&str]) -> Self {
        self.challenges = challenges.iter().copied().map(String::from).collect();
        self
    }

    /// Answers an invalid token with 400 and no challenge.
    #[must_use]
    pub fn bad_request(mut self) -> Self {
        self.bad_request = true;
        self
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let required = required_access(request);
        let error = match bearer(request.headers()).map(|token| self.issuer.use_token(token)) {
            None => "",
            Some(None) if self.bad_request => return Some((StatusCode::BAD_REQUEST, EXPIRED).into_response()),
            Some(None) => ",error=\"invalid_token\"",
            Some(Some(access)) if required.iter().all(|it| it.is_covered_by(&access)) => {
                return None;
            }
            Some(Some(_)) => ",error=\"insufficient_scope\"",
        };
        let scopes: Vec<String> = required.iter().map(Access::scope).collect();
        let scope = match scopes.join(" ") {
            none if none.is_empty() => none,
            scopes => format!(",scope=\"{scopes}\""),
        };
        let fill = |challenge: &String| {
            let challenge = challenge.replace("{realm}", &self.realm).replace("{service}", TokenServer::SERVICE);
            challenge.replace("{scope}", &scope).replace("{error}", error)
        };
        Some(unauthorized(&self.challenges.iter().map(fill).collect::<Vec<_>>()))
    }
}

impl AuthLayer {
    /// The response if the request is not authorised.
    fn refusal(&self, request: &Request) -> Option<Response> {
        match self {
            Self::Open => None,
            Self::Basic(acl) => {
                let login = token_server::basic(request.headers());
                let valid = login.is_some_and(|(user, password)| acl.authenticates(&user, &password));
                (!valid).then(|| unauthorized(&["Basic realm=\"test-realm\"".to_owned()]))
            }
            Self::Bearer(bearer) => bearer.refusal(request),
        }
    }
}

/// The layer.
pub async fn authenticate(State(auth): State<AuthLayer>, request: Request, next: Next) -> Response {
    match auth.refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

/// The access that a request needs. As in distribution, writing needs `pull` as well, and a mount needs `pull` on its
/// source.
fn required_access(request: &Request) -> Vec<Access> {
    let resource = Resource::of(request.uri().path());
    if resource.repo().is_empty() {
        return Vec::new();
    }
    let actions = match *request.method() {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "pull,push",
    };
    let mut required = vec![Access::new(resource.repo(), actions)];
    if request.method() == Method::POST {
        let sources = route::query(request.uri().query(), "from");
        required.extend(sources.iter().map(|source| Access::new(source, "pull")));
    }
    required
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

/// The answer of Amazon ECR Public to an expired token.
const EXPIRED: &str =
    r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#;

fn unauthorized(challenges: &[String]) -> Response {
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
    let mut response = (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    for challenge in challenges {
        let challenge = HeaderValue::from_str(challenge).expect("a header value");
        response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
