//! Fixes and readings that several rules share.

mod accounts;
pub(crate) mod api_versions;
mod budgets;
mod environment;
mod gateways;
mod host_mounts;
mod images;
mod ingress;
mod metadata;
mod placement;
mod policies;
mod probes;
pub(crate) mod rbac;
mod resources;
mod scaling;
mod share;
mod sysctls;
mod users;
mod volumes;
mod workloads;

pub use accounts::is_token_mounted;
pub(crate) use accounts::{account_of, token_off};
pub(crate) use budgets::{allow_one_disruption, autoscaled_minimum, budget_field, is_budget};
pub(crate) use environment::{literals, report_credential};
pub(crate) use gateways::destinations;
pub(crate) use host_mounts::{host_paths, report_host_mounts};
pub(crate) use images::{
    image_of, is_pulled_always, is_what_is_pulled, replacement, whence, with_reason,
};
pub(crate) use ingress::{
    Backend, Port, backends, ingress_class, ingress_rules, is_ingress, paths, tls_entries,
};
pub(crate) use metadata::has_entry;
pub(crate) use placement::{
    ANTI_AFFINITY, PREFERRED, anti_affinity_terms, is_kept_apart, own_selector, spread_constraints,
};
pub(crate) use policies::{
    Direction, has_policies_in, isolation, peers, pod_selector, selecting_policies,
};
pub(crate) use probes::{broken_rules, check_missing_probe, check_probe_port, digits};
pub(crate) use rbac::accounts;
pub(crate) use resources::{Amount, Bounds, check_amount, check_bounds};
pub(crate) use scaling::{has_replicas, is_autoscaled, scale_target, target_field};
pub(crate) use share::Share;
pub(crate) use sysctls::{is_safe_sysctl, sysctls};
pub(crate) use users::{effective_user, non_root, pod_non_root, user_in_place};
pub(crate) use volumes::volumes_from;
pub(crate) use workloads::{exposure, maps, priority_class, replicas};

use crate::{Container, Context, Fix, Object, Pod, Site, Written};
use manifest::Node;

/// `allowPrivilegeEscalation: false`, which the API server refuses beside `privileged: true` and
/// beside the capability `SYS_ADMIN`.
pub(crate) fn escalation_off(pod: &Pod<'_>, container: &Container<'_>) -> Fix {
    let path = |keys: &[&str]| container.path(pod, keys);
    let added = path(&["securityContext", "capabilities", "add"]);
    Fix::unsafe_because("setuid programs such as sudo, su or ping can no longer gain rights")
        .set(path(&["securityContext", "allowPrivilegeEscalation"]), Written::rule(false))
        .requires_not(path(&["securityContext", "privileged"]), true)
        .requires_lacks(added.clone(), "SYS_ADMIN")
        .requires_lacks(added, "CAP_SYS_ADMIN")
}

/// Adds `privileged: false` to a fix. The API server takes mounts that propagate in both
/// directions from privileged containers only.
pub(crate) fn unprivileged(fix: Fix, pod: &Pod<'_>, container: &Container<'_>) -> Fix {
    let path = container.path(pod, &["securityContext", "privileged"]);
    let fix = fix.set(path, Written::rule(false));
    container.volume_mounts().fold(fix, |fix, (index, _)| {
        let keys = ["mountPropagation"];
        let mount = container.item_path(pod, &["volumeMounts"], index, &keys);
        fix.requires_not(mount, "Bidirectional")
    })
}

/// Whether a capability list names this capability, with or without the prefix `CAP_`.
pub(crate) fn names_capability(entry: &str, name: &str) -> bool {
    entry == name || entry.strip_prefix("CAP_") == Some(name)
}

/// `capabilities.drop: [ALL]`, keeping what is added.
pub(crate) fn drop_all(pod: &Pod<'_>, container: &Container<'_>) -> Fix {
    Fix::unsafe_because(
        "entry points that change file owners, bind ports below 1024 or switch user fail without \
         the capability they use",
    )
    .append(
        container.path(pod, &["securityContext", "capabilities", "drop"]),
        Written::rule("ALL"),
        &[],
    )
}

/// `NET_RAW` in `capabilities.drop`, unless everything is dropped there.
pub(crate) fn drop_net_raw(pod: &Pod<'_>, container: &Container<'_>) -> Fix {
    Fix::unsafe_because("tools with raw sockets (ping, arping, some DHCP clients) fail").append(
        container.path(pod, &["securityContext", "capabilities", "drop"]),
        Written::rule("NET_RAW"),
        &["ALL"],
    )
}

/// Whether a capability list's entry stands for every capability, in any case.
pub(crate) fn is_all(entry: &str) -> bool {
    entry.eq_ignore_ascii_case("ALL")
}

