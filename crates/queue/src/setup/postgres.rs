use super::{LATEST, newer};
use crate::{Error, Location};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres, Transaction};
use std::time::{Duration, Instant};

/// Everything of the queue is in a schema of its own, so that it can share a database.
const SCHEMA: &str = "k8s_auto_fix";
/// The version after each migration, and the migration. Version 1 was only on SQLite.
const MIGRATIONS: [(i64, &str); 1] =
    [(2, include_str!("../../migrations/postgres/0002_states.sql"))];
/// "k8af": any number that others do not use.
const MIGRATION_LOCK: i64 = 0x6b38_6166;
/// A server that starts, or starts again, has this long.
const PATIENCE: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const CONNECTIONS: u32 = 16;
/// A connection that rested this long may be dead.
const RESTED: Duration = Duration::from_secs(1);

pub(super) async fn connect(
    queue: &Location,
    options: &PgConnectOptions,
    create: bool,
) -> Result<PgPool, Error> {
    let options = options
        .clone()
        .application_name("k8s-auto-fix")
        .options([("search_path", SCHEMA), ("plan_cache_mode", "force_generic_plan")])
        .disable_statement_logging();
    let mut connection = first(queue, &options).await?;
    prepare(queue, &mut connection, create).await?;
    connection.close().await.map_err(|error| Error::database(queue, error, false))?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, rest| {
            Box::pin(async move {
                if rest.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    Ok(pool.connect_lazy_with(options))
}

/// A connection, waiting for a server that is not ready yet.
async fn first(queue: &Location, options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let source = match options.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let is_starting = match &source {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
            _ => false,
        };
        if !is_starting || start.elapsed() + pause > PATIENCE {
            return Err(Error::Unreachable { queue: queue.clone(), source });
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn prepare(
    queue: &Location,
    connection: &mut PgConnection,
    create: bool,
) -> Result<(), Error> {
    let failed = |error| Error::database(queue, error, false);
    match version(connection).await.map_err(failed)? {
        Some(LATEST) => Ok(()),
        Some(found) if found > LATEST => Err(newer(queue, found)),
        None if !create => Err(Error::Missing { queue: queue.clone() }),
        _ => migrate(queue, connection).await,
    }
}

/// `None` when there is no queue.
async fn version(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    // Not to_regclass, which may remember that there was none while another process made it.
    let (is_there,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_tables
                        WHERE schemaname = 'k8s_auto_fix' AND tablename = 'settings')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_there {
        return Ok(None);
    }
    let found: Option<(f64,)> =
        sqlx::query_as("SELECT value FROM k8s_auto_fix.settings WHERE name = 'version'")
            .fetch_optional(connection)
            .await?;
    // Small whole numbers.
    #[allow(clippy::cast_possible_truncation)]
    Ok(found.map(|(version,)| version as i64))
}

/// Under a lock, because another process may have been faster.
async fn migrate(queue: &Location, connection: &mut PgConnection) -> Result<(), Error> {
    let failed = |error| Error::database(queue, error, false);
    let mut lock = connection.begin().await.map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *lock)
        .await
        .map_err(failed)?;
    let found = version(&mut lock).await.map_err(failed)?;
    if let Some(found) = found.filter(|found| *found > LATEST) {
        return Err(newer(queue, found));
    }
    if found.is_none() {
        make_schema(queue, &mut lock).await?;
    }
    for (_, migration) in MIGRATIONS.into_iter().filter(|(to, _)| *to > found.unwrap_or(0)) {
        sqlx::raw_sql(migration).execute(&mut *lock).await.map_err(failed)?;
    }
    lock.commit().await.map_err(|error| Error::database(queue, error, true))
}

/// A schema of this name that is not empty belongs to somebody else.
async fn make_schema(queue: &Location, lock: &mut Transaction<'_, Postgres>) -> Result<(), Error> {
    let failed = |error| Error::database(queue, error, false);
    let tables: (i64,) = sqlx::query_as(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'k8s_auto_fix'",
    )
    .fetch_one(&mut **lock)
    .await
    .map_err(failed)?;
    if tables.0 > 0 {
        return Err(Error::Foreign { queue: queue.clone() });
    }
    sqlx::query("CREATE SCHEMA IF NOT EXISTS k8s_auto_fix")
        .execute(&mut **lock)
        .await
        .map_err(failed)?;
    Ok(())
}
