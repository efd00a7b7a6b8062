//! Requests to registries: bounded in time, size and number.
//!
//! The protocol's few requests are made here and not by a registry client, because those at hand
//! read answers of any size, drop `Retry-After`, and turn a refused login into an anonymous one.

use crate::credentials::{self, Credential};
use crate::registry::Options;
use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Attempts at one request, when the registry asks for patience.
const ATTEMPTS: u32 = 4;
/// The first wait between attempts, when the registry names none; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A registry that asks for more patience is not asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so many failures in a row a host is given up.
const FAILURES: u32 = 3;
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Largest answer of a token service, in bytes.
const MAX_TOKEN: usize = 1 << 20;

/// Why a registry did not answer as hoped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection, or no whole answer in time.
    #[error("{0}")]
    Unreachable(String),
    /// It asks for patience: too many requests, or a fault of its own.
    #[error("{host} answers {status}{}", patience(.after))]
    Busy { host: String, status: u16, after: Option<Duration> },
    /// Former requests to the host failed.
    #[error(
        "{host} is not asked any more after {FAILURES} failures in a row, the last one: {last}"
    )]
    GivenUp { host: String, last: String },
    /// No such tag, digest or repository.
    #[error("{0} has no such image")]
    NotFound(String),
    /// A login is needed, or not good enough.
    #[error("{0}")]
    Refused(String),
    /// Any other status.
    #[error("{host} answers {status}")]
    Status { host: String, status: u16 },
    /// More bytes than anything of this kind has.
    #[error("{host} answers with more than {limit} bytes")]
    TooLarge { host: String, limit: usize },
}

fn patience(after: &Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(" and asks to wait {} s", after.as_secs()))
}

/// A repository of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Repository {
    /// The host that is asked, with its port if it has one.
    pub(crate) host: String,
    /// The path of the repository.
    pub(crate) name: String,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Asks registries.
pub(crate) struct Client {
    https: reqwest::Client,
    plain: reqwest::Client,
    options: Options,
    /// Values of `Authorization`, by repository.
    tokens: Mutex<HashMap<Repository, String>>,
    /// Credentials by host, once they were looked for.
    credentials: Mutex<HashMap<String, Result<Option<Credential>, String>>>,
    /// Failures in a row, and the last one.
    failures: Mutex<HashMap<String, (u32, String)>>,
}

