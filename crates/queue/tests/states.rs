//! The way of an item, on both databases.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{DAY, HOUR, NOW, claim, everywhere, item, one};
use queue::{Completed, Enqueued, Error, Failure, Filter, Queue, Retry, Stage, Which};
use record::QueueState::{
    self, Applied, Applying, Approved, Dead, Failed, Leased, Queued, Stale, Verified,
};

fn failure(retry: Retry) -> Failure {
    Failure { reason: "no".to_owned(), class: "gate".to_owned(), seconds: Some(2.0), retry }
}

/// Brings an item into a state by what leads there, and returns its token.
async fn bring(queue: &Queue, id: &str, state: QueueState) -> i64 {
    queue.enqueue(&[item(id, 1.0)]).await.unwrap();
    if state == Queued {
        return 0;
    }
    let token = one(queue, Stage::Verify).await.token;
    let settled = match state {
        Leased => return token,
        Failed => queue.fail(id, token, &failure(Retry::After(HOUR))).await,
        Stale => queue.stale(id, token, "changed").await,
        Dead => queue.fail(id, token, &failure(Retry::Never)).await,
        _ => queue.complete(id, token, &Completed::default()).await,
    };
    if [Failed, Stale, Dead, Verified].contains(&state) {
        assert_eq!(settled.unwrap(), state);
        return token;
    }
    queue.approve(Which::Ids(&[id.to_owned()]), "ann").await.unwrap();
    if state == Approved {
        return token;
    }
    let token = one(queue, Stage::Apply).await.token;
    if state == Applied {
        queue.complete(id, token, &Completed::default()).await.unwrap();
    }
    token
}

/// What an operation makes of an item, by its name.
async fn operate(queue: &Queue, operation: &str, id: &str, token: i64) -> Result<(), Error> {
    let ids = [id.to_owned()];
    match operation {
        "enqueue" => queue.enqueue(&[item(id, 2.0)]).await.map(drop),
        "claim verify" => queue.claim(&claim(Stage::Verify, 10)).await.map(drop),
        "claim apply" => queue.claim(&claim(Stage::Apply, 10)).await.map(drop),
        "heartbeat" => queue.heartbeat(id, token, 60.0).await.map(drop),
        "complete" => queue.complete(id, token, &Completed::default()).await.map(drop),
        "fail" => queue.fail(id, token, &failure(Retry::After(1.0))).await.map(drop),
        "give up" => queue.fail(id, token, &failure(Retry::Never)).await.map(drop),
        "stale" => queue.stale(id, token, "changed").await.map(drop),
        "release" => queue.release(id, token, None, None).await.map(drop),
        "approve" => queue.approve(Which::Ids(&ids), "ann").await.map(drop),
        "reject" => queue.reject(Which::Ids(&ids), "ann", "no").await.map(drop),
        "requeue" => queue.requeue(Which::Ids(&ids), "ann").await.map(drop),
        "a day later" => {
            // Of both stages, so that what is ready at once is not in sight of the second.
            let later = queue.at(NOW + DAY).unwrap();
            later.claim(&claim(Stage::Apply, 1)).await.map(drop)
        }
        other => panic!("no operation {other}"),
    }
}

/// Where an operation leads from each state; nowhere when it is not named. Written down here once
/// more, from the documentation.
const MOVES: &[(&str, QueueState, QueueState)] = &[
    ("enqueue", Stale, Queued),
    ("claim verify", Queued, Leased),
    ("claim apply", Approved, Applying),
    ("complete", Leased, Verified),
    ("complete", Applying, Applied),
    ("fail", Leased, Failed),
    ("fail", Applying, Failed),
    ("give up", Leased, Dead),
    ("give up", Applying, Dead),
    ("stale", Leased, Stale),
    ("stale", Applying, Stale),
    ("release", Leased, Queued),
    ("release", Applying, Approved),
    ("approve", Verified, Approved),
    ("reject", Queued, Dead),
    ("reject", Failed, Dead),
    ("reject", Verified, Dead),
    ("reject", Approved, Dead),
    ("reject", Stale, Dead),
    ("requeue", Failed, Queued),
    ("requeue", Stale, Queued),
    ("requeue", Dead, Queued),
    ("a day later", Leased, Queued),
    ("a day later", Failed, Queued),
    ("a day later", Approved, Applying),
    // Ran out, approved again, and taken by the claim that noticed.
    ("a day later", Applying, Applying),
];

