//! # What it finds
//!
//! A Deployment, DaemonSet, StatefulSet or DeploymentConfig whose update strategy is not what
//! `strategyTypeRegex` asks for. A missing type stands for `RollingUpdate`, or `Rolling` in a
//! DeploymentConfig.
//!
//! Where `minPodsUnavailable`, `maxPodsUnavailable`, `minSurge` or `maxSurge` is set, also a
//! rolling update whose `maxUnavailable` or `maxSurge` is outside. A missing field counts as its
//! default, and a number above nought is never within bounds given as percentages.
//!
//! # Why it matters
//!
//! With `Recreate` every update is an outage, and with `OnDelete` an update does not happen until
//! somebody deletes the pods.
//!
//! # What the fix changes
//!
//! The type becomes `RollingUpdate`, or `Rolling` in a DeploymentConfig, and parameters of another
//! strategy go. For bounds there is no fix.
//!
//! # What it may break
//!
//! Old and new pods run side by side: that deadlocks on volumes that one node alone can mount, and
//! is wrong for programs that must run once only. With `OnDelete` gone, the update starts at once.
//!
//! # Other tools
//!
//! kube-score looks at Deployments that a Service selects. kube-linter also reports workloads of
//! apps/v1beta1 and apps/v1beta2 without a type.

use crate::common::Share;
use crate::{Check, Context, DefaultValue, Fix, Object, Parameter, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-rolling-update-strategy",
    title: "Update is not rolling",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:no-rolling-update-strategy",
        "kubescape:C-0305",
        "kube-score:deployment-strategy",
    ],
    references: &[],
    touches: &[
        "spec/strategy/type",
        "spec/strategy/recreateParams/**",
        "spec/strategy/customParams/**",
        "spec/updateStrategy/type",
    ],
    removes: &[],
    parameters: &[TYPE, MIN_UNAVAILABLE, MAX_UNAVAILABLE, MIN_SURGE, MAX_SURGE],
    scope: Scope::Object,
    check: Check::Object(check),
};

const TYPE: Parameter = Parameter {
    name: "strategyTypeRegex",
    meaning: "what the type of the strategy must match",
    default: DefaultValue::Pattern("^(RollingUpdate|Rolling)$"),
};
const MIN_UNAVAILABLE: Parameter = Parameter {
    name: "minPodsUnavailable",
    meaning: "the least that `maxUnavailable` may be, a number or a percentage",
    default: DefaultValue::Text(""),
};
const MAX_UNAVAILABLE: Parameter = Parameter {
    name: "maxPodsUnavailable",
    meaning: "the most that `maxUnavailable` may be, a number or a percentage",
    default: DefaultValue::Text(""),
};
const MIN_SURGE: Parameter = Parameter {
    name: "minSurge",
    meaning: "the least that `maxSurge` may be, a number or a percentage",
    default: DefaultValue::Text(""),
};
const MAX_SURGE: Parameter = Parameter {
    name: "maxSurge",
    meaning: "the most that `maxSurge` may be, a number or a percentage",
    default: DefaultValue::Text(""),
};

/// How a kind says that it updates.
struct Strategy {
    field: &'static str,
    rolling: &'static str,
    parameters: &'static str,
    unavailable: Share,
    /// `None` for kinds without one.
    surge: Option<Share>,
}

fn strategy(kind: &str) -> Option<Strategy> {
    let quarter = Share::Percent(25);
    let (field, rolling, parameters, unavailable, surge) = match kind {
        "Deployment" => ("strategy", "RollingUpdate", "rollingUpdate", quarter, Some(quarter)),
        "DeploymentConfig" => ("strategy", "Rolling", "rollingParams", quarter, Some(quarter)),
        "DaemonSet" => {
            let none = Some(Share::Count(0));
            ("updateStrategy", "RollingUpdate", "rollingUpdate", Share::Count(1), none)
        }
        "StatefulSet" => {
            ("updateStrategy", "RollingUpdate", "rollingUpdate", Share::Count(1), None)
        }
        _ => return None,
    };
    Some(Strategy { field, rolling, parameters, unavailable, surge })
}

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(strategy) = strategy(object.kind) else { return };
    let keys = ["spec", strategy.field, "type"];
    let written = object.at(&keys).and_then(Node::as_str).filter(|text| !text.is_empty());
    let kind = written.unwrap_or(strategy.rolling);
    if !cx.matches(&TYPE, kind) {
        let remedy = roll(object, &strategy, cx);
        cx.report(object.site(&keys), format!("{} updates by {kind}", object.kind), remedy);
    } else if kind == strategy.rolling {
        for (field, message) in out_of_bounds(object, &strategy, cx) {
            let site = object.site(&["spec", strategy.field, strategy.parameters, field]);
            cx.report(site, message, "needs a number of pods that the workload can spare");
        }
    }
}

fn roll(object: &Object<'_>, strategy: &Strategy, cx: &Context<'_, '_>) -> Remedy {
    if !cx.matches(&TYPE, strategy.rolling) {
        return "needs to know which of the accepted strategies the workload can take".into();
    }
    if !out_of_bounds(object, strategy, cx).is_empty() {
        return "needs maxUnavailable and maxSurge within the bounds besides".into();
    }
    let path = |key: &str| object.site(&["spec", strategy.field, key]).path;
    let fix = Fix::unsafe_because(
        "old and new pods run side by side: volumes of one node deadlock, and singletons run twice",
    )
    .set(path("type"), Written::rule(strategy.rolling));
    ["recreateParams", "customParams"]
        .into_iter()
        .filter(|key| object.at(&["spec", strategy.field, key]).is_some())
        .fold(fix, |fix, key| fix.remove(path(key)))
        .into()
}

/// The fields of a rolling update that are outside of their bounds, and what is wrong.
fn out_of_bounds(
    object: &Object<'_>,
    strategy: &Strategy,
    cx: &Context<'_, '_>,
) -> Vec<(&'static str, String)> {
    let unavailable =
        ("maxUnavailable", Some(strategy.unavailable), MIN_UNAVAILABLE, MAX_UNAVAILABLE);
    let mut found = Vec::new();
    for (field, default, least, most) in
        [unavailable, ("maxSurge", strategy.surge, MIN_SURGE, MAX_SURGE)]
    {
        let Some(default) = default else { continue };
        let (least, most) = (cx.text(&least), cx.text(&most));
        let written = object
            .at(&["spec", strategy.field, strategy.parameters, field])
            .filter(|value| !value.is_null());
        let share = written.map_or(Some(default), Share::of);
        let is_above = Share::parse(least).is_none_or(|bound| at_least(share, Some(bound)));
        let is_below = Share::parse(most).is_none_or(|bound| at_least(Some(bound), share));
        if is_above && is_below {
            continue;
        }
        let bounds = match (least, most) {
            ("", most) => format!("at most {most}"),
            (least, "") => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        found.push((field, format!("{field} is not {bounds}")));
    }
    found
}

/// Whether the first is no less than the second; a number and a percentage cannot be compared,
/// unless one of them is nought.
fn at_least(first: Option<Share>, second: Option<Share>) -> bool {
    let (Some(first), Some(second)) = (first, second) else { return false };
    let comparable = first.is_percent() == second.is_percent();
    (comparable || first.is_nothing() || second.is_nothing()) && first.digits() >= second.digits()
}
