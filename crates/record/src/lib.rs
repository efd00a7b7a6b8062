//! The JSON contract between the stages.
//!
//! A stage reads and writes these records as a JSON array or as JSON Lines. Readers also accept
//! the files of the Python reference system, which carry only part of the fields; every field that
//! is ours is therefore optional when reading.

mod attempt;
mod batch;
mod date;
mod detection;
mod evidence;
mod io;
pub mod json;
mod patch;
mod policy_id;
mod ranking;
mod verdict;

pub use attempt::{Attempt, AttemptOutcome, Attempts, Usage};
pub use batch::{Batch, BatchWindow, BlastRadius, GroupBy};
pub use date::{Date, DateError};
pub use detection::{Detection, ObjectRef, Region};
pub use evidence::{Evidence, Fact, Subject};
pub use io::{Format, ReadError, read_records, write_records};
pub use patch::{Patch, Provenance, ValueSource};
pub use policy_id::canonical_policy_id;
pub use ranking::{
    Class, ClassStatistics, Decision, Explained, QueueItem, QueueState, RiskScore, RiskTerm,
    ScheduleEntry,
};
pub use verdict::{
    Cause, Effect, Gate, GateOutcome, GateResult, Outcome, ServerReport, Status, Verdict,
};

pub use json_patch::PatchOperation;

use serde::{Deserialize, Serialize};

/// How much harm a finding can do, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Severity {
    /// Hygiene; no direct harm.
    Low,
    /// Weakens a defence or the availability of one workload.
    Medium,
    /// Opens a known way in, or stops a workload.
    High,
    /// Gives the node or the cluster away.
    Critical,
}

impl Severity {
    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Who may apply a fix, after ruff's and clippy's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Applicability {
    /// Cannot change a workload that works; `--fix` applies it.
    Safe,
    /// Right in general, may break this workload; `--unsafe-fixes` or an approval applies it.
    Unsafe,
    /// Needs knowledge that the inputs do not hold; never applied automatically.
    Advice,
}

impl Applicability {
    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Advice => "advice",
        }
    }
}
