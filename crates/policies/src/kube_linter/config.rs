//! `.kube-linter.yaml`.

use super::checks;
use super::kinds::Kinds;
use super::templates::{self, Template};
use super::{Check, ConfigError};
use serde::Deserialize;
use serde_json::Value;

/// Names of the file in the working directory, in the order in which they are looked for.
pub const FILE_NAMES: [&str; 2] = [".kube-linter.yaml", ".kube-linter.yml"];

/// The built-in check that does not run here.
pub const LEFT_OUT: &str = "schema-validation";

/// What the configuration file says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Which checks run.
    pub checks: Checks,
    /// Checks made of templates.
    pub custom_checks: Vec<CustomCheck>,
}

/// Which checks run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Checks {
    /// All built-in checks, not only the default ones.
    pub add_all_built_in: bool,
    /// Not even the default checks.
    pub do_not_auto_add_defaults: bool,
    /// Further checks.
    pub include: Vec<String>,
    /// Checks that do not run, whatever else is said.
    pub exclude: Vec<String>,
    /// Paths that are not looked at, as glob patterns.
    pub ignore_paths: Vec<String>,
}

/// A check made of a template.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CustomCheck {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// What to do about a finding.
    pub remediation: String,
    /// The objects that it looks at; the template's own kinds when absent.
    pub scope: Option<Scope>,
    /// The template.
    pub template: String,
    /// The template's parameters.
    pub params: Value,
}

/// The objects that a check looks at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// Names of kinds, `DeploymentLike`, `JobLike` or `Any`.
    pub object_kinds: Vec<String>,
}

impl Config {
    /// Every built-in check and nothing else.
    pub fn all_built_in() -> Self {
        let checks = Checks { add_all_built_in: true, ..Checks::default() };
        Self { checks, custom_checks: Vec::new() }
    }

    /// The checks that run, sorted by name.
    pub(super) fn compile(&self) -> Result<Vec<Check>, ConfigError> {
        for custom in &self.custom_checks {
            let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if custom.name.is_empty() || !custom.name.chars().all(is_good) {
                return Err(ConfigError::Name(custom.name.clone()));
            }
            if checks::ALL.iter().any(|built_in| built_in.name == custom.name) {
                return Err(ConfigError::Taken(custom.name.clone()));
            }
        }
        for name in self.checks.include.iter().chain(&self.checks.exclude) {
            if !self.knows(name) {
                return Err(ConfigError::Unknown(name.clone()));
            }
        }
        let is_on = |name: &str, by_default: bool| {
            (by_default || self.checks.include.iter().any(|included| included == name))
                && !self.checks.exclude.iter().any(|excluded| excluded == name)
        };
        let mut compiled = Vec::new();
        for built_in in checks::ALL {
            let by_default = self.checks.add_all_built_in
                || built_in.is_default && !self.checks.do_not_auto_add_defaults;
            if built_in.name != LEFT_OUT && is_on(built_in.name, by_default) {
                let template = template(built_in.name, built_in.template)?;
                let kinds: Vec<String> =
                    built_in.kinds.iter().map(|kind| (*kind).to_owned()).collect();
                let params = (built_in.params)();
                compiled.push(build(built_in.name, "", template, &kinds, &params)?);
            }
        }
        for check in self.custom_checks.iter().filter(|custom| is_on(&custom.name, true)) {
            compiled.push(custom(check)?);
        }
        compiled.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(compiled)
    }

    /// Whether [`LEFT_OUT`] is asked for. Its findings depend on schemas that
    /// kube-linter downloads.
    pub fn asks_for_left_out(&self) -> bool {
        let included = self.checks.include.iter().any(|name| name == LEFT_OUT);
        (self.checks.add_all_built_in || included)
            && !self.checks.exclude.iter().any(|name| name == LEFT_OUT)
    }

    fn knows(&self, name: &str) -> bool {
        checks::ALL.iter().any(|built_in| built_in.name == name)
            || self.custom_checks.iter().any(|custom| custom.name == name)
    }
}

pub(super) fn custom(custom: &CustomCheck) -> Result<Check, ConfigError> {
    let template = template(&custom.name, &custom.template)?;
    let kinds = match &custom.scope {
        Some(scope) => scope.object_kinds.clone(),
        None => template.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    build(&custom.name, &custom.remediation, template, &kinds, &custom.params)
}

fn template(check: &str, key: &str) -> Result<&'static Template, ConfigError> {
    templates::all().find(|template| template.key == key).ok_or_else(|| ConfigError::Check {
        name: check.to_owned(),
        reason: format!("unknown template `{key}`"),
    })
}

fn build(
    name: &str,
    remediation: &str,
    template: &Template,
    kinds: &[String],
    params: &Value,
) -> Result<Check, ConfigError> {
    let fail = |reason: String| ConfigError::Check { name: name.to_owned(), reason };
    Ok(Check {
        name: name.to_owned(),
        remediation: remediation.to_owned(),
        is_built_in: checks::ALL.iter().any(|built_in| built_in.name == name),
        kinds: Kinds::new(kinds).map_err(fail)?,
        run: (template.build)(params).map_err(fail)?,
    })
}
