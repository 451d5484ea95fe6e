//! Who gets in: the layer that asks for a login before the registry sees the
//! request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::acl::{Access, Acl};
use crate::route::{self, Resource};
use crate::token::{self, Issuer, TokenServer};

/// How a registry wants its clients to log in.
#[derive(Debug, Clone, Default)]
pub enum Gate {
    /// Not at all.
    #[default]
    Open,
    /// User and password with every request.
    Basic(Acl),
    /// A token.
    Bearer(Bearer),
}

/// Whose tokens, and in which words they are asked for.
#[derive(Debug, Clone)]
pub struct Bearer {
    realm: String,
    issuer: Arc<Issuer>,
    challenges: Vec<String>,
    bad_request: bool,
}

impl Bearer {
    /// As distribution asks for them.
    pub fn of(tokens: &TokenServer) -> Self {
        let challenges = vec!["Bearer realm=\"{realm}\",service=\"{service}\"{scope}{error}".to_owned()];
        Self { realm: tokens.realm(), issuer: tokens.issuer(), challenges, bad_request: false }
    }

    /// In these headers; see [`crate::embedded::Builder::bearer_in_words`].
    #[must_use]
    pub fn in_words(mut self, challenges: &[&str]) -> Self {
        self.challenges = challenges.iter().copied().map(String::from).collect();
        self
    }

    /// A bad token is a bad request.
    #[must_use]
    pub fn without_a_word(mut self) -> Self {
        self.bad_request = true;
        self
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let wanted = wanted(request);
        let error = match bearer(request.headers()).map(|token| self.issuer.use_token(token)) {
            None => "",
            Some(None) if self.bad_request => return Some((StatusCode::BAD_REQUEST, EXPIRED).into_response()),
            Some(None) => ",error=\"invalid_token\"",
            Some(Some(access)) if wanted.iter().all(|w| w.is_covered_by(&access)) => {
                return None;
            }
            Some(Some(_)) => ",error=\"insufficient_scope\"",
        };
        let scopes: Vec<String> = wanted.iter().map(Access::scope).collect();
        let scope = match scopes.join(" ") {
            none if none.is_empty() => none,
            scopes => format!(",scope=\"{scopes}\""),
        };
        let fill = |words: &String| {
            let words = words.replace("{realm}", &self.realm).replace("{service}", TokenServer::SERVICE);
            words.replace("{scope}", &scope).replace("{error}", error)
        };
        Some(unauthorized(&self.challenges.iter().map(fill).collect::<Vec<_>>()))
    }
}

impl Gate {
    /// The answer that refuses the request, or nothing when it may pass.
    fn refusal(&self, request: &Request) -> Option<Response> {
        match self {
            Self::Open => None,
            Self::Basic(acl) => {
                let login = token::basic(request.headers());
                let known = login.is_some_and(|(user, password)| acl.knows(&user, &password));
                (!known).then(|| unauthorized(&["Basic realm=\"test-realm\"".to_owned()]))
            }
            Self::Bearer(bearer) => bearer.refusal(request),
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

/// What Amazon's public registry says.
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
