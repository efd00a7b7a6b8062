//! Which item is next, on both databases.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{DAY, HOUR, NOW, claim, everywhere, ids, item, one};
use queue::{Completed, Error, Failure, Queue, Retry, Stage, Weights, Which};
use record::{ClassStatistics, QueueItem};
use std::collections::BTreeMap;

fn of_class(id: &str, risk: f64, rule: &str, probability: f64) -> QueueItem {
    QueueItem { rule: Some(rule.to_owned()), probability, ..item(id, risk) }
}

#[test]
fn the_highest_index_goes_first_and_of_equals_the_first_to_come() {
    everywhere(async |queue| {
        let items = [
            of_class("slow-high", 90.0, "slow", 0.1),
            of_class("fast-low", 20.0, "fast", 0.9),
            of_class("fast-equal", 20.0, "fast", 0.9),
            of_class("fast-high", 30.0, "fast", 0.9),
            of_class("none", 0.0, "slow", 0.1),
        ];
        queue.enqueue(&items).await.unwrap();
        let next = queue.next(Stage::Verify).await.unwrap().unwrap();
        let order = ids(queue, Stage::Verify).await;
        assert_eq!(order, ["fast-high", "fast-low", "fast-equal", "slow-high", "none"]);
        assert_eq!(next.id, order[0]);
    });
}

#[test]
fn known_exploited_ones_go_before_all_others() {
    everywhere(async |queue| {
        let kev = |id: &str, risk| QueueItem { kev: true, ..item(id, risk) };
        queue.enqueue(&[item("high", 99.0), kev("kev", 1.0), kev("kev-high", 2.0)]).await.unwrap();
        let due = queue.at(NOW + 30.0 * DAY).unwrap();
        assert_eq!(ids(&due, Stage::Verify).await, ["kev-high", "kev", "high"]);
    });
}

#[test]
fn every_second_turn_goes_to_what_is_overdue() {
    everywhere(async |queue| {
        queue.set_waits(HOUR, 0.0).await.unwrap();
        let late: Vec<_> = (0..3).map(|n| item(&format!("late{n}"), f64::from(n))).collect();
        queue.enqueue(&late).await.unwrap();
        let now = queue.at(NOW + 2.0 * HOUR).unwrap();
        let deadline = QueueItem { deadline: Some(NOW), ..item("deadline", 0.0) };
        let fresh: Vec<_> =
            (0..5).map(|n| item(&format!("fresh{n}"), 50.0 + f64::from(n))).collect();
        now.enqueue(&[vec![deadline], fresh].concat()).await.unwrap();
        let order = ids(&now, Stage::Verify).await;
        let expected = [
            "fresh4", "deadline", "fresh3", "late0", "fresh2", "late1", "fresh1", "late2", "fresh0",
        ];
        assert_eq!(order, expected);
        assert_eq!(now.report().await.unwrap().due_claims, 4);
    });
}

#[test]
fn an_item_is_due_a_lead_before_its_end() {
    everywhere(async |queue| {
        let deadline = QueueItem { deadline: Some(NOW + 3.0 * DAY), ..item("deadline", 1.0) };
        queue.enqueue(&[item("usual", 1.0), deadline]).await.unwrap();
        for (id, days) in [("usual", 6.0), ("deadline", 2.0)] {
            assert_eq!(queue.show(id).await.unwrap().due_at, NOW + days * DAY, "{id}");
        }
        let error = queue.set_waits(HOUR, DAY).await.unwrap_err();
        assert!(error.to_string().contains("from 0 to the longest wait"), "{error}");
    });
}

#[test]
fn new_scores_of_known_items_count_and_nothing_else_of_them_changes() {
    everywhere(async |queue| {
        queue.enqueue(&[item("a", 10.0), item("b", 20.0)]).await.unwrap();
        let later = queue.at(NOW + HOUR).unwrap();
        let other_patch = QueueItem { patch: Vec::new(), kev: true, ..item("a", 12.0) };
        let done = later.enqueue(&[other_patch, item("b", 20.0)]).await.unwrap();
        assert_eq!((done.new, done.known, done.rescored, done.renewed), (0, 1, 1, 0));
        let a = later.show("a").await.unwrap();
        assert_eq!((a.risk, a.kev, a.enqueued_at), (12.0, true, NOW));
        assert!(!a.work.unwrap().patch.is_empty());
        assert_eq!(later.journal("a").await.unwrap().len(), 1);
        assert_eq!(ids(&later, Stage::Verify).await, ["a", "b"]);
    });
}

