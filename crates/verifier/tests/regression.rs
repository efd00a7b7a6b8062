//! The gate `regression` looks at the objects that a patch of another one reaches.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{judged, of};
use record::{Gate, GateOutcome};
use rules::Rule;
use serde_json::json;
use verifier::GateSet;

const WORKLOAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'nginx:1.29.3'}]}
";

/// Why a change of the pods' labels is refused, beside a neighbour that selects them.
fn reason(neighbour: &str) -> String {
    let text = format!("{WORKLOAD}---\n{neighbour}");
    // Rules about the workload itself would speak first.
    let about_neighbours =
        |rule: &&'static Rule| rule.id.starts_with("dangling-") || rule.id == "pdb-min-available";
    let rules: Vec<&'static Rule> =
        rules::all().iter().map(|entry| entry.rule).filter(about_neighbours).collect();
    let gates = GateSet::default().without(&[Gate::Patch]);
    let patch = json!([
        {"op": "replace", "path": "/spec/template/metadata/labels/app", "value": "other"}
    ]);
    let judged = judged(&text, &[], &rules, &gates, patch);
    let gate = of(&judged, Gate::Regression);
    assert_eq!(gate.outcome, GateOutcome::Failed, "{judged:?}");
    gate.reason.clone().unwrap()
}

#[test]
fn a_service_must_not_lose_its_pods() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {selector: {app: web}, ports: [{port: 80}]}\n";
    assert_eq!(reason(service), "new finding dangling-service in Service web");
}

#[test]
fn a_network_policy_must_not_lose_its_pods() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                  metadata: {name: web, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n";
    assert_eq!(reason(policy), "new finding dangling-networkpolicy in NetworkPolicy web");
}
