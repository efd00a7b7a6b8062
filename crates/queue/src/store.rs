//! The two databases behind one face: statements, values, transactions.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{
    Arguments as _, AssertSqlSafe, Database, Encode, FromRow, PgPool, Postgres, Sqlite, SqlitePool,
    Type,
};
use std::time::SystemTime;

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction that may write.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// What a statement takes: `$1` is the first. Both databases know this form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'v> {
    Int(i64),
    Real(Option<f64>),
    Text(Option<&'v str>),
}

/// What both databases can read a row into.
pub(crate) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// The values in the form of one database.
fn arguments<D: Database>(values: &[Value<'_>]) -> sqlx::Result<D::Arguments>
where
    for<'e> i64: Encode<'e, D> + Type<D>,
    for<'e> Option<f64>: Encode<'e, D> + Type<D>,
    for<'e> Option<String>: Encode<'e, D> + Type<D>,
{
    let mut arguments = D::Arguments::default();
    for value in values {
        let added = match *value {
            Value::Int(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value.map(str::to_owned)),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Statements are made of constants of this crate; whatever comes from outside is a value.
fn safe(sql: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.to_owned())
}

impl Store {
    /// Whether statements that change rows can be parts of other statements.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        Ok(match self {
            // The lock from the start, so that two writers wait instead of failing.
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// A transaction that sees one moment and changes nothing.
    pub(crate) async fn begin_reading(&self) -> sqlx::Result<Transaction> {
        let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match self {
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin_with(sql).await?),
        })
    }

    /// One statement that is a transaction of its own.
    pub(crate) async fn rows<T: Record>(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> sqlx::Result<Vec<T>> {
        match self {
            Self::Sqlite(pool) => {
                sqlx::query_as_with(safe(sql), arguments::<Sqlite>(values)?).fetch_all(pool).await
            }
            Self::Postgres(pool) => {
                sqlx::query_as_with(safe(sql), arguments::<Postgres>(values)?).fetch_all(pool).await
            }
        }
    }

    /// The time as an expression: `$1` when it is given, the server's when it is not. SQLite has no
    /// clock but this machine's, which [`Store::clock`] reads.
    pub(crate) fn now(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "$1",
            Self::Postgres(_) => {
                "coalesce($1::float8, extract(epoch FROM statement_timestamp())::float8)"
            }
        }
    }

    /// What `$1` is in a statement with [`Store::now`].
    pub(crate) fn clock(&self, fixed: Option<f64>) -> Value<'static> {
        match self {
            Self::Sqlite(_) => Value::Real(Some(fixed.unwrap_or_else(system))),
            Self::Postgres(_) => Value::Real(fixed),
        }
    }

    /// A JSON list of texts in a value, as rows.
    pub(crate) fn list(&self, value: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("(SELECT value FROM json_each({value}))"),
            Self::Postgres(_) => format!("(SELECT json_array_elements_text({value}::json))"),
        }
    }

    /// A JSON list of objects in a value, as a table of these columns and `place`, from the first to
    /// the last.
    pub(crate) fn records(&self, value: &str, columns: &[(&str, &str)]) -> String {
        let each = |form: &dyn Fn(&str, &str) -> String| {
            let parts: Vec<String> = columns.iter().map(|(name, kind)| form(name, kind)).collect();
            parts.join(", ")
        };
        match self {
            Self::Sqlite(_) => {
                let columns = each(&|name, _| format!("value ->> '{name}' AS {name}"));
                format!("(SELECT {columns}, key AS place FROM json_each({value}))")
            }
            Self::Postgres(_) => {
                let typed = each(&|name, kind| format!("{name} {kind}"));
                let names = each(&|name, _| name.to_owned());
                format!(
                    "(SELECT * FROM ROWS FROM (json_to_recordset({value}::json) AS ({typed})) \
                     WITH ORDINALITY AS t ({names}, place))"
                )
            }
        }
    }

    /// Rows in one order, so that two who lock many do not wait for each other for ever.
    pub(crate) fn locked(&self, condition: &str) -> String {
        match self {
            Self::Sqlite(_) => condition.to_owned(),
            Self::Postgres(_) => {
                format!("seq IN (SELECT seq FROM items WHERE {condition} ORDER BY seq FOR UPDATE)")
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    /// Runs a statement; how many rows it changed.
    pub(crate) async fn run(&mut self, sql: &str, values: &[Value<'_>]) -> sqlx::Result<u64> {
        Ok(match self {
            Self::Sqlite(lock) => {
                let query = sqlx::query_with(safe(sql), arguments::<Sqlite>(values)?);
                query.execute(&mut **lock).await?.rows_affected()
            }
            Self::Postgres(lock) => {
                let query = sqlx::query_with(safe(sql), arguments::<Postgres>(values)?);
                query.execute(&mut **lock).await?.rows_affected()
            }
        })
    }

    pub(crate) async fn rows<T: Record>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> sqlx::Result<Vec<T>> {
        match self {
            Self::Sqlite(lock) => {
                let query = sqlx::query_as_with(safe(sql), arguments::<Sqlite>(values)?);
                query.fetch_all(&mut **lock).await
            }
            Self::Postgres(lock) => {
                let query = sqlx::query_as_with(safe(sql), arguments::<Postgres>(values)?);
                query.fetch_all(&mut **lock).await
            }
        }
    }

    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(lock) => lock.commit().await,
            Self::Postgres(lock) => lock.commit().await,
        }
    }
}

/// This machine's clock, Unix seconds.
pub(crate) fn system() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
