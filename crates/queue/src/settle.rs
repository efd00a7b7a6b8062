//! What a worker says of an item that it holds. An old token changes nothing.

use crate::backoff::{jitter, longest};
use crate::claim::lease_seconds;
use crate::row::{state, unreadable};
use crate::store::Value;
use crate::transition::Event;
use crate::{Error, Queue, Stage};
use record::{PatchOperation, QueueState};
use std::collections::HashMap;

/// How an attempt succeeded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completed {
    /// Seconds that it took; `None` when nobody measured.
    pub seconds: Option<f64>,
    /// What takes the applied patch back.
    pub inverse: Option<Vec<PatchOperation>>,
    /// Anything worth reading in the journal.
    pub note: Option<String>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What went wrong, for people.
    pub reason: String,
    /// One word or two by which failures are counted: `timeout`, `conflict`.
    pub class: String,
    /// Seconds that it took; `None` when nobody measured.
    pub seconds: Option<f64>,
    /// When to try again.
    pub retry: Retry,
}

/// When an item is tried again, as long as it has attempts left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Retry {
    /// After a time from 0 to [`crate::BACKOFF_BASE`] doubled with every attempt, at most
    /// [`crate::BACKOFF_CAP`] (full jitter).
    Later,
    /// After so many seconds.
    After(f64),
    /// Never: it is dead.
    Never,
}

/// The parts of a statement that differ between the changes.
struct Change<'c> {
    event: Event,
    after: String,
    set: String,
    reason: Option<&'c str>,
    failure: Option<&'c str>,
    seconds: Option<f64>,
    inverse: Option<&'c str>,
    number: Option<f64>,
}

const SETTLE: &str = "
    UPDATE items
    SET state = {after}, event = '{event}', last_update = {now}, reason = $4, failure = $5,
        seconds = $6, inverse = coalesce($7, inverse), {set}
    WHERE id = $2 AND token = $3 AND state IN ({before})
    RETURNING state";

/// What a worker was asked to write down of several items.
const COMPLETED: [(&str, &str); 5] = [
    ("id", "text"),
    ("token", "int8"),
    ("note", "text"),
    ("seconds", "float8"),
    ("inverse", "text"),
];

/// Rows in one order, so that two who lock many do not wait for each other for ever.
const COMPLETE_ALL: &str = "
    WITH done AS MATERIALIZED (
        SELECT i.seq, r.note, r.seconds, r.inverse
        FROM {rows} AS r JOIN items i ON i.id = r.id AND i.token = r.token
        WHERE i.state IN ({before})
        ORDER BY i.seq {lock})
    UPDATE items
    SET state = {after}, event = '{event}', last_update = {now}, reason = done.note,
        failure = NULL, seconds = done.seconds, inverse = coalesce(done.inverse, items.inverse),
        {set}
    FROM done
    WHERE items.seq = done.seq
    RETURNING items.id, items.state";

/// What a success does to the rest of an item.
const COMPLETE_SET: &str =
    "until = NULL, attempts = CASE state WHEN 'leased' THEN 0 ELSE attempts END";

const HEARTBEAT: &str = "
    UPDATE items SET last_update = {now}, until = {now} + $4
    WHERE id = $2 AND token = $3 AND state IN ('leased', 'applying')
    RETURNING until";

impl Queue {
    /// Prolongs a lease; returns when it now runs out.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is over, or when the queue cannot be written.
    pub async fn heartbeat(&self, id: &str, token: i64, seconds: f64) -> Result<f64, Error> {
        lease_seconds(seconds)?;
        let sql = HEARTBEAT.replace("{now}", self.store.now());
        let values = [
            self.store.clock(self.fixed),
            Value::Text(Some(id)),
            Value::Int(token),
            Value::Real(Some(seconds)),
        ];
        let until: Vec<(f64,)> = self.single(&sql, &values).await?;
        if let Some((until,)) = until.first() {
            return Ok(*until);
        }
        let state = self.unchanged(id, token, None).await?;
        Err(Error::Fenced { id: id.to_owned(), token, current: token, state })
    }

