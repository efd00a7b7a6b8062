//! The order in which accepted fixes are worked on, with the reason for each position.

use crate::backlog::{Backlog, Item, Turn};
use crate::error::{Error, check_record};
use crate::learn::{Explore, Learner, Prior};
use crate::reference;
use crate::window::Windows;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use record::{Class, Explained, RiskScore, ScheduleEntry};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// How to rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The rule of order of [`crate::backlog`], with success and time learnt.
    #[default]
    Bandit,
    /// The reference system's formula; see [`reference::index`].
    RiskTimeAgeing,
    /// The highest risk first.
    RiskOnly,
    /// In the order of the input.
    Fifo,
}

/// An item to rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its risk, and what was believed of success and time when it was scored.
    pub score: RiskScore,
    /// What its outcome is learnt by.
    pub class: Class,
    /// Namespace of the object, for change windows; empty when it names none.
    pub namespace: String,
}

/// What the order depends on beside the items.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// How to rank.
    pub order: Order,
    /// How classes that are not known well are tried out.
    pub explore: Explore,
    /// Seed of what exploring draws.
    pub seed: u64,
    /// Workers side by side; at least 1.
    pub servers: usize,
    /// Hours after which an item is due.
    pub max_wait: f64,
    /// Hours before its due time from which an item counts as due, so that it is not late.
    pub lead: f64,
    /// Unix seconds. Deadlines and change windows count only when it is given.
    pub now: Option<f64>,
    /// When items may be worked on.
    pub windows: &'a Windows,
}

/// A week.
pub const MAX_WAIT: f64 = 168.0;
/// A day.
pub const LEAD: f64 = 24.0;

/// Ranks the items, first to be done first; of equals the one that comes first in `candidates`.
///
/// Estimates come from `learner`; where it has no outcome at all, from the items' own scores.
///
/// # Errors
/// When a number is negative, infinite or none, a probability is above 1, or a risk above 100.
pub fn rank(
    candidates: &[Candidate],
    learner: &Learner,
    settings: &Settings<'_>,
) -> Result<Vec<ScheduleEntry>, Error> {
    candidates.iter().try_for_each(|candidate| check_record(&candidate.score))?;
    let beliefs = Beliefs::new(candidates, learner, settings);
    let mut backlog = Backlog::default();
    for (number, candidate) in candidates.iter().enumerate() {
        backlog.add(item(candidate, beliefs.groups[number], settings));
    }
    let mut line = Line::new(candidates, settings);
    let mut entries = Vec::with_capacity(candidates.len());
    loop {
        line.wake(&mut backlog);
        match backlog.take(line.now(), &beliefs.weights) {
            Some((number, _)) if line.is_closed(number) => line.put_off(number),
            Some((number, turn)) => {
                let belief = beliefs.of(number);
                let starts_in = line.start(belief.seconds);
                entries.push(entry(&candidates[number], belief, turn, starts_in, settings));
            }
            None if line.wait() => {}
            None => return Ok(entries),
        }
    }
}

/// What the rule of order sees of an item; other orders put their own number in place of the risk.
fn item(candidate: &Candidate, class: usize, settings: &Settings<'_>) -> Item {
    let score = &candidate.score;
    let key = |risk| Item { class: 0, risk, kev: false, due: f64::INFINITY };
    match settings.order {
        Order::Bandit => {
            let due = due_in(score, settings).map_or(f64::INFINITY, |hours| hours * 3600.0);
            Item { class, risk: score.risk, kev: score.kev, due }
        }
        Order::RiskTimeAgeing => key(reference::index(score, &reference::Parameters::default())),
        Order::RiskOnly => key(score.risk),
        Order::Fifo => key(0.0),
    }
}

/// Hours from now until an item counts as due.
fn due_in(score: &RiskScore, settings: &Settings<'_>) -> Option<f64> {
    let by_wait = settings.max_wait - score.wait;
    let by_deadline = score.deadline.zip(settings.now).map(|(due, now)| (due - now) / 3600.0);
    let due = by_deadline.map_or(by_wait, |hours| hours.min(by_wait)) - settings.lead;
    due.is_finite().then_some(due)
}

/// Success and time of an item, as they are believed.
#[derive(Debug, Clone, Copy)]
struct Belief {
    probability: f64,
    seconds: f64,
    attempts: u64,
    successes: u64,
}

/// What is believed of all items. Those of one class with the same beliefs form a group.
struct Beliefs {
    groups: Vec<usize>,
    beliefs: Vec<Belief>,
    weights: Vec<f64>,
}

