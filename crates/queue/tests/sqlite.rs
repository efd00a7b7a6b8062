//! What only concerns files: whose they are, versions, locks, damage, full disks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{NOW, item};
use queue::blocking::Queue;
use queue::{Completed, Enqueued, Error, Filter, Location, Stage};
use record::QueueState;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    (dir, path)
}

fn init(path: &Path) -> Queue {
    Queue::init(&path.into()).unwrap()
}

fn open(path: &Path) -> Result<Queue, Error> {
    Queue::open(&path.into())
}

fn enqueue(queue: &Queue, ids: &[String]) -> Result<Enqueued, Error> {
    let items: Vec<_> = ids.iter().map(|id| item(id, 1.0)).collect();
    queue.run(async |queue| queue.at(NOW)?.enqueue(&items).await)
}

fn counts(queue: &Queue) -> Vec<(QueueState, usize)> {
    queue.run(async |queue| queue.counts().await).unwrap()
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
fn enqueueing_twenty_thousand_twice_changes_nothing() {
    let (_dir, path) = folder();
    let queue = init(&path);
    let ids: Vec<_> = (0..20_000).map(|n| n.to_string()).collect();
    let first = enqueue(&queue, &ids).unwrap();
    assert_eq!(first, Enqueued { new: 20_000, known: 0, rescored: 0, renewed: 0 });
    let second = enqueue(&queue, &ids).unwrap();
    assert_eq!(second, Enqueued { new: 0, known: 20_000, rescored: 0, renewed: 0 });
    let rows = queue.run(async |queue| queue.list(&Filter::default()).await).unwrap();
    assert!(rows.iter().map(|row| &row.id).eq(&ids));
}

#[test]
fn threads_that_create_and_fill_one_queue_lose_nothing() {
    let (_dir, path) = folder();
    let news: usize = std::thread::scope(|scope| {
        let fill = |from: usize| {
            let queue = init(&path);
            let ids: Vec<_> = (from..from + 600).map(|n| n.to_string()).collect();
            ids.chunks(50).map(|part| enqueue(&queue, part).unwrap().new).sum::<usize>()
        };
        // Halves overlap, so the same items come from two sides.
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || fill(n * 300))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(news, 1500);
    assert_eq!(counts(&open(&path).unwrap()), [(QueueState::Queued, 1500)]);
}

/// Not a test of its own: `processes_share_one_queue` runs it in processes.
#[test]
fn child_process() {
    let Ok(path) = std::env::var("QUEUE_TEST_PATH") else { return };
    let queue = init(Path::new(&path));
    for n in 0..100 {
        enqueue(&queue, &[n.to_string()]).unwrap();
        queue.run(async |queue| {
            for one in queue.claim(&common::claim(Stage::Verify, 1)).await.unwrap() {
                let completed = Completed::default();
                queue.complete(&one.item.id, one.token, &completed).await.unwrap();
            }
        });
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
    assert_eq!(counts(&open(&path).unwrap()), [(QueueState::Verified, 100)]);
}

const REFERENCE: &str = "
    CREATE TABLE items (id TEXT PRIMARY KEY, policy_id TEXT, state TEXT, attempts INTEGER,
        max_attempts INTEGER, enqueued_at REAL, last_update REAL, risk REAL, probability REAL,
        expected_time REAL, kev INTEGER, wait REAL DEFAULT 0.0);
    INSERT INTO items VALUES
        ('020','drop_capabilities','queued',0,3,1759822092.11,1759822092.11,85.0,0.9,10.0,0,0.0),
        ('021','no_latest_tag','queued',0,3,1759822092.2,1759822092.2,60,0.9,10,1,NULL);";

/// What is known of rows of the reference system.
fn assert_reference_rows(queue: &Queue) {
    let rows = queue.run(async |queue| queue.list(&Filter::default()).await).unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.risk, row.kev)).collect();
    assert_eq!(found, [("020", 85.0, false), ("021", 60.0, true)]);
    assert_eq!(rows[0].enqueued_at, 1_759_822_092.11);
    assert!(rows[0].work.is_none());
    queue.run(async |queue| {
        let claimed = queue.claim(&common::claim(Stage::Verify, 1)).await.unwrap();
        assert!(claimed.is_empty(), "there is nothing to do");
        let next = queue.next_by(&queue::Weights::default()).await.unwrap();
        assert!(next.is_some(), "but it can be seen");
        assert_eq!(queue.report().await.unwrap().without_patch, 2);
    });
}

#[test]
fn a_queue_of_the_reference_system_keeps_its_rows() {
    let (_dir, path) = folder();
    sql(&path, REFERENCE);
    let queue = open(&path).unwrap();
    assert_reference_rows(&queue);
    assert_eq!(enqueue(&queue, &["new".to_owned()]).unwrap().new, 1);
    drop(queue);
    assert_eq!(counts(&open(&path).unwrap()), [(QueueState::Queued, 3)]);
}

#[test]
fn a_queue_of_the_reference_system_is_imported_into_either_database() {
    let (dir, path) = folder();
    let reference = dir.path().join("reference.db");
    sql(&reference, REFERENCE);
    let before = std::fs::read(&reference).unwrap();
    let server = queue::testing::Postgres::shared().unwrap();
    let database = server.as_ref().map(|server| server.database().unwrap().parse().unwrap());
    for location in [Some(Location::from(path.as_path())), database].into_iter().flatten() {
        let queue = Queue::init(&location).unwrap();
        for new in [2, 0] {
            let done = queue.run(async |queue| queue.import(&reference).await).unwrap();
            assert_eq!(done, Enqueued { new, known: 2 - new, rescored: 0, renewed: 0 });
        }
        assert_reference_rows(&queue);
    }
    assert_eq!(before, std::fs::read(&reference).unwrap());
    let queue = init(&dir.path().join("other.db"));
    enqueue(&queue, &["a".to_owned()]).unwrap();
    drop(queue);
    let other = dir.path().join("other.db");
    let error = open(&path).unwrap().run(async |queue| queue.import(&other).await).unwrap_err();
    assert!(matches!(error, Error::Import { .. }), "{error}");
}

#[test]
fn a_row_that_cannot_be_kept_leaves_the_file_as_it_was() {
    let (_dir, path) = folder();
    sql(&path, REFERENCE);
    sql(&path, "UPDATE items SET risk = NULL WHERE id = '021'");
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(&error, Error::Import { .. }), "{error}");
    assert!(error.to_string().contains("risk"), "{error}");
    assert!(before == std::fs::read(&path).unwrap());
    sql(&path, "UPDATE items SET risk = 1, state = 'done' WHERE id = '021'");
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("\"021\" has the unknown state \"done\""), "{error}");
}