const OPERATIONS: [&str; 13] = [
    "enqueue",
    "claim verify",
    "claim apply",
    "heartbeat",
    "complete",
    "fail",
    "give up",
    "stale",
    "release",
    "approve",
    "reject",
    "requeue",
    "a day later",
];

#[test]
fn every_operation_leads_from_every_state_where_the_table_says() {
    everywhere(async |queue| {
        for operation in OPERATIONS {
            for from in QueueState::ALL {
                let id = format!("{operation} {}", from.as_str());
                let token = bring(queue, &id, from).await;
                let before = queue.journal(&id).await.unwrap();
                let done = operate(queue, operation, &id, token).await;
                let moved = MOVES.iter().find(|m| (m.0, m.1) == (operation, from));
                let to = moved.map_or(from, |m| m.2);
                let row = queue.show(&id).await.unwrap();
                assert_eq!(row.state, to, "{id}: {done:?}");
                let journal = queue.journal(&id).await.unwrap();
                let is_chain = journal.windows(2).all(|two| two[1].from == Some(two[0].to));
                assert!(is_chain && journal[0].from.is_none(), "{id}: {journal:?}");
                assert_eq!(journal.last().unwrap().to, to, "{id}");
                assert_eq!(journal.len() > before.len(), moved.is_some(), "{id}");
                // Out of the way of the next.
                queue.purge(&QueueState::ALL, NOW + 2.0 * DAY).await.unwrap();
                let held = queue.show(&id).await.ok();
                if let Some(row) = held {
                    queue.stale(&id, row.token, "away").await.unwrap();
                    queue.purge(&QueueState::ALL, NOW + 2.0 * DAY).await.unwrap();
                }
            }
        }
    });
}

#[test]
fn an_item_comes_back_as_it_went_in() {
    everywhere(async |queue| {
        let mut sent = item("a", 85.0);
        sent.rule = Some("privileged-container".to_owned());
        sent.proposer = "model".to_owned();
        sent.applicability = Some(record::Applicability::Safe);
        sent.deadline = Some(NOW + HOUR);
        queue.enqueue(std::slice::from_ref(&sent)).await.unwrap();
        let row = queue.show("a").await.unwrap();
        assert_eq!((row.enqueued_at, row.attempts, row.max_attempts), (NOW, 0, 3));
        assert_eq!(row.due_at, NOW + HOUR - DAY);
        assert_eq!(row.into_item().unwrap(), sent);
        let claimed = one(queue, Stage::Verify).await;
        sent.state = Leased;
        assert_eq!(claimed.item, sent);
        assert_eq!((claimed.token, claimed.attempt, claimed.lease_until), (1, 1, NOW + 60.0));
    });
}

#[test]
fn enqueueing_again_renews_stale_items_and_scores_the_others() {
    everywhere(async |queue| {
        let stale = bring(queue, "stale", Stale).await;
        bring(queue, "dead", Dead).await;
        bring(queue, "queued", Queued).await;
        let later = queue.at(NOW + HOUR).unwrap();
        let again: Vec<_> =
            ["stale", "dead", "queued", "new", "new"].map(|id| item(id, 99.0)).into();
        let done = later.enqueue(&again).await.unwrap();
        assert_eq!(done, Enqueued { new: 1, known: 2, rescored: 1, renewed: 1 });
        let rows = later.list(&Filter::default()).await.unwrap();
        let found: Vec<_> =
            rows.iter().map(|r| (r.id.as_str(), r.state, r.risk, r.enqueued_at)).collect();
        let expected = [
            ("stale", Queued, 99.0, NOW),
            ("dead", Dead, 1.0, NOW),
            ("queued", Queued, 99.0, NOW),
            ("new", Queued, 99.0, NOW + HOUR),
        ];
        assert_eq!(found, expected);
        assert_eq!(later.show("stale").await.unwrap().token, stale);
    });
}

