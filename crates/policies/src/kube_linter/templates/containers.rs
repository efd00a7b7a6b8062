//! Templates that look at containers.

use super::{Run, Template, for_workloads};
use crate::kube_linter::params::{self, pattern, regexes};
use crate::kube_linter::view::{
    Container, Diagnostics, Lint, Template as Pod, child, flag, items, text,
};
use manifest::{Kind, Node};
use regex::Regex;
use rules::quantity::Quantity;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const TEMPLATES: &[Template] = &[
    for_workloads("privileged", |given| each(given, privileged)),
    for_workloads("privilege-escalation-container", |given| each(given, privilege_escalation)),
    for_workloads("read-only-root-fs", |given| each(given, read_only_root)),
    for_workloads("run-as-non-root", |given| each(given, run_as_non_root)),
    for_workloads("unsafe-proc-mount", |given| each(given, proc_mount)),
    for_workloads("verify-container-capabilities", capabilities),
    for_workloads("cpu-requirements", |given| requirements(given, "cpu")),
    for_workloads("memory-requirements", |given| requirements(given, "memory")),
    for_workloads("latest-tag", image),
    for_workloads("image-pull-policy", pull_policy),
    for_workloads("liveness-probe", |given| has_probe(given, "livenessProbe")),
    for_workloads("readiness-probe", |given| has_probe(given, "readinessProbe")),
    for_workloads("liveness-port", |given| probe_port(given, "livenessProbe")),
    for_workloads("readiness-port", |given| probe_port(given, "readinessProbe")),
    for_workloads("startup-port", |given| probe_port(given, "startupProbe")),
    for_workloads("duplicate-env-var", |given| each(given, duplicate_env)),
    for_workloads("env-var", env_var),
    for_workloads("read-secret-from-env-var", |given| each(given, secret_env)),
    for_workloads("env-value-from", env_value_from),
    for_workloads("ports", ports),
    for_workloads("privileged-ports", |given| each(given, privileged_ports)),
    for_workloads("host-mounts", host_mounts),
    for_workloads("writable-host-mount", |given| {
        params::none(given)?;
        Ok(Box::new(|lint, out| {
            for mount in mounts(lint).filter(|mount| !flag(Some(mount.node), &["readOnly"])) {
                out.push((
                    mount.at,
                    format!("{} mounts the node's {} writable", mount.container, mount.path),
                ));
            }
        }))
    }),
];

/// A check without parameters that looks at one container at a time.
fn each(
    given: &Value,
    check: fn(&Pod<'_>, &Container<'_>, &mut Diagnostics),
) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |pod, container| check(pod, container, out));
    }))
}

fn for_each(lint: &Lint<'_, '_>, mut see: impl FnMut(&Pod<'_>, &Container<'_>)) {
    if let Some(pod) = lint.template(lint.object) {
        for container in pod.containers() {
            see(&pod, &container);
        }
    }
}

fn label(container: &Container<'_>) -> String {
    format!("container \"{}\"", container.name())
}

fn is_true(node: Option<Node<'_>>) -> bool {
    node.and_then(Node::as_bool) == Some(true)
}

fn privileged(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    if is_true(container.security("privileged")) {
        let at = container.at(&["securityContext", "privileged"]);
        out.push((at, format!("{} is privileged", label(container))));
    }
}

fn privilege_escalation(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    let added = items(container.node, &["securityContext", "capabilities", "add"]);
    let (keys, why): (&[&str], _) = if is_true(container.security("allowPrivilegeEscalation")) {
        (&["allowPrivilegeEscalation"], "allowPrivilegeEscalation is true")
    } else if is_true(container.security("privileged")) {
        (&["privileged"], "it is privileged")
    } else if added.into_iter().any(|entry| entry.as_str() == Some("SYS_ADMIN")) {
        (&["capabilities", "add"], "it adds SYS_ADMIN")
    } else {
        return;
    };
    let at = container.at(&[&["securityContext"], keys].concat());
    out.push((at, format!("{} may gain privileges: {why}", label(container))));
}

fn read_only_root(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    if !is_true(container.security("readOnlyRootFilesystem")) {
        let at = container.at(&["securityContext", "readOnlyRootFilesystem"]);
        out.push((at, format!("{} can write to its root file system", label(container))));
    }
}

fn run_as_non_root(pod: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    let effective =
        |key: &str| container.security(key).or_else(|| child(pod.spec, &["securityContext", key]));
    let number = |key: &str| effective(key).and_then(Node::as_i64);
    let at = |key: &str| container.at(&["securityContext", key]);
    if number("runAsGroup") == Some(0) {
        out.push((at("runAsGroup"), format!("{} runs with the root group", label(container))));
    }
    let user = number("runAsUser");
    if user.is_some_and(|user| user > 0) {
        return;
    }
    if !is_true(effective("runAsNonRoot")) {
        out.push((at("runAsNonRoot"), format!("{} may run as root", label(container))));
    } else if user == Some(0) {
        let message = format!("{} sets runAsNonRoot, and runAsUser 0", label(container));
        out.push((at("runAsUser"), message));
    }
}

