//! Templates that look at pod specs.

use super::{Run, Template, for_kind, for_workloads, plain};
use crate::kube_linter::params::{self, pattern};
use crate::kube_linter::view::{
    Diagnostics, Lint, Template as Pod, child, flag, items, path, text,
};
use manifest::{Kind, Node};
use serde::Deserialize;
use serde_json::Value;

pub(super) const TEMPLATES: &[Template] = &[
    for_workloads("host-ipc", |given| host_flag(given, "hostIPC")),
    for_workloads("host-network", |given| host_flag(given, "hostNetwork")),
    for_workloads("host-pid", |given| host_flag(given, "hostPID")),
    for_workloads("unsafe-sysctls", sysctls),
    for_workloads("restart-policy", |given| each(given, restart_policy)),
    for_workloads("priority-class-name", priority_class),
    for_workloads("dnsconfig-options", dns_option),
    for_workloads("no-node-affinity", |given| each(given, node_affinity)),
    for_workloads("deprecated-service-account-field", |given| each(given, deprecated_account)),
    for_workloads("service-account", service_account),
    for_workloads("non-existent-service-account", |given| plain(given, unknown_account)),
    for_kind("target-port", &["DeploymentLike", "Service"], |given| plain(given, target_port)),
];

fn each(given: &Value, check: fn(&Pod<'_>, &mut Diagnostics)) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(move |lint, out| {
        if let Some(pod) = lint.template(lint.object) {
            check(&pod, out);
        }
    }))
}

fn host_flag(given: &Value, key: &'static str) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(move |lint, out| {
        if let Some(pod) = lint.template(lint.object).filter(|pod| flag(pod.spec, &[key])) {
            out.push((pod.path(&[key]), format!("pod sets {key}")));
        }
    }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sysctls {
    #[serde(rename = "unsafeSysCtls")]
    beginnings: Vec<String>,
}

fn sysctls(given: &Value) -> Result<Run, String> {
    let given: Sysctls = params::read(given, &["unsafeSysCtls"])?;
    Ok(Box::new(move |lint, out| {
        let Some(pod) = lint.template(lint.object) else { return };
        let keys = ["securityContext", "sysctls"];
        for (index, entry) in items(pod.spec, &keys).enumerate() {
            let name = text(Some(entry), &["name"]);
            for _ in given.beginnings.iter().filter(|beginning| name.starts_with(*beginning)) {
                out.push((pod.path(&keys).index(index), format!("pod sets the sysctl {name}")));
            }
        }
    }))
}

