//! Looking without changing anything.

use crate::row::{COLUMNS, Stored, parsed, state};
use crate::store::Value;
use crate::{Error, Queue, Row, Stage};
use record::{PatchOperation, QueueState};
use sqlx::{ColumnIndex, Decode, FromRow, Type};

/// How much waiting and exploitation weigh against risk per second in the reference system's
/// additive formula.
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

/// Which items to show; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Where they stand.
    pub state: Option<QueueState>,
    /// Namespace of the object.
    pub namespace: Option<String>,
    /// Our rule id, or the policy id.
    pub rule: Option<String>,
    /// Most items.
    pub limit: Option<usize>,
}

/// One change of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Place in the journal of the whole queue; later changes have higher ones.
    pub seq: i64,
    /// Unix seconds.
    pub time: f64,
    /// What happened: `enqueue`, `claim`, `complete` and so on.
    pub event: String,
    /// The state before; `None` for the first entry.
    pub from: Option<QueueState>,
    /// The state after.
    pub to: QueueState,
    /// Token of the lease.
    pub token: i64,
    /// The worker or person.
    pub who: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The class of a failure.
    pub failure: Option<String>,
    /// Seconds that the attempt took.
    pub seconds: Option<f64>,
    /// What takes the applied patch back.
    pub inverse: Option<Vec<PatchOperation>>,
}

const FORMULA: &str = "
    SELECT {columns} FROM items
    WHERE state = 'queued'
    ORDER BY risk * probability / CASE WHEN expected_time > 1e-6 THEN expected_time ELSE 1e-6 END
           + $2 * CASE WHEN {now} > enqueued_at THEN {now} - enqueued_at ELSE 0.0 END / 3600.0
           + CASE WHEN kev THEN $3 ELSE 0.0 END DESC, seq
    LIMIT 1";

const LIST: &str = "
    SELECT {columns} FROM items
    WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR namespace = $2)
          AND ($3 IS NULL OR rule = $3 OR policy_id = $3)
    ORDER BY seq
    LIMIT $4";

const JOURNAL: &str = "
    SELECT j.seq, j.time, j.event, j.state_from, j.state_to, j.token, j.who, j.reason, j.failure,
           j.seconds, j.inverse
    FROM journal j JOIN items i ON i.seq = j.item
    WHERE i.id = $1
    ORDER BY j.seq";

impl Queue {
    /// The item that the next claim of a stage would hand out. Nothing changes; what sleeps, or is
    /// held under a lease that ran out, is not looked at.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn next(&self, stage: Stage) -> Result<Option<Row>, Error> {
        let mut transaction = self.begin_reading().await?;
        let now = self.now(&mut transaction).await?;
        let Some(turn) = self.turn(&mut transaction, stage, now).await? else { return Ok(None) };
        let sql = format!("SELECT {COLUMNS} FROM items WHERE seq = $1");
        let rows = self.rows(&mut transaction, &sql, &[Value::Int(turn.seq)]).await?;
        self.first(rows)
    }

    /// The queued item with the highest index by the reference system's formula; of equals the one
    /// that came first. Reads all items, and nothing changes.
    ///
    /// # Errors
    /// When a weight is out of range, or the queue cannot be read.
    pub async fn next_by(&self, weights: &Weights) -> Result<Option<Row>, Error> {
        for (name, value) in [("alpha", weights.alpha), ("kev_weight", weights.kev_weight)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Number { name, value, expected: "a number of 0 or more" });
            }
        }
        let sql = FORMULA.replace("{columns}", COLUMNS).replace("{now}", self.store.now());
        let values = [
            self.store.clock(self.fixed),
            Value::Real(Some(weights.alpha)),
            Value::Real(Some(weights.kev_weight)),
        ];
        self.first(self.single(&sql, &values).await?)
    }

    /// Items, oldest first.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Row>, Error> {
        let limit = filter.limit.map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let values = [
            Value::Text(filter.state.map(QueueState::as_str)),
            Value::Text(filter.namespace.as_deref()),
            Value::Text(filter.rule.as_deref()),
            Value::Int(limit),
        ];
        let rows: Vec<Stored> = self.single(&LIST.replace("{columns}", COLUMNS), &values).await?;
        rows.into_iter().map(|row| row.read(&self.location)).collect()
    }

    /// The item with an id, or the only one whose id begins so.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Ambiguous`], or when the queue cannot be read.
    pub async fn show(&self, id: &str) -> Result<Row, Error> {
        let value = [Value::Text(Some(id))];
        let exact = format!("SELECT {COLUMNS} FROM items WHERE id = $1");
        if let Some(row) = self.first(self.single(&exact, &value).await?)? {
            return Ok(row);
        }
        let begins =
            format!("SELECT {COLUMNS} FROM items WHERE substr(id, 1, length($1)) = $1 LIMIT 2");
        let rows: Vec<Stored> = self.single(&begins, &value).await?;
        if rows.len() > 1 {
            return Err(Error::Ambiguous { prefix: id.to_owned() });
        }
        self.first(rows)?.ok_or_else(|| Error::Unknown { id: id.to_owned() })
    }

    /// Every change of an item, from the first to the last; none when there is no such item.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn journal(&self, id: &str) -> Result<Vec<Entry>, Error> {
        let rows: Vec<Line> = self.single(JOURNAL, &[Value::Text(Some(id))]).await?;
        rows.into_iter()
            .map(|line| {
                let state = |name: &str| state(&self.location, id, name);
                let mut entry = line.entry;
                entry.from = line.from.as_deref().map(state).transpose()?;
                entry.to = state(&line.to)?;
                let inverse = line.inverse.as_deref();
                entry.inverse = inverse.map(|text| parsed(&self.location, id, text)).transpose()?;
                Ok(entry)
            })
            .collect()
    }

    /// How many items are in each state; states without an item are left out.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn counts(&self) -> Result<Vec<(QueueState, usize)>, Error> {
        let sql = "SELECT state, count(*) FROM items GROUP BY state ORDER BY state";
        let counts: Vec<(String, i64)> = self.single(sql, &[]).await?;
        counts
            .into_iter()
            .map(|(name, count)| {
                let state = state(&self.location, "", &name)?;
                Ok((state, usize::try_from(count).unwrap_or_default()))
            })
            .collect()
    }

    fn first(&self, rows: Vec<Stored>) -> Result<Option<Row>, Error> {
        rows.into_iter().next().map(|row| row.read(&self.location)).transpose()
    }
}

/// An entry with its names still as text.
struct Line {
    entry: Entry,
    from: Option<String>,
    to: String,
    inverse: Option<String>,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for Line
where
    for<'i> &'i str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    f64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            entry: Entry {
                seq: row.try_get("seq")?,
                time: row.try_get("time")?,
                event: row.try_get("event")?,
                from: None,
                to: QueueState::Queued,
                token: row.try_get("token")?,
                who: row.try_get("who")?,
                reason: row.try_get("reason")?,
                failure: row.try_get("failure")?,
                seconds: row.try_get("seconds")?,
                inverse: None,
            },
            from: row.try_get("state_from")?,
            to: row.try_get("state_to")?,
            inverse: row.try_get("inverse")?,
        })
    }
}