impl Beliefs {
    fn new(candidates: &[Candidate], learner: &Learner, settings: &Settings<'_>) -> Self {
        let mut learner = learner.clone();
        let known = learner.has_outcomes();
        let mut by_key = HashMap::new();
        let (mut groups, mut firsts) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let RiskScore { probability, expected_time, .. } = candidate.score;
            let seconds = expected_time.max(reference::EPSILON);
            let class = learner.class(&candidate.class, Prior { probability, seconds });
            let own = (!known).then_some((probability.to_bits(), seconds.to_bits()));
            let group = *by_key.entry((class, own)).or_insert_with(|| {
                firsts.push((class, probability, seconds));
                firsts.len() - 1
            });
            groups.push(group);
        }
        let estimates = learner.estimates();
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        let (mut beliefs, mut weights) = (Vec::new(), Vec::new());
        for (class, probability, seconds) in firsts {
            let statistics = learner.statistics(class);
            let successes = statistics.map_or(0, |statistics| statistics.successes);
            let attempts = successes + statistics.map_or(0, |statistics| statistics.failures);
            let (probability, seconds, weight) = if known {
                let estimate = &estimates[class];
                let weight = estimate.explored(settings.explore, &mut random);
                (estimate.probability(), estimate.seconds(), weight)
            } else {
                (probability, seconds, probability / seconds)
            };
            beliefs.push(Belief { probability, seconds, attempts, successes });
            weights.push(if settings.order == Order::Bandit { weight } else { 1.0 });
        }
        Self { groups, beliefs, weights }
    }

    fn of(&self, number: usize) -> &Belief {
        &self.beliefs[self.groups[number]]
    }
}

/// The workers, and what waits for its change window. Times are seconds from now.
struct Line<'a> {
    candidates: &'a [Candidate],
    settings: &'a Settings<'a>,
    /// When each worker is free, the first on top; in the order of the bits, which is that of
    /// numbers that are not negative.
    free: BinaryHeap<Reverse<u64>>,
    /// Items that may not be worked on before then.
    closed: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Line<'a> {
    fn new(candidates: &'a [Candidate], settings: &'a Settings<'a>) -> Self {
        let free = (0..settings.servers.max(1)).map(|_| Reverse(0f64.to_bits())).collect();
        let mut line = Self { candidates, settings, free, closed: BinaryHeap::new() };
        (0..candidates.len()).for_each(|number| line.put_off(number));
        line
    }

    /// When the next worker is free.
    fn now(&self) -> f64 {
        self.free.peek().map_or(0.0, |Reverse(bits)| f64::from_bits(*bits))
    }

    /// When the item may be worked on.
    fn opens(&self, number: usize) -> f64 {
        let Some(now) = self.settings.now else { return self.now() };
        let Candidate { namespace, score, .. } = &self.candidates[number];
        let opens = self.settings.windows.opens(namespace, score.kev, now + self.now());
        (opens - now).max(self.now())
    }

    fn is_closed(&self, number: usize) -> bool {
        self.opens(number) > self.now()
    }

    fn put_off(&mut self, number: usize) {
        self.closed.push(Reverse((self.opens(number).to_bits(), number)));
    }

    /// Opens what may be worked on by now.
    fn wake(&mut self, backlog: &mut Backlog) {
        let now = self.now().to_bits();
        while let Some(Reverse((at, number))) = self.closed.peek().copied() {
            if at > now {
                break;
            }
            self.closed.pop();
            backlog.open(number);
        }
    }

    /// Gives the free worker an item, and says when that is.
    fn start(&mut self, seconds: f64) -> f64 {
        let now = self.now();
        self.free.pop();
        self.free.push(Reverse((now + seconds).to_bits()));
        now
    }

    /// Lets the free worker wait until an item may be worked on; `false` when there is none left.
    fn wait(&mut self) -> bool {
        let Some(Reverse((at, _))) = self.closed.peek().copied() else { return false };
        self.free.pop();
        self.free.push(Reverse(at));
        true
    }
}

fn entry(
    candidate: &Candidate,
    belief: &Belief,
    turn: Turn,
    starts_in: f64,
    settings: &Settings<'_>,
) -> ScheduleEntry {
    let score = &candidate.score;
    let index = match settings.order {
        Order::RiskTimeAgeing => reference::index(score, &reference::Parameters::default()),
        _ => score.risk * belief.probability / belief.seconds,
    };
    ScheduleEntry {
        id: score.id.clone(),
        score: round(index),
        risk: score.risk,
        probability: round(belief.probability),
        expected_time: round(belief.seconds),
        wait: score.wait,
        kev: score.kev,
        explained: Some(Explained {
            class: candidate.class.clone(),
            attempts: belief.attempts,
            successes: belief.successes,
            starts_in: round(starts_in),
            due_in: due_in(score, settings).map(round),
            reason: held(candidate, settings) + &reason(score, belief, turn, starts_in, settings),
        }),
    }
}

