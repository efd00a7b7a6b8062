//! What the operator sets about risk.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::Error as _;

/// The `risk` block of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskSettings {
    /// How much namespaces matter; the first entry that matches counts.
    pub namespaces: Vec<NamespaceCriticality>,
    /// EPSS score from which an exploit counts as likely, above 0 and up to 1.
    #[serde(deserialize_with = "probability")]
    pub likely: f64,
    /// Days after which feeds are called old.
    pub max_feed_age_days: u32,
}

impl Default for RiskSettings {
    fn default() -> Self {
        Self { namespaces: Vec::new(), likely: 0.1, max_feed_age_days: 7 }
    }
}

fn probability<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(from)?;
    match value > 0.0 && value <= 1.0 {
        true => Ok(value),
        false => Err(D::Error::custom("expected a number above 0 and up to 1")),
    }
}

/// How much some namespaces matter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamespaceCriticality {
    /// Which namespaces.
    #[serde(rename = "match")]
    pub globs: Globs,
    /// How much they matter.
    pub criticality: Criticality,
}

/// Patterns of names, such as `prod-*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl TryFrom<Vec<String>> for Globs {
    type Error = globset::Error;

    fn try_from(patterns: Vec<String>) -> Result<Self, Self::Error> {
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            set.add(Glob::new(pattern)?);
        }
        Ok(Self { patterns, set: set.build()? })
    }
}

impl Globs {
    /// The pattern that matches a name.
    pub(crate) fn matching(&self, name: &str) -> Option<&str> {
        let first = self.set.matches(name).first().copied()?;
        self.patterns.get(first).map(String::as_str)
    }
}

/// How much it matters what runs somewhere, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criticality {
    /// Nobody minds, as in a sandbox.
    Low,
    /// Nothing was said.
    Normal,
    /// The business stands still, or people come to harm.
    High,
}

impl Criticality {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The factor of the formula.
    pub fn factor(self) -> f64 {
        match self {
            Self::Low => 0.5,
            Self::Normal => 1.0,
            Self::High => 2.0,
        }
    }

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl RiskSettings {
    /// How much a namespace matters, and why.
    pub(crate) fn criticality(&self, namespace: &str) -> (Criticality, String) {
        let found = self.namespaces.iter().find_map(|entry| {
            entry.globs.matching(namespace).map(|pattern| (entry.criticality, pattern))
        });
        match found {
            Some((criticality, pattern)) => {
                let name = criticality.as_str();
                (criticality, format!("{name}: namespace {namespace} matches `{pattern}`"))
            }
            None => {
                (Criticality::Normal, format!("normal: nothing is set for namespace {namespace}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Criticality, RiskSettings};
    use serde_json::json;

    #[test]
    fn the_first_entry_that_matches_counts() {
        let settings: RiskSettings = serde_json::from_value(json!({"namespaces": [
            {"match": ["prod", "shop-*"], "criticality": "high"},
            {"match": ["*-test", "shop-old"], "criticality": "low"},
        ]}))
        .unwrap();
        for (name, criticality) in [
            ("prod", Criticality::High),
            ("shop-old", Criticality::High),
            ("a-test", Criticality::Low),
            ("default", Criticality::Normal),
        ] {
            assert_eq!(settings.criticality(name).0, criticality, "{name}");
        }
        assert!(settings.criticality("shop-a").1.contains("`shop-*`"));
    }

    #[test]
    fn wrong_settings_are_refused() {
        for (wrong, message) in [
            (json!({"likely": 0.0}), "above 0"),
            (json!({"likely": 1.5}), "above 0"),
            (json!({"likely": "high"}), "invalid type"),
            (json!({"max_feed_age_days": -1}), "invalid value"),
            (json!({"weights": 1}), "unknown field"),
            (json!({"namespaces": [{"match": ["a["], "criticality": "high"}]}), "glob"),
            (json!({"namespaces": [{"match": [], "criticality": "huge"}]}), "unknown variant"),
            (json!({"namespaces": [{"criticality": "low"}]}), "missing field"),
        ] {
            let error = serde_json::from_value::<RiskSettings>(wrong).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