#[test]
fn an_old_token_changes_nothing() {
    everywhere(async |queue| {
        let first = bring(queue, "a", Leased).await;
        let later = queue.at(NOW + HOUR).unwrap();
        let second = one(&later, Stage::Verify).await.token;
        assert!(second > first);
        let before = later.show("a").await.unwrap();
        for operation in ["heartbeat", "complete", "fail", "give up", "stale", "release"] {
            let error = operate(&later, operation, "a", first).await.unwrap_err();
            assert!(
                matches!(&error, Error::Fenced { current, .. } if *current == second),
                "{operation}: {error}"
            );
            assert_eq!(later.show("a").await.unwrap(), before, "{operation}");
            let unknown = operate(&later, operation, "b", first).await.unwrap_err();
            assert!(matches!(unknown, Error::Unknown { .. }), "{operation}: {unknown}");
        }
        later.complete("a", second, &Completed::default()).await.unwrap();
    });
}

#[test]
fn what_was_settled_can_be_said_again_with_the_same_token() {
    everywhere(async |queue| {
        let token = bring(queue, "a", Leased).await;
        for _ in 0..2 {
            let state = queue.complete("a", token, &Completed::default()).await.unwrap();
            assert_eq!(state, Verified);
        }
        assert_eq!(queue.journal("a").await.unwrap().len(), 3);
        let other = queue.stale("a", token, "changed").await.unwrap_err();
        assert!(matches!(other, Error::Fenced { .. }), "{other}");
    });
}

#[test]
fn several_successes_are_written_at_once_and_a_refused_one_holds_none_back() {
    everywhere(async |queue| {
        queue.enqueue(&[item("a", 3.0), item("b", 2.0), item("c", 1.0)]).await.unwrap();
        let held = queue.claim(&common::claim(Stage::Verify, 3)).await.unwrap();
        let with = |n: usize, token| {
            let completed = Completed { seconds: Some(1.5), ..Completed::default() };
            (held[n].item.id.as_str(), token, completed)
        };
        let all = [with(0, 1), with(1, 7), with(2, 1), ("none", 1, Completed::default())];
        let became = queue.complete_all(&all).await.unwrap();
        assert!(matches!(became[0], Ok(Verified)), "{became:?}");
        assert!(matches!(became[1], Err(Error::Fenced { token: 7, current: 1, .. })), "{became:?}");
        assert!(matches!(became[2], Ok(Verified)), "{became:?}");
        assert!(matches!(became[3], Err(Error::Unknown { .. })), "{became:?}");
        assert_eq!(queue.show("b").await.unwrap().state, Leased);
        // Asked again, nothing changes.
        let again = queue.complete_all(&all[..1]).await.unwrap();
        assert!(matches!(again[0], Ok(Verified)));
        assert_eq!(queue.journal("a").await.unwrap().len(), 3);
        assert_eq!(queue.learn(|classes| vec![1.0; classes.len()]).await.unwrap().outcomes, 2);
        assert!(queue.complete_all(&[]).await.unwrap().is_empty());
    });
}

#[test]
fn a_lease_that_ran_out_can_be_completed_until_somebody_ends_it() {
    everywhere(async |queue| {
        let token = bring(queue, "a", Leased).await;
        let later = queue.at(NOW + HOUR).unwrap();
        later.complete("a", token, &Completed::default()).await.unwrap();
        let token = bring(queue, "b", Leased).await;
        later.claim(&claim(Stage::Apply, 1)).await.unwrap();
        let error = later.complete("b", token, &Completed::default()).await.unwrap_err();
        assert!(matches!(error, Error::Fenced { .. }), "{error}");
    });
}

