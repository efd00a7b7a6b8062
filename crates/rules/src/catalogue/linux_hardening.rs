//! # What it finds
//!
//! A regular or init container that uses none of these: an AppArmor profile (field or annotation),
//! a seccomp profile other than `Unconfined`, SELinux options, dropped capabilities without `add:
//! [ALL]`. The pod's values count where the container has none. Pods declared for Windows are
//! exempt.
//!
//! # Why it matters
//!
//! Nothing then stands between a flaw of the kernel and a process in the container.
//!
//! # What the fix changes
//!
//! `seccompProfile: {type: RuntimeDefault}` at pod level, or on the container where it sets a
//! profile itself.
//!
//! # What it may break
//!
//! Programs that need a blocked system call (mount, bpf, keyctl) fail.
//!
//! # Other tools
//!
//! Kubescape looks at the seccomp profile alone.

use crate::common::{is_all, runtime_default_seccomp};
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "linux-hardening",
    title: "No kernel confinement is in use",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: Some("enforce_seccomp"),
    aliases: &["polaris:linuxHardening", "kubescape:C-0055"],
    references: &["NSA/CISA"],
    touches: &[
        "{pod}/securityContext/seccompProfile/**",
        "{container}/securityContext/seccompProfile/**",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 2] = ["securityContext", "seccompProfile"];
const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral || pod.is_windows() || is_hardened(pod, container) {
        return;
    }
    let own = container.security_field(KEYS[1]).map(|_| container);
    let site = own.map_or_else(|| pod.site(&KEYS), |container| container.site(pod, &KEYS));
    let fix = runtime_default_seccomp(pod, own);
    cx.report(site, format!("{} uses no kernel confinement", container.label()), fix);
}

fn is_hardened(pod: &Pod<'_>, container: &Container<'_>) -> bool {
    let field = |key: &str| container.effective_security_field(pod, key);
    let confined = |key: &str| {
        let kind = field(key).and_then(|profile| profile.get("type")).and_then(Node::as_str);
        kind.is_some_and(|kind| kind != "Unconfined")
    };
    let annotated = || {
        let key = format!("{ANNOTATION}{}", container.name);
        pod.annotations().is_some_and(|annotations| annotations.get(&key).is_some())
    };
    let drops = || {
        container.capabilities("drop").next().is_some()
            && !container.capabilities("add").any(is_all)
    };
    confined("seccompProfile")
        || confined("appArmorProfile")
        || annotated()
        || field("seLinuxOptions").is_some_and(|options| !options.is_empty())
        || drops()
}