    /// The attempt succeeded: the item is verified, or applied. Asked twice with one token, the
    /// second changes nothing and succeeds as well, so that it can be asked again when an answer
    /// was lost.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease was taken away, or when the queue cannot be written.
    pub async fn complete(
        &self,
        id: &str,
        token: i64,
        completed: &Completed,
    ) -> Result<QueueState, Error> {
        let inverse = self.inverse(id, completed)?;
        let change = Change {
            event: Event::Complete,
            after: Event::Complete.after(),
            set: COMPLETE_SET.to_owned(),
            reason: completed.note.as_deref(),
            failure: None,
            seconds: seconds(completed.seconds)?,
            inverse: inverse.as_deref(),
            number: None,
        };
        self.settle(id, token, change).await
    }

    /// Like [`Queue::complete`] for several items, given by id and token, in one transaction: what
    /// became of each, in the order given. One that is refused keeps none of the others back.
    ///
    /// # Errors
    /// When the queue cannot be written, or a number is out of range; nothing is changed then.
    pub async fn complete_all(
        &self,
        done: &[(&str, i64, Completed)],
    ) -> Result<Vec<Result<QueueState, Error>>, Error> {
        let row = |(id, token, completed): &(&str, i64, Completed)| {
            Ok(serde_json::json!({
                "id": id, "token": token, "note": completed.note,
                "seconds": seconds(completed.seconds)?, "inverse": self.inverse(id, completed)?,
            }))
        };
        let rows: Vec<serde_json::Value> = done.iter().map(row).collect::<Result<_, Error>>()?;
        let text = serde_json::Value::from(rows).to_string();
        let lock = if self.store.is_postgres() { "FOR UPDATE OF i" } else { "" };
        let sql = COMPLETE_ALL
            .replace("{rows}", &self.store.records("$2", &COMPLETED))
            .replace("{lock}", lock)
            .replace("{set}", COMPLETE_SET)
            .replace("{after}", &Event::Complete.after())
            .replace("{event}", Event::Complete.as_str())
            .replace("{before}", &Event::Complete.before())
            .replace("{now}", self.store.now());
        let values = [self.store.clock(self.fixed), Value::Text(Some(&text))];
        let changed: Vec<(String, String)> = self.single(&sql, &values).await?;
        let changed: HashMap<String, String> = changed.into_iter().collect();
        let mut became = Vec::with_capacity(done.len());
        for (id, token, _) in done {
            became.push(match changed.get(*id) {
                Some(name) => state(&self.location, id, name),
                None => self.unchanged(id, *token, Some(Event::Complete)).await,
            });
        }
        Ok(became)
    }

    fn inverse(&self, id: &str, completed: &Completed) -> Result<Option<String>, Error> {
        let inverse = completed.inverse.as_ref().map(serde_json::to_string).transpose();
        inverse.map_err(|source| unreadable(&self.location, id, source))
    }

    /// The attempt failed: the item sleeps, or is dead. Can be asked again, as
    /// [`Queue::complete`].
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease was taken away, or when the queue cannot be written.
    pub async fn fail(&self, id: &str, token: i64, failure: &Failure) -> Result<QueueState, Error> {
        // The factor of the longest sleep, or a sleep of its own.
        let (left, sleep, number) = match failure.retry {
            Retry::Later => (LEFT, format!("$8 * {}", longest()), jitter(id, token)),
            Retry::After(seconds) => (LEFT, "$8".to_owned(), not_negative("retry after", seconds)?),
            Retry::Never => ("1 = 0", "$8".to_owned(), 0.0),
        };
        let change = Change {
            event: Event::Fail,
            after: Event::Fail.after().replace(LEFT, left),
            set: format!(
                "wakes_as = CASE state WHEN 'leased' THEN 'queued' ELSE 'approved' END, \
                 until = CASE WHEN {left} THEN {} + {sleep} END",
                self.store.now()
            ),
            reason: Some(&failure.reason),
            failure: Some(&failure.class),
            seconds: seconds(failure.seconds)?,
            inverse: None,
            number: Some(number),
        };
        self.settle(id, token, change).await
    }

