//! What a real API server says, and what becomes of it. All tests share one server, each in a
//! namespace of its own.

mod common;

use cluster::{Choice, Options, Server};
use common::{
    accepted, apply, config_map, deployment, impersonated, namespace, object, refused,
    restricted_pod, seed, shared,
};
use serde_json::{Value, json};
use verifier::{ApiServer as _, Refused};

fn within(namespace: &str, mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!(namespace);
    object
}

#[test]
fn an_accepted_object_comes_back_with_its_defaults() {
    let Some(server) = shared() else { return };
    let stored = accepted(apply(server, &deployment("web")));
    assert_eq!(stored["metadata"]["namespace"], "default");
    assert_eq!(stored["spec"]["progressDeadlineSeconds"], 600);
    assert!(server.is_ephemeral());
    assert!(server.version().starts_with(&format!("v1.{}.", server.minor())));
    assert_eq!(server.describe(), format!("ephemeral kube-apiserver {}", server.version()));
}

#[test]
fn what_describes_another_servers_copy_is_not_held_against_it() {
    let Some(server) = shared() else { return };
    let mut exported = deployment("exported");
    exported["metadata"]["uid"] = json!("8a8a7a0e-0000-4000-8000-000000000000");
    exported["metadata"]["resourceVersion"] = json!("12345");
    exported["metadata"]["managedFields"] = json!([{ "manager": "kubectl" }]);
    exported["metadata"]["creationTimestamp"] = Value::Null;
    accepted(apply(server, &exported));
}

#[test]
fn an_unknown_field_is_a_complaint() {
    let Some(server) = shared() else { return };
    let mut typo = deployment("typo");
    typo["spec"]["template"]["spec"]["hostNetwrok"] = json!(true);
    let refusal = refused(apply(server, &typo), Refused::Invalid);
    assert_eq!(
        refusal.complaints,
        [".spec.template.spec.hostNetwrok: field not declared in schema"]
    );
    let mut pod = restricted_pod();
    pod["spec"]["hostNetwrok"] = json!(true);
    pod["spec"]["containers"][0]["imge"] = json!("x");
    let refusal = refused(server.create_pod(&pod), Refused::Invalid);
    let complaints =
        [r#"unknown field "spec.containers[0].imge""#, r#"unknown field "spec.hostNetwrok""#];
    assert_eq!(refusal.complaints, complaints);
}

#[test]
fn wrong_values_are_complaints_with_their_field() {
    let Some(server) = shared() else { return };
    let mut wrong = deployment("wrong");
    wrong["spec"]["selector"]["matchLabels"] = json!({ "app": "other" });
    wrong["spec"]["replicas"] = json!(-1);
    let refusal = refused(apply(server, &wrong), Refused::Invalid);
    let has = |start: &str| refusal.complaints.iter().any(|c| c.starts_with(start));
    assert!(has("spec.replicas: Invalid value: -1"), "{refusal:?}");
    assert!(has("spec.template.metadata.labels: Invalid value:"), "{refusal:?}");
    let mut wrong = deployment("wrong");
    wrong["spec"]["replicas"] = json!("two");
    let refusal = refused(apply(server, &wrong), Refused::Invalid);
    assert_eq!(refusal.complaints, [".spec.replicas: expected numeric (int or float), got string"]);
}

#[test]
fn metadata_that_is_none_is_judged_and_not_a_crash() {
    let Some(server) = shared() else { return };
    for metadata in [json!("text"), json!([]), json!(7)] {
        let mut broken = object("v1", "ConfigMap", "x");
        broken["metadata"] = metadata;
        refused(apply(server, &broken), Refused::Invalid);
        broken["kind"] = json!("Pod");
        refused(server.create_pod(&broken), Refused::Invalid);
    }
    for broken in [json!(null), json!([]), json!("text"), json!({})] {
        refused(apply(server, &broken), Refused::UnknownKind);
    }
}

#[test]
fn an_immutable_field_of_a_live_object_cannot_change() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("immutable"), within("immutable", deployment("web"))]);
    let mut changed = within("immutable", deployment("web"));
    changed["spec"]["selector"]["matchLabels"] = json!({ "app": "x" });
    changed["spec"]["template"]["metadata"]["labels"] = json!({ "app": "x" });
    let refusal = refused(apply(server, &changed), Refused::Invalid);
    assert!(refusal.complaints.iter().any(|c| c.contains("field is immutable")), "{refusal:?}");
}

