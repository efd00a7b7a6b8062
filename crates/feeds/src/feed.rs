//! A feed, whichever of the two it is.

use record::Date;
use risk::{Epss, Fault, Kev};
use serde::{Deserialize, Serialize};

/// Which feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Chances of exploitation, by FIRST.
    Epss,
    /// Known exploited vulnerabilities, by CISA.
    Kev,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Epss, Self::Kev];

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epss => "epss",
            Self::Kev => "kev",
        }
    }

    /// Where the feed is published.
    pub fn url(self) -> &'static str {
        match self {
            Self::Epss => "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
            Self::Kev => {
                "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
            }
        }
    }

    /// Largest feed that is taken, in bytes as they come. The public ones have about a tenth.
    pub fn largest(self) -> usize {
        match self {
            Self::Epss => 64 << 20,
            Self::Kev => 32 << 20,
        }
    }

    /// How files of the feed end.
    pub(crate) fn extension(self, bytes: &[u8]) -> &'static str {
        match (self, bytes.starts_with(&[0x1f, 0x8b])) {
            (Self::Epss, true) => "csv.gz",
            (Self::Epss, false) => "csv",
            (Self::Kev, true) => "json.gz",
            (Self::Kev, false) => "json",
        }
    }
}

/// A feed that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Feed {
    /// Chances of exploitation.
    Epss(Epss),
    /// Known exploited vulnerabilities.
    Kev(Kev),
}

impl Feed {
    /// Reads a feed of this kind, plain or packed by gzip.
    ///
    /// # Errors
    /// When it is no such feed.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, Fault> {
        match kind {
            Kind::Epss => Epss::parse(bytes).map(Self::Epss),
            Kind::Kev => Kev::parse(bytes).map(Self::Kev),
        }
    }

    /// Reads a feed of either kind.
    ///
    /// # Errors
    /// When it is none: what is wrong with it as the kind that it looks like.
    pub fn guess(bytes: &[u8]) -> Result<Self, Fault> {
        Epss::parse(bytes).map(Self::Epss).or_else(|as_epss| {
            // Who wrote a header, or wrote no JSON at all, meant scores.
            Kev::parse(bytes).map(Self::Kev).map_err(|as_kev| match &as_kev.line {
                Some(1) => as_epss,
                _ => as_kev,
            })
        })
    }

    /// Which it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Epss(_) => Kind::Epss,
            Self::Kev(_) => Kind::Kev,
        }
    }

    /// How many vulnerabilities it names.
    pub fn rows(&self) -> usize {
        match self {
            Self::Epss(epss) => epss.len(),
            Self::Kev(kev) => kev.len(),
        }
    }

    /// The version of EPSS's model, or of the catalogue, where the feed says it.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Epss(epss) => epss.model_version.as_deref(),
            Self::Kev(kev) => kev.catalog_version.as_deref(),
        }
    }

    /// The day of the scores, or of the catalogue's release, where the feed says it.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Epss(epss) => epss.date,
            Self::Kev(kev) => kev.date,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, Kind};

    #[test]
    fn a_feed_is_known_by_what_it_holds() {
        let kind = |text: &str| Feed::guess(text.as_bytes()).map(|feed| feed.kind());
        assert_eq!(kind("cve,epss\nCVE-2021-44228,0.9\n"), Ok(Kind::Epss));
        assert_eq!(kind("[\"CVE-2021-44228\"]"), Ok(Kind::Kev));
        let fails = |text: &str| kind(text).unwrap_err().to_string();
        assert!(fails("cve,epss\nCVE-2021-44228,9\n").starts_with("line 2: the score"));
        assert!(fails("{\"vulnerabilities\": [], \"count\": 3}").contains("is the file whole"));
        assert!(fails("<html>").contains("web page"));
    }
}
