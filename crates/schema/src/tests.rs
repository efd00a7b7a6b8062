// Helpers take the literals that the tests write.
#![allow(clippy::needless_pass_by_value)]

use super::*;
use serde_json::json;

fn outcome(object: &Value) -> Outcome {
    Schemas::new(&[Version::LATEST]).validate_for(Version::LATEST, object)
}

fn messages(outcome: Outcome) -> Vec<String> {
    match outcome {
        Outcome::Valid => Vec::new(),
        Outcome::Invalid(faults) => faults.into_iter().map(|fault| fault.message).collect(),
        Outcome::Unknown { api_version, kind } => vec![format!("unknown {api_version} {kind}")],
    }
}

fn faults_of(object: &Value) -> Vec<String> {
    messages(outcome(object))
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "creationTimestamp": null}, "spec": spec})
}

fn pod_with(container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("web");
    pod(json!({"containers": [container]}))
}

#[test]
fn every_kind_of_every_version_compiles() {
    for version in Version::ALL {
        let bundle = Bundle::load(version).unwrap();
        assert!(bundle.kinds().count() > 150);
        for key in bundle.kinds() {
            assert!(bundle.validator(key).is_some(), "{version} {key:?}");
        }
    }
}

#[test]
fn a_pod_is_valid_everywhere() {
    let schemas = Schemas::new(&Version::ALL);
    let object =
        pod_with(json!({"image": "a:1", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}));
    let outcomes = schemas.validate(&object);
    assert_eq!(outcomes.len(), Version::ALL.len());
    for (version, outcome) in outcomes {
        assert_eq!(outcome, Outcome::Valid, "{version}");
    }
}

#[test]
fn unknown_fields_are_pointed_at() {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {
        "selector": {}, "template": {"spec": {"containers": [{"name": "a", "imagePulPolicy": "Always"}]}},
    }});
    let Outcome::Invalid(faults) = outcome(&object) else { panic!("valid") };
    assert_eq!(faults, [Fault {
        pointer: "/spec/template/spec/containers/0/imagePulPolicy".to_owned(),
        message: "spec.template.spec.containers.0: unknown field \"imagePulPolicy\" (did you mean imagePullPolicy?)".to_owned(),
    }]);
}

#[test]
fn types_required_fields_enums_and_quantities() {
    let object = pod(json!({
        "hostNetwork": "yes",
        "containers": [{
            "image": 3,
            "imagePullPolicy": "always",
            "resources": {"limits": {"cpu": "1 core", "memory": true}},
            "ports": [{"containerPort": 3_000_000_000_u64}],
        }],
    }));
    assert_eq!(
        faults_of(&object),
        [
            "spec.containers.0: missing required field \"name\"",
            "spec.containers.0.image: expected a string, found a number (put it in quotes)",
            "spec.containers.0.imagePullPolicy: must be one of Always, IfNotPresent, Never (did you mean Always?)",
            "spec.containers.0.ports.0.containerPort: must be at most 2147483647",
            "spec.containers.0.resources.limits.cpu: is not a quantity, such as 500m or 1Gi",
            "spec.containers.0.resources.limits.memory: expected a number or a string, found a boolean (put it in quotes)",
            "spec.hostNetwork: expected a boolean, found a string",
        ]
    );
}

#[test]
fn null_is_unset_for_optional_fields_only() {
    let object =
        pod_with(json!({"image": null, "imagePullPolicy": null, "env": null, "resources": null}));
    assert_eq!(outcome(&object), Outcome::Valid);
    assert_eq!(
        faults_of(&pod(json!({"containers": null}))),
        ["spec.containers: is null, but a value is required"]
    );
    assert_eq!(
        faults_of(&pod(json!({"containers": [null]}))),
        ["spec.containers.0: is null, but a value is required"]
    );
}

#[test]
fn own_decoders_accept_what_they_read() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [
        {"port": 80, "targetPort": "http"}, {"port": 81.0, "targetPort": 8080, "protocol": ""},
    ]}});
    assert_eq!(outcome(&service), Outcome::Valid);
    let revision = json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {"any": [1]}});
    assert_eq!(outcome(&revision), Outcome::Valid);
    let fraction =
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80.5}]}});
    assert_eq!(faults_of(&fraction), ["spec.ports.0.port: expected an integer, found a number"]);
}

