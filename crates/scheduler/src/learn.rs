//! Success and time, learnt from outcomes class by class.
//!
//! Success of a class has a Beta posterior. Of times the logarithms are averaged, so that one very
//! long attempt does not drown the others. The mean time is `exp(m + d)`: with few attempts d is
//! that of a log-normal distribution, `s²/2`, with many it is what was observed between the mean
//! and the geometric mean, whatever the distribution.
//!
//! A class of which little is known leans on what is known of its relatives: its time on classes of
//! the same rule, kind and proposer (an additive model of the logarithms), its success on the same
//! rule and proposer. A prior, such as metrics of policies, stands before all of that; how far off
//! priors are on the whole is learnt too.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution as _, StandardNormal};
use record::{Class, ClassStatistics};
use std::collections::HashMap;

/// What is believed of a class before its first outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Probability that an attempt succeeds, 0 to 1.
    pub probability: f64,
    /// Mean seconds of an attempt; above 0.
    pub seconds: f64,
}

/// How what is not known well is tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Explore {
    /// Not at all: by the best estimates.
    None,
    /// Success and time are drawn from what is believed of them.
    Thompson,
    /// As good as a class may well be: one standard deviation better than estimated. Leaves nothing
    /// to chance, and does best in simulations.
    #[default]
    Ucb,
}

/// What is believed of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Beta posterior of success: successes and what the prior adds to them.
    pub successes: f64,
    /// Beta posterior of success: failures and what the prior adds to them.
    pub failures: f64,
    /// Mean of the logarithm of the seconds.
    pub log_mean: f64,
    /// Variance of what is believed of `log_mean`.
    pub log_mean_variance: f64,
    /// Logarithm of the ratio of the mean of the seconds to their geometric mean.
    pub log_excess: f64,
}

impl Estimate {
    /// Mean probability of success.
    pub fn probability(&self) -> f64 {
        self.successes / (self.successes + self.failures)
    }

    /// Mean seconds of an attempt.
    pub fn seconds(&self) -> f64 {
        seconds(self.log_mean + self.log_excess)
    }

    /// Successes for each second of work, on the average.
    pub fn weight(&self) -> f64 {
        self.probability() / self.seconds()
    }

    /// [`Estimate::weight`] as far as exploring moves it.
    pub fn explored(&self, explore: Explore, random: &mut ChaCha8Rng) -> f64 {
        match explore {
            Explore::None => self.weight(),
            Explore::Thompson => self.drawn(random),
            Explore::Ucb => self.upper(),
        }
    }

    fn drawn(&self, random: &mut ChaCha8Rng) -> f64 {
        let probability = Beta::new(self.successes, self.failures)
            .map_or_else(|_| self.probability(), |beta| beta.sample(random));
        let error: f64 = StandardNormal.sample(random);
        let log_mean = self.log_mean + error * self.log_mean_variance.sqrt();
        probability / seconds(log_mean + self.log_excess)
    }

    fn upper(&self) -> f64 {
        let total = self.successes + self.failures;
        let probability = self.probability();
        let deviation = (probability * (1.0 - probability) / (total + 1.0)).sqrt();
        let log_mean = self.log_mean - self.log_mean_variance.sqrt();
        (probability + deviation).min(1.0) / seconds(log_mean + self.log_excess)
    }
}

/// From the logarithm, within what a time can be: indices stay finite numbers whatever was measured.
fn seconds(log: f64) -> f64 {
    log.exp().clamp(1e-9, 1e12)
}

/// Randomness for [`Estimate::explored`], the same for the same seed.
pub fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Collects outcomes and says what they teach.
#[derive(Debug, Clone, Default)]
pub struct Learner {
    classes: Vec<Known>,
    by_class: HashMap<Class, usize>,
    /// Numbers of the relatives of each sort, by name.
    relatives: [HashMap<String, usize>; SORTS],
}

#[derive(Debug, Clone)]
struct Known {
    statistics: ClassStatistics,
    prior: Prior,
    /// Its relatives of each sort.
    relatives: [usize; SORTS],
}