#[test]
fn pod_security_denies_with_every_violation() {
    let Some(server) = shared() else { return };
    let mut pod = object("v1", "Pod", "bad");
    pod["metadata"]["namespace"] = json!("no-such-namespace");
    pod["spec"] = json!({
        "serviceAccountName": "no-such-account",
        "containers": [{ "name": "web", "image": "nginx" }],
    });
    let refusal = refused(server.create_pod(&pod), Refused::Denied);
    assert_eq!(refusal.policy.as_deref(), Some("PodSecurity"));
    let starts: Vec<_> = refusal.complaints.iter().map(|c| c.split(" (").next().unwrap()).collect();
    let violations = [
        "allowPrivilegeEscalation != false",
        "unrestricted capabilities",
        "runAsNonRoot != true",
        "seccompProfile",
    ];
    assert_eq!(starts, violations);
    assert!(refusal.complaints[1].ends_with(r#"capabilities.drop=["ALL"])"#), "{refusal:?}");
}

#[test]
fn a_pod_that_fulfils_the_level_is_accepted() {
    let Some(server) = shared() else { return };
    accepted(server.create_pod(&restricted_pod()));
    let mut unnamed = restricted_pod();
    unnamed["metadata"] = json!({ "labels": { "app": "web" } });
    let stored = accepted(server.create_pod(&unnamed));
    assert_eq!(stored["metadata"]["labels"]["app"], "web");
}

#[test]
fn a_policy_that_denies_is_named() {
    let Some(server) = shared() else { return };
    let mut policy =
        object("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "no-latest");
    policy["spec"] = json!({
        "failurePolicy": "Fail",
        "matchConstraints": { "resourceRules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"],
            "operations": ["CREATE"], "resources": ["deployments"] }] },
        "validations": [{
            "expression": "object.spec.template.spec.containers.all(c, c.image.contains(':'))",
            "message": "images need a tag",
        }],
    });
    let mut binding =
        object("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "no-latest");
    binding["spec"] = json!({
        "policyName": "no-latest",
        "validationActions": ["Deny"],
        "matchResources": { "namespaceSelector": { "matchLabels": {
            "kubernetes.io/metadata.name": "policy" } } },
    });
    // The order in which they are given does not matter.
    seed(server, &[binding, policy, namespace("policy")]);
    let refusal = refused(apply(server, &within("policy", deployment("web"))), Refused::Denied);
    assert_eq!(refusal.policy.as_deref(), Some("no-latest"));
    assert!(refusal.message.contains("images need a tag"), "{refusal:?}");
    let mut tagged = within("policy", deployment("web"));
    tagged["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:1.29");
    accepted(apply(server, &tagged));
}

#[test]
fn what_is_not_served_is_named_with_what_is() {
    let Some(server) = shared() else { return };
    let refusal =
        refused(apply(server, &object("apps/v1", "Deploymnet", "x")), Refused::UnknownKind);
    assert!(refusal.message.contains("no kind Deploymnet"), "{refusal:?}");
    for (api_version, kind, served) in [
        ("extensions/v1beta1", "Ingress", "nothing of extensions/v1beta1"),
        ("policy/v1beta1", "PodSecurityPolicy", "it serves policy/v1"),
        ("apps/v1beta2", "Deployment", "it serves apps/v1"),
        ("v2", "Pod", "it serves v1"),
        ("apps/../../v1", "Deployment", "it serves apps/v1"),
    ] {
        let refusal = refused(apply(server, &object(api_version, kind, "x")), Refused::UnknownKind);
        assert!(refusal.message.contains(served), "{refusal:?}");
    }
}

#[test]
fn a_definition_that_is_missing_can_be_seeded() {
    let Some(server) = shared() else { return };
    let mut custom = object("example.com/v1", "Widget", "w");
    custom["spec"] = json!({ "size": 3 });
    let refusal = refused(apply(server, &custom), Refused::MissingCrd);
    assert!(refusal.message.contains("example.com/v1"), "{refusal:?}");
    refused(
        apply(server, &object("gateway.networking.k8s.io/v1", "Gateway", "g")),
        Refused::MissingCrd,
    );
    let mut definition =
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com");
    definition["spec"] = json!({
        "group": "example.com",
        "names": { "kind": "Widget", "plural": "widgets" },
        "scope": "Namespaced",
        "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
            "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                "type": "object", "properties": { "size": { "type": "integer", "maximum": 5 } },
            } } },
        } }],
    });
    // Seeded together with an object of its kind.
    seed(server, &[custom.clone(), definition]);
    accepted(apply(server, &custom));
    custom["spec"]["size"] = json!(7);
    let refusal = refused(apply(server, &custom), Refused::Invalid);
    assert!(refusal.complaints[0].starts_with("spec.size: Invalid value: 7"), "{refusal:?}");
    custom["spec"] = json!({ "sizes": 3 });
    refused(apply(server, &custom), Refused::Invalid);
    refused(apply(server, &object("example.com/v2", "Widget", "w")), Refused::MissingCrd);
}

