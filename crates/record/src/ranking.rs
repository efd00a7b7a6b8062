use crate::ObjectRef;
use serde::{Deserialize, Serialize};

/// Risk of one finding and what the scheduler needs beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct RiskScore {
    /// The detection's id.
    pub id: String,
    /// 0 to 100.
    pub risk: f64,
    /// Probability that the fix succeeds, 0 to 1.
    pub probability: f64,
    /// Expected seconds until the fix is in place.
    pub expected_time: f64,
    /// Hours that the item has waited.
    #[serde(default)]
    pub wait: f64,
    /// A known exploited vulnerability is involved.
    #[serde(default)]
    pub kev: bool,
    /// Exploration bonus.
    #[serde(default)]
    pub explore: f64,
}

/// One position of the schedule; the first entry is to be done first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ScheduleEntry {
    /// The detection's id.
    pub id: String,
    /// The index that the order follows, six decimals.
    pub score: f64,
    /// Risk.
    #[serde(rename = "R")]
    pub risk: f64,
    /// Probability of success.
    #[serde(rename = "p")]
    pub probability: f64,
    /// Expected seconds.
    #[serde(rename = "Et")]
    pub expected_time: f64,
    /// Hours waited.
    pub wait: f64,
    /// Known exploited.
    pub kev: bool,
}

/// Where an item of the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum QueueState {
    /// Waiting for a worker.
    Queued,
}

/// One accepted fix in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct QueueItem {
    /// The finding's fingerprint: enqueueing it again changes neither state nor age.
    pub id: String,
    /// Canonical policy id.
    pub policy_id: String,
    /// Where it stands.
    pub state: QueueState,
    /// File of the object.
    pub manifest_path: String,
    /// The object to change.
    pub object: ObjectRef,
    /// RFC 6902 operations against the object's document.
    pub patch: Vec<json_patch::PatchOperation>,
    /// 0 to 100.
    pub risk: f64,
    /// Probability that the fix succeeds.
    pub probability: f64,
    /// Expected seconds.
    pub expected_time: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
}
