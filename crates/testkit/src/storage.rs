//! An object storage, where registries send their clients for blobs. It takes a
//! request that comes with an authorization for a mistake, as S3 and Azure do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};

use crate::log::{self, Log};
use crate::server::{Server, Tls};

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A running storage over plain HTTP.
#[derive(Debug)]
pub struct Storage {
    server: Server,
    objects: Objects,
    log: Log,
}

impl Storage {
    /// The signature in its URLs, which nobody else must see.
    pub const SIGNATURE: &'static str = "a%2Fb%2Bc";

    /// An empty one.
    pub fn start() -> Self {
        let (objects, log) = (Objects::default(), Log::default());
        let app = Router::new()
            .fallback(give)
            .with_state(Arc::clone(&objects))
            .layer(from_fn_with_state(log.clone(), log::record));
        Self { server: Server::start(Server::bind("127.0.0.1"), Tls::None, app), objects, log }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Keeps an object and tells its signed URL.
    pub fn put(&self, name: &str, bytes: &[u8]) -> String {
        self.objects.lock().expect("the objects").insert(format!("/{name}"), bytes.to_vec());
        format!("{}/{name}?X-Sig={}", self.server.origin(), Self::SIGNATURE)
    }

    /// The requests so far.
    pub fn log(&self) -> &Log {
        &self.log
    }
}

async fn give(State(objects): State<Objects>, request: Request) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return (StatusCode::BAD_REQUEST, "Only one auth mechanism allowed").into_response();
    }
    if !request.uri().query().unwrap_or_default().ends_with(Storage::SIGNATURE) {
        return (StatusCode::FORBIDDEN, "<Error><Code>SignatureDoesNotMatch</Code></Error>").into_response();
    }
    match objects.lock().expect("the objects").get(request.uri().path()) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
