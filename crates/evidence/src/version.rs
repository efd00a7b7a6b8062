//! Tags that look like versions.

use std::cmp::Reverse;

/// The version that a tag writes: `v` if any, two or more numbers with dots, and a suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    numbers: Vec<u64>,
    suffix: &'a str,
}

/// `None` for a tag that is no version, such as `latest`, `1` or `20240101`.
pub(crate) fn parse(tag: &str) -> Option<Version<'_>> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(end);
    let numbers: Vec<u64> = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    (numbers.len() >= 2).then_some(Version { numbers, suffix })
}

/// The versions among tags, in the order in which they are worth asking for: those of the flavour
/// that the written tag names first (`-alpine` for `alpine`), then those without a flavour; in each
/// the newest first, and of one version the most specific.
pub(crate) fn candidates<'t>(written: &str, tags: &'t [String], most: usize) -> Vec<&'t str> {
    let flavour = format!("-{written}");
    let rank = |version: &Version<'_>| match version.suffix {
        suffix if suffix == flavour => 0,
        "" => 1,
        _ => 2,
    };
    let mut versions: Vec<(&str, Version<'_>)> =
        tags.iter().filter_map(|tag| Some((tag.as_str(), parse(tag)?))).collect();
    versions.sort_by_cached_key(|(tag, version)| {
        (rank(version), Reverse(version.numbers.clone()), *tag)
    });
    versions.into_iter().map(|(tag, _)| tag).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::{candidates, parse};

    #[test]
    fn versions_have_two_numbers() {
        for tag in ["1.2", "v1.2.3", "1.2.3-alpine", "2024.01.05", "1.2rc1", "v0.0.0-x_y"] {
            assert!(parse(tag).is_some(), "{tag}");
        }
        for tag in ["latest", "1", "v1", "1-alpine", "20240105", "1.", ".1", "1..2", "vv1.2", ""] {
            assert!(parse(tag).is_none(), "{tag}");
        }
        assert!(parse("99999999999999999999.1").is_none());
    }

    #[test]
    fn the_newest_and_most_specific_come_first() {
        let tags = ["1.9.0", "latest", "1.10", "1.10.2", "1.10.2-alpine", "1", "1.9.0-alpine"];
        let tags = tags.map(str::to_owned);
        assert_eq!(candidates("latest", &tags, 4), ["1.10.2", "1.10", "1.9.0", "1.10.2-alpine"]);
        assert_eq!(candidates("alpine", &tags, 3), ["1.10.2-alpine", "1.9.0-alpine", "1.10.2"]);
    }
}
