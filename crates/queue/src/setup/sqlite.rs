use super::{LATEST, newer};
use crate::{Error, Location};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::{Duration, Instant};

/// Each migration raises `user_version` to its number, so a file says what it is itself and two
/// processes cannot both migrate it.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/sqlite/0001_items.sql"),
    include_str!("../../migrations/sqlite/0002_states.sql"),
];
const IMPORT_REFERENCE: &str = include_str!("../../migrations/sqlite/import_reference.sql");
/// "k8af", as the first migration sets it.
const APPLICATION: i64 = 0x6b38_6166;
const BUSY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// The columns of the reference system's only table.
const REFERENCE_COLUMNS: &str = "attempts,enqueued_at,expected_time,id,kev,last_update,\
                                 max_attempts,policy_id,probability,risk,state,wait";

pub(super) async fn connect(
    queue: &Location,
    path: &Path,
    create: bool,
) -> Result<SqlitePool, Error> {
    let missing = !path.try_exists().unwrap_or(true);
    if missing && !create {
        return Err(Error::Missing { queue: queue.clone() });
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .busy_timeout(BUSY)
        // A commit is on the disk when it returns, and stays there when the machine stops.
        .pragma("synchronous", "FULL");
    let failed = |error| Error::database(queue, error, false);
    // One connection: there is one writer at a time anyway, and what it reads is in its cache.
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
    let found = schema(&pool).await.map_err(failed)?;
    if found.application != APPLICATION || found.version < LATEST {
        migrate(&pool, queue).await?;
    } else if found.version > LATEST {
        return Err(newer(queue, found.version));
    }
    write_ahead(&pool, queue).await?;
    Ok(pool)
}

/// Readers and the writer do not wait for each other. The file keeps the mode, so this is done once;
/// the first time nobody else may have it open, and no busy timeout counts for that.
async fn write_ahead(pool: &SqlitePool, queue: &Location) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let switched = sqlx::query("PRAGMA journal_mode = WAL").execute(pool).await;
        match switched.map_err(|error| Error::database(queue, error, false)) {
            Err(Error::Locked { .. }) if start.elapsed() < BUSY => tokio::time::sleep(PAUSE).await,
            // It can be read as it is.
            Err(Error::ReadOnly { .. }) => return Ok(()),
            other => return other.map(|_| ()),
        }
    }
}

struct Schema {
    application: i64,
    version: i64,
}

async fn schema<'e>(executor: impl sqlx::Executor<'e, Database = Sqlite>) -> sqlx::Result<Schema> {
    let query =
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version";
    let (application, version) = sqlx::query_as(query).fetch_one(executor).await?;
    Ok(Schema { application, version })
}

/// What the file holds, judged under the lock: another process may have been faster.
async fn migrate(pool: &SqlitePool, queue: &Location) -> Result<(), Error> {
    let failed = |error| Error::database(queue, error, false);
    let mut lock = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found = schema(&mut *lock).await.map_err(failed)?;
    if found.application == APPLICATION && found.version > LATEST {
        return Err(newer(queue, found.version));
    }
    if found.application == APPLICATION {
        apply(&mut lock, found.version).await.map_err(failed)?;
    } else {
        adopt(&mut lock, queue, &found).await?;
    }
    lock.commit().await.map_err(failed)
}

/// Makes an empty file or one of the reference system ours; refuses any other.
async fn adopt(
    lock: &mut Transaction<'static, Sqlite>,
    queue: &Location,
    found: &Schema,
) -> Result<(), Error> {
    let failed = |error| Error::database(queue, error, false);
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, (SELECT group_concat(name, ',' ORDER BY name) FROM pragma_table_info(m.name))
         FROM sqlite_master m
         WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut **lock)
    .await
    .map_err(failed)?;
    let fresh = found.application == 0 && found.version == 0;
    match tables.as_slice() {
        [] if fresh => apply(lock, 0).await.map_err(failed),
        [(name, columns)] if fresh && name == "items" && columns == REFERENCE_COLUMNS => {
            import(lock, queue).await
        }
        _ => Err(Error::Foreign { queue: queue.clone() }),
    }
}

async fn import(lock: &mut Transaction<'static, Sqlite>, queue: &Location) -> Result<(), Error> {
    let refused = |reason: String| Error::Import { queue: queue.clone(), reason };
    let failed = |error: sqlx::Error| match &error {
        sqlx::Error::Database(constraint) if !constraint.is_unique_violation() => {
            refused(constraint.message().to_owned())
        }
        _ => Error::database(queue, error, false),
    };
    // The reference never leaves this state; a file that does was written by something else.
    let other: Option<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT id, state FROM items WHERE state IS NOT 'queued' LIMIT 1")
            .fetch_optional(&mut **lock)
            .await
            .map_err(failed)?;
    if let Some((id, state)) = other {
        let (id, state) = (id.unwrap_or_default(), state.unwrap_or_default());
        return Err(refused(format!("item {id:?} has the unknown state {state:?}")));
    }
    sqlx::raw_sql("ALTER TABLE items RENAME TO items_of_reference")
        .execute(&mut **lock)
        .await
        .map_err(failed)?;
    // Its rows are those of the first version.
    let [first, rest @ ..] = MIGRATIONS;
    for step in [first, IMPORT_REFERENCE].into_iter().chain(rest) {
        sqlx::raw_sql(step).execute(&mut **lock).await.map_err(failed)?;
    }
    Ok(())
}

async fn apply(lock: &mut Transaction<'static, Sqlite>, version: i64) -> sqlx::Result<()> {
    for migration in MIGRATIONS.into_iter().skip(usize::try_from(version).unwrap_or(0)) {
        sqlx::raw_sql(migration).execute(&mut **lock).await?;
    }
    Ok(())
}
