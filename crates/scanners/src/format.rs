//! Which format a report has, and the documents that it is made of.

use crate::{Report, checkov, kube_linter, kubescape, kyverno, polaris, sarif, trivy};
use manifest::{Limits, Node, Source};
use serde_json::Value;
use std::str::FromStr;

/// Largest report that is read.
pub const MAX_BYTES: usize = 64 << 20;

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `kube-linter lint --format json`.
    KubeLinter,
    /// Policy reports: of `kyverno apply --policy-report`, or from a cluster.
    Kyverno,
    /// `trivy config --format json`.
    Trivy,
    /// `polaris audit --format json`.
    Polaris,
    /// `checkov --output json`.
    Checkov,
    /// `kubescape scan --format json --format-version v2`.
    Kubescape,
    /// SARIF 2.1.0, of any tool.
    Sarif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::KubeLinter,
        Self::Kyverno,
        Self::Trivy,
        Self::Polaris,
        Self::Checkov,
        Self::Kubescape,
        Self::Sarif,
    ];

    /// The name that the command line uses; for all but SARIF, the tool's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KubeLinter => "kube-linter",
            Self::Kyverno => "kyverno",
            Self::Trivy => "trivy",
            Self::Polaris => "polaris",
            Self::Checkov => "checkov",
            Self::Kubescape => "kubescape",
            Self::Sarif => "sarif",
        }
    }

    /// The format of a document, by the keys that only this one has.
    fn of(document: &Value) -> Option<Self> {
        let has = |key: &str| document.get(key).is_some();
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
        Some(if has("runs") && (has("version") || has("$schema")) {
            Self::Sarif
        } else if has("Reports") && (has("Checks") || has("Summary")) {
            Self::KubeLinter
        } else if has("PolarisOutputVersion") || (has("AuditTime") && has("Results")) {
            Self::Polaris
        } else if (has("SchemaVersion") && has("ArtifactName"))
            || (has("ClusterName") && (has("Resources") || has("Findings")))
        {
            Self::Trivy
        } else if has("summaryDetails") || (has("results") && has("resources")) {
            Self::Kubescape
        } else if has("check_type") || has("checkov_version") {
            Self::Checkov
        } else if kyverno::is_report(document) || kind == "List" {
            Self::Kyverno
        } else {
            return None;
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown format `{name}`: expected one of {names}")
        })
    }
}

/// A report that cannot be read at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReportError {
    /// The limit is there so that a report cannot fill the memory.
    #[error("the report has {bytes} bytes, the limit is {MAX_BYTES}; split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It holds nothing.
    #[error("the report is empty; expected JSON, or YAML of policy reports")]
    Empty,
    /// Neither JSON nor YAML.
    #[error("the report cannot be read: {0}; expected JSON, or YAML of policy reports")]
    Unreadable(String),
    /// Readable, but none of the formats.
    #[error(
        "the report has none of the known formats (kube-linter, kyverno, trivy, polaris, checkov, \
         kubescape, sarif); if it has, name it"
    )]
    UnknownFormat,
    /// Readable, but not what it was said to be.
    #[error("the report does not look like one of {expected}{}", found_as(*found))]
    OtherFormat {
        /// What it was said to be.
        expected: &'static str,
        /// What it looks like.
        found: Option<&'static str>,
    },
}

fn found_as(found: Option<&'static str>) -> String {
    found.map_or_else(String::new, |name| format!("; it looks like one of {name}"))
}