/// What a change window that is closed now has to do with the place.
fn held(candidate: &Candidate, settings: &Settings<'_>) -> String {
    let Candidate { namespace, score, .. } = candidate;
    let closed_for =
        |now| (settings.windows.opens(namespace, score.kev, now) - now).max(0.0) / 3600.0;
    let hours = settings.now.map_or(0.0, closed_for);
    if hours.is_infinite() {
        return "no change window opens for it; ".to_owned();
    }
    if hours > 0.0 { format!("its change window opens in {hours:.1} h; ") } else { String::new() }
}

fn reason(
    score: &RiskScore,
    belief: &Belief,
    turn: Turn,
    starts_in: f64,
    settings: &Settings<'_>,
) -> String {
    let RiskScore { risk, kev, wait, .. } = score;
    let Belief { probability, seconds, attempts, .. } = belief;
    let of_what =
        if *kev { "a known exploited vulnerability goes first; among these " } else { "" };
    let source = match attempts {
        0 => "by what is believed without an attempt".to_owned(),
        1 => "learnt from 1 attempt".to_owned(),
        _ => format!("learnt from {attempts} attempts"),
    };
    match (settings.order, turn) {
        (Order::Bandit, Turn::Due) => {
            let since = starts_in / 3600.0 - due_in(score, settings).unwrap_or(0.0);
            format!("{of_what}every second turn is for what is due first: due for {since:.1} h")
        }
        (Order::Bandit, Turn::Index) => format!(
            "{of_what}most risk removed per second: {risk} × {probability:.3} / {} ({source})",
            duration(*seconds)
        ),
        (Order::RiskTimeAgeing, _) => format!(
            "highest sum: {risk} × {} / {} + 1 × {wait} h waited{}",
            score.probability,
            duration(score.expected_time),
            if *kev { " + 1 for a known exploited vulnerability" } else { "" }
        ),
        (Order::RiskOnly, _) => format!("highest risk: {risk}"),
        (Order::Fifo, _) => "first in the input".to_owned(),
    }
}

/// Seconds with three digits that count.
fn duration(seconds: f64) -> String {
    if seconds >= 100.0 {
        format!("{seconds:.0} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{:.3} ms", seconds * 1e3)
    }
}

