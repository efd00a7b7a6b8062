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

    /// All gates, in order.
    pub const ALL: [Self; 7] = [
        Self::Patch,
        Self::Edit,
        Self::Policy,
        Self::Regression,
        Self::Schema,
        Self::Server,
        Self::Rescan,
    ];

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

/// Why the gate `server` did not pass, or could not judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Cause {
    /// The server refuses the patched object as not valid, and took the object before.
    PatchRejected,
    /// Admission denies the patched object, and not the object before.
    AdmissionDenied,
    /// The patch changes what cannot be changed in place: the object would have to be made anew.
    Immutable,
    /// The server refuses the object without the patch just the same.
    RejectedBefore,
    /// The server does not serve the kind, or not in this version.
    UnknownKind,
    /// The server lacks the CustomResourceDefinition.
    MissingCrd,
    /// The server lacks the namespace.
    MissingNamespace,
    /// Another field manager owns a field that the object says otherwise.
    Conflict,
    /// The server does not know the credential, or it has expired.
    Unauthorized,
    /// The credential may not do this.
    Forbidden,
    /// An admission webhook did not answer, or cannot take part in a dry-run.
    WebhookFailed,
    /// The server did not answer.
    NoAnswer,
}

impl Cause {
    /// The kebab-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatchRejected => "patch-rejected",
            Self::AdmissionDenied => "admission-denied",
            Self::Immutable => "immutable",
            Self::RejectedBefore => "rejected-before",
            Self::UnknownKind => "unknown-kind",
            Self::MissingCrd => "missing-crd",
            Self::MissingNamespace => "missing-namespace",
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::WebhookFailed => "webhook-failed",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// What a patch changes of what runs, as a server sees it: by comparing what it would store before
/// and after, with all defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Effect {
    /// The stored object is the same: the patch is proven not to change what runs.
    Unchanged,
    /// The object changes, its pod template does not, if it has one: no pod restarts.
    NoRestart,
    /// The pod template changes, but only for pods that are made from now on.
    NextPods,
    /// The pod template changes: the workload's pods will restart.
    Restart,
    /// The pods of this kind cannot be changed in place: the object has to be made anew.
    Recreate,
}

impl Effect {
    /// All effects, the mildest first.
    pub const ALL: [Self; 5] =
        [Self::Unchanged, Self::NoRestart, Self::NextPods, Self::Restart, Self::Recreate];

    /// The kebab-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::NoRestart => "no-restart",
            Self::NextPods => "next-pods",
            Self::Restart => "restart",
            Self::Recreate => "recreate",
        }
    }
}

/// What an API server said of a patch, beside the outcome of the gate `server`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ServerReport {
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The policy, webhook or admission plugin that denied it or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What the patch changes of what runs; absent when it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Where the pod template changes: whether the pods that are made from it are the same all the
    /// same, because the server would have filled in what the patch writes. Absent when it was not
    /// found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_pods: Option<bool>,
    /// What admission holds against the workload's pods before the patch, at the Pod Security
    /// level that was chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods_denied_before: Vec<String>,
    /// What it still holds against them after the patch; never anything new, or the gate fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods_denied_after: Vec<String>,
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
    /// What the API server said; only of the gate `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Box<ServerReport>>,
}

impl GateResult {
    /// A result without time or report.
    pub fn new(gate: Gate, outcome: GateOutcome, reason: Option<String>) -> Self {
        Self { gate, outcome, reason, microseconds: None, server: None }
    }
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
