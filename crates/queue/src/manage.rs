//! What people decide about items.

use crate::row::state;
use crate::store::Value;
use crate::transition::Event;
use crate::{Error, Queue, Stage};
use record::QueueState;

/// Which items are meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Which<'w> {
    /// Those with these ids.
    Ids(&'w [String]),
    /// All in a state.
    State(QueueState),
}

/// What became of the items that a person decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Ids of the items that changed.
    pub changed: Vec<String>,
    /// Ids that were asked for and did not change: the state does not allow it, or, with `None`, no
    /// item has the id.
    pub refused: Vec<(String, Option<QueueState>)>,
}

impl Queue {
    /// Verified items may be applied.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub async fn approve(&self, which: Which<'_>, who: &str) -> Result<Decided, Error> {
        self.decide(Event::Approve, which, who, None, "attempts = 0").await
    }

    /// Items that no worker holds and that are not applied are given up, for a reason.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub async fn reject(
        &self,
        which: Which<'_>,
        who: &str,
        reason: &str,
    ) -> Result<Decided, Error> {
        self.decide(Event::Reject, which, who, Some(reason), "attempts = attempts").await
    }

    /// Failed, stale and dead items begin again, with all their attempts and their old age.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub async fn requeue(&self, which: Which<'_>, who: &str) -> Result<Decided, Error> {
        self.decide(Event::Requeue, which, who, None, "attempts = 0").await
    }

    async fn decide(
        &self,
        event: Event,
        which: Which<'_>,
        who: &str,
        reason: Option<&str>,
        set: &str,
    ) -> Result<Decided, Error> {
        let (meant, text) = match which {
            Which::Ids(ids) => (format!("id IN {}", self.store.list("$2")), json(ids)),
            Which::State(state) => ("state = $2".to_owned(), state.as_str().to_owned()),
        };
        let sql = format!(
            "UPDATE items SET state = {}, event = '{}', last_update = $1, until = NULL, who = $3, \
             reason = $4, {set} WHERE {} RETURNING id",
            event.after(),
            event.as_str(),
            self.store.locked(&format!("{meant} AND state IN ({})", event.before())),
        );
        let mut transaction = self.begin().await?;
        let now = self.now(&mut transaction).await?;
        let values = [
            Value::Real(Some(now)),
            Value::Text(Some(&text)),
            Value::Text(Some(who)),
            Value::Text(reason),
        ];
        let changed: Vec<(String,)> = self.rows(&mut transaction, &sql, &values).await?;
        let changed: Vec<String> = changed.into_iter().map(|(id,)| id).collect();
        self.bump(&mut transaction, &[Stage::Verify, Stage::Apply]).await?;
        self.commit(transaction).await?;
        let refused = match which {
            Which::Ids(ids) => self.refused(ids, &changed).await?,
            Which::State(_) => Vec::new(),
        };
        Ok(Decided { changed, refused })
    }

    async fn refused(
        &self,
        ids: &[String],
        changed: &[String],
    ) -> Result<Vec<(String, Option<QueueState>)>, Error> {
        let changed: std::collections::HashSet<&String> = changed.iter().collect();
        let left: Vec<&String> = ids.iter().filter(|id| !changed.contains(id)).collect();
        let sql = "SELECT state FROM items WHERE id = $1";
        let mut refused = Vec::new();
        for id in left {
            let found: Vec<(String,)> = self.single(sql, &[Value::Text(Some(id))]).await?;
            let found = found.first().map(|(name,)| state(&self.location, id, name)).transpose()?;
            refused.push((id.clone(), found));
        }
        Ok(refused)
    }

    /// Deletes items of these states that have not changed since `before` (Unix seconds), and their
    /// journals. Items that a worker holds stay. Returns how many are gone.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub async fn purge(&self, states: &[QueueState], before: f64) -> Result<usize, Error> {
        if !before.is_finite() {
            return Err(Error::Number { name: "before", value: before, expected: "a time" });
        }
        let names: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
        let condition = format!(
            "last_update < $1 AND state IN {} AND state NOT IN ('leased', 'applying')",
            self.store.list("$2")
        );
        let sql = format!("DELETE FROM items WHERE {}", self.store.locked(&condition));
        let mut transaction = self.begin().await?;
        let values = [Value::Real(Some(before)), Value::Text(Some(&json(&names)))];
        let gone = self.run(&mut transaction, &sql, &values).await?;
        self.commit(transaction).await?;
        Ok(gone)
    }

    /// How long an item may wait that has no earlier deadline, and how long before that end, or
    /// before its deadline, it becomes due: seconds, by default seven days and one. Counts for items
    /// that come in, or are scored anew, from now on.
    ///
    /// # Errors
    /// When a number is out of range, the lead is longer than the wait, or the queue cannot be
    /// written.
    pub async fn set_waits(&self, max_wait: f64, lead: f64) -> Result<(), Error> {
        if !(max_wait.is_finite() && max_wait >= 0.0) {
            let expected = "a number of 0 or more";
            return Err(Error::Number { name: "the longest wait", value: max_wait, expected });
        }
        if !(0.0..=max_wait).contains(&lead) {
            let expected = "a number from 0 to the longest wait";
            return Err(Error::Number { name: "the lead", value: lead, expected });
        }
        let mut transaction = self.begin().await?;
        for (name, value) in [("max_wait", max_wait), ("lead", lead)] {
            let sql = "UPDATE settings SET value = $1 WHERE name = $2";
            let values = [Value::Real(Some(value)), Value::Text(Some(name))];
            self.run(&mut transaction, sql, &values).await?;
        }
        self.commit(transaction).await
    }
}

pub(crate) fn json(texts: &[String]) -> String {
    serde_json::json!(texts).to_string()
}
