//! What is measured of a drained world.

use super::engine::{Drain, Ended, Mode};
use super::model::{ServiceModel, float, length};
use super::world::{Scenario, World};
use crate::learn::Explore;
use record::Class;
use serde::Serialize;

/// What one mode did to a world. Everything here is *simulated*.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// The mode.
    pub mode: &'static str,
    /// Area under the open risk, in risk points × hours. What is never fixed counts until the
    /// slowest mode is done.
    pub risk_hours: f64,
    /// `(fifo − this) / (fifo − clairvoyant)`.
    pub gap_closed: f64,
    /// 95th percentile of the hours until the first attempt, of the tenth with the highest risk.
    pub top_decile_p95_wait: f64,
    /// Mean hours until the first attempt.
    pub mean_wait: f64,
    /// Longest hours until the first attempt.
    pub worst_wait: f64,
    /// Mean wait of the quarter with the lowest risk, as a multiple of the mean wait of all: 1 when
    /// the order does not look at the risk.
    pub low_risk_wait: f64,
}

/// The modes side by side on one world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulated {
    /// From the start, when nothing is known.
    pub whole: Vec<Measures>,
    /// The rest, after `learnt` attempts by the bandit's order.
    pub after: Vec<Measures>,
    /// How many attempts that is.
    pub learnt: usize,
}

/// Drains a world by every mode: from the start, and again from where the bandit's order has had
/// `learnt` attempts.
pub fn simulate(
    model: &ServiceModel,
    scenario: &Scenario,
    explore: Explore,
    learnt: usize,
) -> Simulated {
    let world = World::draw(model, scenario);
    let classes: Vec<&Class> = model.classes.iter().map(|class| &class.class).collect();
    let start = Drain::new(&world, scenario, &classes);
    let mut later = start.clone();
    later.run(Mode::Bandit, explore, learnt);
    Simulated {
        whole: compare(&world, &start, explore),
        after: compare(&world, &later, explore),
        learnt,
    }
}

/// Of the items that are open at the start.
fn compare(world: &World, start: &Drain<'_>, explore: Explore) -> Vec<Measures> {
    let drained = Mode::ALL.map(|mode| {
        let mut drain = start.clone();
        drain.run(mode, explore, usize::MAX);
        (mode, drain)
    });
    let horizon = drained.iter().map(|(_, drain)| drain.now).fold(0.0, f64::max);
    let items = start.open();
    let areas: Vec<f64> = drained
        .iter()
        .map(|(_, drain)| area(world, &items, &drain.ended, start.now, horizon))
        .collect();
    let (fifo, clairvoyant) = (areas[0], areas[4]);
    drained
        .iter()
        .zip(&areas)
        .map(|((mode, drain), area)| Measures {
            mode: mode.as_str(),
            risk_hours: *area,
            gap_closed: (fifo - area) / (fifo - clairvoyant),
            ..waits(world, &items, &drain.ended, start.now)
        })
        .collect()
}

/// Area under the open risk from `start` on, in risk × hours.
fn area(world: &World, items: &[usize], ended: &[Ended], start: f64, horizon: f64) -> f64 {
    let open = |item: &usize| {
        let job = &world.items[*item];
        let since = job.arrival.max(start);
        job.risk * (ended[*item].closed.unwrap_or(horizon) - since) / 3600.0
    };
    items.iter().map(open).sum()
}

fn waits(world: &World, items: &[usize], ended: &[Ended], start: f64) -> Measures {
    let wait = |item: &usize| {
        let since = world.items[*item].arrival.max(start);
        (ended[*item].started - since).max(0.0) / 3600.0
    };
    let mut by_risk = items.to_vec();
    by_risk.sort_by(|a, b| world.items[*b].risk.total_cmp(&world.items[*a].risk).then(a.cmp(b)));
    let waits: Vec<f64> = by_risk.iter().map(wait).collect();
    let top = &waits[..(waits.len() / 10).max(1).min(waits.len())];
    let low = &waits[waits.len() - waits.len() / 4..];
    let mean = mean(&waits);
    Measures {
        mode: "",
        risk_hours: 0.0,
        gap_closed: 0.0,
        top_decile_p95_wait: percentile(top, 0.95),
        mean_wait: mean,
        worst_wait: waits.iter().copied().fold(0.0, f64::max),
        low_risk_wait: if mean > 0.0 { self::mean(low) / mean } else { 1.0 },
    }
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / length(values) }
}

/// The least value that this share of the values does not exceed.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank =
        sorted.iter().enumerate().find(|(rank, _)| float(rank + 1) >= share * length(values));
    rank.map_or(0.0, |(_, value)| *value)
}
