//! The order in which accepted fixes are worked on.
//!
//! ```text
//! S = R·p / max(Et, ε) + explore_weight·explore + α·wait + (kev_weight if kev)
//! ```
//!
//! The first term is the risk that a fix removes for each second spent on it. Two things let an
//! item overtake: waiting, by `alpha` for every hour, so that nothing starves, and a known
//! exploited vulnerability, by `kev_weight`. Both are in the units of the first term, which is
//! between 0.6 and 8.5 for the risks and priors that this project starts with. With the defaults a
//! KEV item therefore goes before others of about its own risk, and an hour of waiting weighs as
//! much; a large `kev_weight` puts all KEV items first.

pub mod backlog;
pub mod learn;
pub mod simulate;

use record::{RiskScore, ScheduleEntry};
use std::collections::HashSet;

/// The weights of the index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Index points for every hour that an item has waited.
    pub alpha: f64,
    /// Index points for a known exploited vulnerability.
    pub kev_weight: f64,
    /// Index points for each point of the exploration bonus.
    pub explore_weight: f64,
    /// Least expected time, in seconds; keeps the index finite. Above 0.
    pub epsilon: f64,
}

impl Default for Parameters {
    /// The reference system's values.
    fn default() -> Self {
        Self { alpha: 1.0, kev_weight: 1.0, explore_weight: 1.0, epsilon: 1e-6 }
    }
}

/// A number that no order can be made of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// In a risk record.
    #[error("risk record {id}: {field} is {value}, expected {expected}")]
    Record {
        /// The record's id.
        id: String,
        /// The field, as the record writes it.
        field: &'static str,
        /// What it holds.
        value: f64,
        /// What it may hold.
        expected: &'static str,
    },
    /// In the parameters.
    #[error("parameter {name} is {value}, expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it holds.
        value: f64,
        /// What it may hold.
        expected: &'static str,
    },
    /// In the model of a simulation.
    #[error("the service model cannot be used: {0}")]
    Model(String),
}

/// Ranks the accepted items, first to be done first; items with equal scores stay in the order of
/// `scores`. Scores are rounded to six decimals after ranking.
///
/// # Errors
/// When a number is negative, infinite or none, a probability is above 1, or a risk above 100;
/// also in an item that is not accepted, because the file is then not to be trusted.
pub fn schedule(
    scores: &[RiskScore],
    accepted: &HashSet<&str>,
    parameters: &Parameters,
) -> Result<Vec<ScheduleEntry>, Error> {
    check_parameters(parameters)?;
    scores.iter().try_for_each(check_record)?;
    let mut ranked: Vec<(f64, &RiskScore)> = scores
        .iter()
        .filter(|score| accepted.contains(score.id.as_str()))
        .map(|score| (index(score, parameters), score))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(ranked.into_iter().map(|(index, score)| entry(index, score)).collect())
}

/// The index of one item, not rounded; higher goes first. Meaningful for records and parameters
/// that [`schedule`] accepts.
pub fn index(score: &RiskScore, parameters: &Parameters) -> f64 {
    let per_second = score.risk * score.probability / score.expected_time.max(parameters.epsilon);
    let kev = if score.kev { parameters.kev_weight } else { 0.0 };
    per_second + parameters.explore_weight * score.explore + parameters.alpha * score.wait + kev
}

fn entry(index: f64, score: &RiskScore) -> ScheduleEntry {
    ScheduleEntry {
        id: score.id.clone(),
        score: round(index),
        risk: score.risk,
        probability: score.probability,
        expected_time: score.expected_time,
        wait: score.wait,
        kev: score.kev,
    }
}

/// Six decimals; a number too large to have any stays as it is.
fn round(index: f64) -> f64 {
    let scaled = index * 1e6;
    if scaled.is_finite() { scaled.round() / 1e6 } else { index }
}

fn check_parameters(parameters: &Parameters) -> Result<(), Error> {
    let Parameters { alpha, kev_weight, explore_weight, epsilon } = *parameters;
    let weights =
        [("alpha", alpha), ("kev_weight", kev_weight), ("explore_weight", explore_weight)];
    for (name, value) in weights {
        if !(0.0..=LARGEST).contains(&value) {
            return Err(Error::Parameter { name, value, expected: "a number from 0 to 1e12" });
        }
    }
    if !(1e-12..=LARGEST).contains(&epsilon) {
        let expected = "seconds from 1e-12 to 1e12";
        return Err(Error::Parameter { name: "epsilon", value: epsilon, expected });
    }
    Ok(())
}

/// Far beyond any use, and small enough for sums and products to stay finite.
const LARGEST: f64 = 1e12;