#[test]
fn a_missing_namespace_is_told() {
    let Some(server) = shared() else { return };
    let refusal =
        refused(apply(server, &within("nowhere", deployment("web"))), Refused::MissingNamespace);
    assert!(refusal.message.contains("nowhere"), "{refusal:?}");
    refused(apply(server, &within("../kube-system", deployment("web"))), Refused::Invalid);
}

#[test]
fn another_managers_field_is_a_conflict_unless_forced() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("conflict")]);
    let theirs = within("conflict", config_map("map", json!({ "a": "theirs", "b": "1" })));
    common::create_as(server, "kubectl-edit", &theirs);
    let ours = within("conflict", config_map("map", json!({ "a": "ours" })));
    let refusal = refused(apply(server, &ours), Refused::Conflict);
    assert_eq!(refusal.complaints, [r#".data.a: conflict with "kubectl-edit" using v1"#]);
    let forcing = common::forcing(server);
    let stored = accepted(apply(&forcing, &ours));
    // What the file does not have is gone, although another manager owns it.
    assert_eq!(stored["data"], json!({ "a": "ours" }));
}

#[test]
fn a_field_that_a_live_object_needs_cannot_be_removed() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("removal")]);
    let mut service = within("removal", object("v1", "Service", "web"));
    service["spec"] = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80 }] });
    common::create_as(server, "helm", &service);
    service["spec"]["ports"] = json!([]);
    // Apply alone would keep the port that helm owns, and accept.
    let refusal = refused(apply(server, &service), Refused::Invalid);
    assert!(
        refusal.complaints.iter().any(|c| c.contains("spec.ports: Required value")),
        "{refusal:?}"
    );
    let mut same = within("removal", object("v1", "Service", "web"));
    same["spec"] = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80 }] });
    accepted(apply(server, &same));
}

#[test]
fn who_may_not_is_told_apart_from_what_may_not_be() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("rights")]);
    let limited = impersonated(server, "limited");
    assert!(!limited.is_ephemeral());
    let map = within("rights", config_map("map", json!({ "a": "b" })));
    let refusal = refused(apply(&limited, &map), Refused::Forbidden);
    assert!(refusal.message.contains("limited"), "{refusal:?}");

    let mut role = within("rights", object("rbac.authorization.k8s.io/v1", "Role", "pods"));
    role["rules"] = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["create"] }]);
    let mut binding =
        within("rights", object("rbac.authorization.k8s.io/v1", "RoleBinding", "pods"));
    binding["roleRef"] =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods" });
    binding["subjects"] =
        json!([{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "podder" }]);
    seed(server, &[role, binding]);
    let podder = impersonated(server, "podder");
    let mut pod = within("rights", restricted_pod());
    common::eventually("the role counts", || {
        matches!(podder.create_pod(&pod), verifier::Answer::Accepted(_))
    });
    pod["spec"]["serviceAccountName"] = json!("nobody");
    let refusal = refused(podder.create_pod(&pod), Refused::Denied);
    assert_eq!(refusal.policy.as_deref(), Some("ServiceAccount"));
    refused(apply(&podder, &map), Refused::Forbidden);
}

