//! Requests to an endpoint that speaks OpenAI's chat completions: limited in number, time and size,
//! and repeated only when that can succeed.

mod reply;

use crate::backend::{Key, Options, Structured, is_loopback};
use crate::budget::{Budget, Spent, Tokens};
use crate::prompt::{BYTES_PER_TOKEN, Message, shortened};
use crate::{Error, wall::Wall};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
pub(crate) use reply::Answer;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Semaphore;

/// Bytes of one answer on the wire.
const MAX_BODY: usize = 4 << 20;
/// An endpoint that wants more patience than this is not waited for as long as it says.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Items in a row that were not answered before no more are asked for.
const DEAD: u32 = 3;
/// Tokens of an answer that are set aside when the configuration sets no limit.
const EXPECTED_ANSWER: u64 = 500;
/// Bytes of an endpoint's complaint that are passed on.
const MAX_COMPLAINT: usize = 300;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The endpoint did not answer, or refused.
    #[error("{0}")]
    NoAnswer(String),
    /// It answered, and the answer is none.
    #[error("{0}")]
    Unreadable(String),
    /// The request holds a secret.
    #[error(transparent)]
    Withheld(#[from] crate::wall::Leak),
    /// A budget is spent.
    #[error(transparent)]
    OverBudget(#[from] Spent),
}

/// How one try ended.
enum Try {
    Answered(Answer),
    /// Another try cannot change it.
    Final(Failure),
    /// Another try may, perhaps after a time that the endpoint names.
    Later(String, Option<Duration>),
    /// The endpoint does not know structured output.
    Unstructured(String),
}

/// An endpoint that is asked politely.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    model: String,
    key: Option<Key>,
    parameters: Parameters,
    retries: u32,
    timeout: Duration,
    limit: Semaphore,
    /// The least time between two requests, and when the next may be sent.
    spacing: Duration,
    next: Mutex<Option<Instant>>,
    /// Whether the endpoint refused structured output.
    is_unstructured: AtomicBool,
    /// Items in a row without an answer.
    unanswered: AtomicU32,
}

/// What is sent beside the messages.
#[derive(Debug, Clone)]
struct Parameters {
    temperature: f64,
    max_tokens: Option<u32>,
    seed: Option<u64>,
    stream: bool,
    structured: Structured,
}

