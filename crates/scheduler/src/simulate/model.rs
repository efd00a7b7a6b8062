//! What the simulator draws from: times and successes of each class, fitted to measured runs.

use crate::Error;
use rand::{Rng, RngExt as _};
use record::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One attempt that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What it was an attempt at.
    #[serde(flatten)]
    pub class: Class,
    /// Risk of the item, 0 to 100.
    pub risk: f64,
    /// How long it took; above 0.
    pub seconds: f64,
    /// Whether it succeeded.
    pub success: bool,
}

/// The classes of a service and what is known of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceModel {
    /// Where the measurements are from, for people.
    pub source: String,
    /// The classes, in order.
    pub classes: Vec<ClassModel>,
}

/// What was measured of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassModel {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// Attempts that were measured; a class is as frequent in simulations.
    pub attempts: u64,
    /// Share of them that succeeded.
    pub probability: f64,
    /// Means of at most [`GROUPS`] equal groups of the sorted seconds, so that mean and tail are
    /// those of the measurements.
    pub seconds: Vec<f64>,
    /// The same of the risks.
    pub risks: Vec<f64>,
}

/// Into how many groups the measurements of a class are put.
pub const GROUPS: usize = 64;

impl ServiceModel {
    /// Fits a model to measured attempts.
    ///
    /// # Errors
    /// When there are none, or a number is out of its range.
    pub fn fit(source: &str, observations: &[Observation]) -> Result<Self, Error> {
        let mut by_class: BTreeMap<&Class, Vec<&Observation>> = BTreeMap::new();
        for observation in observations {
            by_class.entry(&observation.class).or_default().push(observation);
        }
        let classes = by_class.into_iter().map(|(class, seen)| {
            let successes = seen.iter().filter(|observation| observation.success).count();
            ClassModel {
                class: class.clone(),
                attempts: u64::try_from(seen.len()).unwrap_or(u64::MAX),
                probability: ratio(successes, seen.len()),
                seconds: grouped(seen.iter().map(|observation| observation.seconds).collect()),
                risks: grouped(seen.iter().map(|observation| observation.risk).collect()),
            }
        });
        let model = Self { source: source.to_owned(), classes: classes.collect() };
        model.check()?;
        Ok(model)
    }

    /// Whether everything can be drawn from; for models that were read.
    ///
    /// # Errors
    /// What is wrong, and with which class.
    pub fn check(&self) -> Result<(), Error> {
        if self.classes.is_empty() {
            return Err(Error::Model("it has no class; measure some attempts first".to_owned()));
        }
        self.classes.iter().try_for_each(ClassModel::check)
    }
}

impl ClassModel {
    fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| {
            let Class { rule, kind, proposer } = &self.class;
            Err(Error::Model(format!("class {rule}, {kind}, {proposer}: {what}")))
        };
        if self.attempts == 0 {
            return wrong("no attempts, expected 1 or more");
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return wrong("`probability` is not between 0 and 1");
        }
        if self.seconds.is_empty() || self.seconds.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return wrong("`seconds` must hold times above 0");
        }
        if self.risks.is_empty() || self.risks.iter().any(|r| !(0.0..=100.0).contains(r)) {
            return wrong("`risks` must hold numbers from 0 to 100");
        }
        Ok(())
    }

    /// Mean seconds of an attempt.
    pub fn mean_seconds(&self) -> f64 {
        self.seconds.iter().sum::<f64>() / length(&self.seconds)
    }

    pub(crate) fn draw<'a>(&self, values: &'a [f64], random: &mut impl Rng) -> &'a f64 {
        &values[random.random_range(0..values.len())]
    }
}

/// Means of at most [`GROUPS`] groups of nearly equal size, in rising order.
fn grouped(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let groups = values.len().min(GROUPS);
    let bound = |group: usize| group * values.len() / groups;
    let mean = |group: usize| {
        let members = &values[bound(group)..bound(group + 1)];
        members.iter().sum::<f64>() / length(members)
    };
    (0..groups).map(mean).collect()
}

pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

pub(crate) fn length(values: &[f64]) -> f64 {
    float(values.len())
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "numbers of items stay far below 2^53")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(rule: &str, seconds: f64, success: bool) -> Observation {
        let class =
            Class { rule: rule.to_owned(), kind: "Pod".to_owned(), proposer: "rules".to_owned() };
        Observation { class, risk: 40.0, seconds, success }
    }

    #[test]
    fn a_fit_keeps_shares_means_and_the_tail() {
        let mut seen: Vec<_> =
            (1..=1000).map(|n| observation("a", f64::from(n), n % 4 != 0)).collect();
        seen.push(observation("b", 1e6, true));
        let model = ServiceModel::fit("here", &seen).unwrap();
        let a = &model.classes[0];
        assert_eq!((a.attempts, a.probability, a.seconds.len()), (1000, 0.75, GROUPS));
        assert!((a.mean_seconds() - 500.5).abs() < 5.0, "{}", a.mean_seconds());
        assert!(a.seconds[GROUPS - 1] > 990.0);
        assert_eq!(model.classes[1].seconds, [1e6]);
    }

    #[test]
    fn what_cannot_be_drawn_from_is_refused_by_name() {
        assert!(ServiceModel::fit("", &[]).is_err());
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = ServiceModel::fit("", &[observation("a", seconds, true)]).unwrap_err();
            assert!(error.to_string().contains("class a, Pod, rules: `seconds`"), "{error}");
        }
    }
}
