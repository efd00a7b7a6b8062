//! What to do, by a table after CISA's SSVC: how near an exploit is, from where the object is
//! reached, and what is given away.

use crate::Exposure;
use record::Decision;

/// How near an exploit of the object's images is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exploitation {
    /// None is known, or nothing is known of the images.
    None,
    /// The EPSS score of a vulnerability reaches the operator's threshold.
    Likely,
    /// A vulnerability is known to be exploited.
    Active,
}

/// What a misconfiguration gives away, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Less than a finding of medium severity by itself.
    Low,
    /// Less than a finding of high severity by itself.
    Medium,
    /// More.
    High,
}

impl Exploitation {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::None, Self::Likely, Self::Active];

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Likely => "likely",
            Self::Active => "active",
        }
    }
}

impl Impact {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The level of points from 0 to 100. Its bounds are the base risks of the severities.
    pub fn of(points: f64) -> Self {
        match points {
            p if p >= 70.0 => Self::High,
            p if p >= 40.0 => Self::Medium,
            _ => Self::Low,
        }
    }

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// How the table calls an exposure: whoever reaches a node or more is outside.
pub fn reach(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::None => "none",
        Exposure::Cluster => "controlled",
        Exposure::Node | Exposure::Open => "open",
    }
}

/// The table.
pub fn decide(exploitation: Exploitation, exposure: Exposure, impact: Impact) -> Decision {
    use Decision::{Act, Attend, Track};
    let by_impact = match (exploitation, reach(exposure)) {
        (Exploitation::Active, "open") => [Attend, Act, Act],
        (Exploitation::Active, "controlled") => [Attend, Attend, Act],
        (Exploitation::Active, _) => [Track, Attend, Attend],
        (Exploitation::Likely, "open") => [Attend, Attend, Act],
        (Exploitation::Likely, "controlled") => [Track, Attend, Attend],
        (Exploitation::Likely, _) => [Track, Track, Attend],
        (Exploitation::None, "open") => [Track, Attend, Attend],
        (Exploitation::None, "controlled") => [Track, Track, Attend],
        (Exploitation::None, _) => [Track, Track, Track],
    };
    match impact {
        Impact::Low => by_impact[0],
        Impact::Medium => by_impact[1],
        Impact::High => by_impact[2],
    }
}

#[cfg(test)]
mod tests {
    use super::{Exploitation, Impact, decide, reach};
    use crate::Exposure;

    /// The table of docs/risk.md, row by row.
    fn documented() -> Vec<[String; 5]> {
        let page = include_str!("../../../docs/risk.md");
        let rows = page.lines().filter_map(|line| {
            let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|');
            let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
            <[String; 5]>::try_from(cells).ok()
        });
        rows.filter(|row| matches!(row[0].as_str(), "active" | "likely" | "none")).collect()
    }

    #[test]
    fn every_combination_is_decided_as_documented() {
        let table = documented();
        assert_eq!(table.len(), 9);
        let mut seen = 0;
        for exploitation in Exploitation::ALL {
            for exposure in Exposure::ALL {
                let is_row = |row: &&[String; 5]| {
                    row[0] == exploitation.as_str() && row[1] == reach(exposure)
                };
                let row = table.iter().find(is_row).unwrap();
                for (impact, cell) in Impact::ALL.into_iter().zip(&row[2..]) {
                    assert_eq!(decide(exploitation, exposure, impact).as_str(), cell, "{row:?}");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 36);
    }

    #[test]
    fn nothing_worse_is_decided_more_mildly() {
        for exploitation in Exploitation::ALL {
            for exposure in Exposure::ALL {
                for impact in Impact::ALL {
                    let decided = decide(exploitation, exposure, impact);
                    let worse = Exploitation::ALL.into_iter().filter(|e| *e > exploitation);
                    assert!(worse.into_iter().all(|e| decide(e, exposure, impact) >= decided));
                    let worse = Exposure::ALL.into_iter().filter(|e| *e > exposure);
                    assert!(worse.into_iter().all(|e| decide(exploitation, e, impact) >= decided));
                    let worse = Impact::ALL.into_iter().filter(|i| *i > impact);
                    assert!(
                        worse.into_iter().all(|i| decide(exploitation, exposure, i) >= decided)
                    );
                }
            }
        }
    }
}
