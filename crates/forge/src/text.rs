//! Foreign texts, before somebody reads or compares them.

use reqwest::Url;
use serde::de::{Deserialize, Deserializer, Error as _};

/// Bytes of the longest address that is passed on.
const LONGEST_PAGE: usize = 4_096;

/// A text on one line of at most `limit` bytes, without characters that steer a terminal.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || is_hidden(c)) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > limit {
            line.truncate(line.floor_char_boundary(limit));
            line.push('…');
            break;
        }
    }
    line
}

/// Whether a character controls, reorders text or shows nothing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A page for people, as a forge names it: an address of HTTP without characters that do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page(pub(crate) String);

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = url.filter(|url| url.as_str().len() <= LONGEST_PAGE);
        url.map(|url| Self(url.into())).ok_or_else(|| D::Error::custom("a page has no address"))
    }
}

/// Whether two texts say the same to a forge, which may change line ends and trailing space.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let clean = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    clean(one) == clean(other)
}

#[cfg(test)]
mod tests {
    use super::{Page, is_same, one_line};

    #[test]
    fn pages_are_addresses_of_http() {
        let page = |text: &str| serde_json::from_str::<Page>(&format!("{text:?}")).ok();
        assert_eq!(page("https://h/a b").unwrap().0, "https://h/a%20b");
        assert_eq!(page("javascript:alert(1)"), None);
        assert_eq!(page(&format!("https://h/{}", "x".repeat(5_000))), None);
    }

    #[test]
    fn hostile_texts_become_one_short_line() {
        assert_eq!(one_line("a\r\n\tb\u{1b}[2J\u{202e}c", 80), "a b [2J c");
        assert_eq!(one_line("", 80), "");
        assert_eq!(one_line("äöü", 3), "ä…");
        assert!(one_line(&"x".repeat(1 << 20), 300).len() < 310);
    }

    #[test]
    fn line_ends_make_no_difference() {
        assert!(is_same("a\nb\n", "a\r\nb"));
        assert!(!is_same("a\nb", "a\n\nb"));
    }
}
