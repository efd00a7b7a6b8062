//! # What it finds
//!
//! An entry of the pod's `securityContext.sysctls` whose name begins with `kernel.msg`,
//! `kernel.sem`, `kernel.shm`, `fs.mqueue.` or `net.` (`unsafeSysCtls`); one finding for each such
//! beginning. Some of these names are safe by the Pod Security Standards; `disallowed-sysctls`
//! leaves them out.
//!
//! # Why it matters
//!
//! Kernel settings of these groups can starve neighbours or weaken the network of the pod.
//!
//! # What the fix changes
//!
//! The entry goes; an emptied list goes with it. Entries that the Pod Security Standards list as
//! safe stay: they need your word.
//!
//! # What it may break
//!
//! The kernel setting falls back to the node's default.

use crate::common::{is_safe_sysctl, sysctls};
use crate::{Check, Context, DefaultValue, Fix, Parameter, Pod, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unsafe-sysctls",
    title: "Sysctl with a broad effect",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: Some("unsafe_sysctls"),
    aliases: &["kube-linter:unsafe-sysctls"],
    references: &[],
    touches: &["{pod}/securityContext/sysctls/**"],
    removes: &[],
    parameters: &[UNSAFE],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const UNSAFE: Parameter = Parameter {
    name: "unsafeSysCtls",
    meaning: "beginnings of the names that count",
    default: DefaultValue::List(&["kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net."]),
};
const KEYS: [&str; 2] = ["securityContext", "sysctls"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, name) in sysctls(pod) {
        for beginning in cx.texts(&UNSAFE).filter(|beginning| name.starts_with(beginning)) {
            let site = pod.item_site(&KEYS, index, &["name"]);
            let message = format!("pod sets the sysctl {name}, which begins with {beginning}");
            let remedy = remedy(pod, index, is_safe_sysctl(name, cx.settings.pod_security));
            cx.report(site, message, remedy);
        }
    }
}

fn remedy(pod: &Pod<'_>, index: usize, safe: bool) -> Remedy {
    if safe {
        return "needs your decision: the Pod Security Standards list this sysctl as safe".into();
    }
    Fix::unsafe_because("the kernel setting falls back to the node's default")
        .remove_and_prune(pod.item_path(&KEYS, index, &[]))
        .into()
}
