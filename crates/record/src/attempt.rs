use crate::Gate;
use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};

/// Every attempt of a model at one finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Attempts {
    /// The detection's id.
    pub id: String,
    /// Canonical policy id, as in the detection.
    pub policy_id: String,
    /// Our rule id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The detection's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The name of the backend; `recorded` for recorded answers.
    pub source: String,
    /// The model, as the backend was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In the order in which they were made.
    pub attempts: Vec<Attempt>,
}

/// One answer of a model, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// One-based.
    pub number: u32,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Why, unless it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first gate that did not pass, of a rejected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// The answer. Tokens stand in place of secrets here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patch: Vec<PatchOperation>,
    /// Whether the answer is from the cache or a recording.
    #[serde(default)]
    pub cached: bool,
    /// What it used, as the backend counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum AttemptOutcome {
    /// Every gate passed.
    Accepted,
    /// A gate did not pass.
    Rejected,
    /// The answer holds no patch.
    Unreadable,
    /// The backend did not answer, or refused.
    NoAnswer,
    /// Nothing was sent, because a secret would have left the process.
    Withheld,
    /// Nothing was sent, because a budget is spent.
    OverBudget,
}

impl AttemptOutcome {
    /// The kebab-case name used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
            Self::NoAnswer => "no-answer",
            Self::Withheld => "withheld",
            Self::OverBudget => "over-budget",
        }
    }
}

/// What a request used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
    /// By the prices in the configuration, in their currency; absent without prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}
