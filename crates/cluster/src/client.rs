//! Single requests: limited in number, time and size, repeated when nobody answers.

use crate::breaker::{Admission, Breaker, PAUSE};
use crate::choice::Options;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::Body;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Bytes of one answer.
const MAX_ANSWER: usize = 64 << 20;
/// A server that wants more patience than this is not waited for as long as it says.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// From the root, with its query.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        let content_type = "application/json";
        Self { method: Method::GET, path: path.into(), content_type, body: Vec::new() }
    }

    pub(crate) fn post(path: impl Into<String>, object: &Value) -> Self {
        let body = object.to_string().into_bytes();
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    pub(crate) fn put(path: impl Into<String>, object: &Value) -> Self {
        Self { method: Method::PUT, ..Self::post(path, object) }
    }

    /// JSON is YAML, so the object goes as it is.
    pub(crate) fn apply(path: impl Into<String>, object: &Value) -> Self {
        let content_type = "application/apply-patch+yaml";
        Self { method: Method::PATCH, content_type, ..Self::post(path, object) }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// What it asks to wait before trying again.
    retry_after: Option<Duration>,
}

impl Reply {
    /// Its body as text, as far as it is text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether an admission webhook failed, which the server reports as its own failure.
    pub(crate) fn is_webhook_failure(&self) -> bool {
        self.status == StatusCode::INTERNAL_SERVER_ERROR
            && contains(&self.body, b"failed calling webhook")
    }

    /// Whether the object does not fit its type, which apply reports as a failure of the server.
    pub(crate) fn is_type_mismatch(&self) -> bool {
        self.status == StatusCode::INTERNAL_SERVER_ERROR
            && [&b"failed to create typed patch object"[..], b"failed to convert new object"]
                .iter()
                .any(|words| contains(&self.body, words))
    }

    /// Whether the server could not look at the request at all.
    fn is_overload(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 500 | 502 | 503 | 504)
            && !self.is_webhook_failure()
            && !self.is_type_mismatch()
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Silence {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Unreachable(String),
    /// TLS does not trust the server.
    #[error("{0}")]
    Untrusted(String),
    /// The kubeconfig's credentials cannot be had.
    #[error("{0}")]
    NoCredentials(String),
    #[error("the answer has more than {} MiB", MAX_ANSWER >> 20)]
    TooLarge,
    #[error("{status}: {message}")]
    Overloaded { status: StatusCode, message: String },
    #[error(
        "the server did not answer {times} times in a row; it is tried again after {} s",
        PAUSE.as_secs()
    )]
    GivenUp { times: u32 },
}

impl Silence {
    /// How often it is worth trying again.
    fn retries(&self, limit: u32) -> u32 {
        match self {
            Self::Unreachable(_) | Self::Overloaded { .. } => limit,
            // Waiting as long once more is enough to tell a hiccup from a dead server.
            Self::TimedOut(_) => limit.min(1),
            _ => 0,
        }
    }
}

/// Plain counters of what was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Requests sent, each attempt counted.
    pub requests: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Requests without an answer after all attempts, or not sent because the server had not
    /// answered those before.
    pub unanswered: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    retried: AtomicU64,
    unanswered: AtomicU64,
}

/// A server that is asked politely.
pub(crate) struct Client {
    kube: kube::Client,
    timeout: Duration,
    retries: u32,
    limit: Semaphore,
    breaker: Mutex<Breaker>,
    counters: Counters,
}

impl Client {
    pub(crate) fn new(kube: kube::Client, options: &Options) -> Self {
        Self {
            kube,
            timeout: options.timeout,
            retries: options.retries,
            limit: Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            breaker: Mutex::default(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            requests: self.counters.requests.load(Ordering::Relaxed),
            retried: self.counters.retried.load(Ordering::Relaxed),
            unanswered: self.counters.unanswered.load(Ordering::Relaxed),
        }
    }

    /// The server's answer, after as many attempts as are worth it.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Reply, Silence> {
        let retries = match self.breaker().admit(Instant::now()) {
            Admission::Free => self.retries,
            Admission::Probe => 0,
            Admission::Refused(times) => {
                self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
                return Err(Silence::GivenUp { times });
            }
        };
        let outcome = self.attempts(ask, retries).await;
        self.breaker().note(outcome.is_ok(), Instant::now());
        if outcome.is_err() {
            self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    async fn attempts(&self, ask: &Ask, limit: u32) -> Result<Reply, Silence> {
        let mut delays = delays();
        let mut retried = 0;
        loop {
            let outcome = self.attempt(ask).await;
            let (retries, wait) = match &outcome {
                Ok(reply) if reply.is_overload() => (limit, reply.retry_after),
                Ok(reply) if reply.is_webhook_failure() => (limit.min(1), None),
                Ok(_) => (0, None),
                Err(silence) => (silence.retries(limit), None),
            };
            if retried >= retries || self.breaker().is_open() {
                return settled(outcome);
            }
            retried += 1;
            self.counters.retried.fetch_add(1, Ordering::Relaxed);
            let backoff = delays.next().unwrap_or(MAX_WAIT);
            tokio::time::sleep(pause(backoff, wait)).await;
        }
    }

    async fn attempt(&self, ask: &Ask) -> Result<Reply, Silence> {
        // The semaphore is never closed.
        let _permit = self.limit.acquire().await;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let answer = tokio::time::timeout(self.timeout, self.send(ask));
        answer.await.unwrap_or(Err(Silence::TimedOut(self.timeout)))
    }

    async fn send(&self, ask: &Ask) -> Result<Reply, Silence> {
        let request = Request::builder()
            .method(&ask.method)
            .uri(&ask.path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, ask.content_type)
            .body(Body::from(ask.body.clone()))
            .map_err(|error| Silence::Unreachable(error.to_string()))?;
        let response = self.kube.send(request).await.map_err(silence)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return Silence::TooLarge;
            }
            Silence::Unreachable(format!(
                "the answer broke off: {}",
                system::innermost(error.as_ref())
            ))
        })?;
        let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| value.parse().ok()).map(Duration::from_secs);
        Ok(Reply { status: parts.status, body: body.to_bytes().to_vec(), retry_after })
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About 0.2, 0.4, 0.8 … seconds, never twice the same, so that many do not come back at once.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .build()
}

/// As long as the server wishes, within reason.
fn pause(backoff: Duration, wish: Option<Duration>) -> Duration {
    wish.map_or(backoff, |wish| wish.clamp(backoff, MAX_WAIT))
}

/// An overloaded server's answer is none.
fn settled(outcome: Result<Reply, Silence>) -> Result<Reply, Silence> {
    match outcome {
        Ok(reply) if reply.is_overload() => {
            let message = crate::refusal::message(&reply);
            Err(Silence::Overloaded { status: reply.status, message })
        }
        outcome => outcome,
    }
}

fn silence(error: kube::Error) -> Silence {
    if let kube::Error::Auth(error) = error {
        return Silence::NoCredentials(error.to_string());
    }
    let reason = system::innermost(&error);
    if reason.contains("invalid peer certificate") {
        Silence::Untrusted(reason)
    } else {
        Silence::Unreachable(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_WAIT, pause};
    use std::time::Duration;

    #[test]
    fn the_servers_wish_is_followed_within_reason() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(seconds(1), None), seconds(1));
        assert_eq!(pause(seconds(1), Some(seconds(7))), seconds(7));
        assert_eq!(pause(seconds(1), Some(seconds(0))), seconds(1));
        assert_eq!(pause(seconds(1), Some(seconds(3600))), MAX_WAIT);
    }
}
