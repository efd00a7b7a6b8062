//! The durable queue of accepted fixes: one SQLite file.
//!
//! Enqueueing is idempotent: an item that is known, by the fingerprint of its finding, keeps its
//! state and its age. Writers in other threads and processes wait for each other. The clock is the
//! caller's; times are Unix seconds.
//!
//! ```
//! use queue::blocking::Queue;
//!
//! # let dir = tempfile::tempdir()?;
//! let queue = Queue::init(&dir.path().join("queue.db"))?;
//! let enqueued = queue.enqueue(&[], 1_800_000_000.0)?;
//! assert_eq!((enqueued.new, enqueued.known), (0, 0));
//! assert!(queue.next(&queue::Weights::default(), 1_800_000_000.0)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod blocking;
mod error;
mod row;
mod setup;

pub use error::Error;
pub use row::{Row, Work};

use record::{QueueItem, QueueState};
use row::Columns;
use sqlx::SqlitePool;
use std::path::{Path, PathBuf};

/// An open queue.
#[derive(Debug, Clone)]
pub struct Queue {
    pool: SqlitePool,
    path: PathBuf,
}

/// What [`Queue::enqueue`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// Items that the queue did not know.
    pub new: usize,
    /// Items that it knew, or that came twice; nothing of them changed.
    pub known: usize,
}

/// How much waiting and exploitation weigh against risk per second; see the scheduler.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Index points for every hour waited.
    pub alpha: f64,
    /// Index points for a known exploited vulnerability.
    pub kev_weight: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { alpha: 1.0, kev_weight: 1.0 }
    }
}

/// One statement, so that it is one transaction and one parse however many items there are.
const ENQUEUE: &str = "
    INSERT INTO items (id, policy_id, state, enqueued_at, last_update, risk, probability,
                       expected_time, kev, manifest_path, object, patch)
    SELECT value ->> 'id', value ->> 'policy_id', value ->> 'state', ?2, ?2,
           value ->> 'risk', value ->> 'probability', value ->> 'expected_time',
           value ->> 'kev', value ->> 'manifest_path', value -> 'object', value -> 'patch'
    FROM json_each(?1)
    WHERE true
    ON CONFLICT (id) DO NOTHING";

const NEXT: &str = "
    SELECT id, policy_id, state, attempts, max_attempts, enqueued_at, last_update, risk,
           probability, expected_time, kev, manifest_path, object, patch
    FROM items
    WHERE state = 'queued'
    ORDER BY risk * probability / max(expected_time, 1e-6)
           + ?1 * max(?3 - enqueued_at, 0.0) / 3600.0
           + iif(kev, ?2, 0.0) DESC, rowid
    LIMIT 1";

const LIST: &str = "
    SELECT id, policy_id, state, attempts, max_attempts, enqueued_at, last_update, risk,
           probability, expected_time, kev, manifest_path, object, patch
    FROM items
    ORDER BY rowid
    LIMIT ?1";

const COUNTS: &str = "SELECT state, count(*) FROM items GROUP BY state ORDER BY state";

impl Queue {
    /// Opens the queue at `path`, creating the file when there is none. A file of the reference
    /// system becomes a queue of this version and keeps its rows.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn init(path: &Path) -> Result<Self, Error> {
        Self::connect(path, true).await
    }

    /// Like [`Queue::init`], but the file must be there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Self::connect(path, false).await
    }

    async fn connect(path: &Path, create: bool) -> Result<Self, Error> {
        let pool = setup::connect(path, create).await?;
        Ok(Self { pool, path: path.to_owned() })
    }

    /// Adds the items that are not known yet, all or none of them. `now` becomes their age.
    ///
    /// # Errors
    /// When a number of an item is negative or none, or the file cannot be written.
    pub async fn enqueue(&self, items: &[QueueItem], now: f64) -> Result<Enqueued, Error> {
        check_number("now", now)?;
        items.iter().try_for_each(check_item)?;
        let json = serde_json::to_string(items).map_err(|source| Error::Row {
            path: self.path.clone(),
            id: String::new(),
            source,
        })?;
        let done = sqlx::query(ENQUEUE)
            .bind(json)
            .bind(now)
            .execute(&self.pool)
            .await
            .map_err(|error| Error::database(&self.path, error))?;
        let new = usize::try_from(done.rows_affected()).unwrap_or(items.len());
        Ok(Enqueued { new, known: items.len().saturating_sub(new) })
    }

    /// The queued item with the highest index at `now`; of equals the one that came first.
    /// Nothing changes.
    ///
    /// # Errors
    /// When a weight or the time is negative or none, or the file cannot be read.
    pub async fn next(&self, weights: &Weights, now: f64) -> Result<Option<Row>, Error> {
        check_number("alpha", weights.alpha)?;
        check_number("kev_weight", weights.kev_weight)?;
        check_number("now", now)?;
        let columns: Option<Columns> = sqlx::query_as(NEXT)
            .bind(weights.alpha)
            .bind(weights.kev_weight)
            .bind(now)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| Error::database(&self.path, error))?;
        columns.map(|columns| Row::read(&self.path, columns)).transpose()
    }

    /// At most `limit` items, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list(&self, limit: usize) -> Result<Vec<Row>, Error> {
        let columns: Vec<Columns> = sqlx::query_as(LIST)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| Error::database(&self.path, error))?;
        columns.into_iter().map(|columns| Row::read(&self.path, columns)).collect()
    }

    /// How many items are in each state; states without an item are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counts(&self) -> Result<Vec<(QueueState, usize)>, Error> {
        let counts: Vec<(String, i64)> = sqlx::query_as(COUNTS)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| Error::database(&self.path, error))?;
        counts
            .into_iter()
            .map(|(state, count)| {
                let state = row::state(&self.path, "", &state)?;
                Ok((state, usize::try_from(count).unwrap_or(0)))
            })
            .collect()
    }

    /// Closes the file. Dropping the queue does so too, but later.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

fn check_item(item: &QueueItem) -> Result<(), Error> {
    let numbers = [
        ("risk", item.risk),
        ("probability", item.probability),
        ("expected_time", item.expected_time),
    ];
    for (field, value) in numbers {
        if !in_range(value) {
            return Err(Error::Item { id: item.id.clone(), field, value });
        }
    }
    Ok(())
}

fn check_number(name: &'static str, value: f64) -> Result<(), Error> {
    if in_range(value) { Ok(()) } else { Err(Error::Number { name, value }) }
}

fn in_range(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
