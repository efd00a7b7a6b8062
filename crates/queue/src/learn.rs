//! What the outcomes of attempts say of the attempts to come.

use crate::store::Value;
use crate::{Error, Queue, Stage, enqueue};
use record::{Class, ClassStatistics};
use sqlx::{ColumnIndex, Decode, FromRow, Type};
use std::collections::HashMap;

/// What [`Queue::learn`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learnt {
    /// Attempts that were new.
    pub outcomes: usize,
    /// Classes that have a weight now.
    pub classes: usize,
}

/// A class as it is stored.
pub(crate) struct StoredClass {
    id: i64,
    pub(crate) statistics: ClassStatistics,
    pub(crate) weight: f64,
}

pub(crate) const CLASSES: &str = "
    SELECT id, rule, kind, proposer, successes, failures, timed, seconds, log_sum,
           log_sum_of_squares, weight
    FROM classes ORDER BY id";

const UPDATE: &str = "
    UPDATE classes
    SET successes = $2, failures = $3, timed = $4, seconds = $5, log_sum = $6,
        log_sum_of_squares = $7, weight = $8
    WHERE id = $1";

impl Queue {
    /// Adds the outcomes since the last call to the statistics of their classes, each exactly once,
    /// and gives every class the weight that `weigh` says: successes per second, 0 or more, one for
    /// each class in the order given. A completed attempt is a success, a failed one is a failure;
    /// one that ended as stale, was given back or ran out says nothing.
    ///
    /// # Errors
    /// When `weigh` does not give a good weight for each class, or the queue cannot be written;
    /// nothing is learnt then.
    pub async fn learn(
        &self,
        weigh: impl Fn(&[ClassStatistics]) -> Vec<f64>,
    ) -> Result<Learnt, Error> {
        let mut transaction = self.begin().await?;
        // Two who learn at once: the second waits, and begins with what the first wrote.
        let lock = if self.store.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
        let sql = format!("{CLASSES}{lock}");
        let mut classes: Vec<StoredClass> = self.rows(&mut transaction, &sql, &[]).await?;
        let sql = "DELETE FROM outcomes RETURNING class, success, seconds";
        let outcomes: Vec<(i64, bool, Option<f64>)> = self.rows(&mut transaction, sql, &[]).await?;
        add(&mut classes, &outcomes);
        let statistics: Vec<ClassStatistics> =
            classes.iter().map(|class| class.statistics.clone()).collect();
        let weights = weights(&weigh(&statistics), classes.len())?;
        for (class, weight) in classes.iter().zip(&weights) {
            self.run(&mut transaction, UPDATE, &values(class, *weight)).await?;
        }
        self.bump(&mut transaction, &[Stage::Verify, Stage::Apply]).await?;
        self.commit(transaction).await?;
        Ok(Learnt { outcomes: outcomes.len(), classes: classes.len() })
    }

    /// The statistics of every class and its weight, outcomes that are not learnt yet left out.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn classes(&self) -> Result<Vec<(ClassStatistics, f64)>, Error> {
        let classes: Vec<StoredClass> = self.single(CLASSES, &[]).await?;
        Ok(classes.into_iter().map(|class| (class.statistics, class.weight)).collect())
    }
}

fn add(classes: &mut [StoredClass], outcomes: &[(i64, bool, Option<f64>)]) {
    let places: HashMap<i64, usize> =
        classes.iter().enumerate().map(|(place, class)| (class.id, place)).collect();
    for (class, success, seconds) in outcomes {
        // Classes are never deleted, and an outcome is written with its class in sight.
        let class = places.get(class).and_then(|place| classes.get_mut(*place));
        if let Some(class) = class {
            class.statistics.add(*success, seconds.unwrap_or_default());
        }
    }
}

fn weights(given: &[f64], classes: usize) -> Result<Vec<f64>, Error> {
    let good: Vec<f64> = given.iter().filter_map(|value| enqueue::weight(*value)).collect();
    if given.len() == classes && good.len() == classes {
        return Ok(good);
    }
    Err(Error::Weights { weights: good.len(), classes })
}

fn values(class: &StoredClass, weight: f64) -> [Value<'static>; 8] {
    let int = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let statistics = &class.statistics;
    [
        Value::Int(class.id),
        int(statistics.successes),
        int(statistics.failures),
        int(statistics.timed),
        Value::Real(Some(statistics.seconds)),
        Value::Real(Some(statistics.log_sum)),
        Value::Real(Some(statistics.log_sum_of_squares)),
        Value::Real(Some(weight)),
    ]
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for StoredClass
where
    for<'i> &'i str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    f64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let count = |name: &str| -> sqlx::Result<u64> {
            Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or_default())
        };
        let class = Class {
            rule: row.try_get("rule")?,
            kind: row.try_get("kind")?,
            proposer: row.try_get("proposer")?,
        };
        Ok(Self {
            id: row.try_get("id")?,
            statistics: ClassStatistics {
                successes: count("successes")?,
                failures: count("failures")?,
                timed: count("timed")?,
                seconds: row.try_get("seconds")?,
                log_sum: row.try_get("log_sum")?,
                log_sum_of_squares: row.try_get("log_sum_of_squares")?,
                ..ClassStatistics::new(class)
            },
            weight: row.try_get("weight")?,
        })
    }
}
