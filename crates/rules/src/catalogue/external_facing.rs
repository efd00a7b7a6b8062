//! # What it finds
//!
//! A workload whose pods a Service selects that is of type `NodePort` or `LoadBalancer`, or that an
//! Ingress, a route of the Gateway API or an Istio VirtualService bound to a gateway sends requests
//! to. Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! What is reachable from outside is attacked first. It helps to know these workloads and to treat
//! their other findings first.
//!
//! # What the fix changes
//!
//! Nothing: the finding is information.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{exposure, maps};
use crate::{Check, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "external-facing",
    title: "Workload is reachable from outside",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0256", "kubescape:C-0266"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let Some(way) = way_in(cx) else { return };
    let site = cx.object.place(pod.metadata_path(&["labels"]));
    let advice = "needs to know whether it is meant to be reachable from outside";
    cx.report(site, format!("pods are reachable from outside through {way}"), advice);
}

/// The first way that leads from outside to the pods of the context's object.
fn way_in(cx: &Context<'_, '_>) -> Option<String> {
    cx.set.services_selecting(cx.object).into_iter().find_map(|service| {
        if let Some(kind) = exposure(service) {
            return Some(format!("service \"{}\" of type {kind}", service.name));
        }
        let referring = cx.set.referring(service, "Service", service.name);
        let entrance = referring.into_iter().find(|other| leads_in(other))?;
        Some(format!("{} \"{}\"", entrance.kind, entrance.name))
    })
}

/// Whether an object that names a Service takes requests from outside.
fn leads_in(object: &Object<'_>) -> bool {
    match object.kind {
        "VirtualService" => {
            let gateways = object.at(&["spec", "gateways"]).into_iter().flat_map(Node::items);
            gateways.filter_map(Node::as_str).any(|gateway| gateway != "mesh")
        }
        // A route whose parent is a Service serves the mesh only.
        _ => {
            let mut parents = maps(object.at(&["spec", "parentRefs"])).peekable();
            let is_service = |(_, parent): (usize, Node<'_>)| {
                parent.get("kind").and_then(Node::as_str) == Some("Service")
            };
            parents.peek().is_none() || !parents.all(is_service)
        }
    }
}