impl Client {
    /// A client for all hosts.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub(crate) fn new(options: Options) -> reqwest::Result<Self> {
        // Fails only when the process has chosen its cryptography already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .timeout(options.timeout)
                .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
                .user_agent(concat!("k8s-auto-fix/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            https: builder().https_only(true).build()?,
            plain: builder().build()?,
            options,
            tokens: Mutex::default(),
            credentials: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// Reads what a path of a repository holds, up to `limit` bytes.
    pub(crate) async fn request(
        &self,
        method: Method,
        repository: &Repository,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let host = &repository.host;
        if let Some((count, last)) = guard(&self.failures).get(host)
            && *count >= FAILURES
        {
            return Err(Failure::GivenUp { host: host.clone(), last: last.clone() });
        }
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        let result = loop {
            let result = self.once(&method, repository, path, accept, limit).await;
            let Err(Failure::Busy { after, .. }) = &result else { break result };
            let pause = after.unwrap_or(wait);
            if attempt == ATTEMPTS || pause > LONGEST_WAIT {
                break result;
            }
            tokio::time::sleep(pause).await;
            (attempt, wait) = (attempt + 1, wait * 2);
        };
        self.note(host, result.as_ref().err());
        result
    }

    /// Counts failures of a host in a row; whoever answers is there.
    fn note(&self, host: &str, failure: Option<&Failure>) {
        let mut failures = guard(&self.failures);
        match failure {
            Some(failure @ (Failure::Unreachable(_) | Failure::Busy { .. })) => {
                let (count, last) = failures.entry(host.to_owned()).or_default();
                *count += 1;
                *last = failure.to_string();
            }
            _ => drop(failures.remove(host)),
        }
    }

    /// One attempt, with a login when the registry asks for one.
    async fn once(
        &self,
        method: &Method,
        repository: &Repository,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let url = format!("{}/v2/{}/{path}", self.origin(&repository.host), repository.name);
        let known = guard(&self.tokens).get(repository).cloned();
        let send = |authorization: Option<String>| {
            let request = self.http(&repository.host).request(method.clone(), &url);
            self.send(with(request.header(ACCEPT, accept), authorization), &repository.host)
        };
        let mut response = send(known).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let authorization = self.log_in(repository, response.headers()).await?;
            guard(&self.tokens).insert(repository.clone(), authorization.clone());
            response = send(Some(authorization)).await?;
        }
        self.read(response, &repository.host, limit).await
    }

    /// Docker Hub answers at a host that is not the one in references.
    fn origin(&self, host: &str) -> String {
        let scheme = if self.is_plain(host) { "http" } else { "https" };
        let host = if host == rules::image::DOCKER_HUB { "registry-1.docker.io" } else { host };
        format!("{scheme}://{host}")
    }

    fn is_plain(&self, host: &str) -> bool {
        self.options.plain_http.contains(host)
    }

    fn http(&self, host: &str) -> &reqwest::Client {
        if self.is_plain(host) { &self.plain } else { &self.https }
    }

    async fn send(&self, request: RequestBuilder, host: &str) -> Result<Response, Failure> {
        request.send().await.map_err(|error| self.unreachable(&error, host))
    }

    /// What to say of a connection that failed, without addresses that differ from run to run.
    fn unreachable(&self, error: &reqwest::Error, host: &str) -> Failure {
        if error.is_timeout() {
            let seconds = self.options.timeout.as_secs_f64();
            return Failure::Unreachable(format!("{host} gave no answer within {seconds} s"));
        }
        if error.is_redirect() {
            return Failure::Unreachable(format!("{host} redirects too often, or away from TLS"));
        }
        let reason = system::innermost(error);
        let hint = match reason.contains("corrupt message") && !self.is_plain(host) {
            true => format!(
                "; if it speaks plain HTTP only, and the network can be trusted, name it with \
                 --registry-plain-http {host}"
            ),
            false => String::new(),
        };
        Failure::Unreachable(format!("{host} cannot be reached: {reason}{hint}"))
    }

    /// Reads an answer, and tells by its status whether it is one.
    async fn read(
        &self,
        mut response: Response,
        host: &str,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let name = || host.to_owned();
        let status = response.status();
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Failure::NotFound(name())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(self.refused(host, status));
            }
            StatusCode::TOO_MANY_REQUESTS => return Err(busy(&response, host)),
            _ if status.is_server_error() => return Err(busy(&response, host)),
            _ => return Err(Failure::Status { host: name(), status: status.as_u16() }),
        }
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.unreachable(&error, host))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Failure::TooLarge { host: name(), limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { headers, body })
    }

    fn refused(&self, host: &str, status: StatusCode) -> Failure {
        let status = status.as_u16();
        Failure::Refused(match guard(&self.credentials).get(host) {
            Some(Ok(Some(_))) => format!(
                "{host} answers {status}: the credentials in the Docker configuration do not \
                 suffice, or there is no such repository"
            ),
            _ => format!(
                "{host} answers {status}: it needs a login (docker login {host}), or there is no \
                 such repository"
            ),
        })
    }

    /// The credential of a host, which is sent to this host and to the token service that it names.
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Failure> {
        let known = guard(&self.credentials).get(host).cloned();
        let found = match known {
            Some(found) => found,
            None => {
                let (folder, server) = (self.options.docker_config.clone(), host.to_owned());
                // A helper is a program that may ask a key ring.
                let work = move || credentials::of_host(folder.as_deref(), &server);
                let found = tokio::task::spawn_blocking(work).await.unwrap_or(Ok(None));
                guard(&self.credentials).insert(host.to_owned(), found.clone());
                found
            }
        };
        found.map_err(Failure::Refused)
    }

    /// The value of `Authorization` that the challenge of a registry asks for.
    async fn log_in(
        &self,
        repository: &Repository,
        headers: &HeaderMap,
    ) -> Result<String, Failure> {
        let host = &repository.host;
        let credential = self.credential(host).await?;
        let text = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenges = text.and_then(|text| parse_challenges(text).ok()).unwrap_or_default();
        let by = |scheme: &str| challenges.iter().find(|c| c.scheme.eq_ignore_ascii_case(scheme));
        if let Some(challenge) = by("bearer") {
            return self.token(repository, challenge, credential.as_ref()).await;
        }
        match (by("basic"), &credential) {
            (Some(_), Some(Credential::Password(name, password))) => Ok(basic(name, password)),
            _ => Err(self.refused(host, StatusCode::UNAUTHORIZED)),
        }
    }

    /// A token for reading a repository, from the service that the challenge names.
    async fn token(
        &self,
        repository: &Repository,
        challenge: &ChallengeRef<'_>,
        credential: Option<&Credential>,
    ) -> Result<String, Failure> {
        let host = &repository.host;
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").and_then(|realm| Url::parse(&realm).ok());
        let realm = realm.ok_or_else(|| {
            Failure::Refused(format!("{host} does not say where its tokens are to be had"))
        })?;
        let is_safe = realm.scheme() == "https" || self.is_plain(&authority(&realm));
        if !is_safe {
            return Err(Failure::Refused(format!(
                "{host} wants its login sent without TLS to {}; if the network can be trusted, \
                 name it with --registry-plain-http",
                authority(&realm)
            )));
        }
        let scope = format!("repository:{}:pull", repository.name);
        let service = parameter("service").unwrap_or_default();
        let request = self.token_request(realm, &scope, &service, credential);
        let response = self.send(request, host).await?;
        let answer = self.read(response, host, MAX_TOKEN).await?;
        token_of(&answer.body).ok_or_else(|| {
            Failure::Refused(format!("the token service of {host} answers without a token"))
        })
    }

    fn token_request(
        &self,
        mut realm: Url,
        scope: &str,
        service: &str,
        credential: Option<&Credential>,
    ) -> RequestBuilder {
        let http = if realm.scheme() == "https" { &self.https } else { &self.plain };
        let mut fields = vec![("scope", scope)];
        if !service.is_empty() {
            fields.push(("service", service));
        }
        match credential {
            Some(Credential::Identity(token)) => {
                fields.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "k8s-auto-fix"),
                    ("refresh_token", token.as_str()),
                ]);
                http.post(realm)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form(&fields))
            }
            other => {
                realm.query_pairs_mut().extend_pairs(fields);
                let authorization = match other {
                    Some(Credential::Password(name, password)) => Some(basic(name, password)),
                    _ => None,
                };
                with(http.get(realm), authorization)
            }
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with(request: RequestBuilder, authorization: Option<String>) -> RequestBuilder {
    match authorization {
        Some(value) => request.header(AUTHORIZATION, sensitive(&value)),
        None => request,
    }
}

