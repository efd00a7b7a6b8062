//! Which open item is next: the rule of order, apart from where its numbers come from.
//!
//! 1. An item with a known exploited vulnerability goes before all others.
//! 2. Within either lane, every second item is the one that is due first, if any is due already.
//! 3. The others go by index, risk × weight of the class; of equals, the one that came first.
//!
//! By 1, no exploited item ever waits for another. By 2, an item that is due starts after at most
//! `2·(D + 1)` items of its lane, where D counts the items that were due before it; and however
//! many items are due, half of the work still follows the index. The queue has the same rule in
//! SQL.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Every which item of a lane is taken by its due time, when one is due.
pub const DUE_SHARE: u64 = 2;

/// What the rule of order looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// Number of its class.
    pub class: usize,
    /// 0 to 100.
    pub risk: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
    /// When it is due, on the caller's clock; infinite when never.
    pub due: f64,
}

/// Why an item was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It was due, and before all others.
    Due,
    /// It had the highest index.
    Index,
}

/// The open items.
#[derive(Debug, Default)]
pub struct Backlog {
    items: Vec<Item>,
    open: Vec<bool>,
    /// Without, then with known exploited vulnerabilities.
    lanes: [Lane; 2],
}

#[derive(Debug, Default)]
struct Lane {
    /// By class: the riskiest item on top. An item that is gone is dropped when it comes up.
    classes: Vec<BinaryHeap<Key>>,
    /// The item that is due first on top.
    due: BinaryHeap<Key>,
    open: usize,
    taken: u64,
}

/// Greatest first; of equals the item with the smaller number.
#[derive(Debug, Clone, Copy)]
struct Key {
    value: f64,
    item: usize,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.total_cmp(&other.value).then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl Backlog {
    /// Adds an item that is not open yet, and returns its number: items count in this order.
    pub fn add(&mut self, item: Item) -> usize {
        self.items.push(item);
        self.open.push(false);
        self.items.len() - 1
    }

    /// Opens an item, for the first time or again.
    pub fn open(&mut self, number: usize) {
        let Item { class, risk, kev, due } = self.items[number];
        if std::mem::replace(&mut self.open[number], true) {
            return;
        }
        let lane = &mut self.lanes[usize::from(kev)];
        if lane.classes.len() <= class {
            lane.classes.resize_with(class + 1, BinaryHeap::new);
        }
        lane.classes[class].push(Key { value: risk, item: number });
        if due.is_finite() {
            lane.due.push(Key { value: -due, item: number });
        }
        lane.open += 1;
    }

    /// Whether no item is open.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.open == 0)
    }

    /// Takes the item that is next at `now`. `weights` are those of the classes, by number; a class
    /// without one weighs nothing.
    pub fn take(&mut self, now: f64, weights: &[f64]) -> Option<(usize, Turn)> {
        let open = &mut self.open;
        let lane = self.lanes.iter_mut().rev().find(|lane| lane.open > 0)?;
        lane.taken += 1;
        lane.open -= 1;
        let by_due = lane.taken.is_multiple_of(DUE_SHARE);
        let due = by_due.then(|| top(&mut lane.due, open)).flatten();
        let due = due.filter(|key| -key.value <= now).map(|key| (key.item, Turn::Due));
        let taken = due.or_else(|| Some((lane.best(open, weights)?, Turn::Index)));
        if let Some((number, _)) = taken {
            open[number] = false;
        }
        taken
    }
}

impl Lane {
    fn best(&mut self, open: &[bool], weights: &[f64]) -> Option<usize> {
        let heads = self.classes.iter_mut().enumerate().filter_map(|(class, items)| {
            let head = top(items, open)?;
            let weight = weights.get(class).copied().unwrap_or(0.0);
            Some(Key { value: head.value * weight, item: head.item })
        });
        heads.max().map(|key| key.item)
    }
}

