//! What can be checked: templates, which checks give names and parameters.

mod cel;
mod containers;
mod metadata;
mod network;
mod pods;
mod rbac;
mod scaling;
mod text;

use super::params;
use super::view::{Diagnostics, Lint};
use serde_json::Value;

/// A check with its parameters set.
pub(super) type Run = Box<dyn Fn(&Lint<'_, '_>, &mut Diagnostics) + Send + Sync>;

/// A kind of check.
pub(super) struct Template {
    pub(super) key: &'static str,
    /// The object kinds that it looks at unless a custom check says otherwise.
    pub(super) kinds: &'static [&'static str],
    /// Sets the parameters.
    pub(super) build: fn(&Value) -> Result<Run, String>,
}

const DEPLOYMENT_LIKE: &[&str] = &["DeploymentLike"];

/// All templates, sorted by key.
pub(super) fn all() -> impl Iterator<Item = &'static Template> {
    [
        cel::TEMPLATES,
        containers::TEMPLATES,
        metadata::TEMPLATES,
        network::TEMPLATES,
        pods::TEMPLATES,
        rbac::TEMPLATES,
        scaling::TEMPLATES,
        text::TEMPLATES,
    ]
    .into_iter()
    .flatten()
}

/// A template for workloads.
const fn for_workloads(key: &'static str, build: fn(&Value) -> Result<Run, String>) -> Template {
    Template { key, kinds: DEPLOYMENT_LIKE, build }
}

/// A template for one kind of object.
const fn for_kind(
    key: &'static str,
    kinds: &'static [&'static str],
    build: fn(&Value) -> Result<Run, String>,
) -> Template {
    Template { key, kinds, build }
}

/// A check without parameters.
fn plain(given: &Value, check: fn(&Lint<'_, '_>, &mut Diagnostics)) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(check))
}
