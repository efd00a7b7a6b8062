//! # What it finds
//!
//! A pod whose `dnsConfig.options` lack an entry with the name `key` and the value `value`; by
//! default `ndots` and `2`.
//!
//! # Why it matters
//!
//! With the default of five dots, nearly every name outside the cluster is first looked up in every
//! search domain, which multiplies the load of DNS.
//!
//! # What the fix changes
//!
//! The entry is added. Where an entry of that name has another value, the value is changed.
//!
//! # What it may break
//!
//! Names with few dots, such as those of Services in other namespaces (`web.prod.svc`), are looked
//! up as they stand first.
//!
//! # Other tools
//!
//! kube-linter stops with an error at an option of that name without a value.

use crate::common::maps;
use crate::{Check, Context, DefaultValue, Fix, Parameter, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;
use serde_json::json;

pub(crate) static RULE: Rule = Rule {
    id: "dnsconfig-options",
    title: "Resolver option is missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:dnsconfig-options", "kyverno:add-ndots"],
    references: &[],
    touches: &["{pod}/dnsConfig/options/**"],
    removes: &[],
    parameters: &[KEY, VALUE],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEY: Parameter = Parameter {
    name: "key",
    meaning: "the name of the resolver option",
    default: DefaultValue::Text("ndots"),
};
const VALUE: Parameter = Parameter {
    name: "value",
    meaning: "the value that the option must have",
    default: DefaultValue::Text("2"),
};
const KEYS: [&str; 2] = ["dnsConfig", "options"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let (key, value) = (cx.text(&KEY), cx.text(&VALUE));
    let text = |option: Node<'_>, field: &str, wanted: &str| {
        option.get(field).and_then(Node::as_str) == Some(wanted)
    };
    let named = || maps(pod.spec.at(&KEYS)).filter(|(_, option)| text(*option, "name", key));
    if named().any(|(_, option)| text(option, "value", value)) {
        return;
    }
    let fix = Fix::unsafe_because("names with few dots are looked up as they stand first");
    match named().next() {
        Some((index, _)) => {
            let site = pod.item_site(&KEYS, index, &["value"]);
            let fix = fix.set(site.path.clone(), Written::rule(value));
            cx.report(site, format!("resolver option {key} is not {value}"), fix);
        }
        None => {
            let option = Written::rule(json!({ "name": key, "value": value }));
            let fix = fix.append(pod.path(&KEYS), option, &[]);
            cx.report(pod.site(&KEYS), format!("pod lacks the resolver option {key}"), fix);
        }
    }
}
