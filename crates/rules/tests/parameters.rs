//! What parameters change in what rules find; their defaults are what the fixtures show.

#![allow(clippy::unwrap_used, reason = "a test")]

use manifest::{Limits, Source};
use rules::{Set, Settings, by_id, check_object, objects};
use serde_json::{Value, json};

/// The messages of a rule with these parameters.
fn messages(rule: &str, parameters: &Value, text: &str) -> Vec<String> {
    let source = Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap();
    let all: Vec<_> = (0..source.documents().len())
        .flat_map(|at| objects(source.root(at).unwrap(), 0, at))
        .collect();
    let set = Set::new(all.clone());
    let parameters = serde_json::from_value(json!({ rule: parameters })).unwrap();
    let settings = Settings { parameters, ..Settings::default() };
    let rules = [by_id(rule).unwrap().rule];
    let found = all.iter().flat_map(|object| check_object(object, &set, &rules, &settings));
    found.map(|finding| finding.message).collect()
}

fn pod(container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\n\
         spec: {{containers: [{{name: web, {container}}}]}}"
    )
}

#[test]
fn capabilities_that_must_go_can_be_chosen() {
    let text = pod("securityContext: {capabilities: {add: [CHOWN, NET_RAW], drop: [KILL]}}");
    let found = |parameters| messages("drop-net-raw-capability", &parameters, &text);
    assert_eq!(
        found(json!({"forbiddenCapabilities": ["^KILL$", "^CHOWN$"]})),
        ["container \"web\" adds the capability CHOWN", "container \"web\" does not drop ^CHOWN$"]
    );
    assert_eq!(
        found(json!({"forbiddenCapabilities": ["all"], "exceptions": ["CHOWN"]})),
        ["container \"web\" adds the capability NET_RAW", "container \"web\" does not drop all"]
    );
    let found =
        messages("dangerous-capabilities", &json!({"insecureCapabilities": ["CHOWN"]}), &text);
    assert_eq!(found, ["container \"web\" adds the capability CHOWN"]);
}

#[test]
fn amounts_that_are_too_low_can_be_bounded() {
    let text = pod("resources: {requests: {cpu: 50m, memory: 1Mi}, limits: {memory: 100Mi}}");
    let cpu = |parameters| messages("unset-cpu-requirements", &parameters, &text);
    assert_eq!(cpu(json!({})), [""; 0]);
    assert_eq!(
        cpu(json!({"upperBoundMillis": 50})),
        ["container \"web\" has a cpu request of 50m, which is within the bounds that are set"]
    );
    assert_eq!(cpu(json!({"lowerBoundMillis": 51, "upperBoundMillis": 99})), [""; 0]);
    assert_eq!(cpu(json!({"requirementsType": "limit"})), ["container \"web\" has no cpu limit"]);
    let memory = |parameters| messages("unset-memory-requirements", &parameters, &text);
    assert_eq!(memory(json!({"upperBoundMB": 99})), [""; 0]);
    assert_eq!(memory(json!({"requirementsType": "any", "upperBoundMB": 100})).len(), 2);
}