#[test]
fn a_heartbeat_keeps_the_lease() {
    everywhere(async |queue| {
        let token = bring(queue, "a", Leased).await;
        let minute = queue.at(NOW + 50.0).unwrap();
        assert_eq!(minute.heartbeat("a", token, 60.0).await.unwrap(), NOW + 110.0);
        let later = queue.at(NOW + 100.0).unwrap();
        assert!(later.claim(&claim(Stage::Verify, 1)).await.unwrap().is_empty());
        let end = queue.at(NOW + 110.0).unwrap();
        assert_eq!(one(&end, Stage::Verify).await.attempt, 2);
    });
}

#[test]
fn attempts_are_counted_until_none_is_left() {
    everywhere(async |queue| {
        queue.enqueue(&[item("fails", 1.0), item("runs-out", 1.0)]).await.unwrap();
        for attempt in 1..=3 {
            let at = queue.at(NOW + f64::from(attempt) * DAY).unwrap();
            let claimed = at.claim(&claim(Stage::Verify, 2)).await.unwrap();
            assert_eq!(claimed.len(), 2);
            let one = claimed.iter().find(|one| one.item.id == "fails").unwrap();
            assert_eq!((one.attempt, one.max_attempts), (i64::from(attempt), 3));
            let state = at.fail("fails", one.token, &failure(Retry::Later)).await.unwrap();
            assert_eq!(state, if attempt < 3 { Failed } else { Dead });
        }
        let end = queue.at(NOW + 9.0 * DAY).unwrap();
        assert!(end.claim(&claim(Stage::Verify, 2)).await.unwrap().is_empty());
        assert_eq!(end.counts().await.unwrap(), [(Dead, 2)]);
        // A person may begin again.
        let decided = end.requeue(Which::State(Dead), "ann").await.unwrap();
        assert_eq!(decided.changed.len(), 2);
        assert_eq!(one(&end, Stage::Verify).await.attempt, 1);
    });
}

#[test]
fn a_lease_that_is_given_back_is_no_attempt() {
    everywhere(async |queue| {
        let token = bring(queue, "a", Leased).await;
        queue.release("a", token, Some(NOW + HOUR), Some("change window")).await.unwrap();
        assert!(queue.claim(&claim(Stage::Verify, 1)).await.unwrap().is_empty());
        assert!(queue.next(Stage::Verify).await.unwrap().is_none());
        let claimed = one(&queue.at(NOW + HOUR).unwrap(), Stage::Verify).await;
        assert_eq!((claimed.attempt, claimed.token), (1, 2));
        let journal = queue.journal("a").await.unwrap();
        assert_eq!(journal[2].reason.as_deref(), Some("change window"));
    });
}

#[test]
fn a_failed_item_sleeps_longer_each_time_and_wakes_where_it_was() {
    everywhere(async |queue| {
        let mut at = NOW;
        bring(queue, "a", Approved).await;
        for bound in [queue::BACKOFF_BASE, 2.0 * queue::BACKOFF_BASE] {
            let now = queue.at(at).unwrap();
            let token = one(&now, Stage::Apply).await.token;
            now.fail("a", token, &failure(Retry::Later)).await.unwrap();
            let row = now.show("a").await.unwrap();
            let sleep = row.until.unwrap() - at;
            assert!((0.0..=bound).contains(&sleep), "{sleep} of {bound}");
            at += sleep;
        }
        assert_eq!(one(&queue.at(at).unwrap(), Stage::Apply).await.attempt, 3);
    });
}