fn proc_mount(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    let mount = container.security("procMount").and_then(Node::as_str).unwrap_or("");
    if mount.eq_ignore_ascii_case("Unmasked") {
        let at = container.at(&["securityContext", "procMount"]);
        out.push((at, format!("{} sees /proc unmasked", label(container))));
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Capabilities {
    forbidden_capabilities: Vec<String>,
    exceptions: Vec<String>,
}

fn capabilities(given: &Value) -> Result<Run, String> {
    let given: Capabilities = params::read(given, &["forbiddenCapabilities", "exceptions"])?;
    let all = regex::Regex::new("^(?i)all$").map_err(|error| error.to_string())?;
    let everything = given.forbidden_capabilities.iter().any(|name| all.is_match(name));
    if !everything && !given.exceptions.is_empty() {
        return Err("exceptions need forbiddenCapabilities to hold \"all\"".to_owned());
    }
    let forbidden = match everything {
        true => vec![all.clone()],
        false => regexes(&given.forbidden_capabilities)?,
    };
    let exceptions = regexes(&given.exceptions)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            let keys = ["securityContext", "capabilities"];
            if child(container.node, &keys).is_none() {
                return;
            }
            let list = |list: &str| {
                let entries = items(container.node, &[keys[0], keys[1], list]);
                entries.map(|entry| entry.as_str().unwrap_or("")).collect::<Vec<_>>()
            };
            let (added, dropped) = (list("add"), list("drop"));
            for forbidden in &forbidden {
                for (index, entry) in added.iter().enumerate() {
                    let is_bad = match everything {
                        true => !exceptions.iter().any(|exception| exception.is_match(entry)),
                        false => forbidden.is_match(entry) || all.is_match(entry),
                    };
                    if is_bad {
                        let at = container.at(&[keys[0], keys[1], "add"]).index(index);
                        out.push((at, format!("{} adds {entry}", label(container))));
                    }
                }
                if !dropped.iter().any(|entry| forbidden.is_match(entry) || all.is_match(entry)) {
                    let at = container.at(&[keys[0], keys[1], "drop"]);
                    let name = if everything { "ALL" } else { forbidden.as_str() };
                    out.push((at, format!("{} does not drop {name}", label(container))));
                }
            }
        });
    }))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Requirements {
    requirements_type: String,
    #[serde(alias = "lowerBoundMB")]
    lower_bound_millis: i64,
    #[serde(alias = "upperBoundMB")]
    upper_bound_millis: Option<i64>,
}

/// CPU is counted in thousandths, memory in bytes; both round up.
fn requirements(given: &Value, resource: &'static str) -> Result<Run, String> {
    /// Nanos in a byte, and in a thousandth of a CPU.
    const UNITS: [i128; 2] = [1_000_000_000, 1_000_000];
    let (names, unit, scale) = match resource {
        "cpu" => (["requirementsType", "lowerBoundMillis", "upperBoundMillis"], UNITS[1], 1),
        _ => (["requirementsType", "lowerBoundMB", "upperBoundMB"], UNITS[0], 1 << 20),
    };
    let given: Requirements = params::read(given, &names)?;
    let lists: &'static [&'static str] = match given.requirements_type.as_str() {
        "request" => &["requests"],
        "limit" => &["limits"],
        "any" => &["requests", "limits"],
        other => {
            return Err(format!("requirementsType is `{other}`: expected request, limit or any"));
        }
    };
    let low = i128::from(given.lower_bound_millis) * scale;
    let high = given.upper_bound_millis.map(|bound| i128::from(bound) * scale);
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            for list in lists {
                let keys = ["resources", *list, resource];
                let amount = child(container.node, &keys).and_then(Quantity::of);
                let amount = amount.map_or(0, |amount| amount.units(unit));
                if amount >= low && high.is_none_or(|high| amount <= high) {
                    let written = child(container.node, &keys).and_then(Node::scalar);
                    let written = written.unwrap_or("no");
                    let kind = list.trim_end_matches('s');
                    let message = format!("{} has {written} {resource} {kind}", label(container));
                    out.push((container.at(&keys), message));
                }
            }
        });
    }))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Images {
    block_list: Vec<String>,
    allow_list: Vec<String>,
}

