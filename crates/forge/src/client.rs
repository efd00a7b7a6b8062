//! Requests to a forge: bounded in time, size and number, repeated only where that is safe, and the
//! token goes nowhere else.

mod answer;

use crate::{Error, Kind, Settings, Token};
use answer::Answer;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Bytes of one answer that are read.
const MAX_ANSWER: usize = 8 << 20;
/// Bytes of a refusal that are read; what follows says nothing more.
const MAX_REFUSAL: usize = 64 << 10;
/// Pages of one list that are read.
const MAX_PAGES: usize = 50;
/// Entries of a page: few enough that a page of long texts stays below the limit.
const PER_PAGE: &str = "50";
/// Times that something is asked for when nobody answers.
const ATTEMPTS: usize = 3;
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// One request.
struct Ask {
    method: Method,
    url: Url,
    body: Option<Value>,
}

/// Asks one forge.
pub(crate) struct Client {
    http: reqwest::Client,
    kind: Kind,
    base: Url,
    token: Token,
    timeout: Duration,
}

/// Something that was to be created, and whether it was created now.
pub(crate) struct Made<T> {
    pub(crate) thing: T,
    pub(crate) is_new: bool,
}

impl Client {
    /// Prepares to ask.
    ///
    /// # Errors
    /// When the address or the token cannot be one, or HTTPS cannot be set up.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let Settings { kind, url, token, timeout, project: _ } = settings;
        let base = base(&url)?;
        // Fails only when the process has chosen its cryptography already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .default_headers(headers(kind, &token)?)
            .user_agent(concat!("k8s-auto-fix/", env!("CARGO_PKG_VERSION")));
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| Error::Setup(system::innermost(&error)))?;
        Ok(Self { http, kind, base, token, timeout })
    }

    /// The address of something: the parts of its path, each escaped, and its query.
    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        // Addresses of HTTP always have a path.
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Reads every entry of a list, page by page.
    pub(crate) async fn each<T: DeserializeOwned>(
        &self,
        mut url: Url,
        mut take: impl FnMut(T),
    ) -> Result<(), Error> {
        url.query_pairs_mut().append_pair("per_page", PER_PAGE);
        let mut ask = Ask { method: Method::GET, url, body: None };
        for _ in 0..MAX_PAGES {
            let answer = self.patiently(&ask).await?;
            let next = match self.kind {
                Kind::Github => answer.next_of_link(&ask.url),
                Kind::Gitlab => answer.next_of_number(&ask.url),
            };
            self.read::<Vec<T>>(&ask, &answer)?.into_iter().for_each(&mut take);
            let Some(next) = next else { return Ok(()) };
            ask.url = next;
        }
        Err(Error::TooManyPages { asked: self.asked(&ask), limit: MAX_PAGES })
    }

    /// Writes something that may be written twice.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Value,
    ) -> Result<T, Error> {
        let ask = Ask { method, url, body: Some(body) };
        let answer = self.patiently(&ask).await?;
        self.read(&ask, &answer)
    }

    /// Creates something once. When it is not sure whether it was created, `look` tells, so that a
    /// lost answer does not make two of it; what is found then counts as new.
    ///
    /// A refusal because there is one already ends in looking, too.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        url: Url,
        body: Value,
        look: impl AsyncFn() -> Result<Option<T>, Error>,
    ) -> Result<Made<T>, Error> {
        let ask = Ask { method: Method::POST, url, body: Some(body) };
        let mut delays = delays();
        loop {
            let created = match self.once(&ask).await {
                Ok(answer) => self.read(&ask, &answer),
                Err(error) => Err(error),
            };
            let error = match created {
                Ok(thing) => return Ok(Made { thing, is_new: true }),
                Err(error) => error,
            };
            let was_there = matches!(error, Error::Refused { status: 409 | 422, .. });
            if !was_there && !error.is_unsure() {
                return Err(error);
            }
            let delay = delays.next();
            if error.is_unsure() {
                tokio::time::sleep(delay.unwrap_or_default()).await;
            }
            if let Some(thing) = look().await? {
                return Ok(Made { thing, is_new: !was_there });
            }
            if was_there || delay.is_none() {
                return Err(error);
            }
        }
    }

    /// Asks several times, when nobody answers.
    async fn patiently(&self, ask: &Ask) -> Result<Answer, Error> {
        let mut delays = delays();
        loop {
            let result = self.once(ask).await;
            let delay = match &result {
                Err(error) if error.is_passing() => delays.next(),
                _ => None,
            };
            let Some(delay) = delay else { return result };
            tokio::time::sleep(delay).await;
        }
    }

    /// Asks once; to where the forge has moved on its own host, too.
    async fn once(&self, ask: &Ask) -> Result<Answer, Error> {
        let mut url = ask.url.clone();
        for _ in 0..REDIRECTS {
            let mut response = self.send(ask, url.clone()).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 307 | 308) {
                return self.judge(ask, &mut response).await;
            }
            url = self.moved(ask, &url, response.headers())?;
        }
        let reason = "it redirects too often".to_owned();
        Err(Error::Unreadable { asked: self.asked(ask), reason })
    }

    async fn send(&self, ask: &Ask, url: Url) -> Result<Response, Error> {
        let mut request = self.http.request(ask.method.clone(), url);
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        request.send().await.map_err(|error| self.unreachable(ask, error))
    }

    /// Where a redirect leads. The token stays with the host that it was given for.
    fn moved(&self, ask: &Ask, from: &Url, headers: &HeaderMap) -> Result<Url, Error> {
        let text = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        match text.and_then(|text| from.join(text).ok()) {
            Some(to) if to.origin() == self.base.origin() => Ok(to),
            Some(to) => Err(Error::Moved { asked: self.asked(ask), to: self.clean(&place(&to)) }),
            None => {
                let reason = "it redirects to nowhere".to_owned();
                Err(Error::Unreadable { asked: self.asked(ask), reason })
            }
        }
    }

    async fn judge(&self, ask: &Ask, response: &mut Response) -> Result<Answer, Error> {
        let status = response.status();
        let limit = if status.is_success() { MAX_ANSWER } else { MAX_REFUSAL };
        let body = body_of(response, limit).await;
        let (body, is_whole) = match body {
            Ok(read) => read,
            // The status is what counts.
            Err(_) if !status.is_success() => (Vec::new(), true),
            Err(error) => return Err(self.unreachable(ask, error)),
        };
        let answer = Answer { headers: response.headers().clone(), body };
        let asked = self.asked(ask);
        if status.is_success() {
            return match is_whole {
                true => Ok(answer),
                false => Err(Error::TooLarge { asked, limit }),
            };
        }
        let message = self.clean(&answer.message());
        let status = status.as_u16();
        if answer.is_limited(status) {
            let after = answer.after(SystemTime::now());
            return Err(Error::Limited { asked, status, after });
        }
        Err(Error::Refused { asked, status, message })
    }

    fn read<T: DeserializeOwned>(&self, ask: &Ask, answer: &Answer) -> Result<T, Error> {
        serde_json::from_slice(&answer.body).map_err(|error| Error::Unreadable {
            asked: self.asked(ask),
            reason: self.clean(&error.to_string()),
        })
    }

    fn unreachable(&self, ask: &Ask, error: reqwest::Error) -> Error {
        // The address is told anyway, and its query says nothing.
        let error = error.without_url();
        let reason = match error.is_timeout() {
            true => format!("no whole answer within {} s", self.timeout.as_secs_f64()),
            false => format!("it cannot be reached: {}", system::innermost(&error)),
        };
        Error::Unreachable { asked: self.asked(ask), reason: self.clean(&reason) }
    }

    fn asked(&self, ask: &Ask) -> String {
        self.clean(&format!("{} {}", ask.method, place(&ask.url)))
    }

    /// A foreign text for people: short, on one line, and without the token, which forges may
    /// repeat.
    fn clean(&self, text: &str) -> String {
        crate::text::one_line(&text.replace(&self.token.0, "(the token)"), 300)
    }
}