#[test]
fn secrets_hold_base64_and_messages_do_not_repeat_them() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "data": {"good": "Zm9v", "bad": "hunter2!", "number": 5}});
    assert_eq!(
        faults_of(&object),
        [
            "data.bad: is not base64",
            "data.number: expected a string, found a number (put it in quotes)",
        ]
    );
}

#[test]
fn status_is_read_and_then_dropped() {
    let object = |status: Value| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "a"}}, "status": status})
    };
    assert_eq!(outcome(&object(json!({"currentMetrics": null}))), Outcome::Valid);
    assert_eq!(outcome(&object(json!({}))), Outcome::Valid);
    assert_eq!(faults_of(&object(json!({"replicas": 1}))), ["status: unknown field \"replicas\""]);
}

#[test]
fn kinds_without_a_schema_are_unknown() {
    for object in [json!({}), json!([]), json!({"apiVersion": "v2", "kind": "Pod"})] {
        assert!(matches!(outcome(&object), Outcome::Unknown { .. }), "{object}");
    }
    let unasked = Schemas::new(&[Version::LATEST]).validate_for(Version::ALL[0], &pod(json!({})));
    assert!(matches!(unasked, Outcome::Unknown { .. }));
}

fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "spec": {
            "group": "example.com", "names": {"kind": "Widget"},
            "versions": [
                {"name": "v1", "served": true, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "spec": {"type": "object", "required": ["size", "mode"], "properties": {
                            "size": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                            "mode": {"type": "string", "default": "fast", "enum": ["fast", "slow"]},
                            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                            "pruned": {"type": "object"},
                            "maybe": {"type": "array", "items": {"type": "string", "nullable": true}},
                            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
                            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                        }},
                        "status": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
                    },
                }}},
                {"name": "v0", "served": false, "schema": {"openAPIV3Schema": {"type": "object"}}},
            ],
        },
    })
}

fn widget(spec: Value) -> Vec<String> {
    let mut schemas = Schemas::new(&[Version::LATEST]);
    schemas.add_crd(&widgets()).unwrap();
    let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec, "status": {}});
    messages(schemas.validate_for(Version::LATEST, &object))
}

#[test]
fn custom_resources_follow_their_definition() {
    let good = json!({
        "size": 1, "mode": null, "port": "http", "free": {"a": 1}, "maybe": [null, "a"],
        "template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}}, "tags": {"a": "b"},
        "pruned": null,
    });
    assert_eq!(widget(good), Vec::<String>::new());
    let bad = json!({"sise": 1, "size": 0, "mode": "fsat", "port": true, "pruned": {"a": 1},
        "template": {"metadata": {"nmae": "a"}}, "tags": {"a": 1}});
    assert_eq!(
        widget(bad),
        [
            "spec.mode: must be one of fast, slow (did you mean fast?)",
            "spec.port: does not meet the schema's anyOf",
            "spec.port: expected an integer or a string, found a boolean (put it in quotes)",
            "spec.pruned: unknown field \"a\"",
            "spec: unknown field \"sise\" (did you mean size?)",
            "spec.size: must be more than 0",
            "spec.tags.a: expected a string, found a number (put it in quotes)",
            "spec.template: missing required field \"apiVersion\"",
            "spec.template: missing required field \"kind\"",
            "spec.template.metadata: unknown field \"nmae\" (did you mean name?)",
        ]
    );
}

#[test]
fn definitions_that_cannot_be_used_say_why() {
    let mut schemas = Schemas::new(&[Version::LATEST]);
    assert_eq!(schemas.add_crd(&json!({})), Err(CrdError::NotACrd));
    let mut crd = widgets();
    crd["spec"]["versions"][0]["schema"] = json!({});
    let missing = CrdError::Missing("spec.versions[].schema.openAPIV3Schema");
    assert_eq!(schemas.add_crd(&crd), Err(missing));
    let unserved = json!({"apiVersion": "example.com/v0", "kind": "Widget"});
    assert!(matches!(schemas.validate_for(Version::LATEST, &unserved), Outcome::Unknown { .. }));
}

#[test]
fn schemas_are_shared_between_threads() {
    let schemas = Schemas::new(&[Version::LATEST]);
    let object = pod_with(json!({}));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(schemas.validate_for(Version::LATEST, &object), Outcome::Valid);
            });
        }
    });
}