/// Reports every entry of `capabilities.add` that `is_bad` picks.
pub(crate) fn report_added(
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
    is_bad: impl Fn(&str) -> bool,
) {
    let entries = container.capabilities("add").enumerate();
    for (index, entry) in entries.filter(|(_, entry)| is_bad(entry)) {
        cx.report(
            capability_site(pod, container, "add", index),
            format!("{} adds the capability {entry}", container.label()),
            remove_added(pod, container, entry),
        );
    }
}

/// Takes an entry out of `capabilities.add`.
pub(crate) fn remove_added(pod: &Pod<'_>, container: &Container<'_>, entry: &str) -> Fix {
    Fix::unsafe_because("the workload loses the kernel right that it asks for")
        .remove_item(container.path(pod, &["securityContext", "capabilities", "add"]), entry)
}

/// The place of an entry of `capabilities.add` or `capabilities.drop`.
pub(crate) fn capability_site(
    pod: &Pod<'_>,
    container: &Container<'_>,
    list: &str,
    index: usize,
) -> Site {
    let keys = ["securityContext", "capabilities", list];
    let mut site = container.site(pod, &keys);
    site.path = site.path.index(index);
    if let Some(item) = container.node.at(&keys).and_then(|list| list.item(index)) {
        site.span = item.span();
    }
    site
}

/// The seccomp type of a pod spec or container when it is set to something that the Pod Security
/// Standards do not allow.
pub(crate) fn bad_seccomp<'a>(holder: Node<'a>) -> Option<&'a str> {
    let profile = holder.at(&["securityContext", "seccompProfile"])?;
    let kind = profile.get("type").and_then(Node::as_str).unwrap_or("");
    (!profile.is_null() && !matches!(kind, "RuntimeDefault" | "Localhost")).then_some(kind)
}

/// Annotations of former versions that set the seccomp profile of a pod, or of the container whose
/// name follows.
pub(crate) const SECCOMP_OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
pub(crate) const SECCOMP_OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// `type: RuntimeDefault` in the seccomp profile of a container, or without one of the pod. The
/// server refuses it beside an annotation that says otherwise.
pub(crate) fn runtime_default_seccomp(pod: &Pod<'_>, container: Option<&Container<'_>>) -> Fix {
    const KEYS: [&str; 3] = ["securityContext", "seccompProfile", "type"];
    let (path, annotation) = match container {
        Some(container) => {
            (container.path(pod, &KEYS), format!("{SECCOMP_OF_CONTAINER}{}", container.name))
        }
        None => (pod.path(&KEYS), SECCOMP_OF_POD.to_owned()),
    };
    let fix =
        Fix::unsafe_because("programs that need a blocked system call (mount, bpf, keyctl) fail")
            .set(path, Written::rule("RuntimeDefault"));
    let annotated = pod.annotations().and_then(|map| map.get(&annotation)).and_then(Node::as_str);
    match annotated.filter(|profile| !matches!(*profile, "runtime/default" | "docker/default")) {
        Some(other) => fix.requires_not(pod.metadata_path(&["annotations", &annotation]), other),
        None => fix,
    }
}

/// The other objects that see this one.
pub(crate) fn context_objects<'s, 'a>(
    cx: &Context<'s, 'a>,
) -> impl Iterator<Item = &'s Object<'a>> + use<'s, 'a> {
    let (set, context) = (cx.set, cx.object.context);
    (0..set.len()).map(move |at| set.object(at)).filter(move |object| object.context == context)
}

/// Where a workload says which pods are its own, by kind. The flag tells a plain map of labels
/// from a `LabelSelector`.
pub(crate) fn selector_keys(kind: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match kind {
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "Job" | "Rollout" => {
            (&["spec", "selector"], false)
        }
        "CronJob" => (&["spec", "jobTemplate", "spec", "selector"], false),
        "ReplicationController" | "DeploymentConfig" => (&["spec", "selector"], true),
        _ => return None,
    })
}

/// The labels that a workload's own selector asks for, with their path.
pub(crate) fn selector_labels<'a>(object: &Object<'a>) -> Option<(Node<'a>, String)> {
    let (keys, plain) = selector_keys(object.kind)?;
    let keys = if plain { keys.to_vec() } else { [keys, &["matchLabels"]].concat() };
    let labels = object.at(&keys).filter(|labels| labels.is_map() && !labels.is_empty())?;
    Some((labels, keys.join(".")))
}

/// The labels that an object gives its pods, also when its template has no spec yet.
pub(crate) fn template_labels<'a>(object: &Object<'a>) -> Option<Node<'a>> {
    if let Some(pod) = &object.pod {
        return pod.labels();
    }
    let template: &[&str] = match object.kind {
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        _ => &["spec", "template"],
    };
    selector_keys(object.kind)?;
    object.at(template)?.at(&["metadata", "labels"]).filter(|labels| labels.is_map())
}