#[test]
fn people_decide_and_the_journal_says_who() {
    everywhere(async |queue| {
        bring(queue, "a", Verified).await;
        bring(queue, "b", Queued).await;
        let ids = ["a", "b", "c"].map(str::to_owned);
        let approved = queue.approve(Which::Ids(&ids), "ann").await.unwrap();
        assert_eq!(approved.changed, ["a"]);
        let refused = [("b".to_owned(), Some(Queued)), ("c".to_owned(), None)];
        assert_eq!(approved.refused, refused);
        let rejected = queue.reject(Which::Ids(&ids), "bob", "not now").await.unwrap();
        assert_eq!(rejected.changed.len(), 2);
        let last = queue.journal("a").await.unwrap().pop().unwrap();
        assert_eq!((last.who.as_deref(), last.reason.as_deref()), (Some("bob"), Some("not now")));
        assert_eq!((last.event.as_str(), last.from, last.to), ("reject", Some(Approved), Dead));
    });
}

#[test]
fn an_applied_item_keeps_what_takes_it_back() {
    everywhere(async |queue| {
        let token = bring(queue, "a", Applying).await;
        let inverse = serde_json::from_str(r#"[{"op":"remove","path":"/a~1b"}]"#).unwrap();
        let completed = Completed { inverse: Some(inverse), seconds: Some(1.5), note: None };
        queue.complete("a", token, &completed).await.unwrap();
        let entry = queue.journal("a").await.unwrap().pop().unwrap();
        assert_eq!((entry.inverse.clone(), entry.seconds), (completed.inverse, Some(1.5)));
        assert_eq!(queue.show("a").await.unwrap().work.unwrap().inverse, entry.inverse);
        // Purging asks for the state and the time.
        assert_eq!(queue.purge(&[Dead], NOW + DAY).await.unwrap(), 0);
        assert_eq!(queue.purge(&[Applied], NOW).await.unwrap(), 0);
        assert_eq!(queue.purge(&[Applied], NOW + 1.0).await.unwrap(), 1);
        assert!(queue.journal("a").await.unwrap().is_empty());
    });
}

#[test]
fn an_id_may_be_cut_short_while_it_is_the_only_one() {
    everywhere(async |queue| {
        queue.enqueue(&[item("abc", 1.0), item("abd", 1.0), item("ab", 1.0)]).await.unwrap();
        assert_eq!(queue.show("abd").await.unwrap().id, "abd");
        assert_eq!(queue.show("ab").await.unwrap().id, "ab");
        assert!(matches!(queue.show("a").await.unwrap_err(), Error::Ambiguous { .. }));
        assert!(matches!(queue.show("x%").await.unwrap_err(), Error::Unknown { .. }));
    });
}

#[test]
fn a_list_can_be_narrowed() {
    everywhere(async |queue| {
        let mut other = item("other", 1.0);
        other.object.namespace = None;
        other.rule = Some("latest-tag".to_owned());
        queue.enqueue(&[item("a", 1.0), other, item("b", 1.0)]).await.unwrap();
        one(queue, Stage::Verify).await;
        let ids = async |filter: Filter| -> Vec<String> {
            queue.list(&filter).await.unwrap().into_iter().map(|row| row.id).collect()
        };
        let filter = Filter::default;
        assert_eq!(ids(filter()).await, ["a", "other", "b"]);
        assert_eq!(ids(Filter { state: Some(Leased), ..filter() }).await, ["a"]);
        assert_eq!(ids(Filter { namespace: Some("shop".into()), ..filter() }).await, ["a", "b"]);
        assert_eq!(ids(Filter { rule: Some("latest-tag".into()), ..filter() }).await, ["other"]);
        assert_eq!(ids(Filter { limit: Some(2), ..filter() }).await, ["a", "other"]);
    });
}

#[test]
fn a_clock_that_goes_back_loses_nothing_and_keeps_nothing_for_ever() {
    everywhere(async |queue| {
        queue.enqueue(&[item("leased", 3.0), item("asleep", 2.0), item("new", 1.0)]).await.unwrap();
        one(queue, Stage::Verify).await;
        let token = one(queue, Stage::Verify).await.token;
        queue.fail("asleep", token, &failure(Retry::After(HOUR))).await.unwrap();
        // Within the slack nothing happens; far back everything that began later is over.
        let little = queue.at(NOW - 30.0).unwrap();
        assert_eq!(one(&little, Stage::Verify).await.item.id, "new");
        let back = queue.at(NOW - DAY).unwrap();
        let claimed = back.claim(&claim(Stage::Verify, 10)).await.unwrap();
        let ids: Vec<_> = claimed.iter().map(|one| one.item.id.as_str()).collect();
        assert_eq!(ids, ["leased", "asleep", "new"]);
        assert!(claimed.iter().all(|one| one.lease_until == NOW - DAY + 60.0));
        let report = back.report().await.unwrap();
        assert!(report.states.iter().all(|state| state.oldest >= 0.0 && state.mean >= 0.0));
        assert_eq!(back.show("new").await.unwrap().wait_hours(NOW - DAY), 0.0);
    });
}

#[test]
fn numbers_out_of_range_are_refused_and_nothing_is_written() {
    everywhere(async |queue| {
        for value in [f64::NAN, -1.0, f64::INFINITY, 1e300] {
            let error = queue.enqueue(&[item("good", 1.0), item("bad", value)]).await.unwrap_err();
            assert!(error.to_string().starts_with("item bad: risk is "), "{error}");
            let lease = queue::Claim { lease_seconds: value, ..claim(Stage::Verify, 1) };
            assert!(queue.claim(&lease).await.is_err());
            assert!(queue.heartbeat("a", 1, value).await.is_err());
        }
        for value in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(queue.at(value).is_err());
            let error = queue.fail("a", 1, &failure(Retry::After(value))).await.unwrap_err();
            assert!(matches!(error, Error::Number { .. }), "{error}");
            assert!(queue.release("a", 1, Some(value), None).await.is_err());
            let seconds = Completed { seconds: Some(value), ..Completed::default() };
            assert!(queue.complete("a", 1, &seconds).await.is_err());
            assert!(queue.set_waits(value, 0.0).await.is_err());
            let weights = queue::Weights { alpha: value, kev_weight: 0.0 };
            assert!(queue.next_by(&weights).await.is_err());
        }
        for limit in [0, 1001] {
            assert!(queue.claim(&claim(Stage::Verify, limit)).await.is_err());
        }
        assert!(queue.counts().await.unwrap().is_empty());
    });
}

