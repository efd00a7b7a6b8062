//! The durable queue of accepted fixes, in an SQLite file or a PostgreSQL database.
//!
//! **The way of an item.** A worker claims it under a lease, and says how it ended. What is in the
//! queue once leaves it only by [`Queue::purge`]; every change of state is in the [`Queue::journal`],
//! written by the same transaction.
//!
//! ```text
//!  enqueue ─▶ queued ─claim─▶ leased ─complete─▶ verified ─approve─▶ approved ─claim─▶ applying
//!               ▲               │                                        ▲               │
//!               │    ┌──────────┴─ fail, stale, release ─┐   ┌───────────┴───────────────┤
//!               │    ▼                                   ▼   │                       complete
//!               ├─ failed (sleeps; dead when no attempt is left)                         ▼
//!               └─ stale (waits for a new patch)                                      applied
//! ```
//!
//! A lease that runs out puts its item back, with the attempt counted. A person may `reject` what no
//! worker holds, which makes it dead, and `requeue` what is failed, stale or dead.
//!
//! **Adding** is idempotent: an item that is known, by the fingerprint of its finding, keeps its
//! state and its age, and takes the new scores; a stale one takes the new patch, too.
//!
//! **The order.** An item's index is its risk times the weight of its class, successes per second. A
//! stage hands out
//!
//! 1. items with a known exploited vulnerability before all others: they are a lane of their own;
//! 2. at every second turn of a lane the due item with the earliest due date, if there is one; the
//!    due date is a lead (a day) before the deadline, or before the end of the longest wait (seven
//!    days after it came in), whichever is earlier, see [`Queue::set_waits`];
//! 3. otherwise the item with the highest index; of equals the one with the higher risk, then the
//!    one that came in first.
//!
//! So a due item starts after at most 2·(D+1) turns of its lane, D being the due items that
//! are due before it. A turn is an item handed out; on PostgreSQL one that was rolled back, or found
//! nothing, counts as well, and a crash of the server may skip some. There, an item whose claim was
//! rolled back may be passed over for up to a second; other than that the order is exact, whatever
//! was added, approved or learnt meanwhile.
//!
//! **Fencing.** Each lease of an item has a higher token. A worker whose lease was taken away gets
//! [`Error::Fenced`] and changes nothing. A lease that ran out can still be completed until a claim
//! of anybody ends it, which is looked for at most once a second.
//!
//! **The clock** is this machine's with SQLite, and the server's with PostgreSQL, so that machines
//! need not agree; [`Queue::at`] sets another. Times are Unix seconds. When a clock goes back by more
//! than [`CLOCK_SLACK`], leases and sleeps that began after it count as over: no item is kept for
//! longer than its lease and that slack. A worker that is still at it notices by its token.
//!
//! ```
//! use queue::{Queue, Stage};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("queue.db");
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let queue = Queue::init(&path.as_path().into()).await?;
//! let enqueued = queue.enqueue(&[]).await?;
//! assert_eq!((enqueued.new, enqueued.known, enqueued.renewed), (0, 0, 0));
//! assert!(queue.next(Stage::Verify).await?.is_none());
//! # Ok::<(), queue::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod backup;
pub mod blocking;
mod claim;
mod enqueue;
mod error;
mod learn;
mod location;
mod manage;
mod order;
mod read;
mod report;
mod row;
mod settle;
mod setup;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transition;

pub use backoff::{BACKOFF_BASE, BACKOFF_CAP};
pub use claim::{CLOCK_SLACK, Claim, Claimed, LONGEST_LEASE};
pub use enqueue::Enqueued;
pub use error::Error;
pub use learn::Learnt;
pub use location::Location;
pub use manage::{Decided, Which};
pub use read::{Entry, Filter, Weights};
pub use report::{Happened, Report, StateReport, StuckLease};
pub use row::{Row, Work};
pub use settle::{Completed, Failure, Retry};

use order::Order;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use store::{Record, Store, Transaction, Value};

/// An open queue. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Queue {
    store: Store,
    location: Location,
    fixed: Option<f64>,
    shared: Arc<Shared>,
}