impl Client {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let backend = &options.backend;
        let url = options.url()?;
        let every = backend.requests_per_minute.map(|n| Duration::from_secs(60) / n);
        Ok(Self {
            http: http(options.timeout, is_loopback(&url))?,
            model: options.model()?,
            key: if options.replay_only { None } else { options.key()? },
            parameters: Parameters {
                temperature: backend.temperature.unwrap_or(0.0),
                max_tokens: backend.max_tokens,
                seed: options.seed,
                stream: backend.stream,
                structured: backend.structured,
            },
            retries: options.retries,
            timeout: options.timeout,
            limit: Semaphore::new(options.concurrency()),
            spacing: every.unwrap_or_default(),
            next: Mutex::default(),
            is_unstructured: AtomicBool::new(false),
            unanswered: AtomicU32::new(0),
            url,
        })
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// The key, to be looked for in what is sent.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.key.as_str())
    }

    /// Everything that an answer to these messages depends on.
    pub(crate) fn identity(&self, messages: &[Message]) -> Value {
        let Parameters { temperature, max_tokens, seed, stream: _, structured } = self.parameters;
        json!({
            "endpoint": self.url.as_str(), "model": self.model, "messages": messages,
            "temperature": temperature, "max_tokens": max_tokens, "seed": seed,
            "structured": structured != Structured::Off,
        })
    }

    /// Asks until there is an answer or none is to be expected.
    pub(crate) async fn ask(
        &self,
        messages: &[Message],
        wall: &Wall,
        budget: &Budget,
    ) -> Result<Answer, Failure> {
        if self.is_dead() {
            return Err(dead());
        }
        let outcome = self.tries(messages, wall, budget).await;
        match outcome {
            Ok(_) | Err(Failure::Unreadable(_)) => self.unanswered.store(0, Ordering::Relaxed),
            Err(Failure::NoAnswer(_)) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        outcome
    }

    fn is_dead(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= DEAD
    }

    async fn tries(
        &self,
        messages: &[Message],
        wall: &Wall,
        budget: &Budget,
    ) -> Result<Answer, Failure> {
        let mut delays = delays();
        let mut retried = 0;
        loop {
            let structured = self.asks_for_structure();
            let body = self.body(messages, structured).to_string();
            wall.scan(&body)?;
            let (reason, wish) = match self.attempt(body, structured, budget).await? {
                Try::Answered(answer) => return Ok(answer),
                Try::Final(failure) => return Err(failure),
                Try::Unstructured(_) if self.may_do_without_structure() => {
                    self.is_unstructured.store(true, Ordering::Relaxed);
                    continue;
                }
                Try::Unstructured(reason) => return Err(Failure::NoAnswer(reason)),
                Try::Later(reason, wish) => (reason, wish),
            };
            if retried >= self.retries || self.is_dead() {
                return Err(Failure::NoAnswer(reason));
            }
            retried += 1;
            let delay = delays.next().unwrap_or(MAX_WAIT);
            tokio::time::sleep(pause(delay, wish)).await;
        }
    }

    /// One request, in its turn.
    async fn attempt(
        &self,
        body: String,
        structured: bool,
        budget: &Budget,
    ) -> Result<Try, Failure> {
        // The semaphore is never closed.
        let _permit = self.limit.acquire().await;
        tokio::time::sleep(self.turn()).await;
        if self.is_dead() {
            return Err(dead());
        }
        let expected = self.expected(&body);
        budget.reserve(expected)?;
        let sent = tokio::time::timeout(self.timeout, self.send(body, structured)).await;
        let slow = || Try::Later(format!("no answer within {:?}", self.timeout), None);
        let outcome = sent.unwrap_or_else(|_| slow());
        budget.settle(expected, used(&outcome, expected));
        Ok(outcome)
    }

    /// How long to wait so that requests keep their distance.
    fn turn(&self) -> Duration {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + self.spacing);
        at - now
    }

    fn expected(&self, body: &str) -> Tokens {
        let prompt = u64::try_from(body.len() / BYTES_PER_TOKEN).unwrap_or(u64::MAX);
        Tokens { prompt, completion: self.parameters.max_tokens.map_or(EXPECTED_ANSWER, u64::from) }
    }

    fn asks_for_structure(&self) -> bool {
        match self.parameters.structured {
            Structured::Off => false,
            Structured::JsonSchema => true,
            Structured::Auto => !self.is_unstructured.load(Ordering::Relaxed),
        }
    }

    fn may_do_without_structure(&self) -> bool {
        self.parameters.structured == Structured::Auto
    }

    fn body(&self, messages: &[Message], structured: bool) -> Value {
        let Parameters { temperature, max_tokens, seed, stream, .. } = self.parameters;
        let mut body = json!({
            "model": self.model, "messages": messages, "temperature": temperature, "stream": stream,
        });
        if let Some(max_tokens) = max_tokens {
            body["max_tokens"] = max_tokens.into();
        }
        if let Some(seed) = seed {
            body["seed"] = seed.into();
        }
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        if structured {
            body["response_format"] = response_format();
        }
        body
    }

    async fn send(&self, body: String, structured: bool) -> Try {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(body);
        if let Some(key) = &self.key {
            request = request.header(key.header.clone(), key.value.clone());
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Try::Later(self.unreachable(error), None),
        };
        let body = match body_of(&mut response).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let reason = format!("the answer has more than {} MiB", MAX_BODY >> 20);
                return Try::Final(Failure::Unreadable(reason));
            }
            Err(error) => return Try::Later(self.unreachable(error), None),
        };
        self.judge(response.status(), response.headers(), &body, structured)
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], structured: bool) -> Try {
        if status.is_success() {
            return match reply::read(body) {
                Ok(answer) => Try::Answered(answer),
                Err(reply::Bad::BrokenOff) => Try::Later("the answer broke off".to_owned(), None),
                Err(reply::Bad::Unreadable(reason)) => {
                    Try::Final(Failure::Unreadable(self.without_key(&reason)))
                }
            };
        }
        let text = String::from_utf8_lossy(body);
        let complaint = reply::complaint(&text);
        let complaint = shortened(&complaint, MAX_COMPLAINT);
        let reason =
            self.without_key(format!("{status}: {complaint}").trim_end_matches([':', ' ']));
        let about_structure = ["response_format", "json_schema", "structured", "guided"];
        match status.as_u16() {
            408 | 429 | 500..=599 => Try::Later(reason, retry_after(headers, SystemTime::now())),
            400 | 422 if structured && about_structure.iter().any(|word| text.contains(word)) => {
                Try::Unstructured(reason)
            }
            _ => Try::Final(Failure::NoAnswer(reason)),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> String {
        // The URL is known, and its query may hold more than should be shown.
        let error = error.without_url();
        let reason = system::innermost(&error);
        self.without_key(&format!("the endpoint cannot be reached: {reason}"))
    }

    /// Endpoints like to repeat a key that they do not know.
    fn without_key(&self, text: &str) -> String {
        self.key().map_or_else(|| text.to_owned(), |key| text.replace(key, "(the key)"))
    }
}

/// No redirects: a key must not follow them. No proxy to this machine itself.
fn http(timeout: Duration, loopback: bool) -> Result<reqwest::Client, Error> {
    // Another part of the process may have chosen the same before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeout)
        .user_agent(concat!("k8s-auto-fix/", env!("CARGO_PKG_VERSION")));
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| Error::Client(error.to_string()))
}

