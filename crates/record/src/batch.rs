use crate::Effect;
use serde::{Deserialize, Serialize};

/// What accepted fixes of one batch have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum GroupBy {
    /// The rule.
    Rule,
    /// The namespace of the object, as the manifest says it.
    Namespace,
    /// Who owns the object: its labels and annotations, else CODEOWNERS.
    Owner,
    /// Where the fault comes from: the same chart, the same base, the same image.
    RootCause,
}

impl GroupBy {
    /// The kebab-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Namespace => "namespace",
            Self::Owner => "owner",
            Self::RootCause => "root-cause",
        }
    }
}

/// Accepted fixes that are rolled out together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Batch {
    /// `group_by/key`, such as `namespace/shop`.
    pub id: String,
    /// What its fixes have in common.
    pub group_by: GroupBy,
    /// The common value; for people.
    pub key: String,
    /// Its turn, one-based.
    pub order: usize,
    /// It goes first, by itself, because least depends on it.
    #[serde(default)]
    pub canary: bool,
    /// Ids of the detections, in the order of the schedule.
    pub items: Vec<String>,
    /// Fingerprints of the findings, in the same order.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// Number of fixes.
    pub size: usize,
    /// Sum of the risks that the fixes remove, each 0 to 100.
    pub risk: f64,
    /// Fixes with a known exploited vulnerability.
    #[serde(default)]
    pub exploited: usize,
    /// Fixes that need an approval.
    #[serde(default)]
    pub needs_approval: usize,
    /// The rules, by id.
    pub rules: Vec<String>,
    /// The files, by path.
    pub files: Vec<String>,
    /// What may break at once.
    pub blast_radius: BlastRadius,
    /// When it may be rolled out; absent when no time was given to reckon from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<BatchWindow>,
    /// When to stop rolling out, and what to do then.
    pub stop_conditions: Vec<String>,
}

/// What a batch touches of what runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct BlastRadius {
    /// Objects that change.
    pub objects: usize,
    /// Namespaces, as the manifests say them.
    pub namespaces: Vec<String>,
    /// Workloads whose pods restart.
    pub restarts: usize,
    /// Pods of these workloads, where the manifests say how many. A DaemonSet has one on each node,
    /// which no manifest says.
    pub replicas: u64,
    /// Objects that others can reach from outside of their namespace, and how.
    pub exposed: Vec<String>,
    /// Objects that cannot be changed in place and have to be made anew, and why.
    pub recreated: Vec<String>,
    /// The strongest effect on what runs, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// When a batch may be rolled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct BatchWindow {
    /// It may be rolled out at the given time.
    pub open: bool,
    /// When all of its namespaces may first be changed, RFC 3339, UTC; absent when that is never
    /// within the next week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// The freeze that holds it back, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
}