#[test]
fn a_new_item_and_new_weights_count_at_once() {
    everywhere(async |queue| {
        let items: Vec<_> = (0..20).map(|n| of_class(&format!("a{n}"), 10.0, "a", 0.5)).collect();
        queue.enqueue(&items).await.unwrap();
        queue.enqueue(&[of_class("b", 9.0, "b", 0.5)]).await.unwrap();
        assert_eq!(one(queue, Stage::Verify).await.item.id, "a0");
        queue.enqueue(&[of_class("best", 99.0, "a", 0.5)]).await.unwrap();
        assert_eq!(one(queue, Stage::Verify).await.item.id, "best");
        let prefer = |classes: &[ClassStatistics]| -> Vec<f64> {
            classes.iter().map(|one| if one.class.rule == "b" { 2.0 } else { 1.0 }).collect()
        };
        queue.learn(prefer).await.unwrap();
        assert_eq!(one(queue, Stage::Verify).await.item.id, "b");
        let token = one(queue, Stage::Verify).await;
        assert_eq!(token.item.id, "a1");
        queue.release("a1", token.token, None, None).await.unwrap();
        assert_eq!(one(queue, Stage::Verify).await.item.id, "a1");
    });
}

/// The order of the rule, by sorting everything.
fn sorted(items: &[(usize, QueueItem)], weights: &BTreeMap<String, f64>) -> Vec<String> {
    let mut items: Vec<&(usize, QueueItem)> = items.iter().collect();
    let index = |item: &QueueItem| item.risk * weights[&item.class().rule];
    items.sort_by(|(a_seq, a), (b_seq, b)| {
        let by_index = index(b).total_cmp(&index(a)).then(b.risk.total_cmp(&a.risk));
        b.kev.cmp(&a.kev).then(by_index).then(a_seq.cmp(b_seq))
    });
    items.into_iter().map(|(_, item)| item.id.clone()).collect()
}

/// Numbers that look random and are always the same.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn the_order_is_that_of_sorting_everything_whatever_the_weights() {
    everywhere(async |queue| {
        let mut state = 7;
        let mut items = Vec::new();
        for n in 0..600 {
            let risk = f64::from(u32::try_from(random(&mut state, 40)).unwrap());
            let rule = format!("rule{}", random(&mut state, 30));
            let kev = random(&mut state, 20) == 0;
            let item = QueueItem { kev, ..of_class(&format!("i{n}"), risk, &rule, 0.5) };
            items.push((n, item));
        }
        let plain: Vec<QueueItem> = items.iter().map(|(_, item)| item.clone()).collect();
        queue.enqueue(&plain).await.unwrap();
        let weigh = |class: &ClassStatistics| {
            let n: u32 = class.class.rule[4..].parse().unwrap();
            f64::from((n * 7) % 11) / 3.0 + 0.1
        };
        queue.learn(|classes| classes.iter().map(weigh).collect()).await.unwrap();
        let classes = queue.classes().await.unwrap();
        let weights = classes.into_iter().map(|(one, weight)| (one.class.rule, weight)).collect();
        let expected = sorted(&items, &weights);
        // Batches of different sizes give the same order as one by one.
        let mut order = Vec::new();
        for limit in [1, 2, 40, 7].into_iter().cycle() {
            let claimed = queue.claim(&claim(Stage::Verify, limit)).await.unwrap();
            if claimed.is_empty() {
                break;
            }
            order.extend(claimed.into_iter().map(|one| one.item.id));
        }
        assert_eq!(order, expected);
    });
}

async fn finish(queue: &Queue, success: bool, seconds: f64) {
    let claimed = one(queue, Stage::Verify).await;
    let (id, token) = (claimed.item.id, claimed.token);
    if success {
        let completed = Completed { seconds: Some(seconds), ..Completed::default() };
        queue.complete(&id, token, &completed).await.unwrap();
    } else {
        let failure = Failure {
            reason: String::new(),
            class: "gate".to_owned(),
            seconds: Some(seconds),
            retry: Retry::Never,
        };
        queue.fail(&id, token, &failure).await.unwrap();
    }
}

