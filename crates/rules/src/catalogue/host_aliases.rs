//! # What it finds
//!
//! A pod with `hostAliases`.
//!
//! # Why it matters
//!
//! The entries override DNS inside the pod. A forgotten or planted one sends requests to another
//! address than everybody expects.
//!
//! # What the fix changes
//!
//! `hostAliases` goes from the pod.
//!
//! # What it may break
//!
//! Names that are only known from the entries are no longer resolved, others lead to the address
//! that DNS gives.

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-aliases",
    title: "Pod writes its own /etc/hosts",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0007"],
    references: &[],
    touches: &["{pod}/hostAliases/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let aliases = pod.spec.get("hostAliases").filter(|list| list.is_seq() && !list.is_empty());
    if aliases.is_none() {
        return;
    }
    let site = pod.site(&["hostAliases"]);
    let fix =
        Fix::unsafe_because("names are resolved by DNS alone, and some may not be known there")
            .remove(site.path.clone());
    cx.report(site, "pod adds entries to its /etc/hosts", fix);
}
