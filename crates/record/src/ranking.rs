use crate::{Applicability, ObjectRef};
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
    /// What stays after the fix, 0 to 100: the known vulnerabilities of the object's images. No fix
    /// of a manifest removes it, so it is no part of [`RiskScore::risk`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<f64>,
    /// What [`RiskScore::risk`], [`RiskScore::remaining`] and [`RiskScore::decision`] are made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<RiskTerm>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Until when it should be done, Unix seconds: the end of the day that the catalogue of known
    /// exploited vulnerabilities sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<f64>,
}

/// One term of a risk score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct RiskTerm {
    /// Which term, as the documentation of the formula names it.
    pub name: String,
    /// Its value, in the term's own unit: points that are added, or a factor.
    pub value: f64,
    /// What it was read from, for people.
    pub reason: String,
}

/// What to do about a finding, after the decisions of CISA's SSVC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Decision {
    /// In the ordinary course of things.
    Track,
    /// Sooner than others; somebody is to look at it.
    Attend,
    /// At once.
    Act,
}

impl Decision {
    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Attend => "attend",
            Self::Act => "act",
        }
    }
}

/// The fixes whose outcomes say something about each other: success and time are learnt by class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Class {
    /// Our rule id, or the policy id where no rule of ours found it.
    pub rule: String,
    /// Kind of the object.
    pub kind: String,
    /// Who proposed the fix: `rules`, or the name of a model backend.
    pub proposer: String,
}

/// What the outcomes of one class were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ClassStatistics {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// Attempts that succeeded.
    pub successes: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// How many of them have a time above zero.
    pub timed: u64,
    /// Sum of these times, in seconds.
    pub seconds: f64,
    /// Sum of the natural logarithms of these times, in seconds.
    pub log_sum: f64,
    /// Sum of the squares of these logarithms.
    pub log_sum_of_squares: f64,
}

impl ClassStatistics {
    /// A class of which nothing is known yet.
    pub fn new(class: Class) -> Self {
        Self {
            class,
            successes: 0,
            failures: 0,
            timed: 0,
            seconds: 0.0,
            log_sum: 0.0,
            log_sum_of_squares: 0.0,
        }
    }

    /// Adds one attempt. A time that is not a number above zero counts as not measured.
    pub fn add(&mut self, success: bool, seconds: f64) {
        if success {
            self.successes += 1;
        } else {
            self.failures += 1;
        }
        if seconds.is_finite() && seconds > 0.0 {
            let log = seconds.ln();
            self.timed += 1;
            self.seconds += seconds;
            self.log_sum += log;
            self.log_sum_of_squares += log * log;
        }
    }
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
    /// Why it is at this position; only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
}

/// Why an entry of the schedule is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Explained {
    /// The class that its success and time are learnt by.
    pub class: Class,
    /// Attempts at fixes of this class that the estimates rest on.
    pub attempts: u64,
    /// How many of them succeeded.
    pub successes: u64,
    /// Seconds until its turn, when every attempt takes as long as expected.
    pub starts_in: f64,
    /// Hours until it is due, negative when it is overdue; absent when it is never due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_in: Option<f64>,
    /// Why it is next, for people.
    pub reason: String,
}

/// Where an item of the queue stands.
///
/// ```text
/// queued -> leased -> verified -> approved -> applying -> applied
/// ```
///
/// An attempt that fails ends in `failed` until it is tried again, or in `dead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum QueueState {
    /// Waiting for a worker.
    Queued,
    /// A worker is judging it against the source as it is now.
    Leased,
    /// Every gate passed again; waits for an approval.
    Verified,
    /// May be applied; waits for a worker.
    Approved,
    /// A worker is applying it.
    Applying,
    /// In place.
    Applied,
    /// The last attempt failed; it waits until it is tried again.
    Failed,
    /// The source has changed so that the patch no longer fits; it waits for a new patch.
    Stale,
    /// Given up: too many attempts, or a person rejected it.
    Dead,
}

impl QueueState {
    /// All states, in the order of an item's way.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Leased,
        Self::Verified,
        Self::Approved,
        Self::Applying,
        Self::Applied,
        Self::Failed,
        Self::Stale,
        Self::Dead,
    ];

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Verified => "verified",
            Self::Approved => "approved",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::Dead => "dead",
        }
    }
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
    /// What the fix removes, 0 to 100.
    pub risk: f64,
    /// Probability that the fix succeeds.
    pub probability: f64,
    /// Expected seconds.
    pub expected_time: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
    /// Our rule id, where one found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Who proposed the patch: `rules`, or the name of a model backend.
    #[serde(default = "rules")]
    pub proposer: String,
    /// Who may apply it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    /// Until when it should be done, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<f64>,
}

/// The proposer of items that do not name one.
fn rules() -> String {
    "rules".to_owned()
}

impl QueueItem {
    /// The class that its outcome is learnt by.
    pub fn class(&self) -> Class {
        Class {
            rule: self.rule.clone().unwrap_or_else(|| self.policy_id.clone()),
            kind: self.object.kind.clone(),
            proposer: self.proposer.clone(),
        }
    }
}
