//! The gate `server`, asked of a real API server that the tool starts itself.

use crate::tool::{Folder, has_server};
use serde_json::Value;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.29.3 # pinned
        resources:
          limits: {cpu: 500m, memory: 256Mi}
        securityContext:
          privileged: true
";

/// Whose controller writes the field that every fix of a pod would need.
const ROLLOUT: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
      - {name: web, image: 'nginx:1.29.3'}
";

const DEFINITION: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Rollout, plural: rollouts}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

const POLICY: &str = "\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: privileged-only}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
  - expression: object.spec.template.spec.containers.all(c, c.securityContext.privileged)
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: privileged-only}
spec: {policyName: privileged-only, validationActions: [Deny]}
";

const RUN: [&str; 6] = ["run", "in", "--out", "out", "--server", "ephemeral"];

/// The gate's results in `out/verified.jsonl`, by rule.
fn results(folder: &Folder) -> Vec<(String, Value)> {
    let verdicts = folder.records("out/verified.jsonl");
    let of = |verdict: &Value| {
        let gates = verdict["gates"].as_array().unwrap();
        let gate = gates.iter().find(|gate| gate["gate"] == "server").unwrap();
        (verdict["rule"].as_str().unwrap().to_owned(), gate.clone())
    };
    verdicts.iter().map(of).collect()
}

fn result(folder: &Folder, rule: &str) -> Value {
    results(folder).into_iter().find(|(of, _)| of == rule).unwrap().1
}

#[test]
fn fixes_come_with_what_they_change_of_what_runs() {
    if !has_server("fixes_come_with_what_they_change_of_what_runs") {
        return;
    }
    let folder = Folder::with(&[("in/web.yaml", DEPLOYMENT)]);
    let select =
        ["--select", "privileged-container,unset-cpu-requirements,privilege-escalation-container"];
    folder.run(&[&RUN[..], &select].concat()).ended(0);
    let safe = result(&folder, "unset-cpu-requirements");
    assert_eq!(
        (&safe["outcome"], &safe["server"]["effect"]),
        (&"passed".into(), &"restart".into())
    );
    // The server would have taken the limit for the request.
    assert_eq!(safe["server"]["same_pods"], true);
    let unsafe_fix = result(&folder, "privileged-container");
    assert_eq!(unsafe_fix["server"]["effect"], "restart");
    assert_eq!(unsafe_fix["server"]["same_pods"], false);
    let complaints = |key: &str| unsafe_fix["server"][key].as_array().unwrap().len();
    assert!(complaints("pods_denied_after") < complaints("pods_denied_before"), "{unsafe_fix}");
    let review = folder.read("out/review.md");
    assert!(
        review.contains("| restart |") && review.contains("Pod Security admission"),
        "{review}"
    );
    assert!(folder.read("out/manifest.json").contains("ephemeral kube-apiserver v1."));

    let fix = ["check", "in", "--fix", "--server", "ephemeral"];
    folder.run(&fix).ended(1).says("takes every fix").says("1 restart their pods");
    assert!(folder.read("in/web.yaml").contains("image: nginx:1.29.3 # pinned"));
}

#[test]
fn the_same_question_has_the_same_answer() {
    if !has_server("the_same_question_has_the_same_answer") {
        return;
    }
    let folder = Folder::with(&[("in/web.yaml", DEPLOYMENT), ("in/more.yaml", ROLLOUT)]);
    let broken = DEPLOYMENT.replace("name: web\n  namespace", "name: Web_1\n  namespace");
    folder.write("in/broken.yaml", broken.replace("cpu: 500m", "cpu: -1"));
    folder.run(&[&RUN[..], &["--profile", "all"]].concat()).ended(1);
    let first = folder.read("out/verified.jsonl");
    folder.run(&[&RUN[..], &["--profile", "all"]].concat()).ended(1);
    assert_eq!(folder.read("out/verified.jsonl"), first);
}

/// What is refused with and without the fix says nothing about the fix, and is no pass.
#[test]
fn a_manifest_that_the_server_refuses_keeps_its_findings() {
    if !has_server("a_manifest_that_the_server_refuses_keeps_its_findings") {
        return;
    }
    let broken = DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}");
    let folder = Folder::with(&[("in/web.yaml", &broken)]);
    let args = ["check", "in", "--fix", "--unsafe-fixes", "--server", "ephemeral"];
    let ran = folder.run(&args).ended(1).says("fixes left out: rejected-before: ");
    ran.says("`selector` does not match template `labels`");
    assert_eq!(folder.read("in/web.yaml"), broken);
    folder.run(&RUN).ended(1);
    for (rule, gate) in results(&folder) {
        assert_eq!(gate["outcome"], "unavailable", "{rule}");
        assert_eq!(gate["server"]["cause"], "rejected-before", "{rule}");
    }
    assert!(folder.read("out/review.md").contains("| rejected-before |"));
}

