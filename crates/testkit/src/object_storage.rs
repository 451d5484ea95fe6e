//! An object storage to which a registry redirects blob requests. Like S3 and Azure it rejects requests that have an
//! `Authorization` header.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::scripted::ScriptedServer;
use crate::server::Tls;

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A running object storage over plain HTTP.
#[derive(Debug)]
pub struct ObjectStorage {
    server: ScriptedServer,
    objects: Objects,
}

impl Deref for ObjectStorage {
    type Target = ScriptedServer;

    fn deref(&self) -> &ScriptedServer {
        &self.server
    }
}

impl ObjectStorage {
    /// The signature in its URLs. It is a secret.
    pub const SIGNATURE: &'static str = "a%2Fb%2Bc";

    /// Starts an empty one.
    pub fn start() -> Self {
        let objects = Objects::default();
        let app = Router::new().fallback(serve).with_state(Arc::clone(&objects));
        Self { server: ScriptedServer::start("127.0.0.1", Tls::None, app), objects }
    }

    /// Stores an object and returns its signed URL.
    pub fn put(&self, name: &str, bytes: &[u8]) -> String {
        self.objects.lock().expect("the objects").insert(format!("/{name}"), bytes.to_vec());
        format!("{}/{name}?X-Sig={}", self.server.origin(), Self::SIGNATURE)
    }
}

async fn serve(State(objects): State<Objects>, request: Request) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return (StatusCode::BAD_REQUEST, "Only one auth mechanism allowed").into_response();
    }
    if !request.uri().query().unwrap_or_default().ends_with(ObjectStorage::SIGNATURE) {
        return (StatusCode::FORBIDDEN, "<Error><Code>SignatureDoesNotMatch</Code></Error>").into_response();
    }
    match objects.lock().expect("the objects").get(request.uri().path()) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
