use crate::Error;
use record::{ObjectRef, PatchOperation, QueueItem, QueueState};
use std::path::Path;

/// One item as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The finding's fingerprint; the detection's id in rows of the reference system.
    pub id: String,
    /// Canonical policy id.
    pub policy_id: String,
    /// Where it stands.
    pub state: QueueState,
    /// Times that a worker has tried.
    pub attempts: i64,
    /// Tries after which it is given up.
    pub max_attempts: i64,
    /// When it came in, Unix seconds.
    pub enqueued_at: f64,
    /// When it last changed, Unix seconds.
    pub last_update: f64,
    /// 0 to 100.
    pub risk: f64,
    /// Probability that the fix succeeds.
    pub probability: f64,
    /// Expected seconds.
    pub expected_time: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
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
}

/// The columns that every query selects, in order.
pub(crate) type Columns = (
    String,
    String,
    String,
    i64,
    i64,
    f64,
    f64,
    f64,
    f64,
    f64,
    bool,
    Option<String>,
    Option<String>,
    Option<String>,
);

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
            rule: None,
            proposer: "rules".to_owned(),
            applicability: None,
            deadline: None,
        })
    }

    pub(crate) fn read(path: &Path, columns: Columns) -> Result<Self, Error> {
        let (id, policy_id, state, attempts, max_attempts, enqueued_at, last_update, ..) = columns;
        let (.., risk, probability, expected_time, kev, manifest_path, object, patch) = columns;
        let unreadable = |source| Error::Row { path: path.to_owned(), id: id.clone(), source };
        let work = match (manifest_path, object, patch) {
            (Some(manifest_path), Some(object), Some(patch)) => Some(Work {
                manifest_path,
                object: serde_json::from_str(&object).map_err(unreadable)?,
                patch: serde_json::from_str(&patch).map_err(unreadable)?,
            }),
            _ => None,
        };
        let state = self::state(path, &id, &state)?;
        Ok(Self {
            id,
            policy_id,
            state,
            attempts,
            max_attempts,
            enqueued_at,
            last_update,
            risk,
            probability,
            expected_time,
            kev,
            work,
        })
    }
}

/// The state by the name that records use.
pub(crate) fn state(path: &Path, id: &str, name: &str) -> Result<QueueState, Error> {
    serde_json::from_value(name.into()).map_err(|source| Error::Row {
        path: path.to_owned(),
        id: id.to_owned(),
        source,
    })
}
