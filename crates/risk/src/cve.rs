//! Identifiers of vulnerabilities.

use std::fmt;
use std::str::FromStr;

/// An identifier such as `CVE-2021-44228`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cve {
    year: u16,
    number: u64,
}

/// A text that is no CVE identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no CVE identifier; expected one such as CVE-2021-44228")]
pub struct CveError(String);

impl FromStr for Cve {
    type Err = CveError;

    /// Reads upper and lower case alike.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (prefix, rest) = text.trim().split_at_checked(4)?;
            let (year, number) = rest.split_once('-')?;
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let whole = prefix.eq_ignore_ascii_case("CVE-")
                && year.len() == 4
                && number.len() >= 4
                && digits(year)
                && digits(number);
            whole.then_some(Self { year: year.parse().ok()?, number: number.parse().ok()? })
        };
        // What is shown of a foreign text is short.
        read().ok_or_else(|| CveError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Cve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{}-{:04}", self.year, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::Cve;

    #[test]
    fn identifiers_are_read_and_written() {
        for text in ["CVE-1999-0001", "CVE-2021-44228", "CVE-2026-1234567"] {
            assert_eq!(text.parse::<Cve>().unwrap().to_string(), text);
            assert_eq!(text.to_lowercase().parse::<Cve>(), text.parse());
        }
        for text in ["", "CVE-", "CVE-2021", "CVE-21-44228", "CVE-2021-123", "GHSA-aaaa-bbbb-cccc"]
        {
            text.parse::<Cve>().unwrap_err();
        }
        for text in ["CVE-2021-4422x", "CVE-2021-+4228", "CVE-2021-99999999999999999999", "ÄÖÜ"]
        {
            text.parse::<Cve>().unwrap_err();
        }
    }
}
