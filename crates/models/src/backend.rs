//! What the configuration says of a backend.

use crate::Error;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Requests at the same time, unless the configuration says otherwise.
const CONCURRENCY: usize = 4;
/// Most that a configuration may ask for.
const MAX_CONCURRENCY: usize = 1_000;

/// One backend of the configuration: an endpoint that speaks OpenAI's chat completions.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// An `http` or `https` URL; `/v1/chat/completions` is added unless it ends in
    /// `/chat/completions`.
    pub endpoint: Option<String>,
    /// The model, as the endpoint knows it.
    pub model: Option<String>,
    /// The environment variable that holds the key; no key is sent without it.
    pub api_key_env: Option<String>,
    /// The header that carries the key; `Authorization` when absent.
    pub auth_header: Option<String>,
    /// The word before the key; `Bearer` when absent, none when empty.
    pub auth_scheme: Option<String>,
    /// 0 when absent.
    pub temperature: Option<f64>,
    /// Most tokens of an answer; the endpoint's choice when absent.
    pub max_tokens: Option<u32>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether the answer is asked for by JSON Schema.
    pub structured: Structured,
    /// Price of a million tokens of prompt, in any currency.
    pub prompt_price: Option<f64>,
    /// Price of a million tokens of answer, in the same currency.
    pub completion_price: Option<f64>,
    /// Requests a minute; no limit when absent.
    pub requests_per_minute: Option<u32>,
    /// Requests at the same time; 4 when absent.
    pub concurrency: Option<usize>,
}

/// Whether an answer is asked for by JSON Schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structured {
    /// Asked for until the endpoint refuses it.
    #[default]
    Auto,
    /// Not asked for; the text is searched for a patch.
    Off,
    /// Always asked for.
    JsonSchema,
}

/// Everything about how models are asked in one run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The backend's name in the configuration.
    pub name: String,
    /// The backend.
    pub backend: Backend,
    /// Sent with every request, for endpoints that know it.
    pub seed: Option<u64>,
    /// Answers asked for at one finding.
    pub max_attempts: u32,
    /// Further requests after one that was not answered but may be.
    pub retries: u32,
    /// How long one request may take.
    pub timeout: Duration,
    /// The folder of the cache; no cache when absent.
    pub cache: Option<PathBuf>,
    /// Whether answers come from the cache only. Needs no key and sends nothing.
    pub replay_only: bool,
    /// Answers asked for at one finding, by policy id; `default` for the others. Only lowers
    /// `max_attempts`.
    pub attempts_per_policy: BTreeMap<String, u32>,
    /// Requests of the run, those that were repeated too.
    pub max_requests: Option<u64>,
    /// Tokens of the run, prompts and answers.
    pub max_total_tokens: Option<u64>,
    /// Cost of the run, by the backend's prices.
    pub max_cost: Option<f64>,
}

impl Options {
    /// How many answers may be asked for at a finding of this policy.
    pub(crate) fn attempts(&self, policy: &str) -> u32 {
        let budgets = &self.attempts_per_policy;
        let budget = budgets.get(policy).or_else(|| budgets.get("default"));
        budget.map_or(self.max_attempts, |budget| self.max_attempts.min(*budget))
    }

    /// Requests at the same time.
    pub(crate) fn concurrency(&self) -> usize {
        self.backend.concurrency.unwrap_or(CONCURRENCY).min(MAX_CONCURRENCY)
    }