/// Sorts of relatives: everything, the same proposer, the same rule, the same kind.
const SORTS: usize = 4;
/// Attempts that a prior weighs as much as: when all classes are compared with theirs, a rule, kind
/// or proposer with all, and one class with its relatives.
const STRENGTH: [f64; SORTS] = [1.0, 2.0, 2.0, 2.0];
const OWN: f64 = 2.0;
/// Variance of the logarithms before any is known, a factor of e either way for one standard
/// deviation, and how many attempts it weighs as much as.
const SPREAD: f64 = 1.0;
const SPREAD_STRENGTH: f64 = 60.0;
/// After how many attempts the observed excess of the mean counts as much as the log-normal one.
const EXCESS_STRENGTH: f64 = 100.0;
/// The variance that is believed at most: the mean of wilder times says nothing any more.
const SPREAD_LIMIT: f64 = 9.0;
/// Rounds in which the effects of the relatives are told apart.
const ROUNDS: usize = 4;

impl Learner {
    /// The number of a class, which is new with this prior when it was not known.
    pub fn class(&mut self, class: &Class, prior: Prior) -> usize {
        if let Some(number) = self.by_class.get(class) {
            return *number;
        }
        let number = self.classes.len();
        self.by_class.insert(class.clone(), number);
        let names = ["", &class.proposer, &class.rule, &class.kind];
        let mut relatives = [0; SORTS];
        for (sort, name) in names.into_iter().enumerate() {
            let known = &mut self.relatives[sort];
            let next = known.len();
            relatives[sort] = *known.entry(name.to_owned()).or_insert(next);
        }
        self.classes.push(Known {
            statistics: ClassStatistics::new(class.clone()),
            prior,
            relatives,
        });
        number
    }

    /// Adds the outcome of an attempt at a fix of a class, by its number.
    pub fn add(&mut self, class: usize, success: bool, seconds: f64) {
        if let Some(known) = self.classes.get_mut(class) {
            known.statistics.add(success, seconds);
        }
    }

    /// Adds what has been counted of a class elsewhere.
    pub fn add_statistics(&mut self, statistics: &ClassStatistics, prior: Prior) {
        let number = self.class(&statistics.class, prior);
        let own = &mut self.classes[number].statistics;
        own.successes += statistics.successes;
        own.failures += statistics.failures;
        own.timed += statistics.timed;
        own.seconds += statistics.seconds;
        own.log_sum += statistics.log_sum;
        own.log_sum_of_squares += statistics.log_sum_of_squares;
    }

    /// What has been counted of a class, by its number.
    pub fn statistics(&self, class: usize) -> Option<&ClassStatistics> {
        self.classes.get(class).map(|known| &known.statistics)
    }

    /// Whether anything has been learnt yet.
    pub fn has_outcomes(&self) -> bool {
        self.classes.iter().any(|known| attempts_of(&known.statistics) > 0.0)
    }

    /// What is believed of each class, by its number.
    pub fn estimates(&self) -> Vec<Estimate> {
        let effects = self.effects();
        let spread = self.spread();
        let successes = self.successes();
        let estimate = |known: &Known| {
            let (successes, failures) = successes.posterior(known);
            let Known { statistics, prior, .. } = known;
            let timed = count(statistics.timed);
            let expected = prior.seconds.ln() + effects.sum(known);
            let log_variance = spread_of(known, spread);
            Estimate {
                successes,
                failures,
                log_mean: (statistics.log_sum + OWN * expected) / (timed + OWN),
                log_mean_variance: log_variance / (timed + OWN),
                log_excess: excess(statistics, log_variance),
            }
        };
        self.classes.iter().map(estimate).collect()
    }

    /// Variance of the logarithms within the classes, on the average.
    fn spread(&self) -> f64 {
        let (mut squares, mut free) = (SPREAD_STRENGTH * SPREAD, SPREAD_STRENGTH);
        for known in &self.classes {
            squares += squares_within(&known.statistics);
            free += (count(known.statistics.timed) - 1.0).max(0.0);
        }
        squares / free
    }

    /// How much slower than their priors classes are, told apart by what they have in common.
    fn effects(&self) -> Effects {
        let mut effects = Effects(self.relatives.each_ref().map(|names| vec![0.0; names.len()]));
        for _ in 0..ROUNDS {
            for (sort, strength) in STRENGTH.into_iter().enumerate() {
                effects.0[sort] = self.effect(&effects, sort, strength);
            }
        }
        effects
    }

