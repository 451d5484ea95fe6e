//! Who gets in: the layer that asks for a login before the registry sees the
//! request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::acl::{Access, Acl};
use super::route::{self, Resource};
use super::token::{self, Issuer, TokenServer};

/// How a registry wants its clients to log in.
#[derive(Debug, Clone, Default)]
pub enum Gate {
    /// Not at all.
    #[default]
    Open,
    /// User and password with every request.
    Basic(Acl),
    /// A token from the server at `realm`.
    Bearer { realm: String, issuer: Arc<Issuer> },
}

impl Gate {
    /// The answer that refuses the request, or nothing when it may pass.
    fn refusal(&self, request: &Request) -> Option<Response> {
        match self {
            Self::Open => None,
            Self::Basic(acl) => {
                let login = token::basic(request.headers());
                let known = login.is_some_and(|(user, password)| acl.knows(&user, &password));
                (!known).then(|| unauthorized("Basic realm=\"test-realm\""))
            }
            Self::Bearer { realm, issuer } => {
                let wanted = wanted(request);
                let error = match bearer(request.headers()).map(|token| issuer.access(token)) {
                    None => "",
                    Some(None) => ",error=\"invalid_token\"",
                    Some(Some(access)) if wanted.iter().all(|w| w.is_covered_by(&access)) => {
                        return None;
                    }
                    Some(Some(_)) => ",error=\"insufficient_scope\"",
                };
                let service = TokenServer::SERVICE;
                let scopes: Vec<String> = wanted.iter().map(Access::scope).collect();
                let scope = match scopes.join(" ") {
                    none if none.is_empty() => none,
                    scopes => format!(",scope=\"{scopes}\""),
                };
                let challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"{scope}{error}");
                Some(unauthorized(&challenge))
            }
        }
    }
}

/// The layer.
pub async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

/// What a token must allow for a request: as in distribution, writing needs
/// `pull` too, and a mount needs `pull` on its source.
fn wanted(request: &Request) -> Vec<Access> {
    let resource = Resource::of(request.uri().path());
    if resource.repo().is_empty() {
        return Vec::new();
    }
    let actions = match *request.method() {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "pull,push",
    };
    let mut wanted = vec![Access::new(resource.repo(), actions)];
    if request.method() == Method::POST {
        let sources = route::query(request.uri().query(), "from");
        wanted.extend(sources.iter().map(|source| Access::new(source, "pull")));
    }
    wanted
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

fn unauthorized(challenge: &str) -> Response {
    let headers = [(header::WWW_AUTHENTICATE, challenge), (header::CONTENT_TYPE, "application/json")];
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}