fn image(given: &Value) -> Result<Run, String> {
    let given: Images = params::read(given, &["blockList", "allowList"])?;
    if !given.block_list.is_empty() && !given.allow_list.is_empty() {
        return Err("blockList and allowList exclude each other".to_owned());
    }
    let block = regexes(&given.block_list)?;
    let allow = regexes(&given.allow_list)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            let image = text(container.node, &["image"]);
            let matches = |list: &[Regex]| list.iter().any(|regex| regex.is_match(image));
            let is_bad = matches(&block) || !allow.is_empty() && !matches(&allow);
            if is_bad {
                let message = format!("{} runs the image \"{image}\"", label(container));
                out.push((container.at(&["image"]), message));
            }
        });
    }))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PullPolicies {
    forbidden_policies: Vec<String>,
}

fn pull_policy(given: &Value) -> Result<Run, String> {
    let given: PullPolicies = params::read(given, &["forbiddenPolicies"])?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            let policy = text(container.node, &["imagePullPolicy"]);
            if given.forbidden_policies.iter().any(|forbidden| forbidden == policy) {
                let message =
                    format!("{} has the image pull policy \"{policy}\"", label(container));
                out.push((container.at(&["imagePullPolicy"]), message));
            }
        });
    }))
}

fn has_probe(given: &Value, probe: &'static str) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            if container.is_regular && child(container.node, &[probe]).is_none() {
                out.push((container.at(&[probe]), format!("{} has no {probe}", label(container))));
            }
        });
    }))
}

fn probe_port(given: &Value, probe: &'static str) -> Result<Run, String> {
    params::none(given)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            if container.is_regular {
                check_probe(container, probe, out);
            }
        });
    }))
}

/// The first handler whose port the container does not declare for TCP.
fn check_probe(container: &Container<'_>, probe: &'static str, out: &mut Diagnostics) {
    let tcp = |port: &Node<'_>| matches!(text(Some(*port), &["protocol"]), "" | "TCP");
    let mut numbers: Vec<i64> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for port in items(container.node, &["ports"]).filter(tcp) {
        numbers.push(child(Some(port), &["containerPort"]).and_then(Node::as_i64).unwrap_or(0));
        names.push(text(Some(port), &["name"]));
    }
    for handler in ["httpGet", "tcpSocket", "grpc"] {
        if child(container.node, &[probe, handler]).is_none() {
            continue;
        }
        let port = child(container.node, &[probe, handler, "port"]);
        let known = match port.filter(|port| port.kind() == Kind::Str) {
            Some(name) => names.contains(&name.as_str().unwrap_or("")),
            None => numbers.contains(&port.and_then(Node::as_i64).unwrap_or(0)),
        };
        if !known {
            let at = container.at(&[probe, handler, "port"]);
            out.push((at, format!("{}: {probe} asks an undeclared port", label(container))));
            return;
        }
    }
}

fn env<'a>(container: &Container<'a>) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
    items(container.node, &["env"]).enumerate()
}

fn duplicate_env(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, entry) in env(container) {
        let name = text(Some(entry), &["name"]);
        let count = seen.entry(name).or_default();
        *count += 1;
        if *count == 2 {
            let at = container.at(&["env"]).index(index);
            out.push((at, format!("{} sets \"{name}\" more than once", label(container))));
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EnvVar {
    name: String,
    value: String,
}

fn env_var(given: &Value) -> Result<Run, String> {
    let given: EnvVar = params::read(given, &["name", "value"])?;
    let (name, value) = (pattern(&given.name)?, pattern(&given.value)?);
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            for (index, entry) in env(container) {
                let own = text(Some(entry), &["name"]);
                if name.matches(own) && value.matches(text(Some(entry), &["value"])) {
                    let at = container.at(&["env"]).index(index).key("value");
                    out.push((at, format!("{} sets \"{own}\" literally", label(container))));
                }
            }
        });
    }))
}

fn secret_env(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    for (index, entry) in env(container) {
        if child(Some(entry), &["valueFrom", "secretKeyRef"]).is_some() {
            let at = container.at(&["env"]).index(index).key("valueFrom").key("secretKeyRef");
            let name = text(Some(entry), &["name"]);
            out.push((at, format!("{} reads a Secret into \"{name}\"", label(container))));
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EnvValueFrom {
    ignored_secrets: Vec<String>,
    ignored_config_maps: Vec<String>,
}

/// What an environment entry may take its value from.
struct Source {
    field: &'static str,
    kind: &'static str,
    holders: [&'static str; 2],
    ignored: Vec<Regex>,
}

fn env_value_from(given: &Value) -> Result<Run, String> {
    let given: EnvValueFrom = params::read(given, &["ignoredSecrets", "ignoredConfigMaps"])?;
    let sources = [
        Source {
            field: "secretKeyRef",
            kind: "Secret",
            holders: ["data", "stringData"],
            ignored: regexes(&given.ignored_secrets)?,
        },
        Source {
            field: "configMapKeyRef",
            kind: "ConfigMap",
            holders: ["data", "binaryData"],
            ignored: regexes(&given.ignored_config_maps)?,
        },
    ];
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            for (index, entry) in env(container) {
                for source in &sources {
                    let keys = ["valueFrom", source.field];
                    let Some(reference) = child(Some(entry), &keys) else { continue };
                    if let Some(message) = missing(lint, source, reference) {
                        let at = container.at(&["env"]).index(index);
                        let at = at.key("valueFrom").key(source.field);
                        out.push((at, format!("{}: {message}", label(container))));
                    }
                }
            }
        });
    }))
}

