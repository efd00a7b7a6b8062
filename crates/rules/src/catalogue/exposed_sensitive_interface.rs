//! # What it finds
//!
//! A workload whose name contains one of the listed names (`sensitiveInterfaces`) and whose pods a
//! Service of type `NodePort` or `LoadBalancer` selects. Namespaces are compared as written: none
//! and `default` differ.
//!
//! # Why it matters
//!
//! These programs steer clusters, pipelines or models, and many of them come without a login.
//! Whoever reaches them can often run code.
//!
//! # What the fix changes
//!
//! Nothing by itself: who must reach the program is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape compares the selector of the Service with the labels of the workload itself as well.

use crate::common::exposure;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "exposed-sensitive-interface",
    title: "Administration is open to the outside",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0021", "kubescape:C-0274"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[NAMES],
    scope: Scope::Set,
    check: Check::Pod(check),
};

const NAMES: Parameter = Parameter {
    name: "sensitiveInterfaces",
    meaning: "parts of the names of workloads that nobody outside may reach",
    default: DefaultValue::List(&[
        "nifi",
        "argo-server",
        "weave-scope-app",
        "kubeflow",
        "kubernetes-dashboard",
        "jenkins",
        "prometheus-deployment",
        "ollama",
        "vllm",
        "kserve",
    ]),
};

fn check(_: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let object = cx.object;
    let Some(part) = cx.list(&NAMES).into_iter().find(|part| object.name.contains(part)) else {
        return;
    };
    let services = cx.set.services_selecting(object);
    let open = services.iter().find_map(|service| Some((service.name, exposure(service)?)));
    let Some((service, kind)) = open else { return };
    let message = format!("service \"{service}\" of type {kind} opens {part} to the outside");
    let advice = "needs to know who must reach it: make the Service a ClusterIP, and let people in \
                  through a proxy that asks who they are";
    cx.report(object.site(&["metadata", "name"]), message, advice);
}
