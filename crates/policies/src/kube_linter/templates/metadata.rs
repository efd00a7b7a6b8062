//! Templates that look at metadata and versions.

use super::{Run, Template, for_kind, plain};
use crate::kube_linter::params::{self, pattern};
use crate::kube_linter::view::{child, labels, path};
use rules::Pattern;
use serde::Deserialize;
use serde_json::Value;

pub(super) const TEMPLATES: &[Template] = &[
    for_kind("required-annotation", &["Any"], |given| required(given, "annotations")),
    for_kind("required-label", &["Any"], |given| required(given, "labels")),
    for_kind("forbidden-annotation", &["Any"], forbidden),
    for_kind("disallowed-api-obj", &["Any"], disallowed),
    for_kind("use-namespace", &["DeploymentLike", "Service"], |given| {
        plain(given, |lint, out| {
            let namespace = lint.object.namespace.unwrap_or("");
            if namespace.is_empty() || namespace.eq_ignore_ascii_case("default") {
                let at = path(&["metadata", "namespace"]);
                out.push((at, "is in the default namespace".to_owned()));
            }
        })
    }),
];

#[derive(Deserialize, Default)]
#[serde(default)]
struct KeyValue {
    key: String,
    value: String,
}

fn key_value(given: &Value) -> Result<(String, Pattern, Pattern), String> {
    let given: KeyValue = params::read(given, &["key", "value"])?;
    if given.key.is_empty() {
        return Err("parameter `key` is needed".to_owned());
    }
    Ok((given.key.clone(), pattern(&given.key)?, pattern(&given.value)?))
}

fn required(given: &Value, field: &'static str) -> Result<Run, String> {
    let (name, key, value) = key_value(given)?;
    Ok(Box::new(move |lint, out| {
        let own = child(Some(lint.object.root), &["metadata", field]);
        if !labels(own).any(|(k, v)| key.matches(k) && value.matches(v)) {
            let message = format!("nothing in {field} matches \"{name}\"");
            out.push((path(&["metadata", field]), message));
        }
    }))
}

fn forbidden(given: &Value) -> Result<Run, String> {
    let (_, key, value) = key_value(given)?;
    Ok(Box::new(move |lint, out| {
        let keys = ["metadata", "annotations"];
        let own = child(Some(lint.object.root), &keys);
        for (name, _) in labels(own).filter(|(k, v)| key.matches(k) && value.matches(v)) {
            out.push((path(&keys).key(name), format!("annotation \"{name}\" is forbidden")));
        }
    }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ApiObject {
    group: String,
    version: String,
    kind: String,
}

fn disallowed(given: &Value) -> Result<Run, String> {
    let given: ApiObject = params::read(given, &["group", "version", "kind"])?;
    let group = pattern(&given.group)?;
    let version = pattern(&given.version)?;
    let kind = pattern(&given.kind)?;
    Ok(Box::new(move |lint, out| {
        let object = lint.object;
        let own_version =
            object.api_version.rsplit_once('/').map_or(object.api_version, |(_, version)| version);
        if group.matches(object.group())
            && version.matches(own_version)
            && kind.matches(object.kind)
        {
            let message = format!("{} {} is disallowed", object.api_version, object.kind);
            out.push((path(&["apiVersion"]), message));
        }
    }))
}