/// What is known of the database and may be forgotten at any time.
#[derive(Debug, Default)]
struct Shared {
    /// The best items of either stage.
    orders: Mutex<[Option<Order>; 2]>,
    swept: Mutex<Option<Instant>>,
}

/// What a worker does with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Judge it against the source as it is now: from queued to verified.
    Verify,
    /// Put it in place: from approved to applied.
    Apply,
}

impl Stage {
    /// The lane without known exploited vulnerabilities; those with one are in the next.
    fn lane(self) -> i64 {
        match self {
            Self::Verify => 0,
            Self::Apply => 2,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Verify => 0,
            Self::Apply => 1,
        }
    }
}

impl Queue {
    /// Opens the queue, creating it when there is none: the file, or the tables in a database that
    /// exists. A file of the reference system becomes a queue of this version and keeps its rows.
    /// A PostgreSQL server that is starting is waited for, 15 s at most.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn init(location: &Location) -> Result<Self, Error> {
        Self::connect(location, true).await
    }

    /// Like [`Queue::init`], but the queue must be there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(location: &Location) -> Result<Self, Error> {
        Self::connect(location, false).await
    }

    async fn connect(location: &Location, create: bool) -> Result<Self, Error> {
        let store = setup::connect(location, create).await?;
        Ok(Self { store, location: location.clone(), fixed: None, shared: Arc::default() })
    }

    /// The same queue with another clock: whatever it does happens at `now`, Unix seconds.
    ///
    /// # Errors
    /// When `now` is no number of 0 or more.
    pub fn at(&self, now: f64) -> Result<Self, Error> {
        if !(now.is_finite() && now >= 0.0) {
            let expected = "a number of 0 or more";
            return Err(Error::Number { name: "now", value: now, expected });
        }
        Ok(Self { fixed: Some(now), ..self.clone() })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Closes the queue and all its clones. Dropping them does so too, but later.
    pub async fn close(self) {
        self.store.close().await;
    }

    async fn begin(&self) -> Result<Transaction, Error> {
        self.store.begin().await.map_err(|error| Error::database(&self.location, error, false))
    }

    async fn begin_reading(&self) -> Result<Transaction, Error> {
        let begun = self.store.begin_reading().await;
        begun.map_err(|error| Error::database(&self.location, error, false))
    }

    async fn commit(&self, transaction: Transaction) -> Result<(), Error> {
        let committed = transaction.commit().await;
        committed.map_err(|error| Error::database(&self.location, error, true))
    }

    /// How many rows a statement of a transaction changed.
    async fn run(
        &self,
        transaction: &mut Transaction,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<usize, Error> {
        let changed = transaction.run(sql, values).await;
        let changed = changed.map_err(|error| Error::database(&self.location, error, false))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    async fn rows<T: Record>(
        &self,
        transaction: &mut Transaction,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, Error> {
        let rows = transaction.rows(sql, values).await;
        rows.map_err(|error| Error::database(&self.location, error, false))
    }

    /// A statement that is a transaction of its own.
    async fn single<T: Record>(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<T>, Error> {
        let rows = self.store.rows(sql, values).await;
        rows.map_err(|error| Error::database(&self.location, error, true))
    }

    /// The time of a transaction, Unix seconds.
    async fn now(&self, transaction: &mut Transaction) -> Result<f64, Error> {
        match (self.fixed, self.store.is_postgres()) {
            (Some(now), _) => Ok(now),
            (None, false) => Ok(store::system()),
            (None, true) => {
                let sql = "SELECT extract(epoch FROM clock_timestamp())::float8";
                let now: Vec<(f64,)> = self.rows(transaction, sql, &[]).await?;
                Ok(now.first().map_or(0.0, |(now,)| *now))
            }
        }
    }

    /// Tells claimers that what they know of the order is old. Last in a transaction, because the
    /// row is locked until its end.
    async fn bump(&self, transaction: &mut Transaction, stages: &[Stage]) -> Result<(), Error> {
        if !self.store.is_postgres() {
            // Nobody else can be ranking while this transaction writes.
            return Ok(());
        }
        for stage in stages {
            let sql = "UPDATE generations SET n = n + 1 WHERE stage = $1";
            self.run(transaction, sql, &[Value::Int(stage.lane())]).await?;
        }
        Ok(())
    }
}
