//! kube-linter's checks, finding for finding: its templates, parameters and configuration, its way
//! of reading objects, its contexts and its annotations.
//!
//! Source of the semantics: kube-linter at 35de568 (2026-08-19). What it reports is reproduced
//! with its oddities; the rules of the catalogue with the same names are free to do better.

mod checks;
mod config;
mod kinds;
mod params;
mod templates;
mod types;
mod view;

pub use config::{Checks, Config, CustomCheck, FILE_NAMES, LEFT_OUT, Scope};
pub use types::Reading;
pub use view::Readings;

use kinds::Kinds;
use manifest::{Node, Path};
use rules::{Object, Set};
use view::{Diagnostics, Lint, child};

/// The checks of a configuration, ready to run.
pub struct Linter {
    checks: Vec<Check>,
}

impl std::fmt::Debug for Linter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

struct Check {
    name: String,
    remediation: String,
    is_built_in: bool,
    kinds: Kinds,
    run: templates::Run,
}

/// One thing that kube-linter would report.
#[derive(Debug, Clone)]
pub struct Report<'l> {
    /// The name of the check.
    pub check: &'l str,
    /// Whether the check is built in; the user's own otherwise.
    pub is_built_in: bool,
    /// What a custom check's author advises; empty for built-in checks.
    pub remediation: &'l str,
    /// The place, from the object's root; it need not exist.
    pub path: Path,
    /// What is wrong, in our words.
    pub message: String,
}

/// A configuration that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The name of a custom check has other characters than letters, digits, `-` and `_`.
    #[error("customChecks: `{0}` is no name: use letters, digits, - and _")]
    Name(String),
    /// A custom check has the name of a built-in one.
    #[error("customChecks: `{0}` is the name of a built-in check")]
    Taken(String),
    /// No such check.
    #[error("checks: unknown check `{0}`")]
    Unknown(String),
    /// A check cannot be made.
    #[error("check `{name}`: {reason}")]
    Check {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
}

const IGNORE_ALL: &str = "kube-linter.io/ignore-all";
const IGNORE_CHECK: &str = "ignore-check.kube-linter.io/";

impl Linter {
    /// The checks that a configuration asks for.
    ///
    /// # Errors
    /// When a check, template or kind does not exist, or a parameter is wrong.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self { checks: config.compile()? })
    }

    /// A single template with parameters, whatever the kinds of the objects.
    ///
    /// # Errors
    /// When there is no such template or a parameter is wrong.
    pub fn of_template(key: &str, params: &serde_json::Value) -> Result<Self, ConfigError> {
        let custom = CustomCheck {
            name: key.to_owned(),
            template: key.to_owned(),
            params: params.clone(),
            ..CustomCheck::default()
        };
        Ok(Self { checks: vec![config::custom(&custom)?] })
    }

    /// The names of the checks, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|check| check.name.as_str())
    }

    /// Runs the checks on one object of the set, in order of their names. `document` is the
    /// document that holds it.
    pub fn check<'a>(
        &self,
        object: &Object<'a>,
        document: Node<'a>,
        set: &Set<'a>,
        readings: &Readings,
    ) -> Vec<Report<'_>> {
        let lint = Lint { set, readings, object, document };
        let annotations = child(Some(object.root), &["metadata", "annotations"]);
        let has = |key: &str| annotations.is_some_and(|map| map.get(key).is_some());
        if lint.reading(object) == Reading::Invalid || has(IGNORE_ALL) {
            return Vec::new();
        }
        let mut reports = Vec::new();
        let mut found = Diagnostics::new();
        for check in self.checks.iter().filter(|check| check.kinds.cover(object)) {
            (check.run)(&lint, &mut found);
            if found.is_empty() || has(&format!("{IGNORE_CHECK}{}", check.name)) {
                found.clear();
                continue;
            }
            reports.extend(found.drain(..).map(|(path, message)| Report {
                check: &check.name,
                is_built_in: check.is_built_in,
                remediation: &check.remediation,
                path,
                message,
            }));
        }
        reports
    }
}
