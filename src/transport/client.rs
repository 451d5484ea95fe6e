//! Sends single requests.

use super::body::{ResponseBody, UploadBody};
use super::budget::Clock;
use super::limits::HostLimits;
use super::memory::{Body, Memory, Share};
use super::proxy::Proxies;
use super::resolver::Resolver;
use super::tls::{self, Certificates};
use super::{
    Attempts, CertVerification, Held, Locality, Request, Response, RetryPolicy, TransportError, TransportFault,
};
use super::{Method, Url, display_url, host_and_port};
use crate::config::HostCertificates;
use crate::output::Console;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};
use url::{Host, Position};

/// The maximum time for making a connection, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The same where plain HTTP may be tried next: a plain HTTP server may never answer a TLS handshake.
const CONNECT_LIMIT_BEFORE_FALLBACK: Duration = Duration::from_secs(10);

/// Sends requests. Connections are kept, and shared by all requests with the same verification, certificates and proxy.
pub struct Transport {
    clients: RefCell<HashMap<ClientKey, reqwest::Client>>,
    /// The client for each verification and origin: finding it takes files and the environment.
    by_origin: RefCell<Vec<(CertVerification, String, reqwest::Client)>>,
    proxies: OnceCell<Proxies>,
    resolver: Resolver,
    certificates: Certificates,
    pub(super) retry_policy: RetryPolicy,
    pub(super) limits: HostLimits,
    memory: Memory,
    /// Whether a host answers a TLS handshake with plain HTTP, for hosts that have been sent one.
    plain_http: RefCell<HashMap<String, bool>>,
    /// When the wait for a host that is shown ends.
    shown_waits: RefCell<HashMap<String, Instant>>,
    pub(super) console: Console,
}

/// An HTTP client has one verification, the certificate files of one host or none, and a proxy or none.
type ClientKey = (CertVerification, Option<String>, Option<Url>);

impl Transport {
    /// A transport without connections. `jobs` is the maximum number of requests to a host at a time.
    #[must_use]
    pub fn new(certificates: Certificates, retry_policy: RetryPolicy, jobs: usize, console: &Console) -> Self {
        Self {
            clients: RefCell::default(),
            by_origin: RefCell::default(),
            proxies: OnceCell::new(),
            resolver: Resolver::new(),
            certificates,
            retry_policy,
            limits: HostLimits::new(jobs),
            memory: Memory::new(),
            plain_http: RefCell::default(),
            shown_waits: RefCell::default(),
            console: console.clone(),
        }
    }

    /// Waits before a retry, and shows it once for all requests to a host that wait at the same time.
    pub(super) async fn pause(&self, host: &str, reason: &str, retry: u32, wait: Duration) {
        self.console.debug(format_args!("trying again in {} ms (retry {retry})", wait.as_millis()));
        let now = Instant::now();
        let is_known = self.shown_waits.borrow().get(host).is_some_and(|end| *end > now);
        let _shown = (!is_known).then(|| {
            self.shown_waits.borrow_mut().insert(host.to_owned(), now + wait);
            let retries = self.retry_policy.retries;
            self.console.wait(format_args!("waiting for {host}: {reason}, retry {retry} of {retries}"), wait)
        });
        tokio::time::sleep(wait).await;
    }

    /// Sends a request once, and says so with `--debug`.
    pub(super) async fn attempt(
        &self,
        request: &Request,
        upload: Option<UploadBody>,
        clock: &Clock,
    ) -> Result<Response, TransportError> {
        let started = Instant::now();
        let result = self.send(request, upload, clock).await;
        let (method, url) = (&request.method, &request.url);
        self.console.debug(Attempt { method, url, result: &result, time: started.elapsed() });
        if url.scheme() == "https" {
            self.note_plain_http(host_and_port(url), matches!(result, Err(TransportFault::NotTls)));
        }
        result.map_err(|fault| TransportError {
            method: method.clone(),
            url: display_url(url),
            fault,
            attempts: Attempts::default(),
        })
    }

