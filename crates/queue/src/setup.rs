//! Opens a file, finds out whose it is, and brings its schema up to date.

use crate::Error;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Each migration raises `user_version` to its number, so a file says what it is itself and two
/// processes cannot both migrate it.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/sqlite/0001_items.sql")];
const IMPORT_REFERENCE: &str = include_str!("../migrations/sqlite/import_reference.sql");
/// "k8af", as the first migration sets it.
const APPLICATION: i64 = 0x6b38_6166;
const BUSY: Duration = Duration::from_secs(5);

/// The columns of the reference system's only table.
const REFERENCE_COLUMNS: &str = "attempts,enqueued_at,expected_time,id,kev,last_update,\
                                 max_attempts,policy_id,probability,risk,state,wait";

pub(crate) async fn connect(path: &Path, create: bool) -> Result<SqlitePool, Error> {
    let missing = !path.try_exists().unwrap_or(true);
    if missing && !create {
        return Err(Error::Missing { path: path.to_owned() });
    }
    // Not WAL: writes are few, and a queue stays one file that can be copied.
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(create).busy_timeout(BUSY);
    let failed = |error| Error::database(path, error);
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
    let found = schema(&pool).await.map_err(failed)?;
    if found.application != APPLICATION || found.version < latest() {
        migrate(&pool, path).await?;
    } else if found.version > latest() {
        return Err(newer(path, found.version));
    }
    Ok(pool)
}

fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn newer(path: &Path, found: i64) -> Error {
    Error::Newer { path: path.to_owned(), found, known: latest() }
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
async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), Error> {
    let failed = |error| Error::database(path, error);
    let mut lock = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found = schema(&mut *lock).await.map_err(failed)?;
    if found.application == APPLICATION && found.version > latest() {
        return Err(newer(path, found.version));
    }
    if found.application == APPLICATION {
        apply(&mut lock, found.version).await.map_err(failed)?;
    } else {
        adopt(&mut lock, path, &found).await?;
    }
    lock.commit().await.map_err(failed)
}

/// Makes an empty file or one of the reference system ours; refuses any other.
async fn adopt(
    lock: &mut Transaction<'static, Sqlite>,
    path: &Path,
    found: &Schema,
) -> Result<(), Error> {
    let failed = |error| Error::database(path, error);
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
            import(lock, path).await
        }
        _ => Err(Error::Foreign { path: path.to_owned() }),
    }
}

async fn import(lock: &mut Transaction<'static, Sqlite>, path: &Path) -> Result<(), Error> {
    let refused = |reason: String| Error::Import { path: path.to_owned(), reason };
    let failed = |error: sqlx::Error| match &error {
        sqlx::Error::Database(constraint) if !constraint.is_unique_violation() => {
            refused(constraint.message().to_owned())
        }
        _ => Error::database(path, error),
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
    apply(lock, 0).await.map_err(failed)?;
    sqlx::raw_sql(IMPORT_REFERENCE).execute(&mut **lock).await.map_err(failed)?;
    Ok(())
}

async fn apply(lock: &mut Transaction<'static, Sqlite>, version: i64) -> sqlx::Result<()> {
    for migration in MIGRATIONS.into_iter().skip(usize::try_from(version).unwrap_or(0)) {
        sqlx::raw_sql(migration).execute(&mut **lock).await?;
    }
    Ok(())
}
