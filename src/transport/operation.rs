//! Operations: requests that together do one thing, and share its time and its attempts.

use super::budget::Budget;
use super::retry::Retryable;
use super::{Locality, Method, Request, Response, RetryPolicy, Transport, TransportError, TransportFault, UploadBody};
use super::{display_url, host_and_port};
use bytes::Bytes;
use futures_util::stream::Stream;
use std::io;
use std::time::SystemTime;

/// How much of a response is read that does not matter, in bytes.
const PROBE_LIMIT: usize = 1024;

/// The requests of one operation.
pub struct Operation<'t> {
    transport: &'t Transport,
    budget: Budget,
}

/// Why an operation has to start over.
#[derive(Debug, Clone, Copy)]
pub enum Failure<'a> {
    /// No response came.
    Fault(&'a TransportFault),
    /// This status code came.
    Status(u16),
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
        self.transport.attempt(request, None, &self.budget.clock).await
    }

    /// Sends a request with a large body, once: the body cannot be had twice.
    pub async fn upload(&self, request: &Request, body: UploadBody) -> Result<Response, TransportError> {
        self.transport.attempt(request, Some(body), &self.budget.clock).await
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
            let failed = match &outcome {
                Ok((_, response)) => Retryable::of_response(response, SystemTime::now()),
                Err(error) => Retryable::of_fault(&error.fault),
            };
            let busy = outcome.as_ref().ok().map(|(_, response)| response).filter(|response| response.status == 429);
            if !self.wait_to_retry(failed, busy).await {
                return outcome;
            }
        }
    }

    /// Waits before the operation starts over; false if it should not.
    pub async fn start_over(&self, failure: Failure<'_>) -> bool {
        let failed = match failure {
            Failure::Fault(fault) => Retryable::of_fault(fault),
            Failure::Status(status) => Retryable::of_status(status, None),
        };
        self.wait_to_retry(failed, None).await
    }

    /// Waits before another attempt; false if there is to be none. A host that is too busy gets no request meanwhile.
    async fn wait_to_retry(&self, failed: Retryable, busy: Option<&Response>) -> bool {
        let Some(wait) = self.budget.next_wait(failed) else { return false };
        let retry = self.budget.retries();
        self.transport.console.debug(format_args!("trying again in {} ms (retry {retry})", wait.as_millis()));
        if let Some(response) = busy {
            self.transport.limits.of(host_and_port(&response.url)).pause(wait);
        }
        tokio::time::sleep(wait).await;
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
        found.map_err(|fault| TransportError { method: method.clone(), url: display_url(url), fault })
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