#[test]
fn a_pod_that_lives_already_is_tried_under_another_name() {
    let Some(server) = shared() else { return };
    let mut pod = within("living", restricted_pod());
    seed(server, &[namespace("living"), pod.clone()]);
    let user = common::connect(&common::kubeconfig(server)).unwrap();
    assert_eq!(user.describe(), format!("context ephemeral, {}", server.version()));
    accepted(user.create_pod(&pod));
    pod["spec"]["containers"][0]["image"] = json!("");
    refused(user.create_pod(&pod), Refused::Invalid);
}

#[test]
fn nothing_stays_of_what_is_tried() {
    let Some(server) = shared() else { return };
    seed(server, &[namespace("traces")]);
    for index in 0..20 {
        let name = format!("web-{index}");
        accepted(apply(server, &within("traces", deployment(&name))));
        accepted(apply(server, &within("traces", config_map(&name, json!({})))));
        accepted(apply(server, &namespace(&format!("traces-{index}"))));
        accepted(server.create_pod(&restricted_pod()));
    }
    let raw = common::raw(server);
    for path in [
        "/apis/apps/v1/namespaces/traces/deployments",
        "/api/v1/namespaces/traces/configmaps",
        "/api/v1/namespaces/k8s-auto-fix-trial/pods",
    ] {
        assert_eq!(raw.get(path)["items"], json!([]), "{path}");
    }
    let namespaces = raw.get("/api/v1/namespaces").to_string();
    assert!(namespaces.contains("\"traces\"") && !namespaces.contains("\"traces-0\""));
}

#[test]
fn an_object_without_a_name_is_tried_as_a_new_one() {
    let Some(server) = shared() else { return };
    let mut generated = deployment("web");
    generated["metadata"] = json!({ "generateName": "web-" });
    let stored = accepted(apply(server, &generated));
    assert!(stored["metadata"]["name"].as_str().unwrap().starts_with("web-"));
    generated["spec"]["replicas"] = json!(-1);
    refused(apply(server, &generated), Refused::Invalid);
}

#[test]
fn an_object_that_is_too_large_is_invalid() {
    let Some(server) = shared() else { return };
    let large = "x".repeat(4 << 20);
    refused(apply(server, &config_map("large", json!({ "a": large }))), Refused::Invalid);
}

#[test]
fn schemas_are_kept_and_damaged_ones_fetched_again() {
    let Some(server) = shared() else { return };
    let cache = tempfile::tempdir().unwrap();
    let (_folder, options) = common::options_of(&common::kubeconfig(server));
    let options = Options { cache: Some(cache.path().to_owned()), ..options };
    let choice = Choice::Kubeconfig { context: None };
    let read = || {
        let server = Server::connect(&choice, options.clone()).unwrap().unwrap();
        let before = server.statistics().requests;
        let schemas = server.open_api().unwrap();
        (schemas, server.statistics().requests - before)
    };
    let (first, fetched) = read();
    assert_eq!(first.minor, server.minor());
    let apps = &first.documents.iter().find(|(path, _)| path == "apis/apps/v1").unwrap().1;
    assert!(apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"].is_object());
    assert!(fetched > 20, "{fetched}");
    let (second, fetched) = read();
    assert_eq!(fetched, 1, "only the index is asked for");
    assert!(first == second);
    let folder = std::fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "damaged").unwrap();
    let (third, fetched) = read();
    assert_eq!(fetched, 2, "the index and the damaged one");
    assert!(first == third);
}
