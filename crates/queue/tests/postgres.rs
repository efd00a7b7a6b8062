//! What only concerns servers: addresses, users, lost connections, versions.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::item;
use queue::testing::Postgres;
use queue::{Completed, Error, Location, Queue, Stage};
use record::QueueState;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

fn location(text: &str) -> Location {
    text.parse().unwrap()
}

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    // Nothing listens on a port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://me:s3cret@127.0.0.1:{port}/fixes");
    let error = run(Queue::open(&location(&url))).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let said = format!("{error} {error:?}");
    assert!(said.starts_with(&format!("postgres://me@127.0.0.1:{port}/fixes: ")), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_wrong_user_database_or_password_is_an_error_at_once() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    for url in [server.url("nobody", "postgres"), server.url("postgres", "nowhere")] {
        let error = run(Queue::open(&location(&url))).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
    let protected = Postgres::with_password("right").unwrap().unwrap();
    let url = |password| protected.url(&format!("postgres:{password}"), "postgres");
    run(Queue::init(&location(&url("right")))).unwrap();
    let error = run(Queue::open(&location(&url("wrong")))).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
}

#[test]
fn what_is_not_a_queue_is_refused() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    let url = server.database().unwrap();
    let missing = run(Queue::open(&location(&url))).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    server.sql(database(&url), "CREATE SCHEMA k8s_auto_fix CREATE TABLE prices (n int)").unwrap();
    let foreign = run(Queue::init(&location(&url))).unwrap_err();
    assert!(matches!(foreign, Error::Foreign { .. }), "{foreign}");

    let url = server.database().unwrap();
    run(Queue::init(&location(&url))).unwrap();
    let raise = "UPDATE k8s_auto_fix.settings SET value = 99 WHERE name = 'version'";
    server.sql(database(&url), raise).unwrap();
    let newer = run(Queue::open(&location(&url))).unwrap_err();
    assert!(matches!(newer, Error::Newer { found: 99, known: 2, .. }), "{newer}");
}

#[test]
fn many_may_create_the_queue_at_once() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    let url = server.database().unwrap();
    run(async {
        let create = |n: usize| {
            let location = location(&url);
            tokio::spawn(async move {
                let queue = Queue::init(&location).await.unwrap();
                queue.enqueue(&[item(&n.to_string(), 1.0)]).await.unwrap();
            })
        };
        for task in (0..8).map(create).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let queue = Queue::open(&location(&url)).await.unwrap();
        assert_eq!(queue.counts().await.unwrap(), [(QueueState::Queued, 8)]);
    });
}

/// The rights that the documentation names, and no more.
const GRANTS: &str = "
    CREATE ROLE worker LOGIN;
    GRANT USAGE ON SCHEMA k8s_auto_fix TO worker;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA k8s_auto_fix TO worker;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA k8s_auto_fix TO worker;
    CREATE ROLE stranger LOGIN;";

#[test]
fn the_rights_that_the_documentation_names_are_enough() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    let url = server.database().unwrap();
    run(Queue::init(&location(&url))).unwrap();
    server.sql(database(&url), GRANTS).unwrap();
    run(async {
        let worker = location(&server.url("worker", database(&url)));
        let queue = Queue::open(&worker).await.unwrap();
        queue.enqueue(&[item("a", 1.0)]).await.unwrap();
        let claimed = common::one(&queue, Stage::Verify).await;
        queue.complete("a", claimed.token, &Completed::default()).await.unwrap();
        queue.learn(|classes| vec![1.0; classes.len()]).await.unwrap();
        queue.report().await.unwrap();
        queue.next(Stage::Verify).await.unwrap();
        queue.purge(&QueueState::ALL, 1e10).await.unwrap();
        let stranger = location(&server.url("stranger", database(&url)));
        let error = Queue::open(&stranger).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden { .. }), "{error}");
    });
}

#[test]
fn a_connection_that_is_lost_is_an_error_and_the_next_one_works() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    let url = server.database().unwrap();
    run(async {
        let queue = Queue::init(&location(&url)).await.unwrap();
        queue.enqueue(&[item("a", 1.0)]).await.unwrap();
        // The connection rests for less than what makes it be asked first.
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            database(&url)
        );
        server.sql("postgres", &end).unwrap();
        let lost = queue.counts().await.unwrap_err();
        assert!(matches!(lost, Error::Lost { .. }), "{lost}");
        assert_eq!(queue.counts().await.unwrap(), [(QueueState::Queued, 1)]);
    });
}

#[test]
fn a_server_that_starts_again_is_waited_for() {
    let Some(mut server) = Postgres::start().unwrap() else {
        eprintln!("SKIPPED: no PostgreSQL");
        return;
    };
    let url = server.database().unwrap();
    run(async {
        let queue = Queue::init(&location(&url)).await.unwrap();
        queue.enqueue(&[item("a", 1.0)]).await.unwrap();
        server.kill().unwrap();
        let lost = queue.enqueue(&[item("b", 1.0)]).await.unwrap_err();
        assert!(matches!(lost, Error::Lost { .. } | Error::Unreachable { .. }), "{lost}");
        let later = {
            let location = location(&url);
            tokio::spawn(async move { Queue::open(&location).await })
        };
        server.restart().unwrap();
        let opened = later.await.unwrap().unwrap();
        assert_eq!(opened.counts().await.unwrap(), [(QueueState::Queued, 1)]);
        assert_eq!(queue.enqueue(&[item("b", 1.0)]).await.unwrap().new, 1);
        let target = std::env::temp_dir().join("never-written.db");
        let error = queue.backup(&target).await.unwrap_err();
        assert!(error.to_string().contains("pg_dump"), "{error}");
    });
}

#[test]
fn the_clock_is_that_of_the_server() {
    let Some(server) = Postgres::shared().unwrap() else { return };
    let url = server.database().unwrap();
    run(async {
        let queue = Queue::init(&location(&url)).await.unwrap();
        queue.enqueue(&[item("a", 1.0)]).await.unwrap();
        let claimed = common::one(&queue, Stage::Verify).await;
        let sql =
            "SELECT last_update = until - 60, abs(extract(epoch FROM now()) - last_update) < 60
                   FROM k8s_auto_fix.items";
        assert_eq!(server.sql(database(&url), sql).unwrap(), "t|t");
        assert!(claimed.lease_until > claimed.enqueued_at);
    });
}
