//! # What it finds
//!
//! An APIService whose Service, by name and namespace, is among the manifests and is of type
//! `ExternalName`.
//!
//! # Why it matters
//!
//! The API server passes requests on with the user's identity. A server elsewhere can send clients
//! on to any address, with their credentials (CVE-2022-3172 in old versions).
//!
//! # What the fix changes
//!
//! Nothing by itself: which server is meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape looks for versions of the API server with the flaw.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "aggregated-api-redirect",
    title: "Aggregated API is served outside of the cluster",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0089"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 3] = ["spec", "service", "name"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("apiregistration.k8s.io", "APIService") {
        return;
    }
    let text = |keys: &[&str]| object.at(keys).and_then(Node::as_str);
    let Some(name) = text(&KEYS) else { return };
    let namespace = text(&["spec", "service", "namespace"]).unwrap_or("");
    let services = cx.set.named_in(object, namespace, "", "Service", name);
    let host = services.into_iter().find_map(|service| {
        let is_external = service.at(&["spec", "type"])?.as_str() == Some("ExternalName");
        is_external.then(|| service.at(&["spec", "externalName"]).and_then(Node::as_str))
    });
    if let Some(host) = host {
        cx.report(
            object.site(&KEYS),
            format!("API is served by {}, outside of the cluster", host.unwrap_or("another host")),
            "needs to know whether the server is trusted: run it in the cluster, behind a Service \
             that selects its pods",
        );
    }
}
