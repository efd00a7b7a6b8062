//! Drains a world by one order, event by event.

use super::world::{Scenario, World};
use crate::backlog::{Backlog, Item};
use crate::learn::{Explore, Learner, Prior};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use record::Class;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An order to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// First come, first served.
    Fifo,
    /// The highest risk first.
    RiskOnly,
    /// Risk per expected second with what is believed before any outcome, and points for every
    /// hour of waiting: the reference system's formula.
    RiskTimeAgeing,
    /// This project's rule of order, with success and time learnt.
    Bandit,
    /// The same rule, knowing true probability and mean time of every class.
    Clairvoyant,
    /// Knows every draw: what no scheduler can know. For information.
    Offline,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 6] = [
        Self::Fifo,
        Self::RiskOnly,
        Self::RiskTimeAgeing,
        Self::Bandit,
        Self::Clairvoyant,
        Self::Offline,
    ];

    /// The name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::RiskOnly => "risk-only",
            Self::RiskTimeAgeing => "risk-time-ageing",
            Self::Bandit => "bandit",
            Self::Clairvoyant => "clairvoyant",
            Self::Offline => "offline",
        }
    }

    /// Whether the order puts exploited items first and heeds what is due.
    fn has_rule_of_order(self) -> bool {
        matches!(self, Self::Bandit | Self::Clairvoyant)
    }
}

/// What came of an item.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Ended {
    /// When its first attempt started.
    pub(crate) started: f64,
    /// When it was in place; `None` when it was given up.
    pub(crate) closed: Option<f64>,
}