fn dead() -> Failure {
    let reason = "the endpoint did not answer before, and is not asked again in this run";
    Failure::NoAnswer(reason.to_owned())
}

/// The body, unless it is too large.
async fn body_of(response: &mut Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The tokens of a try. An endpoint that does not count is counted for.
fn used(outcome: &Try, expected: Tokens) -> Tokens {
    match outcome {
        Try::Answered(answer) => answer.tokens.unwrap_or_else(|| Tokens {
            prompt: expected.prompt,
            completion: u64::try_from(answer.text.len() / BYTES_PER_TOKEN).unwrap_or(u64::MAX),
        }),
        Try::Final(Failure::Unreadable(_)) => expected,
        _ => Tokens::default(),
    }
}

/// Values may be anything, so the schema cannot be strict.
fn response_format() -> Value {
    json!({"type": "json_schema", "json_schema": {"name": "json_patch", "strict": false, "schema": {
        "type": "object", "required": ["patch"], "additionalProperties": false,
        "properties": {"patch": {"type": "array", "items": {
            "type": "object", "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "replace", "remove", "test"]},
                "path": {"type": "string"},
                "value": {}
            }
        }}}
    }}})
}

/// About 0.5, 1, 2 … seconds, never twice the same, so that many do not come back at once.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .build()
}

/// As long as the endpoint wishes, within reason.
fn pause(delay: Duration, wish: Option<Duration>) -> Duration {
    wish.map_or(delay, |wish| wish.min(MAX_WAIT))
}

/// Retry-After, in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::{MAX_WAIT, pause, retry_after};
    use reqwest::header::{HeaderMap, RETRY_AFTER};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (text, wish) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), wish.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_endpoints_wish_is_followed_within_reason() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(seconds(1), None), seconds(1));
        assert_eq!(pause(seconds(1), Some(seconds(7))), seconds(7));
        assert_eq!(pause(seconds(1), Some(seconds(3600))), MAX_WAIT);
    }
}