#[test]
fn paths_names_and_ports_can_be_chosen() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  \
                securityContext: {sysctls: [{name: net.core.somaxconn, value: \"1\"}]}\n  \
                volumes: [{name: logs, hostPath: {path: /var/log}}]\n  containers:\n    \
                - name: web\n      volumeMounts: [{name: logs, mountPath: /logs}]\n      \
                ports: [{containerPort: 2222}]\n      \
                env: [{name: DB_PWD, value: x1}]\n";
    for (rule, parameters) in [
        ("docker-sock", json!({"dirs": ["nothing", "^/var/log$"]})),
        ("sensitive-host-mounts", json!({"dirs": ["^/var/"]})),
        ("ssh-port", json!({"port": 2222})),
        ("env-var-secret", json!({"name": "PWD$", "value": "[0-9]"})),
        ("sensitive-env-var", json!({"sensitiveKeyNames": ["pwd"]})),
        ("unsafe-sysctls", json!({"unsafeSysCtls": ["net.core."]})),
    ] {
        assert_eq!(messages(rule, &parameters, text).len(), 1, "{rule}");
    }
    for (rule, parameters) in [
        ("docker-sock", json!({})),
        ("sensitive-host-mounts", json!({})),
        ("ssh-port", json!({"port": 2222, "protocol": "^UDP$"})),
        ("env-var-secret", json!({"name": "PWD$", "value": "![0-9]"})),
        ("sensitive-env-var", json!({})),
        ("unsafe-sysctls", json!({"unsafeSysCtls": []})),
    ] {
        assert_eq!(messages(rule, &parameters, text).len(), 0, "{rule}");
    }
}

#[test]
fn images_can_be_blocked_or_allowed() {
    let text = pod("image: nginx:1.29.3");
    let found = |parameters| messages("latest-tag", &parameters, &text).len();
    assert_eq!(found(json!({"blockList": ["^nginx:"]})), 1);
    assert_eq!(found(json!({"blockList": ["^nginx:"], "allowList": ["^nginx:"]})), 0);
    assert_eq!(found(json!({"allowList": ["^registry.example.com/"]})), 1);
}

#[test]
fn placement_and_selection_can_be_told_more() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  \
                replicas: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    \
                metadata: {labels: {app: web}}\n    spec:\n      affinity:\n        \
                podAntiAffinity:\n          \
                requiredDuringSchedulingIgnoredDuringExecution:\n            \
                - topologyKey: zone\n              \
                labelSelector: {matchLabels: {app: web}}\n      containers: [{name: web}]\n---\n\
                apiVersion: v1\nkind: Service\nmetadata: {name: web}\n\
                spec: {selector: {app: web, hash: abc}}\n";
    let affinity = |parameters| messages("no-anti-affinity", &parameters, text).len();
    assert_eq!(affinity(json!({})), 1);
    assert_eq!(affinity(json!({"minReplicas": 4})), 0);
    assert_eq!(affinity(json!({"topologyKey": "zone"})), 0);
    let service = |parameters| messages("dangling-service", &parameters, text).len();
    assert_eq!(service(json!({})), 1);
    assert_eq!(service(json!({"ignoredLabels": ["hash"]})), 0);
    assert_eq!(service(json!({"ignoredLabels": ["hash", "app"]})), 0);
}

#[test]
fn versions_are_judged_for_the_cluster_that_is_meant() {
    let text = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: report}\n";
    let found = |version| {
        messages("deprecated-api-version", &json!({ "kubernetesVersion": version }), text)
    };
    assert_eq!(found("1.20"), [""; 0]);
    let deprecated = "batch/v1beta1 CronJob is deprecated: Kubernetes 1.25 does not serve it";
    assert_eq!(found("v1.24"), [deprecated]);
    let gone = "batch/v1beta1 CronJob is not served from Kubernetes 1.25 on";
    assert_eq!(found("1.25"), [gone]);
    assert_eq!(found("latest"), [gone]);
}

#[test]
fn only_the_outermost_keys_may_be_judged() {
    let text = "kind: ConfigMap\napiVersion: v1\ndata: {b: \"\", a: \"\"}\n";
    let found = |parameters| messages("sorted-keys", &parameters, text).len();
    assert_eq!(found(json!({})), 2);
    assert_eq!(found(json!({"recursive": false})), 1);
}

#[test]
fn parameters_of_another_type_are_refused() {
    for wrong in [
        json!({"sorted-keys": {"recursive": "yes"}}),
        json!({"docker-sock": {"dirs": ["("]}}),
        json!({"docker-sock": {"dirs": "docker.sock"}}),
    ] {
        assert!(serde_json::from_value::<rules::Parameters>(wrong).is_err());
    }
}