    /// The effects of one sort of relatives, given the others'.
    fn effect(&self, effects: &Effects, sort: usize, strength: f64) -> Vec<f64> {
        let mut sums = vec![(0.0, strength); self.relatives[sort].len()];
        for known in &self.classes {
            let Known { statistics, prior, relatives } = known;
            let timed = count(statistics.timed);
            let others = effects.sum(known) - effects.0[sort][relatives[sort]];
            let (sum, weight) = &mut sums[relatives[sort]];
            *sum += statistics.log_sum - timed * (prior.seconds.ln() + others);
            *weight += timed;
        }
        sums.into_iter().map(|(sum, weight)| sum / weight).collect()
    }

    fn successes(&self) -> Successes {
        let mut pools =
            Successes(self.relatives.each_ref().map(|names| vec![(0.0, 0.0); names.len()]));
        for known in &self.classes {
            for (sort, relative) in known.relatives.into_iter().enumerate() {
                let (successes, attempts) = &mut pools.0[sort][relative];
                *successes += count(known.statistics.successes);
                *attempts += attempts_of(&known.statistics);
            }
        }
        pools
    }
}

/// Effects on the logarithm of the time, by sort of relatives and their number.
struct Effects([Vec<f64>; SORTS]);

impl Effects {
    fn sum(&self, known: &Known) -> f64 {
        let by_sort = self.0.iter().zip(known.relatives);
        by_sort.map(|(effects, relative)| effects[relative]).sum()
    }
}

/// Successes and attempts, by sort of relatives and their number.
struct Successes([Vec<(f64, f64)>; SORTS]);

impl Successes {
    /// The Beta posterior: the prior, corrected by all others, then by those of the same proposer,
    /// of the same rule, and at last by the class itself.
    fn posterior(&self, known: &Known) -> (f64, f64) {
        let statistics = &known.statistics;
        let own = (count(statistics.successes), attempts_of(statistics));
        let mut expected = known.prior.probability.clamp(UNSURE, 1.0 - UNSURE);
        for (sort, pool) in self.0.iter().enumerate().take(SORTS - 1) {
            let (successes, attempts) = pool[known.relatives[sort]];
            // Its own outcomes count once, at the end.
            let (successes, attempts) = (successes - own.0, attempts - own.1);
            expected = (successes + STRENGTH[sort] * expected) / (attempts + STRENGTH[sort]);
        }
        let expected = expected.clamp(UNSURE, 1.0 - UNSURE);
        (own.0 + OWN * expected, count(statistics.failures) + OWN * (1.0 - expected))
    }
}

/// Nothing is believed to succeed or to fail for certain.
const UNSURE: f64 = 1e-3;

fn spread_of(known: &Known, all: f64) -> f64 {
    let free = (count(known.statistics.timed) - 1.0).max(0.0);
    let squares = squares_within(&known.statistics) + SPREAD_STRENGTH * all;
    (squares / (free + SPREAD_STRENGTH)).min(SPREAD_LIMIT)
}

fn excess(statistics: &ClassStatistics, log_variance: f64) -> f64 {
    let timed = count(statistics.timed);
    let observed = if statistics.timed == 0 {
        0.0
    } else {
        (statistics.seconds / timed).ln() - statistics.log_sum / timed
    };
    let share = timed / (timed + EXCESS_STRENGTH);
    share * observed + (1.0 - share) * log_variance / 2.0
}

/// Sum of the squared distances of the logarithms from their mean.
fn squares_within(statistics: &ClassStatistics) -> f64 {
    let ClassStatistics { timed, log_sum, log_sum_of_squares, .. } = statistics;
    if *timed == 0 {
        0.0
    } else {
        (log_sum_of_squares - log_sum * log_sum / count(*timed)).max(0.0)
    }
}