/// A drain that can be stopped and handed on.
#[derive(Debug, Clone)]
pub(crate) struct Drain<'w> {
    world: &'w World,
    scenario: &'w Scenario,
    /// Attempts that each item has had.
    attempts: Vec<usize>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) now: f64,
    /// Items that have not arrived, the next one last.
    arriving: Vec<usize>,
    /// Items that wait.
    waiting: Vec<usize>,
    running: BinaryHeap<Reverse<Finish>>,
    learner: Learner,
    random: ChaCha8Rng,
    /// The attempts in the order of their start: when, and at which item.
    pub(crate) log: Vec<(f64, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Finish {
    at: f64,
    item: usize,
}

impl Eq for Finish {}

impl PartialOrd for Finish {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finish {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.total_cmp(&other.at).then(self.item.cmp(&other.item))
    }
}

/// What is believed before the first outcome: the reference system's constants.
pub(crate) const PRIOR: Prior = Prior { probability: 0.9, seconds: 10.0 };

impl<'w> Drain<'w> {
    pub(crate) fn new(world: &'w World, scenario: &'w Scenario, classes: &[&Class]) -> Self {
        let mut learner = Learner::default();
        for class in classes {
            learner.class(class, PRIOR);
        }
        Self {
            world,
            scenario,
            attempts: vec![0; world.items.len()],
            ended: vec![Ended::default(); world.items.len()],
            now: 0.0,
            arriving: (0..world.items.len()).rev().collect(),
            waiting: Vec::new(),
            running: BinaryHeap::new(),
            learner,
            random: ChaCha8Rng::seed_from_u64(scenario.seed ^ 0x5eed),
            log: Vec::new(),
        }
    }

    /// Works on until every item has ended, or `limit` attempts have been started in all.
    pub(crate) fn run(&mut self, mode: Mode, explore: Explore, limit: usize) {
        let mut backlog = self.backlog(mode);
        let mut weights = self.weights(mode, explore);
        loop {
            self.admit(&mut backlog);
            while self.running.len() < self.scenario.servers && self.log.len() < limit {
                if mode == Mode::Bandit {
                    weights = self.weights(mode, explore);
                }
                let Some((item, _)) = backlog.take(self.now, &weights) else { break };
                self.start(item);
            }
            if self.log.len() >= limit || !self.advance(&mut backlog) {
                break;
            }
        }
        self.waiting =
            std::iter::from_fn(|| backlog.take(self.now, &weights)).map(|(item, _)| item).collect();
    }

    /// Opens what has arrived by now.
    fn admit(&mut self, backlog: &mut Backlog) {
        while let Some(item) = self.arriving.last() {
            if self.world.items[*item].arrival > self.now {
                break;
            }
            backlog.open(*item);
            self.arriving.pop();
        }
    }

    /// Goes on to the next end of an attempt or arrival; `false` when there is none.
    fn advance(&mut self, backlog: &mut Backlog) -> bool {
        let finish = self.running.peek().map(|Reverse(finish)| finish.at);
        let arrival = self.arriving.last().map(|item| self.world.items[*item].arrival);
        match (finish, arrival) {
            (None, None) => return false,
            (Some(finish), arrival) if arrival.is_none_or(|arrival| finish <= arrival) => {
                if let Some(again) = self.finish() {
                    backlog.open(again);
                }
            }
            (_, arrival) => self.now = arrival.unwrap_or(self.now),
        }
        true
    }

    /// All items as the mode sees them; those that wait already are open.
    fn backlog(&self, mode: Mode) -> Backlog {
        let mut backlog = Backlog::default();
        for (number, job) in self.world.items.iter().enumerate() {
            let item = match mode.has_rule_of_order() {
                true => Item {
                    class: job.class,
                    risk: job.risk,
                    kev: job.kev,
                    due: job.arrival + self.scenario.max_wait,
                },
                false => {
                    let risk = self.key(mode, number);
                    Item { class: 0, risk, kev: false, due: f64::INFINITY }
                }
            };
            backlog.add(item);
        }
        self.waiting.iter().for_each(|item| backlog.open(*item));
        backlog
    }

    /// The number that the fixed order of a mode follows, greatest first.
    fn key(&self, mode: Mode, number: usize) -> f64 {
        let job = &self.world.items[number];
        match mode {
            Mode::RiskOnly => job.risk,
            Mode::RiskTimeAgeing => {
                // All wait equally long in the meantime, so that only the arrival counts.
                job.risk * PRIOR.probability / PRIOR.seconds - job.arrival / 3600.0
            }
            Mode::Offline if !job.succeeds() => 0.0,
            Mode::Offline => job.risk / job.work(),
            Mode::Fifo | Mode::Bandit | Mode::Clairvoyant => 0.0,
        }
    }

    fn weights(&mut self, mode: Mode, explore: Explore) -> Vec<f64> {
        match mode {
            Mode::Bandit => {
                let estimates = self.learner.estimates();
                estimates.iter().map(|e| e.explored(explore, &mut self.random)).collect()
            }
            Mode::Clairvoyant => self
                .world
                .truth
                .iter()
                .map(|(probability, seconds)| probability / seconds)
                .collect(),
            _ => vec![1.0],
        }
    }

    /// The items that are still to be done and not being worked on.
    pub(crate) fn open(&self) -> Vec<usize> {
        self.waiting.iter().chain(&self.arriving).copied().collect()
    }

    fn start(&mut self, item: usize) {
        let attempt = self.attempts[item];
        if attempt == 0 {
            self.ended[item].started = self.now;
        }
        self.attempts[item] += 1;
        self.log.push((self.now, item));
        let (seconds, _) = self.world.items[item].attempts[attempt];
        self.running.push(Reverse(Finish { at: self.now + seconds, item }));
    }

    /// Ends the attempt that is over first; the item when it is to be tried again.
    fn finish(&mut self) -> Option<usize> {
        let Reverse(Finish { at, item }) = self.running.pop()?;
        self.now = at;
        let job = &self.world.items[item];
        let attempt = self.attempts[item];
        let (seconds, success) = job.attempts[attempt - 1];
        self.learner.add(job.class, success, seconds);
        if success {
            self.ended[item].closed = Some(at);
        }
        (!success && attempt < job.attempts.len()).then_some(item)
    }
}