fn check_record(score: &RiskScore) -> Result<(), Error> {
    let fields = [
        ("risk", score.risk, 100.0, "a number from 0 to 100"),
        ("probability", score.probability, 1.0, "a number from 0 to 1"),
        ("expected_time", score.expected_time, LARGEST, "seconds, 0 or more"),
        ("wait", score.wait, LARGEST, "hours, 0 or more"),
        ("explore", score.explore, LARGEST, "a number, 0 or more"),
    ];
    for (field, value, most, expected) in fields {
        if !(0.0..=most).contains(&value) {
            return Err(Error::Record { id: score.id.clone(), field, value, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(id: &str, risk: f64) -> RiskScore {
        RiskScore {
            id: id.to_owned(),
            risk,
            probability: 0.9,
            expected_time: 10.0,
            wait: 0.0,
            kev: false,
            explore: 0.0,
            remaining: None,
            terms: Vec::new(),
            decision: None,
            deadline: None,
        }
    }

    fn order(scores: &[RiskScore], parameters: &Parameters) -> Vec<String> {
        let accepted = scores.iter().map(|score| score.id.as_str()).collect();
        let entries = schedule(scores, &accepted, parameters).unwrap();
        entries.into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn only_accepted_items_are_ranked_and_by_the_formula() {
        let scores = [item("a", 40.0), item("b", 85.0), item("c", 100.0)];
        let accepted = HashSet::from(["a", "b", "missing"]);
        let entries = schedule(&scores, &accepted, &Parameters::default()).unwrap();
        let found: Vec<_> = entries.iter().map(|e| (e.id.as_str(), e.score)).collect();
        assert_eq!(found, [("b", 7.65), ("a", 3.6)]);
    }

    #[test]
    fn every_term_of_the_formula_counts() {
        let mut all = item("a", 40.0);
        (all.wait, all.kev, all.explore) = (2.0, true, 3.0);
        let weights =
            Parameters { alpha: 10.0, kev_weight: 100.0, explore_weight: 1000.0, epsilon: 20.0 };
        assert_eq!(round(index(&all, &weights)), 3121.8);
    }

    #[test]
    fn equals_keep_their_order() {
        let scores = [item("b", 40.0), item("a", 40.0), item("c", 40.0)];
        assert_eq!(order(&scores, &Parameters::default()), ["b", "a", "c"]);
    }

    #[test]
    fn a_large_kev_weight_puts_exploited_items_first() {
        let mut exploited = item("low", 1.0);
        exploited.kev = true;
        let scores = [item("high", 100.0), exploited];
        assert_eq!(order(&scores, &Parameters::default()), ["high", "low"]);
        let first = Parameters { kev_weight: 1e6, ..Parameters::default() };
        assert_eq!(order(&scores, &first), ["low", "high"]);
    }

    #[test]
    fn waiting_lets_low_risk_overtake() {
        let mut old = item("old", 20.0);
        old.wait = 8.0;
        assert_eq!(order(&[item("new", 85.0), old], &Parameters::default()), ["old", "new"]);
    }

    #[test]
    fn numbers_that_cannot_be_ranked_are_errors_that_name_the_record() {
        for value in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
            let mut fields = vec![item("bad", 1.0); 5];
            fields[0].risk = value;
            fields[1].probability = value;
            fields[2].expected_time = value;
            fields[3].wait = value;
            fields[4].explore = value;
            for record in fields {
                let error = schedule(&[record], &HashSet::new(), &Parameters::default());
                let text = error.unwrap_err().to_string();
                assert!(text.starts_with("risk record bad: "), "{text}");
            }
            let parameters = Parameters { alpha: value, ..Parameters::default() };
            let text = schedule(&[], &HashSet::new(), &parameters).unwrap_err().to_string();
            assert!(text.starts_with("parameter alpha is "), "{text}");
        }
    }

    fn scores() -> impl Strategy<Value = Vec<RiskScore>> {
        let record = (0.0..=100.0, 0.0..=1.0, 0.0..=1e4, 0.0..=1e3, any::<bool>(), 0.0..=10.0);
        prop::collection::vec(record, 0..30).prop_map(|records| {
            let numbered = records.into_iter().enumerate();
            numbered
                .map(|(id, (risk, probability, expected_time, wait, kev, explore))| RiskScore {
                    id: id.to_string(),
                    risk,
                    probability,
                    expected_time,
                    wait,
                    kev,
                    explore,
                    ..item("", 0.0)
                })
                .collect()
        })
    }

    fn ranks(scores: &[RiskScore]) -> Vec<ScheduleEntry> {
        let accepted = scores.iter().map(|score| score.id.as_str()).collect();
        schedule(scores, &accepted, &Parameters::default()).unwrap()
    }

    fn place(scores: &[RiskScore], id: &str) -> usize {
        ranks(scores).iter().position(|entry| entry.id == id).unwrap()
    }

    proptest! {
        #[test]
        fn the_order_of_the_input_does_not_matter(scores in scores(), turn in 0usize..30) {
            let mut turned = scores.clone();
            if !turned.is_empty() {
                let middle = turn % turned.len();
                turned.rotate_left(middle);
                turned.reverse();
            }
            let points = |scores: &[RiskScore]| -> Vec<f64> {
                ranks(scores).iter().map(|entry| entry.score).collect()
            };
            prop_assert_eq!(points(&scores), points(&turned));
        }

        #[test]
        fn the_schedule_descends_and_holds_each_item_once(scores in scores()) {
            let entries = ranks(&scores);
            prop_assert!(entries.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let ids: HashSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
            prop_assert_eq!(ids.len(), scores.len());
        }

        #[test]
        fn more_risk_or_a_longer_wait_never_sends_an_item_back(
            scores in scores(), which in 0usize..30, more in 0.0..50.0f64,
        ) {
            prop_assume!(!scores.is_empty());
            let which = which % scores.len();
            let id = scores[which].id.clone();
            let before = place(&scores, &id);
            let mut riskier = scores.clone();
            riskier[which].risk = (riskier[which].risk + more).min(100.0);
            prop_assert!(place(&riskier, &id) <= before);
            let mut older = scores.clone();
            older[which].wait += more;
            prop_assert!(place(&older, &id) <= before);
            let mut slower = scores.clone();
            slower[which].expected_time += more;
            prop_assert!(place(&slower, &id) >= before);
        }
    }
}
