//! What forges say beside what they were asked for: the next page, their limits, their complaints.

use reqwest::Url;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long GitHub wants to be left alone when it does not say how long.
const LIMITED: Duration = Duration::from_secs(60);

/// An answer that was read.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// The next page as GitHub names it. Only the query is taken from there, so that the token goes
    /// to no other place, and a forge behind another name works.
    pub(crate) fn next_of_link(&self, url: &Url) -> Option<Url> {
        let links = self.header("link")?.split(',');
        let is_next = |parameters: &str| {
            let mut names = parameters.split(';').map(str::trim);
            names.any(|name| matches!(name, r#"rel="next""# | "rel=next"))
        };
        let (target, _) = links
            .filter_map(|link| link.trim().strip_prefix('<')?.split_once('>'))
            .find(|(_, parameters)| is_next(parameters))?;
        let next = url.join(target).ok()?;
        let mut url = url.clone();
        url.set_query(Some(next.query()?));
        Some(url)
    }

    /// The next page as GitLab counts it; the last page has none.
    pub(crate) fn next_of_number(&self, url: &Url) -> Option<Url> {
        let page = self.number("x-next-page")?.to_string();
        let others = url.query_pairs().into_owned().filter(|(name, _)| name != "page");
        let others: Vec<(String, String)> = others.collect();
        let mut url = url.clone();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &page);
        Some(url)
    }

    /// Whether this refusal is for too many requests. GitHub uses 403 for it, too.
    pub(crate) fn is_limited(&self, status: u16) -> bool {
        let is_used_up = || self.number("x-ratelimit-remaining") == Some(0);
        let says_so = || self.message().to_ascii_lowercase().contains("rate limit");
        status == 429
            || status == 403 && (self.header("retry-after").is_some() || is_used_up() || says_so())
    }

    /// How long to wait, as the forge says: at once, or until its limit begins anew.
    pub(crate) fn after(&self, now: SystemTime) -> Option<Duration> {
        if let Some(seconds) = self.number(RETRY_AFTER.as_str()) {
            return Some(Duration::from_secs(seconds));
        }
        if self.number("x-ratelimit-remaining").is_some_and(|remaining| remaining > 0) {
            return Some(LIMITED);
        }
        let reset = self.number("x-ratelimit-reset").or_else(|| self.number("ratelimit-reset"))?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Duration::from_secs(reset.saturating_sub(now.as_secs())))
    }

    /// Why the forge refuses; empty when it does not say.
    pub(crate) fn message(&self) -> String {
        let Ok(value) = serde_json::from_slice::<Value>(&self.body) else { return String::new() };
        let mut said = Vec::new();
        for key in ["message", "error", "error_description", "errors"] {
            if let Some(value) = value.get(key) {
                gather(value, &mut said);
            }
        }
        said.join(": ")
    }
}

/// The texts of a complaint: a text, a list of them, or fields with what is wrong with each.
fn gather(value: &Value, said: &mut Vec<String>) {
    match value {
        Value::String(text) => said.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, said)),
        Value::Object(fields) => {
            if let Some(text) = fields.get("message").and_then(Value::as_str) {
                return said.push(text.to_owned());
            }
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            // GitHub: what of what is wrong, and how.
            if let (Some(field), Some(code)) = (text("field"), text("code")) {
                return said.push(format!("{field} {code}"));
            }
            // GitLab: lists by the names of fields.
            for (name, value) in fields {
                if name != "base" {
                    said.push(name.clone());
                }
                gather(value, said);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use reqwest::Url;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use std::time::{Duration, UNIX_EPOCH};

    fn answer(headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        Answer { headers: map, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn the_next_page_is_one_of_the_same_list() {
        let url = Url::parse("https://h/api/pulls?state=all").unwrap();
        let next = |link: &str| {
            let next = answer(&[("link", link)], "").next_of_link(&url);
            next.map(|url| url.as_str().to_owned())
        };
        let page = "<https://h/repositories/1/pulls?state=all&page";
        let link = format!(r#"{page}=1>; rel="prev", {page}=3>; rel="next""#);
        assert_eq!(next(&link).unwrap(), "https://h/api/pulls?state=all&page=3");
        let elsewhere = r#"<https://evil/steal?page=2>; rel="next""#;
        assert_eq!(next(elsewhere).unwrap(), "https://h/api/pulls?page=2");
        for none in ["", "<", r#"<x>; rel="last""#, r#"<https://h/none>; rel="next""#, ">;<"] {
            assert_eq!(next(none), None, "{none}");
        }
        let next = |page| answer(&[("x-next-page", page)], "").next_of_number(&url);
        let second = next("2").unwrap();
        assert_eq!(second.as_str(), "https://h/api/pulls?state=all&page=2");
        let third = answer(&[("x-next-page", "3")], "").next_of_number(&second).unwrap();
        assert_eq!(third.as_str(), "https://h/api/pulls?state=all&page=3");
        assert!(next("").is_none() && next("-1").is_none() && next("x&y=1").is_none());
    }

    #[test]
    fn limits_are_told_from_refusals() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let wait = |headers: &[(&'static str, &str)]| answer(headers, "").after(now);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")];
        assert_eq!(wait(&used_up), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[("ratelimit-reset", "900")]), Some(Duration::ZERO));
        assert_eq!(wait(&[("x-ratelimit-remaining", "9")]), Some(Duration::from_secs(60)));
        assert_eq!(wait(&[]), None);
        assert!(answer(&used_up, "").is_limited(403) && answer(&[], "").is_limited(429));
        let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert!(answer(&[], secondary).is_limited(403));
        assert!(!answer(&[], r#"{"message":"Must have push access"}"#).is_limited(403));
        assert!(!answer(&used_up, "").is_limited(404));
    }

    #[test]
    fn complaints_of_every_form_are_understood() {
        for (body, message) in [
            (r#"{"message":"Bad credentials"}"#, "Bad credentials"),
            (
                r#"{"message":"Failed","errors":[{"code":"custom","message":"It exists."}]}"#,
                "Failed: It exists.",
            ),
            (
                r#"{"message":"Failed","errors":[{"field":"head","code":"invalid"},"too long"]}"#,
                "Failed: head invalid: too long",
            ),
            (r#"{"message":["Another open merge request"]}"#, "Another open merge request"),
            (r#"{"message":{"base":["no"],"title":["is long"]}}"#, "no: title: is long"),
            (r#"{"error":"insufficient_scope","error_description":"x"}"#, "insufficient_scope: x"),
            ("<html>", ""),
            ("[]", ""),
            ("", ""),
        ] {
            assert_eq!(answer(&[], body).message(), message);
        }
    }
}
