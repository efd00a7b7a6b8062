//! # What it finds
//!
//! `runAsNonRoot` that is `false` at pod level or on a container, or that neither the pod nor the
//! container sets. `runAsUser` does not matter here. From v1.35 on, pods with `hostUsers: false` pass.
//!
//! # Why it matters
//!
//! This is how the restricted Pod Security Standard words it: the kubelet must refuse to start the
//! container as root.
//!
//! # What the fix changes
//!
//! `runAsNonRoot: true` at pod level; where a container says `false`, on that container. The fix is
//! safe when every container that it covers already has a user id above nought, in the manifest or,
//! with evidence from a registry, in the configuration of its image; otherwise it is unsafe, and a
//! user id joins it only from `values`. An image whose user is known to be root or only a name gets
//! no fix; the other containers of the pod then get the field each for itself.
//!
//! # What it may break
//!
//! Images whose user is root, or a name instead of a number, do not start.

use crate::common::{non_root, pod_non_root};
use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pss-run-as-non-root",
    title: "runAsNonRoot is not true",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: Some("run_as_non_root"),
    aliases: &[
        "kubescape:C-0198",
        "trivy:KSV-0012",
        "kyverno:require-run-as-nonroot",
        "pss:runAsNonRoot",
    ],
    references: &["CIS 5.2.7"],
    touches: &[
        "{pod}/securityContext/runAsNonRoot",
        "{pod}/securityContext/runAsUser",
        "{container}/securityContext/runAsNonRoot",
        "{container}/securityContext/runAsUser",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 2] = ["securityContext", "runAsNonRoot"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if pod.has_user_namespace() && cx.settings.pod_security.since(35) {
        return;
    }
    let of_pod = pod.security_field(KEYS[1]).and_then(Node::as_bool);
    if of_pod == Some(false) {
        let remedy = pod_non_root(pod, cx);
        cx.report(pod.site(&KEYS), "pod allows root (runAsNonRoot: false)", remedy);
    }
    for container in &pod.containers {
        let own = container.security_field(KEYS[1]).and_then(Node::as_bool);
        let message = match own {
            Some(true) => continue,
            Some(false) => format!("{} allows root (runAsNonRoot: false)", container.label()),
            None if of_pod == Some(true) => continue,
            None => format!("{} may run as root: runAsNonRoot is not set", container.label()),
        };
        let remedy = non_root(pod, container, cx);
        cx.report(container.site(pod, &KEYS), message, remedy);
    }
}
