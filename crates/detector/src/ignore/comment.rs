//! The text of a comment that ignores findings, and the lines that it is about.

use manifest::Span;
use record::Date;

/// What comments of ours begin with, after the `#`.
pub(crate) const MARK: &str = "k8s-auto-fix:";

/// What a comment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    /// Names of rules, as written.
    pub(crate) names: Vec<&'a str>,
    pub(crate) reason: Option<String>,
    pub(crate) until: Option<Date>,
}

/// Reads a comment, from its `#`. `None` when it is not for us.
pub(crate) fn read(comment: &str) -> Option<Result<Directive<'_>, String>> {
    // It may follow other words, behind a `#` of its own.
    let starts = comment.match_indices(MARK).map(|(at, _)| at);
    let start = starts.into_iter().find(|at| comment[..*at].trim_end().ends_with('#'))?;
    Some(directive(comment[start + MARK.len()..].trim()))
}

fn directive(text: &str) -> Result<Directive<'_>, String> {
    let wanted = "expected `ignore[rule, …]`, then `reason=…` and `until=YYYY-MM-DD` as you like";
    let list = text.strip_prefix("ignore[").ok_or_else(|| format!("{wanted}; found `{text}`"))?;
    let (list, rest) = list.split_once(']').ok_or_else(|| format!("{wanted}; `]` is missing"))?;
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err("`ignore[]` names no rule; `*` stands for all".to_owned());
    }
    let (reason, until) = options(rest)?;
    Ok(Directive { names, reason, until })
}

fn options(text: &str) -> Result<(Option<String>, Option<Date>), String> {
    let (mut reason, mut until) = (None, None);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let twice = |name: &str| Err(format!("`{name}` is there twice"));
        if let Some(tail) = rest.strip_prefix("until=") {
            let (word, tail) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
            let date = word.parse().map_err(|error: record::DateError| error.to_string())?;
            if until.replace(date).is_some() {
                return twice("until");
            }
            rest = tail.trim_start();
        } else if let Some(tail) = rest.strip_prefix("reason=") {
            let (text, tail) = reason_text(tail)?;
            if reason.replace(text.trim().to_owned()).is_some() {
                return twice("reason");
            }
            rest = tail.trim_start();
        } else {
            return Err(format!("expected `reason=…` or `until=YYYY-MM-DD`; found `{rest}`"));
        }
    }
    Ok((reason.filter(|reason| !reason.is_empty()), until))
}

/// A reason in quotes, or all up to `until=`.
fn reason_text(text: &str) -> Result<(&str, &str), String> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let closed = text[1..].split_once(quote);
        return closed.ok_or_else(|| format!("the reason has no closing {quote}"));
    }
    Ok(text.split_at(until_in(text).unwrap_or(text.len())))
}

/// Where a word that starts with `until=` stands.
fn until_in(text: &str) -> Option<usize> {
    let starts = text.match_indices("until=").map(|(at, _)| at);
    starts.into_iter().find(|at| text[..*at].chars().next_back().is_none_or(char::is_whitespace))
}

/// The value of an annotation: a reason, which may end with `until=YYYY-MM-DD`.
pub(crate) fn annotation(value: &str) -> Result<(Option<String>, Option<Date>), String> {
    let (reason, rest) = value.split_at(until_in(value).unwrap_or(value.len()));
    let (_, until) = options(rest)?;
    let reason = reason.trim();
    Ok(((!reason.is_empty()).then(|| reason.to_owned()), until))
}

/// The bytes in which a node must begin to be what the comment is about: the comment's own line
/// when something stands before it, else the next line with content. `None` when nothing follows.
pub(crate) fn target(text: &str, comment: &Span) -> Option<Span> {
    let line = line_at(text, comment.start);
    let before = text[line.start..comment.start].trim_start_matches('\u{feff}').trim();
    let mut target = match before.is_empty() || before.starts_with("---") {
        true => next_content(text, line.end)?,
        false => line,
    };
    // An item whose dash stands alone begins on the line after it.
    let content = text[target.start..target.end].split('#').next().unwrap_or_default();
    if content.trim() == "-"
        && let Some(next) = next_content(text, target.end)
    {
        target.end = next.end;
    }
    Some(target)
}

/// The line around an offset, with its line end.
fn line_at(text: &str, offset: usize) -> Span {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |length| offset + length + 1);
    start..end
}

