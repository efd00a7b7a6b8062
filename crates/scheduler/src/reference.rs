//! The reference system's formula, for comparison.
//!
//! ```text
//! S = R·p / max(Et, ε) + explore_weight·explore + α·wait + (kev_weight if kev)
//! ```
//!
//! Waiting and exploitation are added in the units of the first term, which for times of
//! milliseconds is in the thousands: neither counts then. That is why it is not the order here.

use record::RiskScore;

/// The weights of the formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Points for every hour that an item has waited.
    pub alpha: f64,
    /// Points for a known exploited vulnerability.
    pub kev_weight: f64,
    /// Points for each point of the exploration bonus.
    pub explore_weight: f64,
}

impl Default for Parameters {
    /// The reference system's values.
    fn default() -> Self {
        Self { alpha: 1.0, kev_weight: 1.0, explore_weight: 1.0 }
    }
}

/// ε: least expected time, in seconds; keeps the index finite.
pub const EPSILON: f64 = 1e-6;

/// The index of an item; higher goes first.
pub fn index(score: &RiskScore, parameters: &Parameters) -> f64 {
    let per_second = score.risk * score.probability / score.expected_time.max(EPSILON);
    let kev = if score.kev { parameters.kev_weight } else { 0.0 };
    per_second + parameters.explore_weight * score.explore + parameters.alpha * score.wait + kev
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_of_the_formula_counts() {
        let score: RiskScore = serde_json::from_value(serde_json::json!({
            "id": "a", "risk": 40.0, "probability": 0.9, "expected_time": 20.0,
            "wait": 2.0, "kev": true, "explore": 3.0
        }))
        .unwrap();
        let weights = Parameters { alpha: 10.0, kev_weight: 100.0, explore_weight: 1000.0 };
        assert!((index(&score, &weights) - 3121.8).abs() < 1e-9);
    }
}