#[test]
fn every_outcome_is_learnt_once() {
    everywhere(async |queue| {
        let items: Vec<_> = (0..5).map(|n| item(&format!("i{n}"), 1.0)).collect();
        queue.enqueue(&items).await.unwrap();
        finish(queue, true, 2.0).await;
        finish(queue, false, 8.0).await;
        let stale = one(queue, Stage::Verify).await;
        queue.stale(&stale.item.id, stale.token, "changed").await.unwrap();
        let ones = |classes: &[ClassStatistics]| vec![1.0; classes.len()];
        assert_eq!(queue.learn(ones).await.unwrap().outcomes, 2);
        assert_eq!(queue.learn(ones).await.unwrap().outcomes, 0);
        finish(queue, true, 0.0).await;
        // Weights that are none change nothing, and what was to be learnt is still there.
        for bad in [vec![], vec![f64::NAN], vec![-1.0], vec![1.0, 1.0]] {
            let error = queue.learn(|_| bad.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Weights { classes: 1, .. }), "{error}");
        }
        assert_eq!(queue.learn(ones).await.unwrap().outcomes, 1);
        let (statistics, weight) = queue.classes().await.unwrap().remove(0);
        assert_eq!((statistics.successes, statistics.failures, statistics.timed), (2, 1, 2));
        assert!((statistics.log_sum - 16.0_f64.ln()).abs() < 1e-12);
        assert_eq!(weight, 1.0);
    });
}

#[test]
fn two_who_learn_at_once_count_each_outcome_once() {
    everywhere(async |queue| {
        let items: Vec<_> = (0..40).map(|n| item(&format!("i{n}"), 1.0)).collect();
        queue.enqueue(&items).await.unwrap();
        let ones = |classes: &[ClassStatistics]| vec![1.0; classes.len()];
        let learner = |queue: Queue| async move {
            let mut learnt = 0;
            for _ in 0..20 {
                learnt += queue.learn(ones).await.unwrap().outcomes;
            }
            learnt
        };
        let others = [tokio::spawn(learner(queue.clone())), tokio::spawn(learner(queue.clone()))];
        for _ in 0..40 {
            finish(queue, true, 1.0).await;
        }
        let mut learnt = queue.learn(ones).await.unwrap().outcomes;
        for other in others {
            learnt += other.await.unwrap();
        }
        learnt += queue.learn(ones).await.unwrap().outcomes;
        assert_eq!(learnt, 40);
        assert_eq!(queue.classes().await.unwrap()[0].0.successes, 40);
    });
}

#[test]
fn many_workers_take_every_item_once() {
    everywhere(async |queue| {
        let items: Vec<_> = (0..400).map(|n| item(&format!("i{n}"), f64::from(n))).collect();
        queue.enqueue(&items).await.unwrap();
        let work = |queue: Queue| async move {
            let mut done = Vec::new();
            loop {
                let claimed = queue.claim(&claim(Stage::Verify, 3)).await.unwrap();
                if claimed.is_empty() {
                    return done;
                }
                for one in claimed {
                    queue.complete(&one.item.id, one.token, &Completed::default()).await.unwrap();
                    done.push(one.item.id);
                }
            }
        };
        let workers: Vec<_> = (0..6).map(|_| tokio::spawn(work(queue.clone()))).collect();
        let mut done = Vec::new();
        for worker in workers {
            done.extend(worker.await.unwrap());
        }
        done.sort();
        done.dedup();
        assert_eq!(done.len(), 400);
        assert_eq!(queue.counts().await.unwrap(), [(record::QueueState::Verified, 400)]);
    });
}

#[test]
fn the_formula_of_the_reference_ranks_by_risk_waiting_and_exploitation() {
    everywhere(async |queue| {
        let old = queue.at(NOW - 8.0 * HOUR).unwrap();
        old.enqueue(&[item("old", 20.0)]).await.unwrap();
        let kev = QueueItem { kev: true, ..item("kev", 10.0) };
        queue.enqueue(&[item("high", 85.0), item("equal", 85.0), kev]).await.unwrap();
        let next = async |alpha, kev_weight| {
            queue.next_by(&Weights { alpha, kev_weight }).await.unwrap().unwrap().id
        };
        assert_eq!(next(0.0, 0.0).await, "high");
        assert_eq!(next(1.0, 0.0).await, "old");
        assert_eq!(next(0.0, 100.0).await, "kev");
        queue.reject(Which::Ids(&["high".to_owned()]), "ann", "no").await.unwrap();
        assert_eq!(next(0.0, 0.0).await, "equal");
    });
}
