//! One plain HTTP request at a time, for tests of the support itself and for
//! seeding a registry that runs elsewhere.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode, redirect};

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// Sends a request and reads the answer. Fails when either is broken off.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> reqwest::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = client()?.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    })
}

fn client() -> reqwest::Result<Client> {
    // The client wants one even where it will only speak plain HTTP. A second
    // installation is an error without consequence.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build()
}