#[test]
fn a_report_counts_what_is_and_what_was() {
    everywhere(async |queue| {
        bring(queue, "dead", Dead).await;
        bring(queue, "applied", Applied).await;
        bring(queue, "held", Leased).await;
        queue.enqueue(&[item("old", 1.0)]).await.unwrap();
        let report = queue.at(NOW + 600.0).unwrap().report().await.unwrap();
        let count = |state| report.states.iter().find(|s| s.state == state).unwrap();
        assert_eq!(report.states.len(), 9);
        assert_eq!((count(Dead).count, count(Applied).count, count(Queued).count), (1, 1, 1));
        assert_eq!((count(Queued).oldest, count(Stale).oldest), (600.0, 0.0));
        assert_eq!(report.failures, [("gate".to_owned(), 1)]);
        assert_eq!((report.stuck[0].id.as_str(), report.stuck[0].worker.as_str()), ("held", "w1"));
        let applied =
            report.hour.iter().find(|h| (h.event.as_str(), h.to) == ("complete", Applied));
        assert_eq!(applied.unwrap().count, 1);
        assert_eq!((report.not_learnt, report.due, report.without_patch), (3, 0, 0));
        let late = queue.at(NOW + 8.0 * DAY).unwrap().report().await.unwrap();
        assert_eq!((late.due, late.day.len(), late.states[0].count), (1, 0, 1));
    });
}
