//! Reports of other scanners, read as plain data.
//!
//! [`parse`] turns the output of a tool into a [`Report`]: what the tool says it found, where, and
//! nothing of our own. Which of our objects and rules is meant is for the detector to find out.
//! Reports are hostile input: their size and depth are limited, an entry that cannot be read is
//! named and does not stop the others, and nothing here does I/O.

mod checkov;
mod format;
mod id;
mod kube_linter;
mod kubescape;
mod kyverno;
mod place;
mod polaris;
mod sarif;
mod text;
mod trivy;

pub use format::{Format, MAX_BYTES, ReportError, parse};
pub use id::comparable;

use record::Severity;

/// What one tool says in one report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// As in the aliases of rules: `kube-linter`, `trivy`, …
    pub tool: String,
    /// The tool's version, when the report names it.
    pub version: Option<String>,
    /// What it found; checks that passed or were skipped are not among it.
    pub findings: Vec<Foreign>,
    /// Entries that are no findings and must not go unheard: what could not be read, what the tool
    /// could not judge, what is not about Kubernetes objects.
    pub notes: Vec<String>,
}

/// A finding, as the tool tells it. Every place is optional: tools know different things.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Foreign {
    /// The tool's id of the check, in its newest spelling.
    pub id: String,
    /// Other names of the same check, for matching only.
    pub also: Vec<String>,
    /// How the tool rates it, when it does.
    pub severity: Option<Severity>,
    /// What it says to people.
    pub message: String,
    /// Names of the file, most telling first; empty when the tool names none.
    pub files: Vec<String>,
    /// The object, when the tool names it.
    pub object: Option<Named>,
    /// Words that name the object when the tool does not say which is what.
    pub words: Vec<String>,
    /// First and last line in the file, from 1.
    pub lines: Option<(usize, usize)>,
    /// Name of the container.
    pub container: Option<String>,
    /// RFC 6901 pointers from the object's root; any of them may be the place.
    pub pointers: Vec<String>,
}

/// The identity of an object, as far as a tool tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// API group; absent when the tool does not say, empty for the core group.
    pub group: Option<String>,
    /// For example `Deployment`.
    pub kind: String,
    /// Empty, absent and `default` mean the same to most tools.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}
