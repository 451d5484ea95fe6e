//! Operations: requests that together do one thing, and share its time and its attempts.

use super::budget::Budget;
use super::retry::Retryable;
use super::{Locality, Method, Request, Response, RetryPolicy, Transport, TransportError, TransportFault, UploadBody};
use super::{display_url, host_and_port, status_name};
use bytes::Bytes;
use futures_util::stream::Stream;
use std::fmt;
use std::io;
use std::time::SystemTime;

/// How much of a response is read that does not matter, in bytes.
const PROBE_LIMIT: usize = 1024;

/// The requests of one operation.
pub struct Operation<'t> {
    transport: &'t Transport,
    budget: Budget,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy)]
pub enum Failure<'a> {
    /// No response came.
    Fault(&'a TransportFault),
    /// This status code came.
    Status(u16),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Status(status) => write!(f, "{status} {}", status_name(*status)),
        }
    }
}

impl Transport {
    /// Starts an operation. Its time begins now.
    #[must_use]
    pub fn begin(&self) -> Operation<'_> {
        Operation { transport: self, budget: Budget::new(self.retry_policy) }
    }
}

impl<'t> Operation<'t> {
    /// An operation with a budget of its own and without retries, for what may as well fail.
    #[must_use]
    pub fn single_attempt(&self) -> Operation<'t> {
        let policy = RetryPolicy { retries: 0, ..self.transport.retry_policy };
        Self { transport: self.transport, budget: Budget::new(policy) }
    }

    /// Sends a request, again and again if it fails for a temporary reason, and returns the response, whatever its
    /// status. Redirects are not followed.
    pub async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.retrying(async || self.send_once(request).await.map(|response| ((), response))).await.map(|((), it)| it)
    }

    /// Sends a request once.
    pub async fn send_once(&self, request: &Request) -> Result<Response, TransportError> {
        self.counted(self.transport.attempt(request, None, &self.budget.clock).await)
    }

    /// Sends a request with a large body, once: the body cannot be had twice.
    pub async fn upload(&self, request: &Request, body: UploadBody) -> Result<Response, TransportError> {
        self.counted(self.transport.attempt(request, Some(body), &self.budget.clock).await)
    }

    /// A body for [`Operation::upload`], `length` bytes in these chunks.
    pub fn body(&self, length: u64, chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> UploadBody {
        UploadBody::new(length, self.budget.clock.clone(), chunks)
    }

    /// Makes an attempt, again and again if it fails for a temporary reason.
    pub async fn retrying<T>(
        &self,
        attempt: impl AsyncFn() -> Result<(T, Response), TransportError>,
    ) -> Result<(T, Response), TransportError> {
        loop {
            let outcome = attempt().await;
            let may_retry = match &outcome {
                Ok((_, response)) => {
                    let failed = Retryable::of_response(response, SystemTime::now());
                    self.wait_to_retry(failed, host_and_port(&response.url), Failure::Status(response.status)).await
                }
                Err(error) => {
                    self.wait_to_retry(Retryable::of_fault(&error.fault), &error.host(), Failure::Fault(&error.fault))
                        .await
                }
            };
            if !may_retry {
                return outcome;
            }
        }
    }

    /// Notes the attempts in an outcome that may be temporary.
    fn counted(&self, outcome: Result<Response, TransportError>) -> Result<Response, TransportError> {
        let attempts = self.budget.attempts();
        match outcome {
            Ok(response) if Retryable::of_response(&response, SystemTime::now()) != Retryable::No => {
                Ok(Response { attempts, ..response })
            }
            Err(error) if Retryable::of_fault(&error.fault) != Retryable::No => {
                Err(TransportError { attempts, ..error })
            }
            other => other,
        }
    }

    /// Waits before the operation starts over after a failure of a host; false if it should not.
    pub async fn start_over(&self, host: &str, failure: Failure<'_>) -> bool {
        let failed = match failure {
            Failure::Fault(fault) => Retryable::of_fault(fault),
            Failure::Status(status) => Retryable::of_status(status, None),
        };
        self.wait_to_retry(failed, host, failure).await
    }

    /// Waits before another attempt; false if there is to be none. A host that is too busy gets no request meanwhile.
    async fn wait_to_retry(&self, failed: Retryable, host: &str, failure: Failure<'_>) -> bool {
        let Some(wait) = self.budget.next_wait(failed) else { return false };
        if matches!(failure, Failure::Status(429)) {
            self.transport.limits.of(host).pause(wait);
        }
        self.transport.pause(host, &failure.to_string(), self.budget.retries(), wait).await;
        true
    }

    /// Waits for something that is not the server's doing: it takes none of the operation's time.
    pub async fn uncounted<T>(&self, work: impl Future<Output = T>) -> T {
        self.budget.clock.uncounted(work).await
    }

    /// Where a request would go.
    pub async fn locality(&self, request: &Request) -> Result<Locality, TransportError> {
        let found = self.transport.locality(&request.url, &self.budget.clock).await;
        let (method, url) = (&request.method, &request.url);
        found.map_err(|fault| TransportError {
            method: method.clone(),
            url: display_url(url),
            fault,
            attempts: self.budget.attempts(),
        })
    }

    /// Whether a secret may be sent with a request: over TLS, to this machine, or to a server that has answered a TLS
    /// handshake with plain HTTP. The last is docker's condition for plain HTTP (docker/cli
    /// `internal/registryclient/client.go`); a server that merely cannot be reached over TLS may be somebody else.
    pub async fn may_send_secrets(&self, request: &Request) -> bool {
        let is_here = async || self.locality(request).await.is_ok_and(|it| it == Locality::ThisMachine);
        if request.url.scheme() == "https" || is_here().await {
            return true;
        }
        let mut secure = request.url.clone();
        if secure.set_scheme("https").is_err() {
            return false;
        }
        if self.transport.is_plain_http(&secure).is_none() {
            secure.set_path("/");
            secure.set_query(None);
            let probe = Request { nearest: request.nearest, ..Request::new(Method::GET, secure.clone(), PROBE_LIMIT) };
            // The handshake is noted by the transport; the response, if there is one, does not matter.
            let _ = self.send_once(&probe).await;
        }
        self.transport.is_plain_http(&secure) == Some(true)
    }
}