    /// Refuses numbers that make no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let backend = &self.backend;
        let amounts = [
            ("temperature", backend.temperature),
            ("prompt_price", backend.prompt_price),
            ("completion_price", backend.completion_price),
            ("max_cost", self.max_cost),
        ];
        let bad = |value: &Option<f64>| value.is_some_and(|v| !v.is_finite() || v < 0.0);
        if let Some((field, _)) = amounts.iter().find(|(_, value)| bad(value)) {
            return Err(self.value(field, "must be a number that is not negative"));
        }
        if backend.requests_per_minute == Some(0) || backend.concurrency == Some(0) {
            let reason = "and `concurrency` must be at least 1";
            return Err(self.value("requests_per_minute", reason));
        }
        let priced = backend.prompt_price.is_some() && backend.completion_price.is_some();
        if self.max_cost.is_some() && !priced {
            return Err(self.value("max_cost", "needs `prompt_price` and `completion_price`"));
        }
        if self.replay_only && self.cache.is_none() {
            return Err(Error::NoCache);
        }
        Ok(())
    }

    fn value(&self, field: &'static str, reason: &'static str) -> Error {
        Error::Value { backend: self.name.clone(), field, reason }
    }

    /// The model's name.
    pub(crate) fn model(&self) -> Result<String, Error> {
        self.needed(self.backend.model.as_ref(), "model")
    }

    fn needed(&self, value: Option<&String>, field: &'static str) -> Result<String, Error> {
        let value = value.filter(|value| !value.trim().is_empty()).cloned();
        value.ok_or_else(|| Error::Missing { backend: self.name.clone(), field })
    }

    /// Where requests go.
    pub(crate) fn url(&self) -> Result<Url, Error> {
        let text = self.needed(self.backend.endpoint.as_ref(), "endpoint")?;
        let wrong = |reason| Error::Endpoint { backend: self.name.clone(), reason };
        let mut url = Url::parse(text.trim()).map_err(|_| wrong("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials: move them to the variable of `api_key_env`"));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        if !path.ends_with("/chat/completions") {
            let version = if path.ends_with("/v1") { "" } else { "/v1" };
            let path = format!("{path}{version}/chat/completions");
            url.set_path(&path);
        }
        let with_key = self.backend.api_key_env.is_some();
        if url.scheme() == "http" && with_key && !is_loopback(&url) {
            return Err(wrong("is http: a key would travel in clear text; use https"));
        }
        Ok(url)
    }

    /// The header with the key, and the key.
    pub(crate) fn key(&self) -> Result<Option<Key>, Error> {
        let Some(variable) = &self.backend.api_key_env else { return Ok(None) };
        let key = std::env::var(variable).ok().map(|key| key.trim().to_owned());
        let key = key
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Error::Key { backend: self.name.clone(), variable: variable.clone() })?;
        let wrong = |field| Error::Header { backend: self.name.clone(), field };
        let header = self.backend.auth_header.as_deref().unwrap_or("Authorization");
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| wrong("auth_header"))?;
        let scheme = self.backend.auth_scheme.as_deref().unwrap_or("Bearer");
        let text = if scheme.is_empty() { key.clone() } else { format!("{scheme} {key}") };
        let mut value = HeaderValue::from_str(&text).map_err(|_| wrong("auth_scheme"))?;
        value.set_sensitive(true);
        Ok(Some(Key { header, value, key }))
    }
}

/// A key and the header that carries it. No `Debug`: it must not be printed.
pub(crate) struct Key {
    pub(crate) header: HeaderName,
    pub(crate) value: HeaderValue,
    pub(crate) key: String,
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::{Backend, Options, Structured};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn options(endpoint: &str) -> Options {
        Options {
            name: "vllm".to_owned(),
            backend: Backend { endpoint: Some(endpoint.to_owned()), ..Backend::default() },
            seed: None,
            max_attempts: 3,
            retries: 2,
            timeout: Duration::from_secs(60),
            cache: None,
            replay_only: false,
            attempts_per_policy: BTreeMap::new(),
            max_requests: None,
            max_total_tokens: None,
            max_cost: None,
        }
    }

    #[test]
    fn the_path_is_completed_once() {
        for (endpoint, url) in [
            ("https://api.x.ai", "https://api.x.ai/v1/chat/completions"),
            ("http://localhost:8000/", "http://localhost:8000/v1/chat/completions"),
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("https://h/openai/chat/completions?v=1", "https://h/openai/chat/completions?v=1"),
            ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ] {
            assert_eq!(options(endpoint).url().unwrap().as_str(), url);
        }
    }

    #[test]
    fn endpoints_that_would_disclose_something_are_refused() {
        for (endpoint, part) in [
            ("https://user:pass@h", "credentials"),
            ("https://token@h", "credentials"),
            ("http://h.example", "clear text"),
            ("http://127.0.0.1.example", "clear text"),
            ("file:///etc/passwd", "must begin with"),
            ("h:80", "must begin with"),
            ("nonsense", "not a URL"),
        ] {
            let mut options = options(endpoint);
            options.backend.api_key_env = Some("K".to_owned());
            let error = options.url().unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("pass@"), "{endpoint}: {error}");
        }
        let mut local = options("http://[::1]:8000");
        local.backend.api_key_env = Some("K".to_owned());
        assert!(local.url().is_ok() && options("http://h.example").url().is_ok());
    }

    #[test]
    fn budgets_of_policies_only_lower() {
        let mut options = options("http://h");
        assert_eq!(options.attempts("x"), 3);
        let budgets = [("default", 2), ("no_latest_tag", 1), ("x", 9)];
        options.attempts_per_policy =
            budgets.map(|(policy, count)| (policy.to_owned(), count)).into();
        assert_eq!(["no_latest_tag", "x", "y"].map(|p| options.attempts(p)), [1, 3, 2]);
    }

    #[test]
    fn the_references_entry_is_read_and_a_slip_is_not() {
        let entry = r#"{"endpoint":"https://api.x.ai","model":"grok-4","api_key_env":"XAI_API_KEY",
            "auth_header":"Authorization","auth_scheme":"Bearer"}"#;
        let backend: Backend = serde_json::from_str(entry).unwrap();
        assert_eq!(backend.structured, Structured::Auto);
        assert!(serde_json::from_str::<Backend>(r#"{"modle":"x"}"#).is_err());
    }
}
