use crate::{Check, Rule, Scope};
use manifest::{Path, Span};
use record::{Applicability, Severity, ValueSource};
use serde_json::Value;
use std::borrow::Cow;

/// One thing that is wrong, with the way to cure it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// The place, from the object's root. It need not exist: a missing field is found where it
    /// should be.
    pub path: Path,
    /// The nearest text, in bytes of the file.
    pub span: Span,
    /// What is wrong, for people.
    pub message: String,
    /// How to cure it.
    pub remedy: Remedy,
    /// Who else reported it; none for what the rule's own check found.
    pub reported: Option<Box<Reported>>,
}

/// The tool that reported a finding, and what it calls the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// As in aliases: `kube-linter`, `trivy`, …
    pub tool: String,
    /// The tool's own id of the check.
    pub id: String,
    /// How the tool rates it, when it does.
    pub severity: Option<Severity>,
}

/// Stands for every check of another tool that no rule here corresponds to. It is not in the
/// catalogue: it checks nothing and fixes nothing.
pub static FOREIGN: Rule = Rule {
    id: "foreign",
    title: "Found by another tool, without a rule here",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(|_, _| ()),
};

impl Finding {
    /// The id that identifies the check in fingerprints: the rule's, or `tool:id` for a check of
    /// another tool.
    pub fn check_id(&self) -> Cow<'static, str> {
        match self.reported.as_deref() {
            Some(Reported { tool, id, .. }) => format!("{tool}:{id}").into(),
            None => self.rule.id.into(),
        }
    }

    /// How much harm it can do: what the reporting tool says where no rule here knows better.
    pub fn severity(&self) -> Severity {
        match self.reported.as_deref() {
            Some(Reported { severity: Some(severity), .. }) if *self.rule == FOREIGN => *severity,
            _ => self.rule.severity,
        }
    }

    /// Who may apply the remedy.
    pub fn applicability(&self) -> Applicability {
        match &self.remedy {
            Remedy::Fix(fix) => fix.applicability,
            Remedy::Advice(_) => Applicability::Advice,
        }
    }

    /// What the fix may break, or what is needed for one. Empty for a safe fix.
    pub fn note(&self) -> &str {
        match &self.remedy {
            Remedy::Fix(fix) => &fix.may_break,
            Remedy::Advice(needs) => needs,
        }
    }
}

/// How a finding can be cured.
#[derive(Debug, Clone)]
pub enum Remedy {
    /// An edit that cures it.
    Fix(Fix),
    /// No edit, and what would have to be known for one.
    Advice(String),
}

/// The smallest edit that cures a finding.
#[derive(Debug, Clone)]
pub struct Fix {
    /// Safe or unsafe.
    pub applicability: Applicability,
    /// What to change, in order.
    pub edits: Vec<Edit>,
    /// What must hold in the edited object, or the API server would refuse it. Judged after the
    /// object's other fixes.
    pub requires: Vec<Condition>,
    /// What it may break; empty for a safe fix.
    pub may_break: String,
}

/// A change of one object. Paths start at the object's root and use the list indexes of the
/// object as it was read, so that fixes can be composed.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Writes a value; missing parents are created; nothing happens when it is there already.
    Set {
        /// Where.
        path: Path,
        /// What.
        value: Written,
    },
    /// Takes a map entry or list item away; nothing happens when it is not there. An emptied
    /// parent goes too when `prune` says so.
    Remove {
        /// What.
        path: Path,
        /// Also remove the parent when nothing else is left in it.
        prune: bool,
    },
    /// Appends to a list, which is created when missing; nothing happens when the list holds the
    /// value or one of `unless`.
    Append {
        /// The list.
        path: Path,
        /// The new item.
        value: Written,
        /// Items that make it needless.
        unless: Vec<Value>,
    },
    /// Takes all items equal to the value out of a list of scalars; an emptied list goes too, and
    /// so does its parent when nothing else is left in it.
    RemoveItem {
        /// The list.
        path: Path,
        /// The item.
        value: Value,
    },
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The value.
    pub value: Value,
    /// The kind of source.
    pub source: ValueSource,
    /// The place within the source.
    pub detail: String,
}

impl Written {
    /// A value that the rule itself demands.
    pub fn rule(value: impl Into<Value>) -> Self {
        Self { value: value.into(), source: ValueSource::Rule, detail: String::new() }
    }

    /// A value taken from the manifest, at the place named.
    pub fn manifest(value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { value: value.into(), source: ValueSource::Manifest, detail: detail.into() }
    }

    /// A default that the API server documents.
    pub fn server_default(value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { value: value.into(), source: ValueSource::ServerDefault, detail: detail.into() }
    }
}

/// Something that must hold in an edited object.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value at the path is not this one (a missing path holds).
    Not(Path, Value),
    /// The list at the path does not contain this item (a missing list holds).
    Lacks(Path, Value),
}

impl Fix {
    fn new(applicability: Applicability, may_break: &str) -> Self {
        Self {
            applicability,
            edits: Vec::new(),
            requires: Vec::new(),
            may_break: may_break.to_owned(),
        }
    }

    /// A fix that cannot change a workload that works.
    pub fn safe() -> Self {
        Self::new(Applicability::Safe, "")
    }

    /// A fix that may break the workload, and how.
    pub fn unsafe_because(may_break: &str) -> Self {
        Self::new(Applicability::Unsafe, may_break)
    }

    /// Writes a value.
    #[must_use]
    pub fn set(mut self, path: Path, value: Written) -> Self {
        self.edits.push(Edit::Set { path, value });
        self
    }

    /// Removes an entry or item and leaves its parent, even when that becomes empty.
    #[must_use]
    pub fn remove(mut self, path: Path) -> Self {
        self.edits.push(Edit::Remove { path, prune: false });
        self
    }

    /// Removes an entry or item, and its parent when nothing else is left in it.
    #[must_use]
    pub fn remove_and_prune(mut self, path: Path) -> Self {
        self.edits.push(Edit::Remove { path, prune: true });
        self
    }

    /// Appends to a list unless it holds the value or one of `unless`.
    #[must_use]
    pub fn append(mut self, path: Path, value: Written, unless: &[&str]) -> Self {
        let unless = unless.iter().map(|item| Value::from(*item)).collect();
        self.edits.push(Edit::Append { path, value, unless });
        self
    }

    /// Takes a value out of a list of scalars.
    #[must_use]
    pub fn remove_item(mut self, path: Path, value: impl Into<Value>) -> Self {
        self.edits.push(Edit::RemoveItem { path, value: value.into() });
        self
    }

    /// Holds the fix back unless the edited object has another value there.
    #[must_use]
    pub fn requires_not(mut self, path: Path, value: impl Into<Value>) -> Self {
        self.requires.push(Condition::Not(path, value.into()));
        self
    }

    /// Holds the fix back unless the edited object's list lacks the item.
    #[must_use]
    pub fn requires_lacks(mut self, path: Path, value: impl Into<Value>) -> Self {
        self.requires.push(Condition::Lacks(path, value.into()));
        self
    }
}

impl From<Fix> for Remedy {
    fn from(fix: Fix) -> Self {
        Self::Fix(fix)
    }
}

impl From<&str> for Remedy {
    fn from(needs: &str) -> Self {
        Self::Advice(needs.to_owned())
    }
}

impl From<String> for Remedy {
    fn from(needs: String) -> Self {
        Self::Advice(needs)
    }
}
