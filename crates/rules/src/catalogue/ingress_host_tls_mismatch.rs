//! # What it finds
//!
//! A rule of an Ingress with TLS whose host no entry of `spec.tls` covers. An entry covers the
//! hosts that it lists, `*.example.com` one further label; an entry without hosts covers all. Rules
//! without a host pass.
//!
//! # Why it matters
//!
//! The host is served without TLS, or with the default certificate, which clients refuse.
//!
//! # What the fix changes
//!
//! Nothing by itself: the certificate must cover the host, and what it covers is not in the
//! manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{ingress_rules, is_ingress, tls_entries};
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-host-tls-mismatch",
    title: "Host of an Ingress is not among its TLS hosts",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:ingress-host-match-tls"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_ingress(object) || tls_entries(object).next().is_none() {
        return;
    }
    for (index, rule) in ingress_rules(object) {
        let host = rule.get("host").and_then(Node::as_str).unwrap_or("");
        if host.is_empty() || tls_entries(object).any(|entry| covers(entry, host)) {
            continue;
        }
        let path = object.site(&["spec", "rules"]).path.index(index).key("host");
        let message = format!("host {host} is not among the TLS hosts");
        let advice = "needs a certificate that covers the host: add it to an entry of tls";
        cx.report(object.place(path), message, advice);
    }
}

fn covers(entry: Node<'_>, host: &str) -> bool {
    let hosts = entry.get("hosts").filter(|hosts| hosts.is_seq() && !hosts.is_empty());
    let Some(hosts) = hosts else { return true };
    let parent = host.split_once('.').map_or("", |(_, parent)| parent);
    hosts.items().filter_map(Node::as_str).any(|covered| {
        covered == host || covered.strip_prefix("*.").is_some_and(|suffix| suffix == parent)
    })
}