/// The first item that is still open; those that are not go for good.
fn top(items: &mut BinaryHeap<Key>, open: &[bool]) -> Option<Key> {
    while let Some(key) = items.peek() {
        if open[key.item] {
            return Some(*key);
        }
        items.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(class: usize, risk: f64, kev: bool, due: f64) -> Item {
        Item { class, risk, kev, due }
    }

    fn backlog(items: &[Item]) -> Backlog {
        let mut backlog = Backlog::default();
        for item in items {
            let number = backlog.add(*item);
            backlog.open(number);
        }
        backlog
    }

    fn drained(items: &[Item], weights: &[f64], now: f64) -> Vec<usize> {
        let mut backlog = backlog(items);
        std::iter::from_fn(|| backlog.take(now, weights).map(|(number, _)| number)).collect()
    }

    const NEVER: f64 = f64::INFINITY;

    #[test]
    fn the_index_weighs_risk_by_class_and_equals_keep_their_order() {
        let items = [
            item(0, 50.0, false, NEVER),
            item(1, 40.0, false, NEVER),
            item(0, 60.0, false, NEVER),
            item(0, 50.0, false, NEVER),
        ];
        assert_eq!(drained(&items, &[1.0, 2.0], 0.0), [1, 2, 0, 3]);
    }

    #[test]
    fn an_exploited_item_goes_before_riskier_and_before_due_ones() {
        let items = [
            item(0, 100.0, false, 1.0),
            item(0, 1.0, true, NEVER),
            item(0, 99.0, false, 2.0),
            item(0, 2.0, true, NEVER),
        ];
        assert_eq!(drained(&items, &[1.0], 10.0), [3, 1, 0, 2]);
    }

    #[test]
    fn every_second_item_is_the_one_due_first() {
        let items = [
            item(0, 9.0, false, NEVER),
            item(0, 8.0, false, NEVER),
            item(0, 1.0, false, 2.0),
            item(0, 2.0, false, 3.0),
            item(0, 7.0, false, NEVER),
            item(0, 6.0, false, 99.0),
        ];
        assert_eq!(drained(&items, &[1.0], 10.0), [0, 2, 1, 3, 4, 5]);
    }

    #[test]
    fn an_item_that_is_opened_again_is_taken_once_more_and_only_once() {
        let mut backlog = backlog(&[item(0, 9.0, false, 0.0), item(0, 8.0, false, 0.0)]);
        let (first, _) = backlog.take(1.0, &[1.0]).unwrap();
        backlog.open(first);
        backlog.open(first);
        let rest: Vec<usize> =
            std::iter::from_fn(|| backlog.take(1.0, &[1.0]).map(|(number, _)| number)).collect();
        assert_eq!((first, rest.len()), (0, 2));
        assert!(backlog.is_empty());
    }

    proptest! {
        /// Whatever arrives in between: the bound counts items of the lane, those that were due
        /// before, and nothing else.
        #[test]
        fn an_item_that_is_due_starts_within_the_bound(
            items in prop::collection::vec((0usize..4, 0.0f64..100.0, any::<bool>(), 0.0f64..50.0), 1..80),
            arrivals in prop::collection::vec(0.0f64..60.0, 80),
            weights in prop::collection::vec(0.0f64..10.0, 4),
        ) {
            let mut backlog = Backlog::default();
            let mut taken_of_lane = [0u64; 2];
            // For each item: how many of its lane were taken when it became due.
            let mut due_since: Vec<Option<u64>> = vec![None; items.len()];
            let numbered: Vec<Item> = items.iter().map(|(class, risk, kev, due)| item(*class, *risk, *kev, *due)).collect();
            for item in &numbered { backlog.add(*item); }
            let (mut opened, mut done) = (vec![false; items.len()], vec![false; items.len()]);
            let mut now = 0.0;
            while done.iter().any(|done| !done) {
                for number in 0..items.len() {
                    if !opened[number] && arrivals[number] <= now {
                        opened[number] = true;
                        backlog.open(number);
                    }
                    if opened[number] && numbered[number].due <= now && due_since[number].is_none() {
                        due_since[number] = Some(taken_of_lane[usize::from(numbered[number].kev)]);
                    }
                }
                if let Some((number, _)) = backlog.take(now, &weights) {
                    let lane = usize::from(numbered[number].kev);
                    taken_of_lane[lane] += 1;
                    done[number] = true;
                    if let Some(since) = due_since[number] {
                        let before = (0..items.len()).filter(|other| {
                            let other = &numbered[*other];
                            other.kev == numbered[number].kev && other.due <= numbered[number].due
                        }).count() as u64;
                        prop_assert!(taken_of_lane[lane] - since <= DUE_SHARE * before);
                    }
                    if lane == 0 {
                        let waiting = (0..items.len()).any(|n| opened[n] && !done[n] && numbered[n].kev);
                        prop_assert!(!waiting);
                    }
                }
                now += 1.0;
            }
        }
    }
}