#[test]
fn a_custom_resource_needs_its_definition() {
    if !has_server("a_custom_resource_needs_its_definition") {
        return;
    }
    let folder = Folder::with(&[("in/web.yaml", ROLLOUT), ("seed/crd.yaml", DEFINITION)]);
    let select = ["--select", "host-network", "--disable-gate", "schema"];
    folder.run(&[&RUN[..], &select].concat()).ended(1);
    assert_eq!(result(&folder, "host-network")["server"]["cause"], "missing-crd");
    // Seeded, the live schema knows the kind as well.
    folder.run(&[&RUN[..], &["--select", "host-network", "--seed", "seed"]].concat()).ended(0);
    assert_eq!(result(&folder, "host-network")["outcome"], "passed");
    folder.write("in/crd.yaml", DEFINITION);
    folder.run(&[&RUN[..], &["--select", "host-network"]].concat()).ended(0);
    assert_eq!(result(&folder, "host-network")["outcome"], "passed");
}

#[test]
fn a_policy_that_denies_the_fix_is_named() {
    if !has_server("a_policy_that_denies_the_fix_is_named") {
        return;
    }
    let folder = Folder::with(&[("in/web.yaml", DEPLOYMENT), ("seed/policy.yaml", POLICY)]);
    let select = ["--select", "privileged-container,unset-cpu-requirements"];
    folder.run(&[&RUN[..], &select, &["--seed", "seed"]].concat()).ended(1);
    let denied = result(&folder, "privileged-container");
    assert_eq!(denied["outcome"], "failed");
    assert_eq!(denied["server"]["cause"], "admission-denied");
    assert_eq!(denied["server"]["policy"], "privileged-only");
    // The culprit is dropped, the other fix goes on.
    assert_eq!(result(&folder, "unset-cpu-requirements")["outcome"], "passed");
}

#[test]
fn without_a_server_the_profile_cluster_accepts_nothing() {
    let folder = Folder::with(&[("in/web.yaml", DEPLOYMENT)]);
    folder.run(&["run", "in", "--out", "out"]).ended(0);
    let verify = ["verify", "--detections", "out/detections.jsonl", "--patches"];
    let more = ["out/patches.jsonl", "--out", "v.json", "--gates-profile", "cluster"];
    folder.run(&[&verify[..], &more].concat()).ended(1).says("0 of");
    let gates = folder.records("v.json")[0]["gates"].clone();
    let gate = gates.as_array().unwrap().iter().find(|gate| gate["gate"] == "server").unwrap();
    assert_eq!(gate["outcome"], "unavailable");
    assert!(gate["reason"].as_str().unwrap().contains("--server"), "{gate}");
}

#[test]
fn a_server_that_cannot_be_had_is_said_at_once() {
    let folder = Folder::with(&[("in/web.yaml", DEPLOYMENT)]);
    let fix = ["check", "in", "--fix", "--server"];
    let with = |server: &str| folder.run(&[&fix[..], &[server]].concat()).ended(2);
    with("nonsense").says("expected off, ephemeral");
    folder
        .run(&["check", "in", "--server", "ephemeral"])
        .ended(2)
        .says("goes with --fix or --diff");
    folder.run(&["check", "in", "--diff", "--seed", "in"]).ended(2).says("goes with --server");
    let nobody = "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
        contexts: [{name: a, context: {cluster: a, user: a}}]\n\
        clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\n\
        users: [{name: a, user: {}}]\n";
    folder.write("nobody", nobody);
    let script = |environment: &str, server: &str| {
        folder.shell(&format!("{environment} \"$TOOL\" check in --fix --server {server}")).ended(2)
    };
    script("KUBECONFIG=nobody", "kubeconfig").says("127.0.0.1:1");
    script("KUBECONFIG=nobody", "kubeconfig=other").says("other");
    script("KUBECONFIG=gone HOME=/nowhere", "kubeconfig").says("kubeconfig");
    script("KUBEBUILDER_ASSETS=in", "ephemeral").says("KUBEBUILDER_ASSETS");
    assert_eq!(folder.read("in/web.yaml"), DEPLOYMENT);
}
