//! `--profile kube-linter`: checks, configuration, contexts, annotations, fixes.

use crate::tool::{Folder, POD};
use serde_json::Value;

/// What kube-linter would call the checks that reported something, sorted.
fn checks(found: &Value) -> Vec<&str> {
    let found = found.as_array().unwrap().iter();
    let names = found.map(|found| found["reported_by"].as_str().unwrap());
    let mut names: Vec<&str> =
        names.map(|name| name.strip_prefix("kube-linter:").unwrap()).collect();
    names.sort_unstable();
    names
}

fn check(folder: &Folder, more: &[&str]) -> Value {
    let args = ["check", "--quiet", "--profile", "kube-linter", "--output-format", "json"];
    folder.run(&[&args[..], more].concat()).json()
}

#[test]
fn built_in_checks_report_under_their_own_names() {
    let folder = Folder::with(&[("a/pod.yaml", POD)]);
    let found = check(&folder, &["--select", "duplicate-env-var,kube-linter:privileged-container"]);
    assert_eq!(checks(&found), ["duplicate-env-var", "privileged-container"]);
    let rules: Vec<&Value> = found.as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert_eq!(rules, ["duplicate-env-var", "privileged-container"]);
    let all = check(&folder, &[]);
    assert!(checks(&all).contains(&"sorted-keys"), "{all}");
    assert!(!checks(&all).contains(&"schema-validation"), "{all}");
    folder.run(&["check", "--profile", "kube-linter", "--select", "nope"]).ended(2).says("nope");
}

#[test]
fn the_configuration_of_kube_linter_is_read() {
    let folder = Folder::with(&[("pod.yaml", POD), ("left/out.yaml", POD)]);
    let config = "checks:\n  doNotAutoAddDefaults: true\n  include: [privileged-container]\n  \
                  ignorePaths: [left/**]\ncustomChecks:\n- name: team\n  template: required-label\n  \
                  params: {Key: team}\n  remediation: Name the team.\n  \
                  scope: {objectKinds: [DeploymentLike]}\n- name: cel\n  template: cel-expression\n  \
                  params: {check: 'object.metadata.name == \"web\" ? \"is web\" : \"\"'}\n";
    folder.write(".kube-linter.yaml", config.as_bytes());
    let found = check(&folder, &[]);
    assert_eq!(checks(&found), ["cel", "privileged-container", "team"], "{found}");
    let team = found.as_array().unwrap().iter().find(|f| f["reported_by"] == "kube-linter:team");
    let team = team.unwrap();
    assert_eq!(team["remedy"], "Name the team.");
    assert_eq!(team.get("rule"), None);
    folder.write(".kube-linter.yaml", b"checks:\n  include: [nope]\n");
    folder.run(&["check", "--profile", "kube-linter"]).ended(2).says("nope");
    folder.write(".kube-linter.yaml", b"checks:\n  inclde: []\n");
    folder
        .run(&["check", "--profile", "kube-linter"])
        .ended(2)
        .says(".kube-linter.yaml:2")
        .says("inclde");
}

#[test]
fn annotations_and_contexts_are_kube_linters() {
    let annotated = POD.replacen(
        "  name: web\n",
        "  name: web\n  annotations: {ignore-check.kube-linter.io/privileged-container: \"false\"}\n",
        1,
    );
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {selector: {app: web}}\n";
    let pod = annotated.replacen("  name: web\n", "  name: web\n  labels: {app: web}\n", 1);
    let folder = Folder::with(&[("a/pod.yaml", &pod), ("a/service.yaml", service)]);
    let select = ["--select", "privileged-container,dangling-service"];
    assert_eq!(check(&folder, &select), Value::Array(Vec::new()));
    // Another folder is another context.
    folder.write("b/service.yaml", service.as_bytes());
    let found = check(&folder, &select);
    assert_eq!(checks(&found), ["dangling-service"]);
    assert_eq!(found[0]["manifest_path"], "b/service.yaml");
    assert_eq!(
        check(&folder, &[&select[..], &["--context", "all"]].concat()),
        Value::Array(Vec::new())
    );
}

#[test]
fn an_object_that_kube_linter_cannot_decode_is_not_seen() {
    let wrong = POD.replacen("spec:\n", "spec:\n  hostNetwork: \"yes\"\n", 1);
    let folder = Folder::with(&[("pod.yaml", &wrong)]);
    assert_eq!(check(&folder, &[]), Value::Array(Vec::new()));
    folder.run(&["check"]).ended(1).says("duplicate-env-var");
}

#[test]
fn what_it_finds_is_fixed_by_our_rules() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    let select = ["--profile", "kube-linter", "--select", "duplicate-env-var"];
    folder.run(&[&["check", "--fix"][..], &select].concat()).ended(0).says("Fixed 1 finding");
    assert_eq!(folder.read("pod.yaml").matches("LOG_LEVEL").count(), 1);
    let out = folder.run(&[&["run", ".", "--out", "out"][..], &select].concat());
    assert_eq!(out.code, Some(0), "{}", out.err);
}
