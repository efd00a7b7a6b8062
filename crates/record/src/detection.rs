use crate::{Applicability, Severity};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One finding in one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Detection {
    /// Position in this run, one-based and zero-padded (`"001"`). Only unique within its file;
    /// [`Detection::fingerprint`] identifies a finding across runs.
    pub id: String,
    /// POSIX path of the file, relative to the working directory where possible; `-` for stdin.
    pub manifest_path: String,
    /// Text of the document, when the record must stand without its file; else null.
    #[serde(default)]
    pub manifest_yaml: Option<String>,
    /// The reference system's canonical id where one exists, else the rule id. Readers accept any
    /// scanner's raw id.
    pub policy_id: String,
    /// What is wrong, for people.
    pub violation_text: String,
    /// Our rule id; absent when the finding comes from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The check of another tool that reported it, as `tool:id`; absent when our own rule found
    /// it. With it and without [`Detection::rule`], no rule here corresponds to that check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_by: Option<String>,
    /// Hash of rule, object identity and keyed path (see `docs/records.md`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The object that the finding is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// RFC 6901 pointer from the document's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The same place by list-map keys, from the object's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed_path: Option<String>,
    /// The place in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Region>,
    /// How much harm it can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Who may apply the fix that the rule offers for this very finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    /// What the fix may break (`unsafe`) or what it needs to know (`advice`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The same rule in other tools, as `tool:id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Cow<'static, str>>,
}

/// Identity and place of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ObjectRef {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// As written in the manifest; absent when it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`; empty when it is not written.
    pub name: String,
    /// `metadata.generateName`, where there is no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generate_name: String,
    /// Zero-based index of the document among the file's documents that are not empty.
    pub document: usize,
    /// Pointer from the document's root to the object: empty, or `/items/N` in a List.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

impl ObjectRef {
    /// The name for people: the object's own, else the beginning that the server completes.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { &self.generate_name } else { &self.name }
    }
}

/// A stretch of text. Lines and columns are one-based, columns count characters, the end is
/// exclusive; offsets are bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Region {
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column just after the last character.
    pub end_column: usize,
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset just after the last character.
    pub end: usize,
}
