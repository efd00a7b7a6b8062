use crate::{Applicability, ObjectRef};
use serde::{Deserialize, Serialize};

/// The gates, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Gate {
    /// The patch is valid, applies, and touches only what its rule allows.
    Patch,
    /// The text edit is exact and minimal and keeps every comment.
    Edit,
    /// The finding is gone.
    Policy,
    /// No new finding and no new dangling reference anywhere in the set.
    Regression,
    /// Valid for the target Kubernetes versions and the known custom resources.
    Schema,
    /// A real API server accepts it in a dry-run.
    Server,
    /// The scanner that reported it reports it no more.
    Rescan,
}

impl Gate {
    /// The gates that need nothing but the inputs.
    pub const OFFLINE: [Self; 5] =
        [Self::Patch, Self::Edit, Self::Policy, Self::Regression, Self::Schema];

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Edit => "edit",
            Self::Policy => "policy",
            Self::Regression => "regression",
            Self::Schema => "schema",
            Self::Server => "server",
            Self::Rescan => "rescan",
        }
    }
}

/// How a gate ended. Only `Passed` is a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum GateOutcome {
    /// Judged and found good.
    Passed,
    /// Judged and found bad.
    Failed,
    /// Switched off, or an earlier gate failed.
    Skipped,
    /// Could not run. Never a pass.
    Unavailable,
}

/// One gate's answer for one patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct GateResult {
    /// Which gate.
    pub gate: Gate,
    /// How it ended.
    pub outcome: GateOutcome,
    /// Why, unless it simply passed; or what was wrong before the patch already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time spent, monotonic clock. Only with `--timings`: by default the same input gives the
    /// same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microseconds: Option<u64>,
}

/// The verdict on one patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// The detection's id.
    pub id: String,
    /// Canonical policy id.
    pub policy_id: String,
    /// Every required gate of the profile passed.
    pub accepted: bool,
    /// The `policy` gate passed.
    pub ok_policy: bool,
    /// The `schema` gate passed.
    pub ok_schema: bool,
    /// The `patch` and `regression` gates passed.
    pub ok_safety: bool,
    /// The `rescan` gate passed; false when it did not run.
    pub ok_rescan: bool,
    /// The document after the patch, when accepted and asked for; else null.
    #[serde(default)]
    pub patched_yaml: Option<String>,
    /// Reasons of the gates that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Our rule id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The detection's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// File of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_path: Option<String>,
    /// The object that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// Who may apply the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    /// Every gate of the profile, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateResult>,
}

/// How a finding ended. Every finding has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Status {
    /// A patch passed every required gate.
    Accepted,
    /// A patch was proposed and a gate did not pass.
    Rejected,
    /// No patch: the fix needs knowledge that the inputs do not hold.
    Advice,
    /// No patch: the fix cannot go together with what else the object says or gets.
    Withheld,
}

impl Status {
    /// All statuses, in order.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Rejected, Self::Advice, Self::Withheld];

    /// The lower-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Advice => "advice",
            Self::Withheld => "withheld",
        }
    }
}

/// The end of one finding's way through a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The detection's id.
    pub id: String,
    /// Our rule id.
    pub rule: String,
    /// The detection's fingerprint.
    pub fingerprint: String,
    /// How it ended.
    pub status: Status,
    /// Why, unless it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
