//! The queue in numbers.

use crate::claim::WAS_DUE;
use crate::learn::{CLASSES, StoredClass};
use crate::row::state;
use crate::store::{Transaction, Value};
use crate::{Error, Queue};
use record::{ClassStatistics, QueueState};

/// The queue at one moment. Times are Unix seconds, ages are seconds and never negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it was made, by the queue's clock.
    pub at: f64,
    /// Every state, in the order of an item's way.
    pub states: Vec<StateReport>,
    /// What happened in the last hour.
    pub hour: Vec<Happened>,
    /// What happened in the last day.
    pub day: Vec<Happened>,
    /// Failures of the last day by class, most frequent first.
    pub failures: Vec<(String, u64)>,
    /// Leases that ran out and that nobody has ended yet, at most a hundred.
    pub stuck: Vec<StuckLease>,
    /// Items that are due and wait for a worker.
    pub due: u64,
    /// Claims of the last day that went to due items.
    pub due_claims: u64,
    /// Items without a patch, from a queue of the reference system: no worker can take them.
    pub without_patch: u64,
    /// Attempts that no class has learnt from yet.
    pub not_learnt: u64,
    /// What was learnt of every class, and its weight; most attempts first.
    pub classes: Vec<(ClassStatistics, f64)>,
}

/// The items in one state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StateReport {
    /// The state.
    pub state: QueueState,
    /// How many items are in it.
    pub count: u64,
    /// Seconds since the oldest of them came in.
    pub oldest: f64,
    /// Seconds since they came in, on average.
    pub mean: f64,
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// As the journal names it.
    pub event: String,
    /// The state that it led to.
    pub to: QueueState,
    /// How often.
    pub count: u64,
}

/// A lease that ran out.
#[derive(Debug, Clone, PartialEq)]
pub struct StuckLease {
    /// The item.
    pub id: String,
    /// Who held it.
    pub worker: String,
    /// When it ran out.
    pub until: f64,
}

const STATES: &str = "
    SELECT state, count(*), CAST(min(enqueued_at) AS DOUBLE PRECISION),
           CAST(avg(enqueued_at) AS DOUBLE PRECISION)
    FROM items GROUP BY state";
const HAPPENED: &str = "
    SELECT event, state_to, count(*) FROM journal WHERE time > $1
    GROUP BY event, state_to ORDER BY event, state_to";
const FAILURES: &str = "
    SELECT coalesce(failure, ''), count(*) FROM journal WHERE time > $1 AND event = 'fail'
    GROUP BY failure ORDER BY count(*) DESC, failure";
const STUCK: &str = "
    SELECT id, coalesce(who, ''), until FROM items
    WHERE until <= $1 AND state IN ('leased', 'applying') ORDER BY until LIMIT 100";
const SUMS: &str = "
    SELECT (SELECT count(*) FROM items WHERE lane IS NOT NULL AND due_at <= $1),
           (SELECT count(*) FROM journal WHERE time > $1 - 86400.0 AND event = 'claim'
                                               AND reason = $2),
           (SELECT count(*) FROM items WHERE patch IS NULL),
           (SELECT count(*) FROM outcomes)";

impl Queue {
    /// The numbers of one moment. Nothing changes.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn report(&self) -> Result<Report, Error> {
        let mut transaction = self.begin_reading().await?;
        let read = &mut transaction;
        let at = self.now(read).await?;
        let sums = [Value::Real(Some(at)), Value::Text(Some(WAS_DUE))];
        let sums: Vec<(i64, i64, i64, i64)> = self.rows(read, SUMS, &sums).await?;
        let (due, due_claims, without_patch, not_learnt) =
            sums.first().copied().unwrap_or_default();
        let day = [Value::Real(Some(at - 86_400.0))];
        let failures: Vec<(String, i64)> = self.rows(read, FAILURES, &day).await?;
        let stuck: Vec<(String, String, f64)> =
            self.rows(read, STUCK, &[Value::Real(Some(at))]).await?;
        let stuck = stuck.into_iter().map(|(id, worker, until)| StuckLease { id, worker, until });
        Ok(Report {
            at,
            states: self.states(read, at).await?,
            hour: self.happened(read, at - 3600.0).await?,
            day: self.happened(read, at - 86_400.0).await?,
            failures: failures.into_iter().map(|(class, n)| (class, count(n))).collect(),
            stuck: stuck.collect(),
            due: count(due),
            due_claims: count(due_claims),
            without_patch: count(without_patch),
            not_learnt: count(not_learnt),
            classes: self.most_tried(read).await?,
        })
    }

    async fn states(&self, read: &mut Transaction, at: f64) -> Result<Vec<StateReport>, Error> {
        let found: Vec<(String, i64, f64, f64)> = self.rows(read, STATES, &[]).await?;
        let row = |state: QueueState| {
            let found = found.iter().find(|(name, ..)| name == state.as_str());
            let (number, oldest, mean) =
                found.map_or((0, at, at), |(_, n, min, avg)| (*n, *min, *avg));
            let (oldest, mean) = ((at - oldest).max(0.0), (at - mean).max(0.0));
            StateReport { state, count: count(number), oldest, mean }
        };
        Ok(QueueState::ALL.into_iter().map(row).collect())
    }

    async fn happened(&self, read: &mut Transaction, since: f64) -> Result<Vec<Happened>, Error> {
        let since = [Value::Real(Some(since))];
        let found: Vec<(String, String, i64)> = self.rows(read, HAPPENED, &since).await?;
        let row = |(event, to, number): (String, String, i64)| {
            let to = state(&self.location, "", &to)?;
            Ok(Happened { event, to, count: count(number) })
        };
        found.into_iter().map(row).collect()
    }

    async fn most_tried(
        &self,
        read: &mut Transaction,
    ) -> Result<Vec<(ClassStatistics, f64)>, Error> {
        let mut classes: Vec<StoredClass> = self.rows(read, CLASSES, &[]).await?;
        classes.sort_by_key(|class| {
            std::cmp::Reverse(class.statistics.successes + class.statistics.failures)
        });
        Ok(classes.into_iter().map(|class| (class.statistics, class.weight)).collect())
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
