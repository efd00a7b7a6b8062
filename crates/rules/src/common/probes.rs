//! Probes that aim at a port.

use super::image_of;
use crate::{Container, Context, Fix, Pod, Remedy, Role, Site, Written};
use manifest::{Kind, Node};
use serde_json::json;

/// The port that a probe aims at: a number, or the name of one.
#[derive(Clone, Copy)]
enum Target<'a> {
    Number(i64),
    Name(&'a str),
}

/// Reports a probe whose port the container does not declare. Only the first of its actions is
/// reported, as a probe may have but one.
pub(crate) fn check_probe_port(
    probe: &str,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
) {
    if container.role != Role::Regular {
        return;
    }
    for action in ["httpGet", "tcpSocket", "grpc"] {
        let Some(handler) = container.node.at(&[probe, action]).filter(|map| map.is_map()) else {
            continue;
        };
        let target = target(handler.get("port"));
        if is_declared(container, target) {
            continue;
        }
        let port = match target {
            Target::Number(number) => number.to_string(),
            Target::Name(name) => format!("\"{name}\""),
        };
        let site = container.site(pod, &[probe, action, "port"]);
        let message = format!(
            "{probe} of {} aims at port {port}, which it does not declare",
            container.label()
        );
        let remedy = remedy(target, &site, pod, container, cx);
        return cx.report(site, message, remedy);
    }
}

/// A port that is not written counts as number 0, as the API server decodes it.
fn target(port: Option<Node<'_>>) -> Target<'_> {
    let Some(port) = port else { return Target::Number(0) };
    match (port.kind(), port.as_str()) {
        (Kind::Str, Some(name)) => Target::Name(name),
        _ => Target::Number(port.as_i64().unwrap_or(0)),
    }
}

/// Only TCP ports count; a port without a name has the name "".
fn is_declared(container: &Container<'_>, target: Target<'_>) -> bool {
    let text = |port: Node<'_>, key: &str, wanted: &[&str]| {
        wanted.contains(&port.get(key).and_then(Node::as_str).unwrap_or(""))
    };
    container.ports().filter(|(_, port)| text(*port, "protocol", &["", "TCP"])).any(|(_, port)| {
        match target {
            Target::Number(number) => {
                port.get("containerPort").and_then(Node::as_i64).unwrap_or(0) == number
            }
            Target::Name(name) => text(port, "name", &[name]),
        }
    })
}

fn remedy(
    target: Target<'_>,
    site: &Site,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
) -> Remedy {
    let detail = site.path.to_pointer();
    match target {
        Target::Number(number) if !(1..=65535).contains(&number) => {
            "needs the number or name of the port that the probe should ask".into()
        }
        // There a declared port binds the same port of the node.
        Target::Number(_) if pod.flag("hostNetwork") => {
            "needs to know whether the port may be declared: with hostNetwork it becomes a port \
             of the node"
                .into()
        }
        Target::Number(number) => Fix::safe()
            .append(
                container.path(pod, &["ports"]),
                Written::manifest(json!({ "containerPort": number }), detail),
                &[],
            )
            .into(),
        Target::Name(name) => match declared_number(container, name) {
            Some(number) => {
                Fix::safe().set(site.path.clone(), Written::manifest(number, detail)).into()
            }
            None => by_image(name, site, pod, container, cx).unwrap_or_else(|| {
                "needs to know which port the name stands for: declare it under `ports`, or write \
                 the port that serves the probe"
                    .into()
            }),
        },
    }
}

/// The port of an undeclared name, when the image says that it listens on one port only. The probe
/// cannot work as it is, but whether that port serves it is not certain.
fn by_image(
    name: &str,
    site: &Site,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
) -> Option<Remedy> {
    let facts = cx.settings.image(image_of(container))?;
    let [port] = facts.tcp_ports()[..] else { return None };
    let fix = Fix::unsafe_because(
        "the only port that the image exposes need not be the one that serves the probe",
    );
    if is_declared(container, Target::Number(port)) {
        return Some(fix.set(site.path.clone(), Written::evidence(port, facts.detail())).into());
    }
    if pod.flag("hostNetwork") || !broken_rules(name).is_empty() {
        return None;
    }
    let entry = Written::evidence(json!({ "name": name, "containerPort": port }), facts.detail());
    Some(fix.append(container.path(pod, &["ports"]), entry, &[]).into())
}

/// The number that a name spells, when the container declares that number.
fn declared_number(container: &Container<'_>, name: &str) -> Option<i64> {
    let number = digits(name)?;
    is_declared(container, Target::Number(number)).then_some(number)
}

/// The port number that a string spells in plain digits.
pub(crate) fn digits(text: &str) -> Option<i64> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && (1..=65535).contains(number))
}

/// The rules of IANA service names that a name breaks.
pub(crate) fn broken_rules(name: &str) -> Vec<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rules = [
        (name.len() <= 15, "is longer than 15 characters"),
        (
            !name.is_empty() && name.chars().all(allowed),
            "may hold only lower-case letters, digits and hyphens",
        ),
        (name.contains(|c: char| c.is_ascii_lowercase()), "needs at least one letter"),
        (!name.contains("--"), "has two hyphens in a row"),
        (!name.starts_with('-') && !name.ends_with('-'), "has a hyphen at an end"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, broken)| broken).collect()
}

/// Reports a regular container without this probe. Pods that are to end have nothing to probe, and
/// neither have those of a Job or CronJob.
pub(crate) fn check_missing_probe(
    probe: &str,
    needs: &str,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
) {
    let ends = matches!(cx.object.kind, "Job" | "CronJob")
        || pod
            .spec
            .get("restartPolicy")
            .and_then(Node::as_str)
            .is_some_and(|policy| matches!(policy, "Never" | "OnFailure"));
    let is_set = container.node.get(probe).is_some_and(|probe| !probe.is_null());
    if container.role != Role::Regular || ends || is_set {
        return;
    }
    let message = format!("{} has no {probe}", container.label());
    cx.report(container.site(pod, &[probe]), message, needs);
}