    /// The source has changed so that the patch no longer fits. Can be asked again, as
    /// [`Queue::complete`].
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease was taken away, or when the queue cannot be written.
    pub async fn stale(&self, id: &str, token: i64, reason: &str) -> Result<QueueState, Error> {
        let change = Change {
            event: Event::Stale,
            after: Event::Stale.after(),
            set: "until = NULL".to_owned(),
            reason: Some(reason),
            failure: None,
            seconds: None,
            inverse: None,
            number: None,
        };
        self.settle(id, token, change).await
    }

    /// Gives a lease back without an attempt: the item is ready again, at once or at `until` (Unix
    /// seconds). The token is no longer good. Can be asked again, as [`Queue::complete`].
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease was taken away, or when the queue cannot be written.
    pub async fn release(
        &self,
        id: &str,
        token: i64,
        until: Option<f64>,
        reason: Option<&str>,
    ) -> Result<QueueState, Error> {
        let change = Change {
            event: Event::Release,
            after: Event::Release.after(),
            set: "attempts = attempts - 1, until = $8".to_owned(),
            reason,
            failure: None,
            seconds: None,
            inverse: None,
            number: until.map(|until| not_negative("until", until)).transpose()?,
        };
        self.settle(id, token, change).await
    }

    async fn settle(&self, id: &str, token: i64, change: Change<'_>) -> Result<QueueState, Error> {
        let sql = SETTLE
            .replace("{set}", &change.set)
            .replace("{after}", &change.after)
            .replace("{event}", change.event.as_str())
            .replace("{before}", &change.event.before())
            .replace("{now}", self.store.now());
        let values = [
            self.store.clock(self.fixed),
            Value::Text(Some(id)),
            Value::Int(token),
            Value::Text(change.reason),
            Value::Text(change.failure),
            Value::Real(change.seconds),
            Value::Text(change.inverse),
            Value::Real(change.number),
        ];
        let found: Vec<(String,)> = if change.event == Event::Release {
            let mut transaction = self.begin().await?;
            let found = self.rows(&mut transaction, &sql, &values).await?;
            self.bump(&mut transaction, &[Stage::Verify, Stage::Apply]).await?;
            self.commit(transaction).await?;
            found
        } else {
            self.single(&sql, &values).await?
        };
        match found.first() {
            Some((name,)) => state(&self.location, id, name),
            None => self.unchanged(id, token, Some(change.event)).await,
        }
    }

    /// Why nothing was changed: the item is unknown, or the lease over. When the same was asked with
    /// the same token before, and nothing else since, it is no error.
    async fn unchanged(
        &self,
        id: &str,
        token: i64,
        event: Option<Event>,
    ) -> Result<QueueState, Error> {
        let sql = "SELECT state, token, event FROM items WHERE id = $1";
        let found: Vec<(String, i64, String)> = self.single(sql, &[Value::Text(Some(id))]).await?;
        let Some((name, current, last)) = found.into_iter().next() else {
            return Err(Error::Unknown { id: id.to_owned() });
        };
        let state = state(&self.location, id, &name)?;
        if current == token && event.is_some_and(|event| event.as_str() == last) {
            return Ok(state);
        }
        Err(Error::Fenced { id: id.to_owned(), token, current, state })
    }
}

/// As the table of transitions asks for it.
const LEFT: &str = "attempts < max_attempts";

fn seconds(value: Option<f64>) -> Result<Option<f64>, Error> {
    value.map(|value| not_negative("seconds", value)).transpose()
}

fn not_negative(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(Error::Number { name, value, expected: "a number of 0 or more" })
}