/// A queue as the first version left it.
const VERSION_1: &str = concat!(
    include_str!("../migrations/sqlite/0001_items.sql"),
    r#"INSERT INTO items VALUES
        ('a','no_privileged','queued',1,3,1700000000.5,1700000001.0,85.0,0.9,10.0,1,0.0,'a.yaml',
         '{"api_version":"v1","kind":"Pod","namespace":"shop","name":"web","document":0}',
         '[{"op":"remove","path":"/x"}]'),
        ('b','no_latest_tag','queued',0,3,1700000002.0,1700000002.0,0.0,0.0,0.0,0,0.0,NULL,NULL,
         NULL);"#
);

#[test]
fn a_queue_of_the_first_version_keeps_its_rows() {
    let (_dir, path) = folder();
    sql(&path, VERSION_1);
    let queue = open(&path).unwrap();
    let rows = queue.run(async |queue| queue.list(&Filter::default()).await).unwrap();
    let [a, b] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((a.attempts, a.enqueued_at, a.risk, a.kev), (1, 1_700_000_000.5, 85.0, true));
    assert_eq!(a.due_at, 1_700_000_000.5 + 6.0 * 86_400.0);
    assert_eq!(a.work.as_ref().unwrap().manifest_path, "a.yaml");
    assert_eq!(a.work.as_ref().unwrap().object.namespace.as_deref(), Some("shop"));
    assert_eq!((b.id.as_str(), b.risk, b.work.is_none()), ("b", 0.0, true));
    let claimed = queue.run(async |queue| queue.claim(&common::claim(Stage::Verify, 9)).await);
    assert_eq!(claimed.unwrap()[0].item.id, "a");
    let journal = queue.run(async |queue| queue.journal("a").await).unwrap();
    assert_eq!((journal.len(), journal[0].time), (2, 1_700_000_001.0));
}

