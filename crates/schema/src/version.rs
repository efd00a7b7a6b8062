//! The Kubernetes minors whose schemas are embedded.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes minor, such as 1.36, whose schemas are embedded or those of a live server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    minor: u16,
}

/// The version is not one whose schemas are embedded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no schemas for Kubernetes {given:?}; there are {}", known_versions())]
pub struct UnknownVersion {
    given: String,
}

impl Version {
    /// Every embedded minor, oldest first.
    pub const ALL: [Version; 5] = [minor(33), minor(34), minor(35), minor(36), minor(37)];

    /// The newest embedded minor.
    pub const LATEST: Version = minor(37);

    /// Minors that are embedded for the kinds that they were the last, or among the last, to
    /// serve; newest first.
    pub(crate) const FORMER: [Version; 3] = [minor(24), minor(21), minor(15)];

    /// Gzipped definitions of this minor, written by `cargo xtask schemas`.
    pub(crate) fn packed(self) -> &'static [u8] {
        match self.minor {
            15 => include_bytes!("../data/v1.15.json.gz"),
            21 => include_bytes!("../data/v1.21.json.gz"),
            24 => include_bytes!("../data/v1.24.json.gz"),
            33 => include_bytes!("../data/v1.33.json.gz"),
            34 => include_bytes!("../data/v1.34.json.gz"),
            35 => include_bytes!("../data/v1.35.json.gz"),
            36 => include_bytes!("../data/v1.36.json.gz"),
            _ => include_bytes!("../data/v1.37.json.gz"),
        }
    }
}

/// A minor; its schemas need not be embedded.
pub(crate) const fn minor(minor: u16) -> Version {
    Version { minor }
}

fn known_versions() -> String {
    Version::ALL.map(|version| version.to_string()).join(", ")
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Reads `1.36`, `v1.36` and, because the patch does not change the schemas, `1.36.3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let wanted: Vec<&str> = plain.splitn(3, '.').take(2).collect();
        let wanted = wanted.join(".");
        let found = Version::ALL.into_iter().find(|version| version.to_string() == wanted);
        found.ok_or_else(|| UnknownVersion { given: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_prefix_and_patch() {
        for text in ["1.36", "v1.36", "1.36.3", "v1.36.0"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), "1.36");
        }
        let error = "1.12".parse::<Version>().unwrap_err();
        assert!(error.to_string().ends_with("there are 1.33, 1.34, 1.35, 1.36, 1.37"));
        assert_eq!(Version::ALL.last(), Some(&Version::LATEST));
    }
}
