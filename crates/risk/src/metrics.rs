//! The reference system's `policy_metrics.json`: what was measured of the fixes of each policy.

use crate::fault::{Fault, text};
use record::canonical_policy_id;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest file that is read, in bytes, unpacked.
const LARGEST: usize = 16 << 20;
const EXPECTED: &str = "an object of policies with `probability` (0 to 1) and `expected_time` \
    (seconds above 0)";

/// Probability and expected time by policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyMetrics(BTreeMap<String, Measured>);

/// Of the reference's fields those that were measured. Its `risk` is another table of policies, its
/// `kev` says nothing of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Measured {
    probability: f64,
    expected_time: f64,
}

impl PolicyMetrics {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is no such file, or a number is out of its range.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = text(bytes, LARGEST, EXPECTED)?;
        let read: BTreeMap<String, Measured> =
            serde_json::from_str(&text).map_err(|error| Fault::json(&error, EXPECTED))?;
        if read.is_empty() {
            return Err(Fault::new(format!("names no policy; expected {EXPECTED}")));
        }
        for (policy, Measured { probability, expected_time }) in &read {
            let in_range = (0.0..=1.0).contains(probability) && *expected_time > 0.0;
            if !in_range {
                let policy: String = policy.chars().take(80).collect();
                return Err(Fault::new(format!("{policy} is out of range; expected {EXPECTED}")));
            }
        }
        Ok(Self(read.into_iter().map(|(id, known)| (canonical_policy_id(&id), known)).collect()))
    }

    /// Probability and expected seconds of a policy's fixes.
    pub fn get(&self, policy_id: &str) -> Option<(f64, f64)> {
        let measured = self.0.get(&canonical_policy_id(policy_id))?;
        Some((measured.probability, measured.expected_time))
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyMetrics;

    const FILE: &str = r#"{"no_latest_tag": {"risk": 50, "probability": 0.83, "expected_time": 12.5,
        "wait": 0.0, "kev": false, "explore": 0.0}}"#;

    #[test]
    fn the_references_file_is_read() {
        let metrics = PolicyMetrics::parse(FILE.as_bytes()).unwrap();
        assert_eq!(metrics.get("latest-tag"), Some((0.83, 12.5)));
        assert_eq!(metrics.get("no_privileged"), None);
    }

    #[test]
    fn other_files_are_refused() {
        for (wrong, message) in [
            ("", "is empty"),
            ("{}", "names no policy"),
            ("[]", "invalid type"),
            ("{\"a\": {\"probability\": 0.5}}", "missing field `expected_time`"),
            (&FILE.replace("0.83", "1.1"), "out of range"),
            (&FILE.replace("0.83", "-0.1"), "out of range"),
            (&FILE.replace("12.5", "0"), "out of range"),
            (&FILE.replace("12.5", "1e999"), "out of range"),
        ] {
            let error = PolicyMetrics::parse(wrong.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{wrong}: {error}");
        }
    }
}
