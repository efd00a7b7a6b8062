//! Templates that look at replicas, selectors, updates and disruption budgets.

use super::{Run, Template, for_kind, for_workloads, plain};
use crate::kube_linter::Reading;
use crate::kube_linter::params::{self, pattern, regex};
use crate::kube_linter::view::{
    Diagnostics, Lint, child, is_deployment_like, items, labels, namespace, path, replicas, text,
};
use manifest::{Kind, Node};
use rules::selector::Selector;
use rules::{Object, Pattern};
use serde::Deserialize;
use serde_json::Value;

const POLICY: &str = "policy/v1";

pub(super) const TEMPLATES: &[Template] = &[
    for_workloads("anti-affinity", anti_affinity),
    for_workloads("minimum-replicas", minimum_replicas),
    for_kind("hpa-minimum-replicas", &["HorizontalPodAutoscaler"], hpa_minimum),
    for_kind("dangling-horizontalpodautoscaler", &["HorizontalPodAutoscaler"], |given| {
        plain(given, dangling_hpa)
    }),
    for_workloads("mismatching-selector", |given| plain(given, mismatching_selector)),
    for_workloads("update-configuration", update_configuration),
    for_kind("pdb-max-unavailable", &["PodDisruptionBudget"], |given| {
        plain(given, max_unavailable)
    }),
    for_kind("pdb-min-available", &["PodDisruptionBudget"], |given| plain(given, min_available)),
    for_kind("pdb-unhealthy-pod-eviction-policy", &["PodDisruptionBudget"], |given| {
        plain(given, |lint, out| {
            let keys = ["spec", "unhealthyPodEvictionPolicy"];
            if lint.is(lint.object, POLICY, "PodDisruptionBudget")
                && child(Some(lint.object.root), &keys).is_none()
            {
                out.push((path(&keys), "no unhealthyPodEvictionPolicy".to_owned()));
            }
        })
    }),
    for_kind("job-ttl-seconds-after-finished", &["JobLike"], |given| plain(given, job_ttl)),
    for_kind("statefulset-volumeclaimtemplate-annotation", &["StatefulSet"], claim_annotation),
    for_kind("scc-deny-privileged-container", &["SecurityContextConstraints"], scc),
];