fn attempts_of(statistics: &ClassStatistics) -> f64 {
    count(statistics.successes) + count(statistics.failures)
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of attempts stay far below 2^53")]
fn count(attempts: u64) -> f64 {
    attempts as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRIOR: Prior = Prior { probability: 0.9, seconds: 10.0 };

    fn class(rule: &str, kind: &str) -> Class {
        Class { rule: rule.to_owned(), kind: kind.to_owned(), proposer: "rules".to_owned() }
    }

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() < tolerance, "{found}, expected {expected}");
    }

    #[test]
    fn before_any_outcome_the_prior_stands() {
        let mut learner = Learner::default();
        learner.class(&class("a", "Pod"), PRIOR);
        let estimate = learner.estimates()[0];
        close(estimate.probability(), 0.9, 1e-9);
        close(estimate.log_mean.exp(), 10.0, 1e-9);
    }

    #[test]
    fn many_outcomes_are_believed_whatever_the_prior_says() {
        let mut learner = Learner::default();
        let number = learner.class(&class("a", "Pod"), PRIOR);
        for n in 0..10_000 {
            // Mostly quick, sometimes very slow: nothing like log-normal.
            learner.add(number, n % 4 == 0, if n % 100 == 0 { 5.0 } else { 0.01 });
        }
        let estimate = learner.estimates()[number];
        close(estimate.probability(), 0.25, 0.01);
        close(estimate.seconds(), 0.0599, 0.05);
    }

    #[test]
    fn a_class_without_outcomes_leans_on_its_relatives() {
        let mut learner = Learner::default();
        let mut number = |rule, kind| learner.class(&class(rule, kind), PRIOR);
        let (a_pod, a_job, b_pod) = (number("a", "Pod"), number("a", "Job"), number("b", "Pod"));
        let b_job = number("b", "Job");
        for _ in 0..200 {
            learner.add(a_pod, true, 0.1);
            learner.add(a_job, true, 1.0);
            learner.add(b_pod, false, 0.2);
        }
        let estimates = learner.estimates();
        let (known, unknown) = (estimates[a_pod].log_mean, estimates[b_job].log_mean);
        assert!(unknown > known + 1.0, "a Job is slower than a Pod: {unknown}, {known}");
        assert!(estimates[b_job].probability() < 0.3, "rule b fails");
        assert!(estimates[b_job].log_mean_variance > estimates[b_pod].log_mean_variance);
    }

    #[test]
    fn exploring_favours_what_is_little_known() {
        let mut learner = Learner::default();
        let (known, new) =
            (learner.class(&class("a", "Pod"), PRIOR), learner.class(&class("b", "Pod"), PRIOR));
        (0..1000).for_each(|_| learner.add(known, true, 1.0));
        let estimates = learner.estimates();
        let mut random = seeded(1);
        let gain = |class: usize, random: &mut ChaCha8Rng| {
            estimates[class].explored(Explore::Ucb, random) / estimates[class].weight()
        };
        assert!(gain(new, &mut random) > gain(known, &mut random));
        let drawn: Vec<f64> =
            (0..2000).map(|_| estimates[known].explored(Explore::Thompson, &mut random)).collect();
        close(drawn.iter().sum::<f64>() / 2000.0, estimates[known].weight(), 0.02);
    }

    #[test]
    fn times_that_cannot_be_do_not_spoil_the_order() {
        let mut learner = Learner::default();
        for (number, rule) in ["a", "b", "c"].into_iter().enumerate() {
            learner.class(&class(rule, "Pod"), PRIOR);
            (0..4).for_each(|_| learner.add(number, false, [1e-308, 1e300, 1.0][number]));
        }
        for estimate in learner.estimates() {
            assert!(estimate.weight().is_finite() && estimate.seconds() > 0.0, "{estimate:?}");
        }
    }

    proptest! {
        #[test]
        fn estimates_are_finite_whatever_was_measured(
            outcomes in prop::collection::vec((0usize..6, any::<bool>(), prop::num::f64::ANY), 0..60),
        ) {
            let mut learner = Learner::default();
            let numbers: Vec<usize> = (0..6)
                .map(|n| learner.class(&class(["a", "b", "c"][n % 3], ["Pod", "Job"][n % 2]), PRIOR))
                .collect();
            for (class, success, seconds) in outcomes {
                learner.add(numbers[class], success, seconds);
            }
            for estimate in learner.estimates() {
                prop_assert!(estimate.seconds() > 0.0 && !estimate.seconds().is_nan());
                prop_assert!(estimate.probability() > 0.0 && estimate.probability() < 1.0);
                prop_assert!(estimate.weight() >= 0.0 && estimate.weight().is_finite());
            }
        }
    }
}
