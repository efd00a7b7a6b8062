//! One simulated world: every item with everything that will come of it, drawn in advance, so that
//! all modes meet the same luck.

use super::model::{ServiceModel, float};
use crate::Error;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution as _, Exp1, StandardNormal};

/// What a simulation is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Items.
    pub items: usize,
    /// Servers that work side by side.
    pub servers: usize,
    /// A backlog, or the load of an arrival stream: the share of the servers' time that it takes.
    pub load: Option<f64>,
    /// Standard deviation of the logarithm of a factor on every time, whose mean is 1: makes tails
    /// heavier than measured. 0 leaves times as measured.
    pub tail: f64,
    /// Success of the classes: as measured, or drawn evenly from this to 1.
    pub least_probability: Option<f64>,
    /// Share of items with a known exploited vulnerability.
    pub kev_share: f64,
    /// Attempts after which an item is given up.
    pub max_attempts: usize,
    /// Seconds after which an item is due.
    pub max_wait: f64,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            items: 10_000,
            servers: 1,
            load: None,
            tail: 0.0,
            least_probability: None,
            kev_share: 0.0,
            max_attempts: 3,
            max_wait: f64::INFINITY,
            seed: 0,
        }
    }
}

impl Scenario {
    /// Whether a world can be drawn from it.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let shares = [
            ("kev_share", self.kev_share, 0.0..=1.0, "a share from 0 to 1"),
            (
                "least_probability",
                self.least_probability.unwrap_or(0.5),
                1e-3..=1.0,
                "a probability from 0.001 to 1",
            ),
            ("load", self.load.unwrap_or(0.5), 1e-3..=10.0, "a load from 0.001 to 10"),
            ("tail", self.tail, 0.0..=5.0, "a number from 0 to 5"),
            ("max_wait", self.max_wait, 0.0..=f64::INFINITY, "seconds, 0 or more"),
            ("items", float(self.items), 1.0..=1e6, "a number from 1 to 1,000,000"),
            ("servers", float(self.servers), 1.0..=1e4, "a number from 1 to 10,000"),
            ("max_attempts", float(self.max_attempts), 1.0..=1e3, "a number from 1 to 1,000"),
        ];
        let wrong = shares.into_iter().find(|(_, value, range, _)| !range.contains(value));
        wrong.map_or(Ok(()), |(name, value, _, expected)| {
            Err(Error::Scenario { name, value, expected })
        })
    }
}

/// The items of a world, in the order in which they arrive.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) items: Vec<Job>,
    /// By class: true probability of success and mean seconds.
    pub(crate) truth: Vec<(f64, f64)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) class: usize,
    pub(crate) risk: f64,
    pub(crate) kev: bool,
    /// Seconds from the start.
    pub(crate) arrival: f64,
    /// Seconds and success of the attempts that it may get, up to the first success.
    pub(crate) attempts: Vec<(f64, bool)>,
}

impl World {
    pub(crate) fn draw(model: &ServiceModel, scenario: &Scenario) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(scenario.seed);
        let truth: Vec<(f64, f64)> = model
            .classes
            .iter()
            .map(|class| {
                let probability = match scenario.least_probability {
                    Some(least) => random.random_range(least..=1.0),
                    None => class.probability,
                };
                (probability, class.mean_seconds())
            })
            .collect();
        let mut world = Self { items: Vec::with_capacity(scenario.items), truth };
        let frequencies = model.classes.iter().map(|class| class.attempts);
        if let Ok(classes) = WeightedIndex::new(frequencies) {
            for _ in 0..scenario.items {
                let class = classes.sample(&mut random);
                let job = world.job(model, scenario, class, &mut random);
                world.items.push(job);
            }
        }
        if let Some(load) = scenario.load {
            world.arrive(load, scenario.servers, &mut random);
        }
        world
    }

    fn job(
        &self,
        model: &ServiceModel,
        scenario: &Scenario,
        class: usize,
        random: &mut ChaCha8Rng,
    ) -> Job {
        let drawn = &model.classes[class];
        let mut attempts: Vec<(f64, bool)> = Vec::new();
        while attempts.len() < scenario.max_attempts && !attempts.last().is_some_and(|last| last.1)
        {
            let seconds = drawn.draw(&drawn.seconds, random) * factor(scenario.tail, random);
            attempts.push((seconds, random.random_bool(self.truth[class].0)));
        }
        let risk = *drawn.draw(&drawn.risks, random);
        let kev = random.random_bool(scenario.kev_share);
        Job { class, risk, kev, arrival: 0.0, attempts }
    }

    /// Spreads the arrivals out, as those of a Poisson process.
    fn arrive(&mut self, load: f64, servers: usize, random: &mut impl Rng) {
        let work: f64 = self.items.iter().map(Job::work).sum();
        let mean = work / float(self.items.len().max(1)) / float(servers.max(1)) / load;
        let mut now = 0.0;
        for item in &mut self.items {
            let gap: f64 = Exp1.sample(random);
            now += gap * mean;
            item.arrival = now;
        }
    }
}

impl Job {
    /// Seconds of all its attempts.
    pub(crate) fn work(&self) -> f64 {
        self.attempts.iter().map(|attempt| attempt.0).sum()
    }

    /// Whether it succeeds in the end.
    pub(crate) fn succeeds(&self) -> bool {
        self.attempts.last().is_some_and(|attempt| attempt.1)
    }
}

/// A log-normal factor with mean 1.
fn factor(tail: f64, random: &mut impl Rng) -> f64 {
    let error: f64 = StandardNormal.sample(random);
    (tail * error - tail * tail / 2.0).exp()
}