fn restart_policy(pod: &Pod<'_>, out: &mut Diagnostics) {
    let policy = text(pod.spec, &["restartPolicy"]);
    if !matches!(policy, "Always" | "OnFailure") {
        let message = match policy {
            "" => "no restart policy is written".to_owned(),
            policy => format!("the restart policy is {policy}"),
        };
        out.push((pod.path(&["restartPolicy"]), message));
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PriorityClasses {
    accepted_priority_class_names: Vec<String>,
}

fn priority_class(given: &Value) -> Result<Run, String> {
    let given: PriorityClasses = params::read(given, &["acceptedPriorityClassNames"])?;
    Ok(Box::new(move |lint, out| {
        let Some(pod) = lint.template(lint.object) else { return };
        let name = text(pod.spec, &["priorityClassName"]);
        let accepted = &given.accepted_priority_class_names;
        if !name.trim().is_empty() && !accepted.iter().any(|known| known == name) {
            let message = format!("the priority class \"{name}\" is not accepted");
            out.push((pod.path(&["priorityClassName"]), message));
        }
    }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DnsOption {
    key: String,
    value: String,
}

fn dns_option(given: &Value) -> Result<Run, String> {
    let given: DnsOption = params::read(given, &["key", "value"])?;
    Ok(Box::new(move |lint, out| {
        let Some(pod) = lint.template(lint.object) else { return };
        let is_it = |option: Node<'_>| {
            let own = child(Some(option), &["value"]).and_then(Node::as_str);
            text(Some(option), &["name"]) == given.key && own == Some(&given.value)
        };
        if !items(pod.spec, &["dnsConfig", "options"]).any(is_it) {
            let message = format!("no DNS option {}:{}", given.key, given.value);
            out.push((pod.path(&["dnsConfig", "options"]), message));
        }
    }))
}

fn node_affinity(pod: &Pod<'_>, out: &mut Diagnostics) {
    if child(pod.spec, &["affinity", "nodeAffinity"]).is_none() {
        out.push((pod.path(&["affinity", "nodeAffinity"]), "no node affinity".to_owned()));
    }
}

fn deprecated_account(pod: &Pod<'_>, out: &mut Diagnostics) {
    let old = text(pod.spec, &["serviceAccount"]);
    if !old.is_empty() && old != text(pod.spec, &["serviceAccountName"]) {
        let message = "serviceAccount is deprecated and differs from serviceAccountName";
        out.push((pod.path(&["serviceAccount"]), message.to_owned()));
    }
}

/// The account of a pod; the old field counts when the new one is empty.
fn account<'a>(pod: &Pod<'a>) -> &'a str {
    match text(pod.spec, &["serviceAccountName"]) {
        "" => text(pod.spec, &["serviceAccount"]),
        name => name,
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ServiceAccount {
    service_account: String,
}

fn service_account(given: &Value) -> Result<Run, String> {
    let given: ServiceAccount = params::read(given, &["serviceAccount"])?;
    let pattern = pattern(&given.service_account)?;
    Ok(Box::new(move |lint, out| {
        let Some(pod) = lint.template(lint.object) else { return };
        let automount = child(pod.spec, &["automountServiceAccountToken"]).and_then(Node::as_bool);
        let name = account(&pod);
        if automount != Some(false) && pattern.matches(name) {
            let message = match name {
                "" => "no service account is named".to_owned(),
                name => format!("the service account is \"{name}\""),
            };
            out.push((pod.path(&["serviceAccountName"]), message));
        }
    }))
}

fn unknown_account(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let Some(pod) = lint.template(lint.object) else { return };
    let name = account(&pod);
    if matches!(name, "" | "default") {
        return;
    }
    if !lint.nearby("v1", "ServiceAccount").any(|object| object.name == name) {
        let message = format!("service account \"{name}\" is not there");
        out.push((pod.path(&["serviceAccountName"]), message));
    }
}

fn target_port(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if let Some(pod) = lint.template(lint.object) {
        for container in pod.containers() {
            for (index, port) in items(container.node, &["ports"]).enumerate() {
                let name = text(Some(port), &["name"]);
                for broken in if name.is_empty() { Vec::new() } else { broken_rules(name) } {
                    let at = container.at(&["ports"]).index(index).key("name");
                    out.push((at, format!("port name \"{name}\" {broken}")));
                }
            }
        }
    }
    if !lint.is(lint.object, "v1", "Service") {
        return;
    }
    for (index, port) in items(Some(lint.object.root), &["spec", "ports"]).enumerate() {
        let Some(target) = child(Some(port), &["targetPort"]) else { continue };
        let at = path(&["spec", "ports"]).index(index).key("targetPort");
        if target.kind() == Kind::Str {
            let name = target.as_str().unwrap_or("");
            let broken = broken_rules(name).into_iter();
            out.extend(
                broken.map(|broken| (at.clone(), format!("target port \"{name}\" {broken}"))),
            );
        } else if target.as_i64().is_none_or(|number| !(0..=65535).contains(&number)) {
            out.push((at, "the target port is not in 1 to 65535".to_owned()));
        }
    }
}

/// The rules of IANA service names that a name breaks.
fn broken_rules(name: &str) -> Vec<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rules = [
        (name.len() <= 15, "is longer than 15 characters"),
        (!name.is_empty() && name.chars().all(allowed), "has other characters than a-z, 0-9 and -"),
        (name.contains(|c: char| c.is_ascii_lowercase()), "has no letter"),
        (!name.contains("--"), "has two hyphens in a row"),
        (!name.starts_with('-') && !name.ends_with('-'), "has a hyphen at an end"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, broken)| broken).collect()
}
