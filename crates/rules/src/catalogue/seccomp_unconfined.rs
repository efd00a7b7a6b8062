//! # What it finds
//!
//! A seccomp profile that is neither `RuntimeDefault` nor `Localhost`, at pod level or on a container.
//! Before v1.19 the annotations `seccomp.security.alpha.kubernetes.io/pod` and
//! `container.seccomp.security.alpha.kubernetes.io/<container>` are judged instead; later versions
//! ignore them.
//!
//! # Why it matters
//!
//! Without a filter every system call of the kernel is open to the container.
//!
//! # What the fix changes
//!
//! The type becomes `RuntimeDefault` (the annotation `runtime/default`).
//!
//! # What it may break
//!
//! Programs that need a blocked call (mount, unshare, bpf, keyctl) fail.

use crate::common::{
    SECCOMP_OF_CONTAINER, SECCOMP_OF_POD, bad_seccomp, runtime_default_seccomp,
};
use crate::{Check, Context, Fix, Pod, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "seccomp-unconfined",
    title: "Seccomp is switched off",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("enforce_seccomp"),
    aliases: &["trivy:KSV-0104", "kyverno:restrict-seccomp", "pss:seccompProfile_baseline"],
    references: &["PSS baseline"],
    touches: &[
        "{pod}/securityContext/seccompProfile/**",
        "{container}/securityContext/seccompProfile/**",
        "{template}/metadata/annotations/*",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 3] = ["securityContext", "seccompProfile", "type"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !cx.settings.pod_security.since(19) {
        return check_annotations(pod, cx);
    }
    if let Some(kind) = bad_seccomp(pod.spec) {
        let fix = runtime_default_seccomp(pod, None);
        cx.report(pod.site(&KEYS), format!("pod sets seccomp to \"{kind}\""), fix);
    }
    for container in &pod.containers {
        if let Some(kind) = bad_seccomp(container.node) {
            let fix = runtime_default_seccomp(pod, Some(container));
            let message = format!("{} sets seccomp to \"{kind}\"", container.label());
            cx.report(container.site(pod, &KEYS), message, fix);
        }
    }
}

fn check_annotations(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (key, _, value) in pod.annotations().into_iter().flat_map(Node::entries) {
        let of_container = key
            .strip_prefix(SECCOMP_OF_CONTAINER)
            .is_some_and(|name| pod.containers.iter().any(|c| c.name == name));
        let profile = value.as_str().unwrap_or("");
        let allowed = matches!(profile, "runtime/default" | "docker/default")
            || profile.starts_with("localhost/");
        if (key == SECCOMP_OF_POD || of_container) && !allowed {
            let path = pod.metadata_path(&["annotations", key]);
            let fix = Fix::unsafe_because("programs that need a blocked system call fail")
                .set(path.clone(), Written::rule("runtime/default"));
            let message = format!("annotation {key} sets seccomp to \"{profile}\"");
            cx.report(Site { path, span: value.span() }, message, fix);
        }
    }
}