/// An address without its query.
fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Fails for addresses that have no user either.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.into()
}

fn base(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text.trim()).map_err(|_| Error::Url("is none; expected https://…"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(Error::Url("must begin with https://"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Error::Url("must begin with https://, else others can read the token"));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::Url("must not hold a user, a query or a fragment"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// The parts of a project's name, which become parts of addresses.
pub(crate) fn parts_of_project(kind: Kind, project: &str) -> Result<Vec<&str>, Error> {
    let is_part = |part: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        !matches!(*part, "" | "." | "..") && part.bytes().all(known)
    };
    let parts: Vec<&str> = project.split('/').collect();
    let is_count = match kind {
        Kind::Github => parts.len() == 2,
        Kind::Gitlab => parts.len() >= 2,
    };
    let is_project = is_count && parts.iter().all(is_part) && project.len() <= 1_000;
    let shown = || crate::text::one_line(project, 100);
    is_project.then_some(parts).ok_or_else(|| Error::Project { kind, project: shown() })
}

/// What goes along with every request.
fn headers(kind: Kind, token: &Token) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let is_sound = !token.0.is_empty() && token.0.bytes().all(|byte| byte.is_ascii_graphic());
    let secret = |text: &str| {
        let value = HeaderValue::from_str(text).ok().filter(|_| is_sound);
        let mut value = value.ok_or(Error::Token)?;
        value.set_sensitive(true);
        Ok(value)
    };
    match kind {
        Kind::Github => {
            headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", token.0))?);
            headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
            let version = HeaderName::from_static("x-github-api-version");
            headers.insert(version, HeaderValue::from_static("2022-11-28"));
        }
        Kind::Gitlab => {
            headers.insert(HeaderName::from_static("private-token"), secret(&token.0)?);
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
    }
    Ok(headers)
}

/// What is read of a body, and whether that is all.
async fn body_of(response: &mut Response, limit: usize) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

/// About 0.5 and 1 second, never twice the same, so that many do not come back at once.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(500))
        .with_max_times(ATTEMPTS - 1)
        .build()
}

#[cfg(test)]
mod tests {
    use super::{Client, base, parts_of_project};
    use crate::{Error, Kind, Settings, Token};

    #[test]
    fn the_token_goes_over_tls_or_stays_here() {
        for url in
            ["https://api.github.com", "http://127.0.0.1:80/x/", "http://[::1]", "http://localhost"]
        {
            assert!(base(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "ghe",
            "ftp://h",
            "http://h",
            "http://127.0.0.1.h",
            "https://u:p@h",
            "https://h?q",
            "https://h#f",
        ] {
            let error = base(url).unwrap_err();
            assert!(matches!(error, Error::Url(_)) && !error.to_string().contains("u:p"), "{url}");
        }
    }

    #[test]
    fn projects_have_the_parts_that_the_forge_knows() {
        let is = |kind, project| parts_of_project(kind, project).is_ok();
        assert!(is(Kind::Github, "acme/shop.io") && is(Kind::Gitlab, "acme/web/shop_1"));
        for none in ["", "acme", "acme/", "/shop", "a/..", "./b", "a/b?c", "a b/c", "a/%2e%2e"] {
            assert!(!is(Kind::Github, none) && !is(Kind::Gitlab, none), "{none}");
        }
        assert!(!is(Kind::Github, "acme/web/shop"));
    }

    #[test]
    fn parts_of_a_path_are_escaped() {
        let mut settings = Settings::new(Kind::Gitlab, "", Token::new(" t\n"));
        settings.url.push('/');
        let client = Client::new(settings).unwrap();
        let url = client.url(&["projects", "a/b c", "x"], &[("head", "o:a/ä&b")]);
        let expected = "https://gitlab.com/api/v4/projects/a%2Fb%20c/x?head=o%3Aa%2F%C3%A4%26b";
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn tokens_are_checked_and_never_shown() {
        for token in ["", " ", "a b", "a\nb", "ä", "a\u{7f}"] {
            let settings = Settings::new(Kind::Github, "", Token::new(token));
            assert_eq!(Client::new(settings).err(), Some(Error::Token), "{token:?}");
        }
        let settings = Settings::new(Kind::Github, "", Token::new("geheim"));
        assert!(!format!("{settings:?}").contains("geheim"));
        let client = Client::new(settings).unwrap();
        assert_eq!(client.clean("bad token geheim\n!"), "bad token (the token) !");
    }
}
