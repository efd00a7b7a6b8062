//! What a patch that came from elsewhere may do: what the rule allows, and nothing by a detour.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{judged, of};
use record::{Gate, GateOutcome};
use serde_json::{Value, json};
use verifier::GateSet;

const WORKLOAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        env: [{name: A, value: a}]
        securityContext: {runAsUser: 1000, readOnlyRootFilesystem: false}
        resources: {}
        lifecycle: {preStop: {exec: {}}}
";

/// What the gate `patch` says of a patch for a rule.
fn verdict(rule: &str, operations: Value) -> (GateOutcome, String) {
    let rule = rules::by_id(rule).unwrap().rule;
    let gates = judged(WORKLOAD, &[rule], &[], &GateSet::default(), operations);
    let gate = of(&gates, Gate::Patch);
    (gate.outcome, gate.reason.clone().unwrap_or_default())
}

fn refused(rule: &str, operations: Value, reason: &str) {
    let (outcome, said) = verdict(rule, operations);
    assert_eq!((outcome, said.as_str()), (GateOutcome::Failed, reason));
}

const CONTAINER: &str = "spec/template/spec/containers/0";

#[test]
fn what_the_rule_allows_goes_through() {
    let pin = json!([{"op": "replace", "path": format!("/{CONTAINER}/image"), "value": "nginx:1"}]);
    assert_eq!(verdict("latest-tag", pin).0, GateOutcome::Passed);
    let whole = json!([{"op": "add", "path": format!("/{CONTAINER}/livenessProbe"),
        "value": {"tcpSocket": {"port": 80}}}]);
    assert_eq!(verdict("no-liveness-probe", whole).0, GateOutcome::Passed);
}

#[test]
fn to_add_over_what_is_there_is_to_take_it_away() {
    let over = json!([{"op": "add", "path": format!("/{CONTAINER}/securityContext"),
        "value": {"readOnlyRootFilesystem": true}}]);
    let reason = format!("no rule of this patch may touch {CONTAINER}/securityContext/runAsUser");
    refused("no-read-only-root-fs", over, &reason);
}

#[test]
fn what_is_written_as_it_was_is_not_touched() {
    let same = json!([{"op": "replace", "path": format!("/{CONTAINER}/securityContext"),
        "value": {"runAsUser": 1000, "readOnlyRootFilesystem": true}}]);
    assert_eq!(verdict("no-read-only-root-fs", same).0, GateOutcome::Passed);
    let less = json!([{"op": "replace", "path": format!("/{CONTAINER}/securityContext"),
        "value": {"readOnlyRootFilesystem": true}}]);
    let reason = format!("no rule of this patch may touch {CONTAINER}/securityContext/runAsUser");
    refused("no-read-only-root-fs", less, &reason);
    let filled = json!([{"op": "replace", "path": format!("/{CONTAINER}/resources"),
        "value": {"requests": {"cpu": "1"}}}]);
    assert_eq!(verdict("unset-cpu-requirements", filled).0, GateOutcome::Passed);
    let emptied = json!([{"op": "replace", "path": format!("/{CONTAINER}/lifecycle"),
        "value": {"preStop": {}}}]);
    let reason = format!("no rule of this patch may touch {CONTAINER}/lifecycle/preStop/exec");
    refused("no-read-only-root-fs", emptied, &reason);
    let whole = json!([{"op": "replace", "path": format!("/{CONTAINER}/env/0"),
        "value": {"name": "B", "value": "a"}}]);
    let reason = format!("no rule of this patch may touch {CONTAINER}/env/0/name");
    refused("env-var-secret", whole, &reason);
}

#[test]
fn an_item_cannot_be_brought_in_by_what_may_be_written_into_it() {
    for place in ["-", "0"] {
        let path = format!("spec/template/spec/containers/{place}");
        let item = json!([{"op": "add", "path": format!("/{path}"), "value": {"image": "evil:1"}}]);
        refused("latest-tag", item, &format!("no rule of this patch may add {path}"));
    }
}

#[test]
fn an_operation_is_judged_on_what_the_ones_before_it_left() {
    let probe = format!("/{CONTAINER}/livenessProbe");
    let steps = |last: &str| {
        json!([
            {"op": "add", "path": probe, "value": {"tcpSocket": {"port": 80}}},
            {"op": "remove", "path": format!("{probe}/{last}")},
        ])
    };
    assert_eq!(verdict("no-liveness-probe", steps("tcpSocket")).0, GateOutcome::Passed);
    assert_eq!(verdict("no-liveness-probe", steps("exec")).0, GateOutcome::Failed);
}

#[test]
fn nothing_moves() {
    let moved = json!([{"op": "move", "from": format!("/{CONTAINER}/env"),
        "path": format!("/{CONTAINER}/livenessProbe")}]);
    refused("no-liveness-probe", moved, "move and copy are not used by fixes");
}
