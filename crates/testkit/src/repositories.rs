//! Repositories with walls between them. The registry underneath keeps one pool
//! of blobs for all and declines every mount; here a repository has only the
//! blobs that were uploaded or mounted into it, as in every real registry, so a
//! push that forgets one is refused.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::route::{self, Resource};

/// Which blobs are in which repository.
#[derive(Debug, Clone, Default)]
pub struct Repositories {
    blobs: Arc<Mutex<HashSet<(String, String)>>>,
    declined: Option<StatusCode>,
}

impl Repositories {
    /// Answers every mount with this status instead of doing it; 202 opens an
    /// upload.
    pub fn declining(status: u16) -> Self {
        Self { declined: Some(StatusCode::from_u16(status).expect("a status code")), ..Self::default() }
    }

    /// Puts a blob into a repository.
    pub fn insert(&self, repo: &str, digest: &str) {
        let blob = (repo.to_owned(), digest.to_owned());
        self.blobs.lock().expect("the blobs").insert(blob);
    }

    /// Whether a repository has a blob.
    pub fn contains(&self, repo: &str, digest: &str) -> bool {
        let blob = (repo.to_owned(), digest.to_owned());
        self.blobs.lock().expect("the blobs").contains(&blob)
    }

    /// The answer to a mount, or nothing where it becomes an upload.
    fn mount(&self, repo: &str, digest: &str, from: Option<&String>) -> Option<Response> {
        if let Some(status) = self.declined {
            let message = "mounting is not what this registry does";
            return (status != StatusCode::ACCEPTED).then(|| error(status, "UNSUPPORTED", message));
        }
        let present = self.contains(repo, digest);
        if !present && !from.is_some_and(|from| self.contains(from, digest)) {
            return None;
        }
        self.insert(repo, digest);
        let location = format!("/v2/{repo}/blobs/{digest}");
        let headers = [("location", location.as_str()), ("docker-content-digest", digest)];
        Some((StatusCode::CREATED, headers).into_response())
    }

    /// The answer to a manifest that names blobs the repository lacks, or calls
    /// itself something else than its `Content-Type` does.
    fn refusal(&self, repo: &str, content_type: &str, manifest: &[u8]) -> Option<Response> {
        let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let media_type = manifest["mediaType"].as_str();
        if media_type.is_some_and(|media_type| media_type != content_type) {
            let message = "the media type is not the content type";
            return Some(error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message));
        }
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let foreign = |blob: &&Value| blob.get("urls").is_some();
        let mut blobs = layers
            .filter(|layer| !foreign(layer))
            .chain(manifest.get("config"))
            .filter_map(|blob| blob["digest"].as_str());
        let digest = blobs.find(|digest| !self.contains(repo, digest))?;
        let message = format!("blob unknown to registry: {digest}");
        Some(error(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", &message))
    }
}

/// The layer.
pub async fn separate(State(repositories): State<Repositories>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(String::from);
    let parameter = |name| route::query(query.as_deref(), name).pop();
    match Resource::of(&path) {
        Resource::Blob { repo, digest } if !repositories.contains(repo, digest) => {
            error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry")
        }
        Resource::Upload { repo, .. } if matches!(method, Method::POST | Method::PUT) => {
            if let Some(digest) = parameter("mount")
                && let Some(answer) = repositories.mount(repo, &digest, parameter("from").as_ref())
            {
                return answer;
            }
            let response = next.run(request).await;
            if response.status() == StatusCode::CREATED
                && let Some(digest) = parameter("digest")
            {
                repositories.insert(repo, &digest);
            }
            response
        }
        Resource::Manifest { repo, .. } if method == Method::PUT => {
            let (head, body) = request.into_parts();
            let Ok(body) = to_bytes(body, usize::MAX).await else {
                return error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "the body broke off");
            };
            let content_type = head.headers.get(header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
            match repositories.refusal(repo, content_type, &body) {
                Some(refusal) => refusal,
                None => next.run(Request::from_parts(head, Body::from(body))).await,
            }
        }
        _ => next.run(request).await,
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let body = json!({"errors": [{"code": code, "message": message}]});
    (status, headers, body.to_string()).into_response()
}