/// A header that is shown nowhere; empty when the text is none that a header may have.
fn sensitive(value: &str) -> reqwest::header::HeaderValue {
    let mut value = reqwest::header::HeaderValue::from_str(value)
        .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn basic(name: &str, password: &str) -> String {
    http_auth::basic::encode_credentials(name, password)
}

/// Fields as forms send them.
fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().extend_pairs(fields);
    }
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// Host and port of a URL, as an operator names them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn token_of(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| answer.get(key).and_then(serde_json::Value::as_str);
    let token = text("token").or_else(|| text("access_token")).filter(|token| !token.is_empty())?;
    Some(format!("Bearer {token}"))
}

fn busy(response: &Response, host: &str) -> Failure {
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    Failure::Busy { host: host.to_owned(), status: response.status().as_u16(), after }
}

#[cfg(test)]
mod tests {
    use super::{form, token_of};

    #[test]
    fn forms_are_escaped() {
        let fields = [("scope", "repository:a/b:pull"), ("refresh_token", "a&b=c d")];
        assert_eq!(form(&fields), "scope=repository%3Aa%2Fb%3Apull&refresh_token=a%26b%3Dc+d");
    }

    #[test]
    fn tokens_have_either_name() {
        assert_eq!(token_of(br#"{"token":"a"}"#).as_deref(), Some("Bearer a"));
        assert_eq!(token_of(br#"{"access_token":"b"}"#).as_deref(), Some("Bearer b"));
        for none in [&b"{}"[..], b"[]", b"", br#"{"token":""}"#, br#"{"token":1}"#] {
            assert_eq!(token_of(none), None);
        }
    }
}