/// The replicas of the object, when it is decoded and can have some.
fn own_replicas(lint: &Lint<'_, '_>) -> Option<i64> {
    let is_typed = lint.reading(lint.object) == Reading::Typed;
    replicas(lint.object).filter(|_| is_typed)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AntiAffinity {
    min_replicas: i64,
    topology_key: String,
}

fn anti_affinity(given: &Value) -> Result<Run, String> {
    let given: AntiAffinity = params::read(given, &["minReplicas", "topologyKey"])?;
    let topology = match given.topology_key.as_str() {
        "" => pattern("^kubernetes\\.io/hostname$")?,
        other => pattern(other)?,
    };
    Ok(Box::new(move |lint, out| {
        if own_replicas(lint).is_none_or(|replicas| replicas < given.min_replicas) {
            return;
        }
        let Some(pod) = lint.template(lint.object) else { return };
        let keys = ["affinity", "podAntiAffinity"];
        let rules = child(pod.spec, &keys);
        let preferred = items(rules, &["preferredDuringSchedulingIgnoredDuringExecution"])
            .map(|term| child(Some(term), &["podAffinityTerm"]));
        let required = items(rules, &["requiredDuringSchedulingIgnoredDuringExecution"]).map(Some);
        let terms: Vec<Option<Node<'_>>> = preferred.chain(required).collect();
        if terms.is_empty() {
            out.push((pod.path(&keys), "no anti-affinity between the replicas".to_owned()));
            return;
        }
        let mut bad = Diagnostics::new();
        for term in terms {
            match term_fault(term, lint.object, pod.labels(), &topology) {
                Some(fault) => bad.push((pod.path(&keys), fault)),
                None => return,
            }
        }
        out.extend(bad);
    }))
}

/// Why a term does not keep the replicas apart.
fn term_fault(
    term: Option<Node<'_>>,
    object: &Object<'_>,
    own: Option<Node<'_>>,
    topology: &Pattern,
) -> Option<String> {
    let namespaces: Vec<&str> =
        items(term, &["namespaces"]).map(|name| name.as_str().unwrap_or("")).collect();
    if !namespaces.is_empty() && !namespaces.contains(&namespace(object)) {
        return Some("the anti-affinity is about other namespaces".to_owned());
    }
    let selector = child(term, &["labelSelector"]).map(Selector::parse);
    if let Some(Err(invalid)) = &selector {
        return Some(format!("the anti-affinity's selector is invalid: {invalid}"));
    }
    if !topology.matches(text(term, &["topologyKey"])) {
        return Some("the anti-affinity is about another topology".to_owned());
    }
    let selects = matches!(&selector, Some(Ok(selector)) if selector.matches(own));
    (!selects).then(|| "the anti-affinity does not select the pods".to_owned())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct MinReplicas {
    min_replicas: i64,
}

fn minimum_replicas(given: &Value) -> Result<Run, String> {
    let given: MinReplicas = params::read(given, &["minReplicas"])?;
    Ok(Box::new(move |lint, out| {
        if let Some(replicas) = own_replicas(lint).filter(|own| *own < given.min_replicas) {
            out.push((path(&["spec", "replicas"]), format!("has {replicas} replicas")));
        }
    }))
}

fn is_autoscaler(lint: &Lint<'_, '_>, object: &Object<'_>) -> bool {
    ["v1", "v2", "v2beta1", "v2beta2"].iter().any(|version| {
        lint.is(object, &format!("autoscaling/{version}"), "HorizontalPodAutoscaler")
    })
}

fn min_replicas(autoscaler: &Object<'_>) -> i64 {
    child(Some(autoscaler.root), &["spec", "minReplicas"]).and_then(Node::as_i64).unwrap_or(1)
}

fn hpa_minimum(given: &Value) -> Result<Run, String> {
    let given: MinReplicas = params::read(given, &["minReplicas"])?;
    Ok(Box::new(move |lint, out| {
        let least = min_replicas(lint.object);
        if is_autoscaler(lint, lint.object) && least < given.min_replicas {
            out.push((path(&["spec", "minReplicas"]), format!("keeps at least {least} replicas")));
        }
    }))
}

/// Namespaces are not compared; a core kind is never found, since its version is compared with a
/// leading slash.
fn dangling_hpa(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if !is_autoscaler(lint, lint.object) {
        return;
    }
    let target = child(Some(lint.object.root), &["spec", "scaleTargetRef"]);
    let (version, kind, name) =
        (text(target, &["apiVersion"]), text(target, &["kind"]), text(target, &["name"]));
    let is_target = |object: &Object<'_>| {
        let own = match object.api_version.contains('/') {
            true => object.api_version.to_owned(),
            false => format!("/{}", object.api_version),
        };
        object.name == name && object.kind == kind && own == version
    };
    if !lint.templates().any(|(object, _)| is_target(object)) {
        let message = format!("the target {kind} \"{name}\" is not there");
        out.push((path(&["spec", "scaleTargetRef"]), message));
    }
}

/// The selector of a workload: keys, and whether it is a plain map of labels. Pods and
/// ReplicationControllers have none.
fn selector_keys(object: &Object<'_>) -> Option<(&'static [&'static str], bool)> {
    match object.kind {
        "Pod" | "ReplicationController" => None,
        "CronJob" => Some((&["spec", "jobTemplate", "spec", "selector"], false)),
        "DeploymentConfig" => Some((&["spec", "selector"], true)),
        _ => Some((&["spec", "selector"], false)),
    }
}

fn parse_selector(node: Node<'_>, plain: bool) -> Result<Selector<'_>, String> {
    if plain { Selector::from_labels(node) } else { Selector::parse(node) }
}

fn mismatching_selector(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let Some((keys, plain)) = selector_keys(lint.object) else { return };
    if lint.reading(lint.object) != Reading::Typed {
        return;
    }
    let selector = child(Some(lint.object.root), keys).map(|node| parse_selector(node, plain));
    let message = match selector {
        Some(Err(invalid)) => format!("the selector is invalid: {invalid}"),
        Some(Ok(selector)) if !selector.is_empty() => {
            let pod = lint.template(lint.object);
            if pod.is_none_or(|pod| selector.matches(pod.labels())) {
                return;
            }
            "the selector does not select the workload's own pods".to_owned()
        }
        _ if matches!(lint.object.kind, "Job" | "CronJob") => return,
        _ => "the workload has no selector".to_owned(),
    };
    out.push((path(keys), message));
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Update {
    strategy_type_regex: String,
    max_pods_unavailable: String,
    min_pods_unavailable: String,
    max_surge: String,
    min_surge: String,
}

/// A number of pods, or a share of them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Amount {
    number: i64,
    is_percent: bool,
}

impl Amount {
    /// As a parameter is written.
    fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let (digits, is_percent) =
            text.strip_suffix('%').map_or((text, false), |text| (text, true));
        let number = digits.parse::<i64>().ok().filter(|number| *number >= 0);
        match number.filter(|number| !is_percent || *number <= 100) {
            Some(number) => Ok(Some(Self { number, is_percent })),
            None => Err(format!("`{text}` is neither a number nor a percentage")),
        }
    }

    /// As a manifest holds it.
    fn of(node: Node<'_>) -> Option<Self> {
        match node.kind() {
            Kind::Str => {
                let number = node.as_str()?.strip_suffix('%')?.parse().ok()?;
                Some(Self { number, is_percent: true })
            }
            _ => Some(Self { number: node.as_i64()?, is_percent: false }),
        }
    }
}

/// The bounds of an amount.
struct Bounds {
    most: Option<Amount>,
    least: Option<Amount>,
}

impl Bounds {
    fn are_empty(&self) -> bool {
        self.most.is_none() && self.least.is_none()
    }

    /// Whether an amount is within. A percentage cannot be compared with a number.
    fn hold(&self, node: Option<Node<'_>>) -> bool {
        if self.are_empty() {
            return true;
        }
        let Some(own) = node.and_then(Amount::of) else { return false };
        let within = |bound: Option<Amount>, good: fn(i64, i64) -> bool| {
            bound.is_none_or(|bound| {
                bound.is_percent == own.is_percent && good(own.number, bound.number)
            })
        };
        within(self.most, |own, most| own <= most) && within(self.least, |own, least| own >= least)
    }
}

fn update_configuration(given: &Value) -> Result<Run, String> {
    let names =
        ["strategyTypeRegex", "maxPodsUnavailable", "minPodsUnavailable", "maxSurge", "minSurge"];
    let given: Update = params::read(given, &names)?;
    let kind = regex(&given.strategy_type_regex)?;
    let unavailable = Bounds {
        most: Amount::parse(&given.max_pods_unavailable)?,
        least: Amount::parse(&given.min_pods_unavailable)?,
    };
    let surge =
        Bounds { most: Amount::parse(&given.max_surge)?, least: Amount::parse(&given.min_surge)? };
    let wants_definition = given.strategy_type_regex.contains("Rolling")
        && !(unavailable.are_empty() && surge.are_empty());
    Ok(Box::new(move |lint, out| {
        let Some((field, rolling, fallback)) = strategy_fields(lint) else { return };
        let strategy = child(Some(lint.object.root), &["spec", field]);
        let own = match text(strategy, &["type"]) {
            "" => fallback,
            own => own,
        };
        let at = |keys: &[&str]| path(&[&["spec", field], keys].concat());
        if !kind.is_match(own) {
            out.push((at(&["type"]), format!("the update strategy is \"{own}\"")));
        }
        let Some(config) = child(strategy, &[rolling]) else {
            if wants_definition {
                out.push((at(&[rolling]), "rolling updates are not configured".to_owned()));
            }
            return;
        };
        for (key, bounds) in [("maxUnavailable", &unavailable), ("maxSurge", &surge)] {
            // StatefulSets know no surge.
            let exists = key == "maxUnavailable" || lint.object.kind != "StatefulSet";
            if exists && !bounds.hold(child(Some(config), &[key])) {
                out.push((at(&[rolling, key]), format!("{key} is out of bounds")));
            }
        }
    }))
}

/// The field of the strategy, the field of its rolling parameters, and the type when none is
/// written.
fn strategy_fields(lint: &Lint<'_, '_>) -> Option<(&'static str, &'static str, &'static str)> {
    let object = lint.object;
    if lint.reading(object) != Reading::Typed {
        return None;
    }
    let fallback = if object.api_version == "apps/v1" { "RollingUpdate" } else { "" };
    match object.kind {
        "Deployment" => Some(("strategy", "rollingUpdate", fallback)),
        "DaemonSet" | "StatefulSet" => Some(("updateStrategy", "rollingUpdate", fallback)),
        "DeploymentConfig" => Some(("strategy", "rollingParams", "Rolling")),
        _ => None,
    }
}

/// The value of an int-or-string: a number, or a text.
fn int_or_percent(node: Node<'_>) -> Result<(i64, bool), String> {
    let written = node.scalar().unwrap_or("");
    match node.kind() {
        Kind::Str => {
            let text = node.as_str().unwrap_or("");
            if let Ok(number) = text.parse() {
                return Ok((number, false));
            }
            let number = text.strip_suffix('%').and_then(|text| text.parse().ok());
            number
                .map(|number| (number, true))
                .ok_or_else(|| format!("\"{text}\" is no percentage"))
        }
        _ => Ok((node.as_i64().ok_or_else(|| format!("{written} is no number"))?, false)),
    }
}

fn max_unavailable(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let keys = ["spec", "maxUnavailable"];
    let Some(value) = child(Some(lint.object.root), &keys) else { return };
    if !lint.is(lint.object, POLICY, "PodDisruptionBudget") {
        return;
    }
    // A text is a percentage of 100 pods, or nothing.
    let number = match (value.kind(), int_or_percent(value)) {
        (Kind::Str, Ok((_, false))) => Err("it is no percentage".to_owned()),
        (_, other) => other.map(|(number, _)| number),
    };
    match number {
        Ok(0) => out.push((path(&keys), "no pod may be disrupted".to_owned())),
        Ok(_) => {}
        Err(invalid) => out.push((path(&keys), format!("maxUnavailable is invalid: {invalid}"))),
    }
}

fn min_available(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let budget = Some(lint.object.root);
    let keys = ["spec", "minAvailable"];
    let Some(value) = child(budget, &keys) else { return };
    if !lint.is(lint.object, POLICY, "PodDisruptionBudget") {
        return;
    }
    let mut report = |message: String| out.push((path(&keys), message));
    let (least, is_percent) = match int_or_percent(value) {
        Ok((100, true)) => return report("every pod must be available".to_owned()),
        Ok(value) => value,
        Err(invalid) => return report(format!("minAvailable is invalid: {invalid}")),
    };
    let selector = match child(budget, &["spec", "selector"]).map(Selector::parse) {
        None => return report("the budget has no selector".to_owned()),
        Some(Err(invalid)) => return report(format!("the selector is invalid: {invalid}")),
        Some(Ok(selector)) => selector,
    };
    let workloads = match workloads(lint, &selector) {
        Ok(workloads) => workloads,
        Err(name) => return report(format!("the selector of \"{name}\" uses expressions")),
    };
    for workload in workloads {
        let mut count = replicas(workload).unwrap_or(0);
        if count == 1 {
            count = scaled_minimum(lint, workload.name).unwrap_or(count);
        }
        let needed = match is_percent {
            true => (count * least + 99).div_euclid(100),
            false => least,
        };
        if count <= needed {
            report(format!("no pod of {} \"{}\" may be disrupted", workload.kind, workload.name));
        }
    }
}

/// The workloads of the namespace whose own selector is what the budget selects. A selector with
/// expressions anywhere in the namespace ends the search, with the workload's name.
fn workloads<'s, 'a>(
    lint: &Lint<'s, 'a>,
    selector: &Selector<'_>,
) -> Result<Vec<&'s Object<'a>>, &'a str> {
    let mut found = Vec::new();
    for (object, _) in lint.templates() {
        if !is_deployment_like(object) || namespace(object) != namespace(lint.object) {
            continue;
        }
        let Some((keys, plain)) = selector_keys(object) else { continue };
        let own = child(Some(object.root), keys);
        let asked = if plain { own } else { child(own, &["matchLabels"]) };
        if !plain && items(own, &["matchExpressions"]).next().is_some() {
            return Err(object.name);
        }
        if selector.matches(asked) {
            found.push(object);
        }
    }
    Ok(found)
}

/// The least number of replicas that an autoscaler keeps of the workload of this name; the last
/// one of the namespace counts.
fn scaled_minimum(lint: &Lint<'_, '_>, name: &str) -> Option<i64> {
    let set = lint.set;
    let near = (0..set.len()).map(|at| set.object(at)).filter(|object| {
        object.context == lint.object.context
            && namespace(object) == namespace(lint.object)
            && text(Some(object.root), &["spec", "scaleTargetRef", "name"]) == name
    });
    near.rev().find_map(|object| {
        if is_autoscaler(lint, object) {
            return Some(min_replicas(object));
        }
        lint.is(object, "keda.sh/v1alpha1", "ScaledObject").then(|| {
            let least = child(Some(object.root), &["spec", "minReplicaCount"]);
            least.and_then(Node::as_i64).filter(|least| *least > 0).unwrap_or(1)
        })
    })
}

fn job_ttl(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let root = Some(lint.object.root);
    let of_job = ["spec", "ttlSecondsAfterFinished"];
    let of_cron_job = ["spec", "jobTemplate", "spec", "ttlSecondsAfterFinished"];
    if lint.is(lint.object, "batch/v1", "Job") && child(root, &of_job).is_none() {
        out.push((path(&of_job), "the Job has no ttlSecondsAfterFinished".to_owned()));
    }
    if lint.is(lint.object, "batch/v1", "CronJob") && child(root, &of_cron_job).is_some() {
        let message = "the CronJob's Jobs have ttlSecondsAfterFinished".to_owned();
        out.push((path(&of_cron_job), message));
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Annotation {
    annotation: String,
}

fn claim_annotation(given: &Value) -> Result<Run, String> {
    let given: Annotation = params::read(given, &["annotation"])?;
    Ok(Box::new(move |lint, out| {
        if lint.reading(lint.object) != Reading::Typed {
            return;
        }
        let keys = ["spec", "volumeClaimTemplates"];
        for (index, claim) in items(Some(lint.object.root), &keys).enumerate() {
            let annotations = child(Some(claim), &["metadata", "annotations"]);
            let has = |(key, value): (&str, &str)| key == given.annotation && !value.is_empty();
            if !labels(annotations).any(has) {
                let at = path(&keys).index(index).key("metadata").key("annotations");
                out.push((at, format!("the claim has no annotation \"{}\"", given.annotation)));
            }
        }
    }))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Privileged {
    allow_privileged_container: bool,
}

fn scc(given: &Value) -> Result<Run, String> {
    let given: Privileged = params::read(given, &["allowPrivilegedContainer"])?;
    Ok(Box::new(move |lint, out| {
        let own =
            crate::kube_linter::view::flag(Some(lint.object.root), &["allowPrivilegedContainer"]);
        if lint.is(lint.object, "security.openshift.io/v1", "SecurityContextConstraints")
            && own == given.allow_privileged_container
        {
            let message = format!("allowPrivilegedContainer is {own}");
            out.push((path(&["allowPrivilegedContainer"]), message));
        }
    }))
}
