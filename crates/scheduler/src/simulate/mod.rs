//! Compares orders on simulated backlogs and arrival streams. Every result is *simulated*.

mod engine;
mod measure;
mod model;
mod trace;
mod world;

pub use engine::Mode;
pub use measure::{Curve, Measures, Simulated, simulate};
pub use model::{ClassModel, GROUPS, Observation, ServiceModel};
pub use trace::{Traces, check_traces};
pub use world::Scenario;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Explore;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use record::Class;

    /// Twenty classes whose times spread over three orders of magnitude.
    fn model() -> ServiceModel {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut seen = Vec::new();
        for rule in 0..10 {
            for kind in ["Deployment", "CronJob"] {
                let class = Class {
                    rule: format!("rule-{rule}"),
                    kind: kind.to_owned(),
                    proposer: "rules".to_owned(),
                };
                let scale = 10f64.powf(random.random_range(-2.0..1.0));
                for _ in 0..random.random_range(3..60) {
                    seen.push(Observation {
                        class: class.clone(),
                        risk: f64::from(20 + rule * 7),
                        seconds: scale * random.random_range(0.5..2.0),
                        success: random.random_bool(0.8),
                    });
                }
            }
        }
        ServiceModel::fit("made up", &seen).unwrap()
    }

    fn gap(measures: &[Measures], mode: Mode) -> f64 {
        measures.iter().find(|found| found.mode == mode.as_str()).unwrap().gap_closed
    }

    #[test]
    fn the_bandit_closes_the_gap_that_sorting_by_risk_leaves_open() {
        for (explore, least) in
            [(Explore::None, 0.8), (Explore::Thompson, 0.85), (Explore::Ucb, 0.9)]
        {
            let scenario = Scenario {
                items: 3000,
                tail: 0.7,
                least_probability: Some(0.3),
                ..Scenario::default()
            };
            let found = simulate(&model(), &scenario, explore, 300).unwrap();
            for measures in [&found.whole, &found.after] {
                assert_eq!(gap(measures, Mode::Fifo), 0.0);
                assert_eq!(gap(measures, Mode::Clairvoyant), 1.0);
                assert!(gap(measures, Mode::Offline) >= 1.0);
                assert!(gap(measures, Mode::Bandit) > least, "{explore:?} {measures:?}");
                assert!(gap(measures, Mode::Bandit) > gap(measures, Mode::RiskOnly) + 0.1);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let scenario = Scenario { items: 300, load: Some(0.9), ..Scenario::default() };
        let run = |seed| {
            let scenario = Scenario { seed, ..scenario };
            simulate(&model(), &scenario, Explore::Thompson, 50).unwrap()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    /// One server, one attempt: the offline order is Smith's rule, which nothing beats.
    #[test]
    fn no_order_beats_the_offline_one_on_a_backlog() {
        let scenario = Scenario { items: 500, tail: 1.0, max_attempts: 1, ..Scenario::default() };
        let found = simulate(&model(), &scenario, Explore::Ucb, 1).unwrap();
        let offline = found.whole.last().unwrap().risk_hours;
        assert!(found.whole.iter().all(|measures| measures.risk_hours >= offline - 1e-9));
    }

    #[test]
    fn the_promises_hold_in_a_thousand_random_traces() {
        let found = check_traces(&model(), 1000, 1).unwrap();
        assert_eq!((found.beyond_bound, found.exploited_passed), (0, 0), "{found:?}");
        assert!(found.due > 10_000 && found.exploited > 5_000, "{found:?}");
        assert!(found.worst_share_of_bound > 0.9, "the bound is not slack: {found:?}");
    }

    #[test]
    fn what_cannot_be_simulated_is_named() {
        let scenario = Scenario::default();
        for (scenario, name) in [
            (Scenario { items: 0, ..scenario }, "items"),
            (Scenario { servers: 0, ..scenario }, "servers"),
            (Scenario { kev_share: f64::NAN, ..scenario }, "kev_share"),
            (Scenario { load: Some(-1.0), ..scenario }, "load"),
            (Scenario { tail: f64::INFINITY, ..scenario }, "tail"),
        ] {
            let error = simulate(&model(), &scenario, Explore::None, 1).unwrap_err();
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