/// The first line from an offset that holds more than blanks, a comment or a separator.
fn next_content(text: &str, mut at: usize) -> Option<Span> {
    while at < text.len() {
        let line = line_at(text, at);
        let content = text[line.clone()].trim_start_matches('\u{feff}').trim();
        let is_separator = content.starts_with("---") || content.starts_with('%');
        if !content.is_empty() && !content.starts_with('#') && !is_separator {
            return Some(line);
        }
        at = line.end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Directive, annotation, read, target};

    fn good(comment: &str) -> Directive<'_> {
        read(comment).unwrap().unwrap()
    }

    #[test]
    fn names_reason_and_expiry() {
        let plain = good("# k8s-auto-fix: ignore[latest-tag, kube-linter:x ,*]");
        assert_eq!(plain.names, ["latest-tag", "kube-linter:x", "*"]);
        assert_eq!((plain.reason, plain.until), (None, None));
        let date = Some("2027-01-31".parse().unwrap());
        for options in [
            "reason=the vendor knows until=2027-01-31",
            "until=2027-01-31   reason=the vendor knows",
            "reason=\"the vendor knows\" until=2027-01-31",
            "until=2027-01-31 reason='the vendor knows'",
        ] {
            let comment = format!("##k8s-auto-fix:ignore[a] {options} ");
            let directive = good(&comment);
            assert_eq!(directive.reason.as_deref(), Some("the vendor knows"), "{comment}");
            assert_eq!(directive.until, date, "{comment}");
        }
        assert_eq!(good("# k8s-auto-fix: ignore[a] reason=").reason, None);
        assert_eq!(
            good("# k8s-auto-fix: ignore[a] reason=x=1, \"y\"").reason.unwrap(),
            "x=1, \"y\""
        );
        assert_eq!(good("# k8s-auto-fix: ignore[a] reason='until=x'").reason.unwrap(), "until=x");
    }

    #[test]
    fn it_may_follow_other_words_behind_a_hash() {
        assert_eq!(good("# needed by ops # k8s-auto-fix: ignore[a]").names, ["a"]);
        assert_eq!(read("# see k8s-auto-fix: ignore[a]"), None);
        assert_eq!(read("# written by k8s-auto-fix"), None);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("", "expected `ignore[rule"),
            (" ignore", "expected `ignore[rule"),
            (" skip[a]", "found `skip[a]`"),
            (" ignore[a", "`]` is missing"),
            (" ignore[ , ]", "names no rule"),
            (" ignore[a] because", "found `because`"),
            (" ignore[a] until=soon", "`soon` is no date"),
            (" ignore[a] until=", "`` is no date"),
            (" ignore[a] until=2026-01-01 until=2026-01-02", "twice"),
            (" ignore[a] reason='x' reason='y'", "twice"),
            (" ignore[a] reason=\"x", "no closing \""),
            (" ignore[a] reason=\"x\" y", "found `y`"),
        ] {
            let comment = format!("# k8s-auto-fix:{text}");
            let error = read(&comment).unwrap().unwrap_err();
            assert!(error.contains(why), "{comment}: {error}");
        }
    }

    #[test]
    fn values_of_annotations_are_reasons() {
        let date = Some("2027-01-31".parse().unwrap());
        assert_eq!(annotation("").unwrap(), (None, None));
        assert_eq!(annotation("false").unwrap(), (Some("false".to_owned()), None));
        assert_eq!(annotation("a b until=2027-01-31 ").unwrap(), (Some("a b".to_owned()), date));
        assert_eq!(annotation("until=2027-01-31").unwrap(), (None, date));
        annotation("x until=never").unwrap_err();
    }

    fn target_of(text: &str) -> Option<&str> {
        let start = text.find("# k8s").unwrap();
        target(text, &(start..start + 5)).map(|range| &text[range])
    }

    #[test]
    fn a_comment_is_about_its_line_or_the_next_with_content() {
        for (text, expected) in [
            ("a: 1 # k8s\nb: 2\n", Some("a: 1 # k8s\n")),
            ("# k8s\na: 1\n", Some("a: 1\n")),
            ("\u{feff}# k8s\r\n\r\n  # other\r\n  a: 1\r\n", Some("  a: 1\r\n")),
            ("a: 1\n# k8s\n---\n%YAML 1.1\n--- # x\nb: 2", Some("b: 2")),
            ("a: 1\n--- # k8s\nb: 2\n", Some("b: 2\n")),
            ("l:\n# k8s\n-\n\n  a: 1\nb: 2\n", Some("-\n\n  a: 1\n")),
            ("l:\n- # k8s\n  a: 1\n", Some("- # k8s\n  a: 1\n")),
            ("a: 1\n# k8s\n\n", None),
        ] {
            assert_eq!(target_of(text), expected, "{text:?}");
        }
    }
}
