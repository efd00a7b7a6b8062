//! # What it finds
//!
//! An `emptyDir` volume without `sizeLimit`.
//!
//! # Why it matters
//!
//! A volume without a limit can fill the disk of its node, or its memory where the medium is
//! `Memory`.
//!
//! # What the fix changes
//!
//! `sizeLimit` becomes the amount that the parameter of this name sets. Without it there is no fix:
//! no size suits every program.
//!
//! # What it may break
//!
//! A pod whose volume grows beyond the limit is evicted.
//!
//! # Other tools
//!
//! Kyverno writes 100Mi everywhere.

use crate::common::volumes_from;
use crate::quantity::Quantity;
use crate::{Check, Context, DefaultValue, Fix, Parameter, Pod, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "emptydir-size-limit",
    title: "emptyDir without a size limit",
    severity: Severity::Low,
    default: false,
    taste: true,
    policy_id: None,
    aliases: &["kyverno:add-emptydir-sizelimit"],
    references: &[],
    touches: &["{pod}/volumes/*/emptyDir/sizeLimit"],
    removes: &[],
    parameters: &[SIZE_LIMIT],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const SIZE_LIMIT: Parameter = Parameter {
    name: "sizeLimit",
    meaning: "the amount that a volume without a limit gets, such as 100Mi",
    default: DefaultValue::Text(""),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let limit = cx.text(&SIZE_LIMIT);
    for (index, volume, source) in volumes_from(pod, "emptyDir") {
        if source.get("sizeLimit").is_some_and(|own| !own.is_null()) {
            continue;
        }
        let site = pod.item_site(&["volumes"], index, &["emptyDir", "sizeLimit"]);
        let remedy = match Quantity::parse(limit) {
            Some(_) => Fix::unsafe_because("the pod is evicted when the volume outgrows the limit")
                .set(site.path.clone(), Written::rule(limit))
                .into(),
            None => Remedy::from("needs an amount such as 100Mi in the parameter sizeLimit"),
        };
        let what = match source.get("medium").and_then(Node::as_str) {
            Some("Memory") => "memory",
            _ => "disk",
        };
        cx.report(site, format!("volume \"{volume}\" may fill the node's {what}"), remedy);
    }
}
