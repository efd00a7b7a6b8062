//! kube-linter's reading and its templates, where they surprise. What it finds on whole corpora and
//! in its own cases is compared by `cargo xtask parity`.

#![allow(clippy::unwrap_used, reason = "a test")]

use manifest::{Limits, Source};
use policies::kube_linter::{Config, Linter, Reading, Readings};
use rules::{Object, Set, objects};
use serde_json::{Value, json};

/// What a linter reports of each object of a text.
fn messages(linter: &Linter, text: &str) -> Vec<String> {
    let source = Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap();
    let roots = (0..source.documents().len()).filter_map(|at| Some((at, source.root(at)?)));
    let all: Vec<Object<'_>> = roots.flat_map(|(at, root)| objects(root, 0, at)).collect();
    let set = Set::new(all);
    let readings = Readings::new(&set, |object, readings| {
        let list = source.root(object.document).and_then(|root| root.get("items"));
        list.is_some_and(|list| list.items().len() == readings.len())
            && readings.iter().all(|reading| *reading == Reading::Typed)
    });
    let check = |at: usize| {
        let object = set.object(at);
        linter.check(object, source.root(object.document).unwrap(), &set, &readings)
    };
    (0..set.len()).flat_map(check).map(|report| report.message).collect()
}

fn template(key: &str, params: &Value, text: &str) -> usize {
    messages(&Linter::of_template(key, params).unwrap(), text).len()
}

#[test]
fn parameters_are_read_in_any_case_and_unknown_ones_are_errors() {
    let pods = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\n";
    assert_eq!(template("minimum-replicas", &json!({"MinReplicas": 2}), pods), 1);
    assert_eq!(template("minimum-replicas", &json!({"minreplicas": null}), pods), 0);
    let error = Linter::of_template("minimum-replicas", &json!({"replicas": 2})).unwrap_err();
    assert!(error.to_string().contains("replicas"), "{error}");
    let wrong = Linter::of_template("env-var", &json!({"name": "[a)"})).unwrap_err();
    assert!(wrong.to_string().contains("[a)"), "{wrong}");
    assert!(Linter::of_template("nope", &Value::Null).is_err());
}

#[test]
fn one_bad_item_drops_its_whole_list() {
    let pod = "  - apiVersion: v1\n    kind: Pod\n    metadata: {name: web}\n    \
               spec: {hostPID: true, containers: []}\n";
    let list = |more: &str| format!("apiVersion: v1\nkind: List\nitems:\n{pod}{more}");
    assert_eq!(template("host-pid", &Value::Null, &list("")), 1);
    assert_eq!(template("host-pid", &Value::Null, &list(pod)), 2);
    let custom = "  - {apiVersion: example.com/v1, kind: Widget}\n";
    assert_eq!(template("host-pid", &Value::Null, &list(custom)), 0);
    assert_eq!(template("host-pid", &Value::Null, &list("  - text\n")), 0);
}

#[test]
fn a_quantity_that_does_not_parse_hides_all_but_the_metadata() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: true\n  \
                containers: [{name: web, resources: {limits: {cpu: lots}}}]\n";
    assert_eq!(template("host-pid", &Value::Null, text), 0);
    assert_eq!(template("use-namespace", &Value::Null, text), 1);
}

#[test]
fn a_workload_without_a_template_still_has_an_empty_pod() {
    let of = |kind: &str, version: &str| {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\n");
        template("no-node-affinity", &Value::Null, &text)
    };
    assert_eq!(of("Deployment", "apps/v1"), 1);
    assert_eq!(of("Pod", "v1"), 1);
    // Their templates are pointers, which can be missing.
    assert_eq!(of("ReplicationController", "v1"), 0);
    assert_eq!(of("DeploymentConfig", "apps.openshift.io/v1"), 0);
}

#[test]
fn budgets_are_compared_with_selectors_not_with_labels() {
    let text = |selector: &str, least: &str| {
        format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web}}\n\
             spec: {{minAvailable: {least}, selector: {{matchLabels: {{app: web}}}}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  \
             replicas: 2\n  selector: {selector}\n  template:\n    \
             metadata: {{labels: {{app: web}}}}\n"
        )
    };
    let found = |selector: &str, least: &str| {
        template("pdb-min-available", &Value::Null, &text(selector, least))
    };
    assert_eq!(found("{matchLabels: {app: web}}", "2"), 1);
    assert_eq!(found("{matchLabels: {app: web}}", "1"), 0);
    assert_eq!(found("{matchLabels: {app: web}}", "51%"), 1);
    assert_eq!(found("{matchLabels: {app: web}}", "50%"), 0);
    assert_eq!(found("{matchLabels: {app: other}}", "2"), 0);
    assert_eq!(found("{matchExpressions: [{key: a, operator: In, values: [b]}]}", "1"), 1);
    assert_eq!(found("{matchLabels: {app: web}}", "half"), 1);
}

#[test]
fn expressions_see_objects_as_go_writes_them() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, unknown: x}\n";
    let check = |expression: &str| {
        let params = json!({ "check": expression });
        messages(&Linter::of_template("cel-expression", &params).unwrap(), service)
    };
    assert_eq!(check("has(object.status) ? \"status\" : \"\""), ["status"]);
    assert_eq!(check("has(object.metadata.unknown) ? \"unknown\" : \"\""), [""; 0]);
    assert_eq!(check("objects.exists(o, o.kind == \"Service\") ? \"one\" : \"\""), ["one"]);
    assert!(check("object.nope")[0].contains("fails"));
    assert!(check("1 +")[0].contains("fails"));
}

#[test]
fn annotations_silence_whatever_their_value() {
    let pod = |annotation: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, annotations: {{{annotation}}}}}\n\
             spec: {{hostPID: true}}\n"
        )
    };
    let config: Config = serde_json::from_value(json!({
        "checks": {"doNotAutoAddDefaults": true, "include": ["host-pid", "restart-policy"]}
    }))
    .unwrap();
    let linter = Linter::new(&config).unwrap();
    assert_eq!(linter.names().collect::<Vec<_>>(), ["host-pid", "restart-policy"]);
    let found = |annotation: &str| messages(&linter, &pod(annotation)).len();
    assert_eq!(found("a: b"), 2);
    assert_eq!(found("ignore-check.kube-linter.io/host-pid: 'false'"), 1);
    assert_eq!(found("kube-linter.io/ignore-all: ''"), 0);
}