/// Six decimals; a number too large to have any stays as it is.
fn round(number: f64) -> f64 {
    let scaled = number * 1e6;
    if scaled.is_finite() { scaled.round() / 1e6 } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Window;
    use proptest::prelude::*;

    fn candidate(id: &str, risk: f64) -> Candidate {
        let score: RiskScore = serde_json::from_value(serde_json::json!({
            "id": id, "risk": risk, "probability": 0.9, "expected_time": 10.0
        }))
        .unwrap();
        let class = Class { rule: "a".into(), kind: "Pod".into(), proposer: "rules".into() };
        Candidate { score, class, namespace: String::new() }
    }

    fn settings(windows: &Windows) -> Settings<'_> {
        Settings {
            order: Order::Bandit,
            explore: Explore::None,
            seed: 0,
            servers: 1,
            max_wait: MAX_WAIT,
            lead: LEAD,
            now: None,
            windows,
        }
    }

    fn ids(entries: &[ScheduleEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.id.as_str()).collect()
    }

    fn ranked(candidates: &[Candidate]) -> Vec<ScheduleEntry> {
        rank(candidates, &Learner::default(), &settings(&Windows::default())).unwrap()
    }

    #[test]
    fn without_outcomes_the_items_own_numbers_count() {
        let mut slow = candidate("slow", 85.0);
        slow.score.expected_time = 100.0;
        let entries = ranked(&[slow, candidate("b", 40.0), candidate("a", 40.0)]);
        assert_eq!(ids(&entries), ["b", "a", "slow"]);
        assert_eq!((entries[0].score, entries[0].probability), (3.6, 0.9));
    }

    #[test]
    fn outcomes_change_the_order() {
        let mut other = candidate("other", 80.0);
        other.class.rule = "b".to_owned();
        let mut learner = Learner::default();
        let prior = Prior { probability: 0.9, seconds: 10.0 };
        let slow = learner.class(&candidate("", 0.0).class, prior);
        (0..20).for_each(|_| learner.add(slow, true, 60.0));
        let fast = learner.class(&other.class, prior);
        (0..20).for_each(|_| learner.add(fast, true, 1.0));
        let windows = Windows::default();
        let entries = rank(&[candidate("a", 85.0), other], &learner, &settings(&windows)).unwrap();
        assert_eq!(ids(&entries), ["other", "a"]);
        let why = entries[0].explained.as_ref().unwrap();
        assert!(why.reason.contains("learnt from 20 attempts"), "{}", why.reason);
    }

    #[test]
    fn an_exploited_item_goes_first_and_a_due_one_second() {
        let (mut exploited, mut old) = (candidate("exploited", 1.0), candidate("old", 2.0));
        exploited.score.kev = true;
        old.score.wait = 200.0;
        let entries = ranked(&[candidate("a", 99.0), candidate("b", 98.0), old, exploited]);
        assert_eq!(ids(&entries), ["exploited", "a", "old", "b"]);
        let reason = |place: usize| entries[place].explained.as_ref().unwrap().reason.clone();
        assert!(reason(0).starts_with("a known exploited vulnerability goes first"));
        assert!(reason(2).contains("due for 56.0 h"), "{}", reason(2));
    }

    #[test]
    fn a_deadline_counts_when_the_time_is_known() {
        let mut urgent = candidate("urgent", 1.0);
        urgent.score.deadline = Some(1_000_000.0);
        let items = [candidate("a", 99.0), candidate("b", 98.0), urgent];
        assert_eq!(ids(&ranked(&items)), ["a", "b", "urgent"]);
        let windows = Windows::default();
        let now = Settings { now: Some(999_000.0), ..settings(&windows) };
        assert_eq!(ids(&rank(&items, &Learner::default(), &now).unwrap()), ["a", "urgent", "b"]);
    }

    #[test]
    fn a_change_window_holds_an_item_back_and_nobody_else() {
        let window = serde_json::json!({ "namespaces": ["prod"], "from": "10:00", "to": "11:00" });
        let windows =
            Windows::new(&[serde_json::from_value::<Window>(window).unwrap()], &[]).unwrap();
        let mut held = candidate("held", 99.0);
        held.namespace = "prod".to_owned();
        // Half past nine on a day of 1970.
        let now = Settings { now: Some(86_400.0 + 9.5 * 3600.0), ..settings(&windows) };
        let entries = rank(&[held, candidate("a", 1.0)], &Learner::default(), &now).unwrap();
        assert_eq!(ids(&entries), ["a", "held"]);
        let explained = entries[1].explained.as_ref().unwrap();
        assert_eq!(explained.starts_in, 1800.0);
        assert!(
            explained.reason.starts_with("its change window opens in 0.5 h; "),
            "{explained:?}"
        );
    }

    #[test]
    fn several_servers_start_side_by_side() {
        let windows = Windows::default();
        let two = Settings { servers: 2, ..settings(&windows) };
        let items: Vec<_> = (0..4).map(|n| candidate(&n.to_string(), 40.0)).collect();
        let entries = rank(&items, &Learner::default(), &two).unwrap();
        let starts: Vec<f64> =
            entries.iter().map(|entry| entry.explained.as_ref().unwrap().starts_in).collect();
        assert_eq!(starts, [0.0, 0.0, 10.0, 10.0]);
    }

    #[test]
    fn numbers_that_cannot_be_ranked_are_errors_that_name_the_record() {
        for value in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
            let mut items = vec![candidate("bad", 1.0); 6];
            items[0].score.risk = value;
            items[1].score.probability = value;
            items[2].score.expected_time = value;
            items[3].score.wait = value;
            items[4].score.explore = value;
            items[5].score.deadline = Some(value);
            for item in items {
                let error = rank(&[item], &Learner::default(), &settings(&Windows::default()));
                let text = error.unwrap_err().to_string();
                assert!(text.starts_with("risk record bad: "), "{text}");
            }
        }
    }

    proptest! {
        /// Whatever the order: each item once, exploited ones first by this project's rule, and the
        /// same input gives the same output.
        #[test]
        fn every_item_is_ranked_once(
            records in prop::collection::vec((0.0..=100.0, 0.0..=1.0, 0.0..=1e4, 0.0..=1e3, any::<bool>(), 0usize..4), 0..40),
            servers in 1usize..4,
            ucb in any::<bool>(),
        ) {
            let items: Vec<Candidate> = records.iter().enumerate().map(|(id, record)| {
                let mut item = candidate(&id.to_string(), record.0);
                item.score.probability = record.1;
                item.score.expected_time = record.2;
                item.score.wait = record.3;
                item.score.kev = record.4;
                item.class.rule = record.5.to_string();
                item
            }).collect();
            let windows = Windows::default();
            for order in [Order::Bandit, Order::RiskTimeAgeing, Order::RiskOnly, Order::Fifo] {
                let explore = if ucb { Explore::Ucb } else { Explore::Thompson };
                let settings = Settings { order, servers, explore, ..settings(&windows) };
                let entries = rank(&items, &Learner::default(), &settings).unwrap();
                let mut found: Vec<usize> = entries.iter().map(|entry| entry.id.parse().unwrap()).collect();
                if order == Order::Bandit {
                    let exploited = entries.iter().take_while(|entry| entry.kev).count();
                    prop_assert!(entries.iter().skip(exploited).all(|entry| !entry.kev));
                }
                found.sort_unstable();
                prop_assert!(found.into_iter().eq(0..items.len()));
                prop_assert_eq!(entries, rank(&items, &Learner::default(), &settings).unwrap());
            }
        }
    }
}
