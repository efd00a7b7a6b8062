//! # What it finds
//!
//! A pod, or the template of an agent sandbox, whose `runtimeClassName` is missing or not among
//! `hardenedSandboxRuntimeClasses`.
//!
//! # Why it matters
//!
//! Pods of the default runtime share the kernel of the node. A sandboxed runtime puts a kernel of
//! its own, or a virtual machine, in between.
//!
//! # What the fix changes
//!
//! Nothing by itself: which runtime classes the cluster has is not in the manifest, and a pod that
//! names a missing one is refused.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape looks at agent sandboxes only; Kyverno accepts pods without a class.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "runtime-class",
    title: "No hardened runtime class",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0297", "kyverno:restrict-runtimeclass"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[CLASSES],
    scope: Scope::Object,
    check: Check::Object(check),
};

const CLASSES: Parameter = Parameter {
    name: "hardenedSandboxRuntimeClasses",
    meaning: "runtime classes that count as hardened",
    default: DefaultValue::List(&["gvisor"]),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let (spec, site) = match &object.pod {
        Some(pod) => (pod.spec, pod.site(&[KEY])),
        None if object.group().ends_with("agents.x-k8s.io") => {
            let keys = ["spec", "podTemplate", "spec"];
            let Some(spec) = object.at(&keys).filter(|spec| spec.is_map()) else { return };
            (spec, object.site(&[keys[0], keys[1], keys[2], KEY]))
        }
        None => return,
    };
    let class = spec.get(KEY).and_then(Node::as_str).unwrap_or("");
    if cx.list(&CLASSES).contains(&class) {
        return;
    }
    let message = match class {
        "" => "pod runs in the default runtime".to_owned(),
        _ => format!("runtime class {class} is not a hardened one"),
    };
    cx.report(site, message, "needs a hardened RuntimeClass that the nodes of the pod support");
}

const KEY: &str = "runtimeClassName";
