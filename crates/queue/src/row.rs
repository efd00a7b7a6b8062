use crate::{Error, Location};
use record::{Applicability, ObjectRef, PatchOperation, QueueItem, QueueState};
use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Database, Decode, FromRow, Type};

/// One item as it is stored. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The finding's fingerprint; the detection's id in rows of the reference system.
    pub id: String,
    /// Canonical policy id.
    pub policy_id: String,
    /// Our rule id, where one found it.
    pub rule: Option<String>,
    /// Who proposed the patch.
    pub proposer: String,
    /// Where it stands.
    pub state: QueueState,
    /// Times that a worker has tried in the present stage.
    pub attempts: i64,
    /// Tries after which it is given up.
    pub max_attempts: i64,
    /// When it came in.
    pub enqueued_at: f64,
    /// When it last changed; when the lease began or was last renewed.
    pub last_update: f64,
    /// When it becomes due.
    pub due_at: f64,
    /// Until when it should be done, where somebody said so.
    pub deadline: Option<f64>,
    /// End of its lease, or of its sleep.
    pub until: Option<f64>,
    /// 0 to 100.
    pub risk: f64,
    /// Probability that the fix succeeds.
    pub probability: f64,
    /// Expected seconds.
    pub expected_time: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
    /// Token of the last lease; 0 before the first.
    pub token: i64,
    /// The last worker or person that changed it.
    pub who: Option<String>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// What to do; absent in rows of the reference system, which did not store it.
    pub work: Option<Work>,
}

/// The change that an item stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// File of the object.
    pub manifest_path: String,
    /// The object to change.
    pub object: ObjectRef,
    /// RFC 6902 operations against the object's document.
    pub patch: Vec<PatchOperation>,
    /// What takes the applied patch back.
    pub inverse: Option<Vec<PatchOperation>>,
    /// Who may apply it.
    pub applicability: Option<Applicability>,
}

/// The columns that a [`Stored`] is read from.
pub(crate) const COLUMNS: &str = "seq, id, policy_id, rule, proposer, state, attempts, max_attempts, \
    enqueued_at, last_update, due_at, deadline, until, risk, probability, expected_time, kev, token, \
    who, reason, inverse, manifest_path, object, patch, applicability";

/// A row with its JSON still as text.
pub(crate) struct Stored {
    pub(crate) seq: i64,
    row: Row,
    state: String,
    inverse: Option<String>,
    manifest_path: Option<String>,
    object: Option<String>,
    patch: Option<String>,
    applicability: Option<String>,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for Stored
where
    for<'i> &'i str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    f64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            row: Row {
                id: row.try_get("id")?,
                policy_id: row.try_get("policy_id")?,
                rule: row.try_get("rule")?,
                proposer: row.try_get("proposer")?,
                state: QueueState::Queued,
                attempts: row.try_get("attempts")?,
                max_attempts: row.try_get("max_attempts")?,
                enqueued_at: row.try_get("enqueued_at")?,
                last_update: row.try_get("last_update")?,
                due_at: row.try_get("due_at")?,
                deadline: row.try_get("deadline")?,
                until: row.try_get("until")?,
                risk: row.try_get("risk")?,
                probability: row.try_get("probability")?,
                expected_time: row.try_get("expected_time")?,
                kev: row.try_get("kev")?,
                token: row.try_get("token")?,
                who: row.try_get("who")?,
                reason: row.try_get("reason")?,
                work: None,
            },
            state: row.try_get("state")?,
            inverse: row.try_get("inverse")?,
            manifest_path: row.try_get("manifest_path")?,
            object: row.try_get("object")?,
            patch: row.try_get("patch")?,
            applicability: row.try_get("applicability")?,
        })
    }
}

impl Stored {
    pub(crate) fn read(self, queue: &Location) -> Result<Row, Error> {
        let mut row = self.row;
        row.state = state(queue, &row.id, &self.state)?;
        let (Some(manifest_path), Some(object), Some(patch)) =
            (self.manifest_path, self.object, self.patch)
        else {
            return Ok(row);
        };
        row.work = Some(Work {
            manifest_path,
            object: parsed(queue, &row.id, &object)?,
            patch: parsed(queue, &row.id, &patch)?,
            inverse: self.inverse.map(|text| parsed(queue, &row.id, &text)).transpose()?,
            applicability: self
                .applicability
                .map(|text| parsed(queue, &row.id, &text))
                .transpose()?,
        });
        Ok(row)
    }
}

impl Row {
    /// Hours since it came in; 0 when the clock says that it comes from the future.
    pub fn wait_hours(&self, now: f64) -> f64 {
        ((now - self.enqueued_at) / 3600.0).max(0.0)
    }

    /// The record; `None` when the row does not say what to do.
    pub fn into_item(self) -> Option<QueueItem> {
        let work = self.work?;
        Some(QueueItem {
            id: self.id,
            policy_id: self.policy_id,
            state: self.state,
            manifest_path: work.manifest_path,
            object: work.object,
            patch: work.patch,
            risk: self.risk,
            probability: self.probability,
            expected_time: self.expected_time,
            kev: self.kev,
            rule: self.rule,
            proposer: self.proposer,
            applicability: work.applicability,
            deadline: self.deadline,
        })
    }
}

/// The state by the name that records use.
pub(crate) fn state(queue: &Location, id: &str, name: &str) -> Result<QueueState, Error> {
    serde_json::from_value(name.into()).map_err(|source| unreadable(queue, id, source))
}

pub(crate) fn parsed<T: DeserializeOwned>(
    queue: &Location,
    id: &str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| unreadable(queue, id, source))
}

pub(crate) fn unreadable(queue: &Location, id: &str, source: serde_json::Error) -> Error {
    Error::Row { queue: queue.clone(), id: id.to_owned(), source }
}