/// Secrets and ConfigMaps are compared by name across all namespaces, and the last one wins.
fn missing(lint: &Lint<'_, '_>, source: &Source, reference: Node<'_>) -> Option<String> {
    let (name, key) = (text(Some(reference), &["name"]), text(Some(reference), &["key"]));
    let is_ignored = source.ignored.iter().any(|regex| regex.is_match(name));
    if is_ignored || flag(Some(reference), &["optional"]) {
        return None;
    }
    let Some(holder) = lint.anywhere("v1", source.kind).filter(|object| object.name == name).last()
    else {
        return Some(format!("{} \"{name}\" is not there", source.kind));
    };
    let has = |list: &&str| {
        holder.at(&[*list]).filter(|map| map.is_map()).is_some_and(|map| map.get(key).is_some())
    };
    (!source.holders.iter().any(has))
        .then(|| format!("{} \"{name}\" has no key \"{key}\"", source.kind))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ports {
    port: i64,
    protocol: String,
}

fn container_ports<'a>(container: &Container<'a>) -> impl Iterator<Item = (usize, i64, Node<'a>)> {
    items(container.node, &["ports"]).enumerate().map(|(index, port)| {
        (index, child(Some(port), &["containerPort"]).and_then(Node::as_i64).unwrap_or(0), port)
    })
}

fn ports(given: &Value) -> Result<Run, String> {
    let given: Ports = params::read(given, &["port", "protocol"])?;
    let protocol = pattern(&given.protocol)?;
    Ok(Box::new(move |lint, out| {
        for_each(lint, |_, container| {
            for (index, number, port) in container_ports(container) {
                let own = match text(Some(port), &["protocol"]) {
                    "" => "TCP",
                    own => own,
                };
                if number == given.port && protocol.matches(own) {
                    let at = container.at(&["ports"]).index(index).key("containerPort");
                    out.push((at, format!("{} has the port {number} ({own})", label(container))));
                }
            }
        });
    }))
}

fn privileged_ports(_: &Pod<'_>, container: &Container<'_>, out: &mut Diagnostics) {
    for (index, number, _) in container_ports(container) {
        if (1..1024).contains(&number) {
            let at = container.at(&["ports"]).index(index).key("containerPort");
            out.push((at, format!("{} has the privileged port {number}", label(container))));
        }
    }
}

/// A mount of a host path.
struct Mount<'a> {
    node: Node<'a>,
    at: manifest::Path,
    container: String,
    /// The path on the node.
    path: &'a str,
}

/// Mounts of host paths, by volume, then by container.
fn mounts<'a>(lint: &Lint<'_, 'a>) -> impl Iterator<Item = Mount<'a>> {
    let pod = lint.template(lint.object);
    let mut found = Vec::new();
    let spec = pod.as_ref().and_then(|pod| pod.spec);
    for volume in items(spec, &["volumes"]) {
        if child(Some(volume), &["hostPath"]).is_none() {
            continue;
        }
        let name = text(Some(volume), &["name"]);
        for container in pod.iter().flat_map(Pod::containers) {
            for (index, node) in items(container.node, &["volumeMounts"]).enumerate() {
                if text(Some(node), &["name"]) == name {
                    found.push(Mount {
                        node,
                        at: container.at(&["volumeMounts"]).index(index),
                        container: label(&container),
                        path: text(Some(volume), &["hostPath", "path"]),
                    });
                }
            }
        }
    }
    found.into_iter()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct HostMounts {
    dirs: Vec<String>,
}

fn host_mounts(given: &Value) -> Result<Run, String> {
    let given: HostMounts = params::read(given, &["dirs"])?;
    let folders = regexes(&given.dirs)?;
    Ok(Box::new(move |lint, out| {
        for mount in mounts(lint) {
            for _ in folders.iter().filter(|folder| folder.is_match(mount.path)) {
                let message = format!("{} mounts the node's {}", mount.container, mount.path);
                out.push((mount.at.clone(), message));
            }
        }
    }))
}
