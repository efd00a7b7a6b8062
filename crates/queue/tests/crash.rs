//! Workers that are killed at random points. `cargo xtask queue` does the same, oftener.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

// Only the trials fill in and read all of it.
#[allow(dead_code)]
#[path = "../examples/trials/crash.rs"]
mod crash;

use crash::{Files, Found, Plain, Random, check, drain, item, run};
use queue::testing::Postgres;
use std::path::Path;
use std::process::Command;

/// Not a test of its own: the others run it in processes that they kill.
#[test]
fn child_process() {
    let Ok(text) = std::env::var("QUEUE_TEST_CHILD") else { return };
    let words: Vec<&str> = text.split('\n').collect();
    let [role, location, folder, seed] = words.as_slice() else { return };
    crash::child(role, location, Path::new(folder), seed.parse().unwrap()).unwrap();
}

fn this(role: &str, location: &str, folder: &Path, seed: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_process", "--nocapture"]);
    command.env("QUEUE_TEST_CHILD", format!("{role}\n{location}\n{}\n{seed}", folder.display()));
    command
}

fn assert_nothing_is_wrong(found: &Found) {
    eprintln!("{found:?}");
    assert!(found.wrong.is_empty(), "{found:#?}");
    assert!(found.acknowledged > 0 && found.completed > 0 && found.expired > 0, "{found:#?}");
}

#[test]
fn kills_lose_nothing_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    assert_nothing_is_wrong(&crash::sqlite(folder.path(), 150, &this).unwrap());
}

#[test]
fn kills_of_workers_and_of_the_server_lose_nothing_on_postgresql() {
    let Some(server) = Postgres::start().unwrap() else {
        eprintln!("SKIPPED: there is no PostgreSQL here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let found = crash::postgres(folder.path(), server, 120, 3, &this).unwrap();
    assert_eq!(found.server_kills, 3);
    assert_nothing_is_wrong(&found);
}

/// The check itself must see what it is for.
#[test]
fn the_check_sees_what_was_lost() {
    let changes = [
        ("DELETE FROM journal WHERE event = 'claim'", "does not begin where"),
        ("DELETE FROM items WHERE seq = 1", "acknowledged and lost"),
        (
            "UPDATE items SET state = 'queued', event = 'x'; UPDATE items SET state = 'applied'",
            "applied twice",
        ),
    ];
    for (sql, expected) in changes {
        let seen = seen_after(sql).unwrap();
        assert!(seen.iter().any(|wrong| wrong.contains(expected)), "{sql}: {seen:?}");
    }
}

/// What the check says of a good queue that was then changed behind its back.
fn seen_after(sql: &'static str) -> anyhow::Result<Vec<String>> {
    let dir = tempfile::tempdir()?;
    let folder = dir.path();
    let location = folder.join("queue.db").display().to_string();
    let items: Vec<_> = (0..3).map(|n| item(1, n, &mut Random(1))).collect();
    run(async |queue| queue.enqueue(&items).await, &location, true)?;
    let mut files = Files::open(folder, 1)?;
    for item in &items {
        files.line(&format!("item {}", item.id))?;
    }
    drain(&location)?;
    let mut found = Found::default();
    check(&location, folder, &mut found)?;
    assert!(found.wrong.is_empty(), "{found:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Plain::Sqlite(connection) = &mut Plain::connect(&location).await? {
            sqlx::raw_sql(sql).execute(connection).await?;
        }
        anyhow::Ok(())
    })?;
    check(&location, folder, &mut found)?;
    Ok(found.wrong)
}
