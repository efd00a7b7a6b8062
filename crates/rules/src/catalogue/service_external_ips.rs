//! # What it finds
//!
//! A Service with `externalIPs`.
//!
//! # Why it matters
//!
//! Every node sends traffic for such an address to the Service, whoever the address belongs to. Who
//! may create Services can so take over traffic of others (CVE-2020-8554).
//!
//! # What the fix changes
//!
//! `externalIPs` goes.
//!
//! # What it may break
//!
//! Clients that use one of the addresses no longer reach the Service. Use a Service of type
//! `LoadBalancer`.

use crate::{Check, Context, Fix, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "service-external-ips",
    title: "Service claims external addresses",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0108", "kyverno:restrict-external-ips"],
    references: &[],
    touches: &["spec/externalIPs/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "externalIPs"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let has_addresses = || object.at(&KEYS).is_some_and(|list| list.is_seq() && !list.is_empty());
    if !object.is("", "Service") || !has_addresses() {
        return;
    }
    let site = object.site(&KEYS);
    let fix = Fix::unsafe_because("clients that use one of the addresses lose the Service")
        .remove(site.path.clone());
    cx.report(site, "service claims external addresses", fix);
}
