//! # What it finds
//!
//! Containers that have `securityContext.capabilities`, even an empty one. Reported are entries of
//! `add` that contain `NET_RAW` (`forbiddenCapabilities`) or are `ALL` in any case, and a `drop`
//! list without such an entry. Containers without `capabilities` are left to
//! `net-raw-not-dropped`. Where `all` is forbidden, only `exceptions` may be added.
//!
//! # Why it matters
//!
//! With NET_RAW a process can forge packets and pose as other pods of the same network.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; `NET_RAW`, or what else is forbidden, joins `drop`. There is no fix
//! for `add: [ALL]`: which capabilities are needed is not in the manifest.
//!
//! # What it may break
//!
//! Tools that use raw sockets (ping, arping, port scanners, some DHCP clients) fail.

use crate::common::{capability_site, drop_all, drop_net_raw, is_all, remove_added};
use crate::{
    Check, Container, Context, DefaultValue, Fix, Parameter, Pod, Remedy, Rule, Scope, Written,
};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "drop-net-raw-capability",
    title: "NET_RAW is added, or kept where capabilities are listed",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["kube-linter:drop-net-raw-capability"],
    references: &[],
    touches: &["{container}/securityContext/capabilities/**"],
    removes: &[],
    parameters: &[FORBIDDEN, EXCEPTIONS],
    scope: Scope::Object,
    check: Check::Container(check),
};

const FORBIDDEN: Parameter = Parameter {
    name: "forbiddenCapabilities",
    meaning: "regular expressions of the capabilities that must go; `all` stands for every one",
    default: DefaultValue::Patterns(&["NET_RAW"]),
};

const EXCEPTIONS: Parameter = Parameter {
    name: "exceptions",
    meaning: "regular expressions of the capabilities that may be added although all are forbidden",
    default: DefaultValue::Patterns(&[]),
};

const DROP: [&str; 3] = ["securityContext", "capabilities", "drop"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.security_field("capabilities").is_none() {
        return;
    }
    for (index, entry) in container.capabilities("add").enumerate() {
        if is_all(entry) || cx.texts(&FORBIDDEN).any(|pattern| forbids(pattern, entry, cx)) {
            let site = capability_site(pod, container, "add", index);
            let message = format!("{} adds the capability {entry}", container.label());
            cx.report(site, message, remedy(pod, container, entry));
        }
    }
    for pattern in cx.texts(&FORBIDDEN) {
        let covers = |entry: &str| is_all(entry) || cx.is_match(pattern, entry);
        if !container.capabilities("drop").any(covers) {
            let message = format!("{} does not drop {pattern}", container.label());
            cx.report(container.site(pod, &DROP), message, dropping(pattern, pod, container));
        }
    }
}

/// Names are compared with regard to case, so `CAP_NET_RAW` counts and `net_raw` does not.
fn forbids(pattern: &str, entry: &str, cx: &Context<'_, '_>) -> bool {
    match is_all(pattern) {
        true => !cx.matches_any(&EXCEPTIONS, entry),
        false => cx.is_match(pattern, entry),
    }
}

fn remedy(pod: &Pod<'_>, container: &Container<'_>, entry: &str) -> Remedy {
    if is_all(entry) {
        return "needs the list of capabilities that the program uses, to write in place of ALL"
            .into();
    }
    remove_added(pod, container, entry).into()
}

/// The capability that a pattern names, in `drop`.
fn dropping(pattern: &str, pod: &Pod<'_>, container: &Container<'_>) -> Remedy {
    let is_name = pattern.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if pattern == "NET_RAW" {
        return drop_net_raw(pod, container).into();
    }
    if is_all(pattern) {
        return drop_all(pod, container).into();
    }
    if !is_name {
        return "needs the names of the capabilities that the expression stands for".into();
    }
    Fix::unsafe_because("programs that use the capability fail")
        .append(container.path(pod, &DROP), Written::rule(pattern), &["ALL"])
        .into()
}
