//! What is measured of a drained world.

use super::engine::{Drain, Ended, Mode};
use super::model::{ServiceModel, float, length, ratio};
use super::world::{Scenario, World};
use crate::Error;
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
    /// The open risk over time.
    #[serde(skip)]
    pub curves: Vec<Curve>,
}

impl Simulated {
    /// The means over several worlds, with the curves of the first; `None` when there is none.
    pub fn mean(worlds: Vec<Self>) -> Option<Self> {
        let whole = means(worlds.iter().map(|world| &world.whole));
        let after = means(worlds.iter().map(|world| &world.after));
        let first = worlds.into_iter().next()?;
        Some(Self { whole, after, ..first })
    }
}

fn means<'a>(worlds: impl Iterator<Item = &'a Vec<Measures>>) -> Vec<Measures> {
    let worlds: Vec<_> = worlds.collect();
    let Some(first) = worlds.first() else { return Vec::new() };
    let mean = |mode: usize, value: fn(&Measures) -> f64| {
        worlds.iter().map(|world| value(&world[mode])).sum::<f64>() / float(worlds.len())
    };
    let measures = |(mode, found): (usize, &Measures)| Measures {
        mode: found.mode,
        risk_hours: mean(mode, |found| found.risk_hours),
        gap_closed: mean(mode, |found| found.gap_closed),
        top_decile_p95_wait: mean(mode, |found| found.top_decile_p95_wait),
        mean_wait: mean(mode, |found| found.mean_wait),
        worst_wait: mean(mode, |found| found.worst_wait),
        low_risk_wait: mean(mode, |found| found.low_risk_wait),
    };
    first.iter().enumerate().map(measures).collect()
}

/// The open risk over time, by one mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The mode.
    pub mode: Mode,
    /// Hours from the start, and risk points of the items that are open then.
    pub points: Vec<(f64, f64)>,
}

/// Drains a world by every mode: from the start, and again from where the bandit's order has had
/// `learnt` attempts.
///
/// # Errors
/// When the model or the scenario cannot be drawn from.
pub fn simulate(
    model: &ServiceModel,
    scenario: &Scenario,
    explore: Explore,
    learnt: usize,
) -> Result<Simulated, Error> {
    model.check()?;
    scenario.check()?;
    let world = World::draw(model, scenario);
    let classes: Vec<&Class> = model.classes.iter().map(|class| &class.class).collect();
    let start = Drain::new(&world, scenario, &classes);
    let mut later = start.clone();
    later.run(Mode::Bandit, explore, learnt);
    let drained = drain_by_all(&start, explore);
    Ok(Simulated {
        whole: compare(&world, &start, &drained),
        after: compare(&world, &later, &drain_by_all(&later, explore)),
        learnt,
        curves: curves(&world, &drained),
    })
}

fn drain_by_all<'w>(start: &Drain<'w>, explore: Explore) -> Vec<(Mode, Drain<'w>)> {
    let drain = |mode| {
        let mut drain = start.clone();
        drain.run(mode, explore, usize::MAX);
        (mode, drain)
    };
    Mode::ALL.into_iter().map(drain).collect()
}

/// Of the items that are open at the start.
fn compare(world: &World, start: &Drain<'_>, drained: &[(Mode, Drain<'_>)]) -> Vec<Measures> {
    let horizon = horizon(drained);
    let items = start.open();
    let areas: Vec<f64> = drained
        .iter()
        .map(|(_, drain)| area(world, &items, &drain.ended, start.now, horizon))
        .collect();
    let of = |mode: Mode| drained.iter().position(|(known, _)| *known == mode).map(|at| areas[at]);
    let (fifo, best) = (of(Mode::Fifo).unwrap_or(0.0), of(Mode::Clairvoyant).unwrap_or(0.0));
    let measure = |((mode, drain), area): (&(Mode, Drain<'_>), &f64)| Measures {
        mode: mode.as_str(),
        risk_hours: *area,
        gap_closed: (fifo - area) / (fifo - best),
        ..waits(world, &items, &drain.ended, start.now)
    };
    drained.iter().zip(&areas).map(measure).collect()
}

/// When the slowest mode is done.
fn horizon(drained: &[(Mode, Drain<'_>)]) -> f64 {
    drained.iter().map(|(_, drain)| drain.now).fold(0.0, f64::max)
}

/// Points of a curve.
const POINTS: usize = 200;

fn curves(world: &World, drained: &[(Mode, Drain<'_>)]) -> Vec<Curve> {
    let horizon = horizon(drained);
    let curve = |(mode, drain): &(Mode, Drain<'_>)| {
        let mut changes: Vec<(f64, f64)> = Vec::new();
        for (job, ended) in world.items.iter().zip(&drain.ended) {
            changes.push((job.arrival, job.risk));
            changes.extend(ended.closed.map(|closed| (closed, -job.risk)));
        }
        changes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut changes, mut open) = (changes.into_iter().peekable(), 0.0);
        let points = (0..=POINTS).map(|point| {
            let at = horizon * ratio(point, POINTS);
            while let Some((_, change)) = changes.next_if(|(time, _)| *time <= at) {
                open += change;
            }
            (at / 3600.0, open)
        });
        Curve { mode: *mode, points: points.collect() }
    };
    drained.iter().map(curve).collect()
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