/// Reads a report. Without a format, its keys tell which it has. A file may hold the reports of
/// several tools.
///
/// # Errors
/// When it is too large, no JSON and no YAML, or of another format. A single entry that cannot be
/// read is no error, but a note of the report.
pub fn parse(bytes: &[u8], format: Option<Format>) -> Result<Vec<Report>, ReportError> {
    let (documents, rest) = documents(bytes)?;
    let mut reports: Vec<Report> = Vec::new();
    for document in documents {
        // Checkov writes a list of reports when several of its runners found something.
        let parts = match document {
            Value::Array(parts) => parts,
            single => vec![single],
        };
        for part in parts {
            let found = Format::of(&part);
            let format = match (format, found) {
                (None, None) => return Err(ReportError::UnknownFormat),
                (Some(expected), found) if found != Some(expected) => {
                    return Err(ReportError::OtherFormat {
                        expected: expected.as_str(),
                        found: found.map(Format::as_str),
                    });
                }
                (Some(format), _) | (None, Some(format)) => format,
            };
            merge(&mut reports, read(format, &part));
        }
    }
    match reports.first_mut() {
        Some(first) => first.notes.extend(rest),
        // An empty list is Checkov's or a policy engine's way to say that all is well.
        None => reports.push(Report {
            tool: format.map_or("unknown", Format::as_str).to_owned(),
            ..Report::default()
        }),
    }
    Ok(reports)
}

fn read(format: Format, document: &Value) -> Vec<Report> {
    match format {
        Format::KubeLinter => vec![kube_linter::read(document)],
        Format::Kyverno => kyverno::read(document),
        Format::Trivy => vec![trivy::read(document)],
        Format::Polaris => vec![polaris::read(document)],
        Format::Checkov => vec![checkov::read(document)],
        Format::Kubescape => vec![kubescape::read(document)],
        Format::Sarif => sarif::read(document),
    }
}

/// Adds reports; those of one tool and version become one.
fn merge(reports: &mut Vec<Report>, more: Vec<Report>) {
    for report in more {
        let same =
            |known: &&mut Report| known.tool == report.tool && known.version == report.version;
        match reports.iter_mut().find(same) {
            Some(known) => {
                known.findings.extend(report.findings);
                known.notes.extend(report.notes);
            }
            None => reports.push(report),
        }
    }
}

/// The documents of a report, and a note when something follows them that cannot be read.
fn documents(bytes: &[u8]) -> Result<(Vec<Value>, Option<String>), ReportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ReportError::TooLarge { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ReportError::Unreadable(format!("not UTF-8: {error}")))?;
    let text = without_preamble(text.trim_start_matches('\u{feff}'));
    if text.trim().is_empty() {
        return Err(ReportError::Empty);
    }
    match text.trim_start().starts_with(['{', '[']) {
        true => json(text),
        false => yaml(text).map(|documents| (documents, None)),
    }
}

/// Kyverno's CLI says what it does before it reports.
fn without_preamble(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let starts = line.starts_with(['{', '[', '-']) || line.starts_with("apiVersion:");
        if starts || line.starts_with("kind:") {
            return &text[at..];
        }
        at += line.len();
    }
    text
}

fn json(text: &str) -> Result<(Vec<Value>, Option<String>), ReportError> {
    let mut documents = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match document {
            Ok(document) => documents.push(document),
            Err(error) if documents.is_empty() => {
                return Err(ReportError::Unreadable(error.to_string()));
            }
            Err(error) => {
                let note = format!("what follows the report is left out: {error}");
                return Ok((documents, Some(note)));
            }
        }
    }
    Ok((documents, None))
}

fn yaml(text: &str) -> Result<Vec<Value>, ReportError> {
    let unreadable = |error: &dyn ToString| ReportError::Unreadable(error.to_string());
    let limits = Limits { max_bytes: MAX_BYTES, ..Limits::default() };
    let source =
        Source::parse(text.as_bytes().to_vec(), &limits).map_err(|error| unreadable(&error))?;
    if let Some(error) = source.documents().iter().find_map(manifest::Document::error) {
        return Err(unreadable(error));
    }
    let roots = source.documents().iter().filter_map(|document| source.root(document.index()));
    let documents: Vec<Value> = roots.map(Node::to_json).filter(|value| !value.is_null()).collect();
    match documents.iter().all(|value| value.is_object() || value.is_array()) {
        true if documents.is_empty() => Err(ReportError::Empty),
        true => Ok(documents),
        false => Err(ReportError::Unreadable("a text, not a map".to_owned())),
    }
}