    fn note_plain_http(&self, host: &str, is_plain: bool) {
        let mut known = self.plain_http.borrow_mut();
        if known.get(host) != Some(&is_plain) {
            known.insert(host.to_owned(), is_plain);
        }
    }

    async fn send(
        &self,
        request: &Request,
        upload: Option<UploadBody>,
        clock: &Clock,
    ) -> Result<Response, TransportFault> {
        let locality = self.locate(request, clock).await?;
        let (mut upload, mut share) = (upload, Share::default());
        loop {
            let limit = self.limits.of(host_and_port(&request.url));
            let is_slotless = request.slotless && upload.is_some();
            let slot = if is_slotless { None } else { Some(clock.uncounted(Rc::clone(&limit).enter()).await) };
            let mut response = self.exchange(request, upload.take(), clock).await?;
            limit.note_version(response.version() >= reqwest::Version::HTTP_2);
            let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
            let (url, attempts) = (request.url.clone(), Attempts::default());
            if request.streams && response.status().is_success() {
                let held = Held { _share: share, _slot: slot.filter(|_| !request.slotless) };
                let stream = Some(ResponseBody::new(response, clock.clone()));
                let (is_permanent, body) = (false, Vec::new());
                return Ok(Response {
                    url,
                    locality,
                    status,
                    attempts,
                    is_permanent,
                    headers,
                    body,
                    stream,
                    _held: held,
                });
            }
            match self.memory.read(&mut response, request.limit, share, clock).await? {
                Body::Whole(body, share) => {
                    let held = Held { _share: share, _slot: None };
                    let (is_permanent, stream) = (status == 500 && (request.is_permanent)(&body), None);
                    return Ok(Response {
                        url,
                        locality,
                        status,
                        attempts,
                        is_permanent,
                        headers,
                        body,
                        stream,
                        _held: held,
                    });
                }
                Body::NoRoom => {
                    drop((response, slot));
                    share = clock.uncounted(self.memory.reserve(request.limit)).await;
                }
            }
        }
    }

