//! The smallest HTTP client that can fill a registry and read it back.
//!
//! It shares no code with the client under test, so that a mistake there cannot hide here.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::images::{Image, digest};

const ANY_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// A registry's address, and what to show at the door.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port`.
    pub host: String,
    /// The value of the `Authorization` header, where one is wanted.
    pub authorization: Option<String>,
}

/// What a server answered.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request on a connection of its own. HTTP/1.0, so that no answer comes in chunks.
pub fn request(
    target: &Target,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let host = &target.host;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if let Some(authorization) = &target.authorization {
        head.extend(["Authorization: ", authorization, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other("not an HTTP answer"))
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response { status, headers, body: answer[end + 4..].to_vec() })
}

/// Uploads one blob.
pub fn put_blob(target: &Target, repo: &str, bytes: &[u8]) {
    let start = request(target, "POST", &format!("/v2/{repo}/blobs/uploads/"), &[], &[]).expect("start an upload");
    assert_eq!(start.status, 202, "start an upload to {repo}: {}", String::from_utf8_lossy(&start.body));
    let location = start.header("location").expect("an upload has a location");
    let path = location.split_once("://").map_or(location, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joint}digest={}", digest(bytes));
    let octets = [("Content-Type", "application/octet-stream")];
    let done = request(target, "PUT", &path, &octets, bytes).expect("finish an upload");
    assert_eq!(done.status, 201, "upload to {repo}: {}", String::from_utf8_lossy(&done.body));
}

/// Uploads an image: its blobs, then its document under `reference`, a tag or a digest.
pub fn put_image(target: &Target, repo: &str, reference: &str, image: &Image) {
    for blob in &image.blobs {
        put_blob(target, repo, blob);
    }
    put_manifest(target, repo, reference, &image.media_type, &image.manifest);
}

/// Puts a document under a tag or its digest.
pub fn put_manifest(target: &Target, repo: &str, reference: &str, media_type: &str, bytes: &[u8]) {
    let path = format!("/v2/{repo}/manifests/{reference}");
    let done = request(target, "PUT", &path, &[("Content-Type", media_type)], bytes).expect("put a manifest");
    assert_eq!(done.status, 201, "put {repo} {reference}: {}", String::from_utf8_lossy(&done.body));
}

/// The media type and bytes of a document, if it is there.
pub fn get_manifest(target: &Target, repo: &str, reference: &str) -> Option<(String, Vec<u8>)> {
    let path = format!("/v2/{repo}/manifests/{reference}");
    let answer = request(target, "GET", &path, &[("Accept", ANY_MANIFEST)], &[]).expect("get a manifest");
    let media_type = answer.header("content-type").unwrap_or_default().to_owned();
    (answer.status == 200).then_some((media_type, answer.body))
}

/// Removes a document by digest, so that what refers to it dangles.
pub fn delete_manifest(target: &Target, repo: &str, digest: &str) {
    let path = format!("/v2/{repo}/manifests/{digest}");
    let done = request(target, "DELETE", &path, &[], &[]).expect("delete a manifest");
    assert_eq!(done.status, 202, "delete {repo}@{digest}: {}", String::from_utf8_lossy(&done.body));
}
