//! Random arrival streams on which the promises of the rule of order are checked, from the log of
//! attempts alone.

use super::engine::{Drain, Mode};
use super::model::ServiceModel;
use super::world::{Scenario, World};
use crate::Error;
use crate::backlog::DUE_SHARE;
use crate::learn::Explore;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use record::Class;
use serde::Serialize;

/// What was found. Everything here is *simulated*.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Traces {
    /// Traces.
    pub traces: usize,
    /// Items in all of them.
    pub items: usize,
    /// Items that became due before their first attempt.
    pub due: usize,
    /// Attempts at items of its lane that the worst of these saw start after it was due, as a share
    /// of the bound.
    pub worst_share_of_bound: f64,
    /// Items that waited beyond the bound; 0, or the rule is broken.
    pub beyond_bound: usize,
    /// Items with a known exploited vulnerability.
    pub exploited: usize,
    /// How often another item was started while one of these waited; 0, or the rule is broken.
    pub exploited_passed: usize,
    /// Longest wait, as a multiple of the stated maximum wait.
    pub worst_wait: f64,
}

/// Draws so many traces, of all sizes, loads up to overload, numbers of servers and maximum waits,
/// and checks each.
///
/// # Errors
/// When the model cannot be drawn from.
pub fn check_traces(model: &ServiceModel, traces: usize, seed: u64) -> Result<Traces, Error> {
    model.check()?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut found = Traces { traces, ..Traces::default() };
    for _ in 0..traces {
        let mut scenario = Scenario {
            items: random.random_range(1..200),
            servers: random.random_range(1..5),
            load: random.random_bool(0.8).then(|| random.random_range(0.5..2.0)),
            tail: random.random_range(0.0..2.0),
            least_probability: Some(random.random_range(0.1..1.0)),
            kev_share: random.random_range(0.0..0.3),
            seed: random.random(),
            ..Scenario::default()
        };
        let work: f64 =
            World::draw(model, &scenario).items.iter().map(super::world::Job::work).sum();
        // From hardly any item to nearly all become due.
        scenario.max_wait = work * random.random_range(0.0..0.5);
        let explore = [Explore::None, Explore::Thompson, Explore::Ucb][random.random_range(0..3)];
        found.add(model, &scenario, explore);
    }
    Ok(found)
}

impl Traces {
    fn add(&mut self, model: &ServiceModel, scenario: &Scenario, explore: Explore) {
        let world = World::draw(model, scenario);
        let classes: Vec<&Class> = model.classes.iter().map(|class| &class.class).collect();
        let mut drain = Drain::new(&world, scenario, &classes);
        drain.run(Mode::Bandit, explore, usize::MAX);
        self.items += world.items.len();
        for (number, job) in world.items.iter().enumerate() {
            let due = job.arrival + scenario.max_wait;
            let started = drain.ended[number].started;
            if scenario.max_wait > 0.0 {
                self.worst_wait = self.worst_wait.max((started - job.arrival) / scenario.max_wait);
            }
            self.exploited += usize::from(job.kev);
            if started > due {
                self.due += 1;
                let share = share_of_bound(&world, &drain.log, number, due, scenario.max_wait);
                self.worst_share_of_bound = self.worst_share_of_bound.max(share);
                self.beyond_bound += usize::from(share > 1.0);
            }
        }
        self.exploited_passed += passed(&world, &drain.log);
    }
}

/// Attempts of the item's lane from when it was due until its own, itself included, over
/// `2·(D + 1)`: D are those of them at items that were due before.
#[expect(clippy::cast_precision_loss, reason = "counts of attempts")]
fn share_of_bound(
    world: &World,
    log: &[(f64, usize)],
    item: usize,
    due: f64,
    max_wait: f64,
) -> f64 {
    let from = log.partition_point(|(at, _)| *at < due);
    let own = log[from..].iter().position(|(_, other)| *other == item).unwrap_or(0);
    let lane = log[from..=from + own]
        .iter()
        .filter(|(_, other)| world.items[*other].kev == world.items[item].kev);
    let (mut taken, mut before) = (0u64, 0u64);
    for (_, other) in lane {
        taken += 1;
        before += u64::from(*other != item && world.items[*other].arrival + max_wait <= due);
    }
    taken as f64 / (DUE_SHARE * (before + 1)) as f64
}

/// How often an attempt at an ordinary item started while an exploited one waited.
fn passed(world: &World, log: &[(f64, usize)]) -> usize {
    let mut attempts: Vec<Vec<f64>> = vec![Vec::new(); world.items.len()];
    for (at, item) in log {
        attempts[*item].push(*at);
    }
    let waits = |item: usize, now: f64| {
        let job = &world.items[item];
        let mut free = job.arrival;
        for (start, (seconds, _)) in attempts[item].iter().zip(&job.attempts) {
            if free < now && now < *start {
                return true;
            }
            free = start + seconds;
        }
        false
    };
    let exploited: Vec<usize> =
        (0..world.items.len()).filter(|item| world.items[*item].kev).collect();
    let ordinary = log.iter().filter(|(_, item)| !world.items[*item].kev);
    ordinary.filter(|(now, _)| exploited.iter().any(|item| waits(*item, *now))).count()
}