    /// Sends a request and waits for the head of the response.
    async fn exchange(
        &self,
        request: &Request,
        upload: Option<UploadBody>,
        clock: &Clock,
    ) -> Result<reqwest::Response, TransportFault> {
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let mut value = HeaderValue::from_str(value).map_err(|_| TransportFault::BadHeader(name))?;
            value.set_sensitive(*name == "authorization");
            headers.insert(HeaderName::from_static(name), value);
        }
        let client = self.client(&request.url, request.verification)?;
        let response = match upload {
            None => {
                let mut message = reqwest::Request::new(request.method.clone(), request.url.clone());
                (*message.headers_mut(), *message.body_mut()) = (headers, Some(request.body.clone().into()));
                clock.answer(client.execute(message)).await?
            }
            Some(body) => {
                let builder = client.request(request.method.clone(), request.url.clone()).headers(headers);
                clock.upload(body.attach(builder).send()).await?
            }
        };
        response.map_err(|error| self.fault(&error, &request.url))
    }

    /// Where a request goes, if it may go there.
    async fn locate(&self, request: &Request, clock: &Clock) -> Result<Locality, TransportFault> {
        let allowed =
            |locality| if locality < request.nearest { Err(TransportFault::TooNear(locality)) } else { Ok(()) };
        Locality::stated(&request.url).map_or(Ok(()), allowed)?;
        let locality = self.locality(&request.url, clock).await?;
        allowed(locality)?;
        Ok(locality)
    }

    /// Where a URL's host is; a name is looked up, unless that is the proxy's business.
    pub(super) async fn locality(&self, url: &Url, clock: &Clock) -> Result<Locality, TransportFault> {
        match url.host() {
            Some(Host::Ipv4(address)) => Ok(Locality::of(address.into())),
            Some(Host::Ipv6(address)) => Ok(Locality::of(address.into())),
            Some(Host::Domain(_)) if self.proxies().proxy_for(url)?.is_some() => Ok(Locality::Elsewhere),
            Some(Host::Domain(name)) => {
                let found = clock.within(CONNECT_LIMIT, self.resolver.locality(name)).await;
                let found = found.map_err(|_| TransportFault::ConnectTimeout)?;
                found.map_err(|error| TransportFault::Connect(error.to_string()))
            }
            None => Err(TransportFault::Connect("the URL has no host".to_owned())),
        }
    }

    /// Whether a host is known to answer a TLS handshake with plain HTTP, if it has been sent one.
    pub(super) fn is_plain_http(&self, url: &Url) -> Option<bool> {
        self.plain_http.borrow().get(host_and_port(url)).copied()
    }

    /// What kept a request from being answered, with the proxy that was involved.
    fn fault(&self, error: &reqwest::Error, url: &Url) -> TransportFault {
        match (TransportFault::of(error), self.proxies().proxy_for(url)) {
            (TransportFault::Connect(reason), Ok(Some(proxy))) => {
                TransportFault::Proxy { proxy: display_url(proxy), reason }
            }
            (fault, _) => fault,
        }
    }

    fn proxies(&self) -> &Proxies {
        self.proxies.get_or_init(Proxies::from_environment)
    }

    fn client(&self, url: &Url, verification: CertVerification) -> Result<reqwest::Client, TransportFault> {
        let origin = &url[..Position::BeforePath];
        let is_for =
            |known: &&(CertVerification, String, reqwest::Client)| known.0 == verification && known.1 == origin;
        if let Some((_, _, client)) = self.by_origin.borrow().iter().find(is_for) {
            return Ok(client.clone());
        }
        let client = self.find_client(url, verification)?;
        self.by_origin.borrow_mut().push((verification, origin.to_owned(), client.clone()));
        Ok(client)
    }

    fn find_client(&self, url: &Url, verification: CertVerification) -> Result<reqwest::Client, TransportFault> {
        let (host, proxy) = (host_and_port(url), self.proxies().proxy_for(url)?.cloned());
        let files = match url.scheme() {
            "https" => self.certificates.of(host),
            _ => Ok(HostCertificates::default()),
        };
        let files = match files {
            // Unusable certificate files do not matter if any certificate is accepted.
            Err(_) if verification == CertVerification::Disabled => HostCertificates::default(),
            files => files.map_err(TransportFault::Certificates)?,
        };
        let is_special = files != HostCertificates::default();
        let key = (verification, is_special.then(|| host.to_owned()), proxy);
        if let Some(client) = self.clients.borrow().get(&key) {
            return Ok(client.clone());
        }
        let client = self.new_client(verification, &files, key.2.as_ref())?;
        self.clients.borrow_mut().insert(key, client.clone());
        Ok(client)
    }

    fn new_client(
        &self,
        verification: CertVerification,
        files: &HostCertificates,
        proxy: Option<&Url>,
    ) -> Result<reqwest::Client, TransportFault> {
        let connect_limit = match verification {
            CertVerification::Enabled => CONNECT_LIMIT,
            CertVerification::Disabled => CONNECT_LIMIT_BEFORE_FALLBACK,
        };
        let broken = |error: reqwest::Error| TransportFault::Broken(error.to_string());
        let tls = tls::configuration(verification, files, self.certificates.trusted_by_name());
        let builder = match proxy {
            Some(proxy) => reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy.clone()).map_err(broken)?),
            None => reqwest::Client::builder().no_proxy(),
        };
        let built = builder
            .dns_resolver(self.resolver.clone())
            .user_agent(concat!("mfst/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(connect_limit)
            .tls_backend_preconfigured(tls.map_err(TransportFault::Certificates)?)
            .build();
        built.map_err(broken)
    }
}

/// What came of sending a request, for `--debug`.
struct Attempt<'a> {
    method: &'a Method,
    url: &'a Url,
    result: &'a Result<Response, TransportFault>,
    time: Duration,
}

impl fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.method, display_url(self.url))?;
        match self.result {
            Ok(response) => write!(f, "{}", response.status)?,
            Err(fault) => write!(f, "{fault}")?,
        }
        write!(f, " ({} ms)", self.time.as_millis())
    }
}
