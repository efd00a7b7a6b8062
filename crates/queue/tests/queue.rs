//! The queue against real files.

#![allow(clippy::unwrap_used)]

use queue::blocking::Queue;
use queue::{Enqueued, Error, Weights};
use record::{ObjectRef, QueueItem, QueueState};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: f64 = 1_800_000_000.0;
const HOUR: f64 = 3600.0;

fn item(id: &str, risk: f64) -> QueueItem {
    QueueItem {
        id: id.to_owned(),
        policy_id: "no_privileged".to_owned(),
        state: QueueState::Queued,
        manifest_path: "deploy/it's.yaml".to_owned(),
        object: ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web \"x\"".to_owned(),
            generate_name: String::new(),
            document: 2,
            prefix: String::new(),
        },
        patch: serde_json::from_str(r#"[{"op":"add","path":"/a~1b","value":{"c":[1.5,null]}}]"#)
            .unwrap(),
        risk,
        probability: 0.9,
        expected_time: 10.0,
        kev: false,
        rule: None,
        proposer: "rules".to_owned(),
        applicability: None,
        deadline: None,
    }
}

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    (dir, path)
}

/// Runs statements on the file behind the queue's back.
fn sql(path: &Path, text: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn an_item_comes_back_as_it_went_in_after_a_restart() {
    let (_dir, path) = folder();
    let sent = item("a", 85.0);
    Queue::init(&path).unwrap().enqueue(std::slice::from_ref(&sent), NOW).unwrap();
    let row = Queue::open(&path).unwrap().next(&Weights::default(), NOW).unwrap().unwrap();
    assert_eq!((row.enqueued_at, row.attempts, row.max_attempts), (NOW, 0, 3));
    assert_eq!(row.into_item().unwrap(), sent);
}

#[test]
fn enqueueing_twenty_thousand_twice_changes_neither_state_nor_age() {
    let (_dir, path) = folder();
    let queue = Queue::init(&path).unwrap();
    let items: Vec<_> = (0..20_000).map(|n| item(&n.to_string(), 40.0)).collect();
    let first = queue.enqueue(&items, NOW).unwrap();
    assert_eq!(first, Enqueued { new: 20_000, known: 0 });
    let mut again = items.clone();
    again.iter_mut().for_each(|item| item.risk = 99.0);
    again.push(item("new", 1.0));
    again.push(item("new", 2.0));
    let second = queue.enqueue(&again, NOW + HOUR).unwrap();
    assert_eq!(second, Enqueued { new: 1, known: 20_001 });
    let rows = queue.list(usize::MAX).unwrap();
    assert_eq!(rows.len(), 20_001);
    assert!(rows[..20_000].iter().all(|row| (row.risk, row.enqueued_at) == (40.0, NOW)));
    assert_eq!((rows[20_000].id.as_str(), rows[20_000].risk), ("new", 1.0));
    assert_eq!(queue.counts().unwrap(), [(QueueState::Queued, 20_001)]);
    assert_eq!(queue.list(2).unwrap().len(), 2);
}

#[test]
fn next_follows_risk_waiting_and_exploitation_and_changes_nothing() {
    let (_dir, path) = folder();
    let queue = Queue::init(&path).unwrap();
    assert!(queue.next(&Weights::default(), NOW).unwrap().is_none());
    let mut exploited = item("kev", 10.0);
    exploited.kev = true;
    queue.enqueue(&[item("old", 20.0)], NOW - 8.0 * HOUR).unwrap();
    queue.enqueue(&[item("high", 85.0), item("equal", 85.0), exploited], NOW).unwrap();
    let next =
        |alpha, kev_weight| queue.next(&Weights { alpha, kev_weight }, NOW).unwrap().unwrap().id;
    assert_eq!(next(0.0, 0.0), "high");
    assert_eq!(next(0.0, 0.0), "high");
    assert_eq!(next(1.0, 0.0), "old");
    assert_eq!(next(0.0, 100.0), "kev");
}

#[test]
fn numbers_that_cannot_be_ranked_are_refused_and_nothing_is_written() {
    let (_dir, path) = folder();
    let queue = Queue::init(&path).unwrap();
    for value in [f64::NAN, -1.0, f64::INFINITY] {
        let error = queue.enqueue(&[item("good", 1.0), item("bad", value)], NOW).unwrap_err();
        assert!(error.to_string().starts_with("item bad: risk is "), "{error}");
        assert!(queue.enqueue(&[], value).is_err());
        let weights = Weights { alpha: value, kev_weight: 0.0 };
        assert!(queue.next(&weights, NOW).is_err());
    }
    assert!(queue.counts().unwrap().is_empty());
}

#[test]
fn threads_that_create_and_fill_one_queue_lose_nothing() {
    let (_dir, path) = folder();
    let news: usize = std::thread::scope(|scope| {
        let fill = |from: usize| {
            let queue = Queue::init(&path).unwrap();
            let items: Vec<_> = (from..from + 600).map(|n| item(&n.to_string(), 1.0)).collect();
            let parts = items.chunks(50).map(|part| queue.enqueue(part, NOW).unwrap().new);
            parts.sum::<usize>()
        };
        // Halves overlap, so the same items come from two sides.
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || fill(n * 300))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(news, 1500);
    assert_eq!(Queue::open(&path).unwrap().counts().unwrap(), [(QueueState::Queued, 1500)]);
}

/// Not a test of its own: `processes_share_one_queue` runs it in processes.
#[test]
fn child_process() {
    let Ok(path) = std::env::var("QUEUE_TEST_PATH") else { return };
    let queue = Queue::init(Path::new(&path)).unwrap();
    for n in 0..100 {
        queue.enqueue(&[item(&n.to_string(), 1.0)], NOW).unwrap();
    }
}

#[test]
fn processes_share_one_queue() {
    let (_dir, path) = folder();
    let start = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_process"])
            .env("QUEUE_TEST_PATH", &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    for mut child in [start(), start()] {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(Queue::open(&path).unwrap().counts().unwrap(), [(QueueState::Queued, 100)]);
}

const REFERENCE: &str = "
    CREATE TABLE items (id TEXT PRIMARY KEY, policy_id TEXT, state TEXT, attempts INTEGER,
        max_attempts INTEGER, enqueued_at REAL, last_update REAL, risk REAL, probability REAL,
        expected_time REAL, kev INTEGER, wait REAL DEFAULT 0.0);
    INSERT INTO items VALUES
        ('020','drop_capabilities','queued',0,3,1759822092.11,1759822092.11,85.0,0.9,10.0,0,0.0),
        ('021','no_latest_tag','queued',0,3,1759822092.2,1759822092.2,60,0.9,10,1,NULL);";

#[test]
fn a_queue_of_the_reference_system_keeps_its_rows() {
    let (_dir, path) = folder();
    sql(&path, REFERENCE);
    let queue = Queue::open(&path).unwrap();
    let rows = queue.list(10).unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.risk, row.kev)).collect();
    assert_eq!(found, [("020", 85.0, false), ("021", 60.0, true)]);
    assert_eq!(rows[0].enqueued_at, 1_759_822_092.11);
    assert!(rows[0].work.is_none());
    assert_eq!(queue.enqueue(&[item("new", 1.0)], NOW).unwrap().new, 1);
    drop(queue);
    assert_eq!(Queue::open(&path).unwrap().list(10).unwrap().len(), 3);
}

#[test]
fn a_row_that_cannot_be_kept_leaves_the_file_as_it_was() {
    let (_dir, path) = folder();
    sql(&path, REFERENCE);
    sql(&path, "UPDATE items SET risk = NULL WHERE id = '021'");
    let before = std::fs::read(&path).unwrap();
    let error = Queue::open(&path).unwrap_err();
    assert!(matches!(&error, Error::Import { .. }), "{error}");
    assert!(error.to_string().contains("risk"), "{error}");
    sql(&path, "UPDATE items SET risk = 1, state = 'done' WHERE id = '021'");
    let error = Queue::open(&path).unwrap_err();
    assert!(error.to_string().contains("\"021\" has the unknown state \"done\""), "{error}");
    assert_eq!(before.len(), std::fs::read(&path).unwrap().len());
}

#[test]
fn what_is_not_a_queue_is_refused_by_name() {
    let (dir, path) = folder();
    let refused = |path: &Path| {
        let error = Queue::open(path).unwrap_err();
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        error
    };
    assert!(matches!(refused(&path), Error::Missing { .. }));
    assert!(matches!(refused(dir.path()), Error::CannotOpen { .. }));
    let nowhere = Queue::init(&dir.path().join("no/such/queue.db")).unwrap_err();
    assert!(matches!(nowhere, Error::CannotOpen { .. }), "{nowhere}");

    let text = dir.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to be read as one").unwrap();
    assert!(matches!(refused(&text), Error::NotADatabase { .. }));

    let foreign = dir.path().join("foreign.db");
    sql(&foreign, "CREATE TABLE items (id TEXT, price REAL)");
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(refused(&foreign), Error::Foreign { .. }));
    assert_eq!(before, std::fs::read(&foreign).unwrap());

    Queue::init(&path).unwrap();
    sql(&path, "PRAGMA user_version = 99");
    assert!(matches!(refused(&path), Error::Newer { found: 99, known: 1, .. }));
}

#[test]
fn a_row_that_was_damaged_is_named() {
    let (_dir, path) = folder();
    let queue = Queue::init(&path).unwrap();
    queue.enqueue(&[item("a", 1.0)], NOW).unwrap();
    sql(&path, "UPDATE items SET patch = '{'");
    let error = queue.list(1).unwrap_err();
    assert!(error.to_string().contains("item \"a\" is not readable"), "{error}");
}

#[test]
fn a_lock_that_does_not_end_is_an_error() {
    let (_dir, path) = folder();
    let queue = Queue::init(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let options = SqliteConnectOptions::new().filename(&path);
    let mut other = runtime.block_on(SqliteConnection::connect_with(&options)).unwrap();
    runtime.block_on(sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other)).unwrap();
    let error = queue.enqueue(&[item("a", 1.0)], NOW).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
}
