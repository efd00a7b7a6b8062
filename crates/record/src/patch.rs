use crate::{Applicability, ObjectRef};
use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};

/// A candidate fix for one detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Patch {
    /// The detection's id.
    pub id: String,
    /// Canonical policy id, as in the detection.
    pub policy_id: String,
    /// Who proposed it: `rules`, or the name of a model backend.
    pub source: String,
    /// RFC 6902 operations against the detection's document. `test` operations state what the
    /// patch relies on.
    pub patch: Vec<PatchOperation>,
    /// Milliseconds of the last attempt. Only read: the same input must give the same bytes.
    #[serde(default, skip_serializing)]
    pub latency_ms: Option<u64>,
    /// Our rule id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The detection's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// File of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_path: Option<String>,
    /// The object that the patch changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// Who may apply it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    /// What it may break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_break: Option<String>,
    /// Where each written value comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Provenance>,
}

/// Where a value that a fix writes comes from. Values are never guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Provenance {
    /// Pointer of the written value, from the document's root.
    pub pointer: String,
    /// The kind of source.
    pub source: ValueSource,
    /// The place within the source, for example `values[0].resources.requests.cpu`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The kinds of sources that a written value may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum ValueSource {
    /// Demanded by the rule itself: the only value that cures the finding.
    Rule,
    /// Copied or derived from the manifests.
    Manifest,
    /// A documented default of the API server.
    ServerDefault,
    /// The operator's configuration.
    Operator,
    /// Registry, metrics, image configuration.
    Evidence,
    /// A language model.
    Model,
}