#[test]
fn what_is_not_a_queue_is_refused_by_name() {
    let (dir, path) = folder();
    let refused = |path: &Path| {
        let error = open(path).unwrap_err();
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        error
    };
    assert!(matches!(refused(&path), Error::Missing { .. }));
    assert!(matches!(refused(dir.path()), Error::CannotOpen { .. }));
    let nowhere = Queue::init(&dir.path().join("no/such/queue.db").as_path().into()).unwrap_err();
    assert!(matches!(nowhere, Error::CannotOpen { .. }), "{nowhere}");

    let text = dir.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to be read as one").unwrap();
    assert!(matches!(refused(&text), Error::NotADatabase { .. }));

    let foreign = dir.path().join("foreign.db");
    sql(&foreign, "CREATE TABLE items (id TEXT, price REAL)");
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(refused(&foreign), Error::Foreign { .. }));
    assert_eq!(before, std::fs::read(&foreign).unwrap());

    init(&path);
    sql(&path, "PRAGMA user_version = 99");
    assert!(matches!(refused(&path), Error::Newer { found: 99, known: 2, .. }));
}

#[test]
fn a_row_that_was_damaged_is_named() {
    let (_dir, path) = folder();
    let queue = init(&path);
    enqueue(&queue, &["a".to_owned()]).unwrap();
    sql(&path, "UPDATE items SET patch = '{'");
    let error = queue.run(async |queue| queue.show("a").await).unwrap_err();
    assert!(error.to_string().contains("item \"a\" is not readable"), "{error}");
}

#[test]
fn a_file_that_was_damaged_is_an_error() {
    let (_dir, path) = folder();
    let queue = init(&path);
    enqueue(&queue, &(0..2000).map(|n| n.to_string()).collect::<Vec<_>>()).unwrap();
    drop(queue);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[8192..middle].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let listed = open(&path)
        .and_then(|queue| queue.run(async |queue| queue.list(&Filter::default()).await).map(drop));
    let error = listed.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[test]
fn a_lock_that_does_not_end_is_an_error_and_nothing_is_lost() {
    let (_dir, path) = folder();
    let queue = init(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let options = SqliteConnectOptions::new().filename(&path);
    let mut other = runtime.block_on(SqliteConnection::connect_with(&options)).unwrap();
    runtime.block_on(sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other)).unwrap();
    let error = enqueue(&queue, &["a".to_owned()]).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(counts(&queue).is_empty(), "reading goes on");
    runtime.block_on(sqlx::raw_sql("COMMIT").execute(&mut other)).unwrap();
    assert_eq!(enqueue(&queue, &["a".to_owned()]).unwrap().new, 1);
}

/// Not a test of its own: `a_full_disk_is_an_error_and_loses_nothing` runs it under a limit.
#[test]
fn full_disk_child() {
    let Ok(path) = std::env::var("QUEUE_TEST_FULL") else { return };
    let queue = open(Path::new(&path)).unwrap();
    for n in 0..1000 {
        let ids: Vec<_> = (0..100).map(|m| format!("{n}-{m}")).collect();
        match enqueue(&queue, &ids) {
            Ok(_) => println!("acknowledged {n}"),
            Err(Error::Full { .. }) => {
                println!("full after {n}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let (_dir, path) = folder();
    drop(init(&path));
    let this = std::env::current_exe().unwrap();
    // A file cannot grow beyond the limit, which the database sees as a disk without room. The
    // signal would end the process.
    let script = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" --exact full_disk_child --nocapture";
    let ended = std::process::Command::new("bash")
        .args(["-c", script])
        .arg(this)
        .env("QUEUE_TEST_FULL", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    let full = said.lines().find_map(|line| line.split_once("full after ").map(|(_, n)| n));
    let rounds: usize = full.unwrap().trim().parse().unwrap();
    assert!(rounds > 0);
    let queue = open(&path).unwrap();
    assert_eq!(counts(&queue), [(QueueState::Queued, rounds * 100)]);
    assert_eq!(enqueue(&queue, &["more".to_owned()]).unwrap().new, 1);
}

#[test]
fn a_backup_is_a_queue_of_its_own() {
    let (dir, path) = folder();
    let queue = init(&path);
    enqueue(&queue, &["a".to_owned(), "b".to_owned()]).unwrap();
    let copy = dir.path().join("copy.db");
    queue.run(async |queue| queue.backup(&copy).await).unwrap();
    enqueue(&queue, &["c".to_owned()]).unwrap();
    assert_eq!(counts(&open(&copy).unwrap()), [(QueueState::Queued, 2)]);
    let error = queue.run(async |queue| queue.backup(&copy).await).unwrap_err();
    assert!(error.to_string().contains("something is there already"), "{error}");
    let nowhere = dir.path().join("no/such/folder.db");
    let error = queue.run(async |queue| queue.backup(&nowhere).await).unwrap_err();
    assert!(matches!(error, Error::Backup { .. }), "{error}");
    assert_eq!(counts(&queue), [(QueueState::Queued, 3)]);
}
