use super::*;
use crate::{Fault, Outcome, Schemas, Version};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

fn to(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A reference with something beside it, as the server writes it.
fn wrapped(name: &str) -> Value {
    json!({"default": {}, "description": "text", "allOf": [to(name)]})
}

fn kind(group: &str, version: &str, kind: &str) -> Value {
    json!([{"group": group, "version": version, "kind": kind}])
}

/// The document of the core group of a small server.
fn core() -> Value {
    let object_meta = format!("{META}.ObjectMeta");
    let time = format!("{META}.Time");
    json!({"openapi": "3.0.0", "paths": {}, "components": {"schemas": {
        object_meta.clone(): {"type": "object", "properties": {
            "name": {"type": "string"},
            "creationTimestamp": wrapped(&time),
            "labels": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
        }},
        time: {"type": "string", "format": "date-time"},
        format!("{META}.ListMeta"): {"type": "object", "properties": {"continue": {"type": "string"}}},
        format!("{META}.DeleteOptions"): {"type": "object", KINDS: kind("", "v1", "DeleteOptions")},
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
            {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
        "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "io.k8s.api.core.v1.Pod": {"type": "object", KINDS: kind("", "v1", "Pod"), "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": wrapped(&object_meta),
            "spec": wrapped("io.k8s.api.core.v1.PodSpec"),
        }},
        "io.k8s.api.core.v1.PodSpec": {"type": "object", "required": ["restartPolicy"], "properties": {
            "restartPolicy": {"type": "string", "default": "", "enum": ["Always", "Never"]},
            "port": wrapped("io.k8s.apimachinery.pkg.util.intstr.IntOrString"),
            "limit": to("io.k8s.apimachinery.pkg.api.resource.Quantity"),
        }},
    }}})
}

/// The document of a custom resource with a status, one without, and their lists.
fn custom() -> Value {
    let resource = |name: &str| {
        json!({"type": "object", KINDS: kind("example.com", "v1", name), "required": ["spec"], "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [to(&format!("{META}.ObjectMeta"))]},
            "spec": {"type": "object", "required": ["mode"], "properties": {
                "mode": {"type": "string", "default": "fast", "enum": ["fast", "slow"]},
                "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "maybe": {"type": "string", "nullable": true},
                "size": {"type": "integer", "format": "int32", "minimum": 0, "exclusiveMinimum": true,
                    "multipleOf": 1, "maximum": 9},
                "pruned": {"type": "object", "minProperties": 0, "not": {"required": ["a", "b"]}},
                "text": {"type": "string", "minLength": 1, "pattern": "^a"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }},
            "status": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
        }})
    };
    let list = json!({"type": "object", KINDS: kind("example.com", "v1", "WidgetList"), "properties": {
        "metadata": {"allOf": [to(&format!("{META}.ListMeta"))]},
        "items": {"type": "array", "items": to("com.example.v1.Widget")},
    }});
    let operation = json!({KINDS: {"group": "example.com", "version": "v1", "kind": "Widget"}});
    json!({
        "openapi": "3.0.0",
        "paths": {"/apis/example.com/v1/namespaces/{namespace}/widgets/{name}/status": {"get": operation}},
        "components": {"schemas": {
            "com.example.v1.Widget": resource("Widget"),
            "com.example.v1.Plain": resource("Plain"),
            "com.example.v1.WidgetList": list,
            format!("{META}.DeleteOptions"):
                {"type": "object", KINDS: kind("example.com", "v1", "DeleteOptions")},
        }},
    })
}

/// The document of another server behind this one: Go types that refer to each other.
fn aggregated() -> Value {
    json!({"openapi": "3.0.0", "components": {"schemas": {
        "io.k8s.metrics.v1.PodMetrics": {"type": "object", KINDS: kind("metrics.k8s.io", "v1", "PodMetrics"), "properties": {
            "metadata": {"allOf": [to(&format!("{META}.ObjectMeta"))]},
            "timestamp": {"allOf": [to(&format!("{META}.Time"))]},
            "containers": {"type": "array", "items": to("io.k8s.metrics.v1.Container")},
        }},
        "io.k8s.metrics.v1.Container": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"},
            "inner": to("io.k8s.metrics.v1.Container"),
        }},
    }}})
}

fn documents() -> Vec<Value> {
    // As for a group without its versions: no schemas.
    vec![json!({"openapi": "3.0.0"}), core(), custom(), aggregated()]
}

/// What the live server says of an object.
fn outcome(object: &Value) -> Outcome {
    let schemas = Schemas::with_live(&[], 36, &documents()).unwrap();
    let mut outcomes = schemas.validate(object);
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).1
}

fn messages(object: &Value) -> Vec<String> {
    match outcome(object) {
        Outcome::Valid => Vec::new(),
        Outcome::Invalid(faults) => faults.into_iter().map(|fault| fault.message).collect(),
        Outcome::Unknown { api_version, kind } => vec![format!("unknown {api_version} {kind}")],
    }
}

#[test]
fn references_enums_and_defaults_are_normalised() {
    let found = definitions(&documents()).unwrap();
    let pod = &found["io.k8s.api.core.v1.Pod"]["properties"];
    assert_eq!(pod["spec"], json!({"$ref": "#/definitions/io.k8s.api.core.v1.PodSpec"}));
    let spec = &found["io.k8s.api.core.v1.PodSpec"]["properties"];
    let restart = json!({"type": "string", "default": "", "enum": ["Always", "Never"]});
    assert_eq!(spec["restartPolicy"], restart);
    let labels = &found[&format!("{META}.ObjectMeta")]["properties"]["labels"];
    assert_eq!(labels["additionalProperties"]["type"], "string");
}

#[test]
fn a_kind_of_many_groups_is_no_kind_of_object() {
    let name = format!("{META}.DeleteOptions");
    assert!(definitions(&[core()]).unwrap()[&name].get(KINDS).is_some());
    assert!(definitions(&documents()).unwrap()[&name].get(KINDS).is_none());
}

#[test]
fn built_in_kinds_are_judged_as_embedded_ones() {
    let metadata = json!({"name": "a", "creationTimestamp": null});
    let good = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"restartPolicy": "Never", "port": "http", "limit": 1}});
    assert_eq!(messages(&good), Vec::<String>::new());
    let bad = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"nmae": "a"},
        "spec": {"restartPolicy": "Nevr", "port": true, "limit": "1 core"}});
    assert_eq!(
        messages(&bad),
        [
            "metadata: unknown field \"nmae\" (did you mean name?)",
            "spec.limit: is not a quantity, such as 500m or 1Gi",
            "spec.port: expected an integer or a string, found a boolean (put it in quotes)",
            "spec.restartPolicy: must be one of Always, Never (did you mean Never?)",
        ]
    );
    let unserved = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
    assert_eq!(messages(&unserved), ["unknown apps/v1 Deployment"]);
}

#[test]
fn custom_resources_are_judged_by_the_documents() {
    let widget = |kind: &str, spec: Value, status: Value| {
        messages(&json!({"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "a"},
            "spec": spec, "status": status}))
    };
    let good = json!({"port": 80, "maybe": null, "free": {"a": 1}});
    assert_eq!(widget("Widget", good.clone(), json!({})), Vec::<String>::new());
    // Without a subresource the status is kept, and so it is judged.
    assert_eq!(widget("Plain", good, json!({})), ["status: missing required field \"ready\""]);
    let bad = json!({"mode": "fsat", "port": true, "pruned": {"a": 1}, "sise": 1});
    assert_eq!(
        widget("Widget", bad, json!({})),
        [
            "spec.mode: must be one of fast, slow (did you mean fast?)",
            "spec.port: does not meet the schema's anyOf",
            "spec.port: expected an integer or a string, found a boolean (put it in quotes)",
            "spec.pruned: unknown field \"a\"",
            "spec: unknown field \"sise\" (did you mean size?)",
        ]
    );
    let list = json!({"apiVersion": "example.com/v1", "kind": "WidgetList", "items": []});
    assert_eq!(messages(&list), ["unknown example.com/v1 WidgetList"]);
}

#[test]
fn kinds_of_a_server_behind_this_one_are_judged_to_the_bottom() {
    let object = json!({"apiVersion": "metrics.k8s.io/v1", "kind": "PodMetrics", "timestamp": "now",
        "containers": [{"name": "a", "inner": {"name": "b", "inner": {"nmae": "c"}}}]});
    assert_eq!(
        messages(&object),
        [
            "containers.0.inner.inner: missing required field \"name\"",
            "containers.0.inner.inner: unknown field \"nmae\" (did you mean name?)",
            "timestamp: is not a time, such as 2024-01-31T12:00:00Z",
        ]
    );
}

#[test]
fn a_live_server_stands_in_for_its_minor_among_the_embedded_ones() {
    let wanted: Vec<Version> = ["1.35", "1.36"].map(|text| text.parse().unwrap()).to_vec();
    let judged = |minor: u16| {
        let schemas = Schemas::with_live(&wanted, minor, &documents()).unwrap();
        let object =
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {"selector": {}}});
        let outcomes = schemas.validate(&object).into_iter();
        let known = |(version, outcome): (Version, _)| {
            (version.to_string(), !matches!(outcome, Outcome::Unknown { .. }))
        };
        outcomes.map(known).collect::<Vec<_>>()
    };
    let expected = |rows: &[(&str, bool)]| {
        rows.iter().map(|(version, known)| ((*version).to_owned(), *known)).collect::<Vec<_>>()
    };
    // The small server knows no ReplicaSet, the embedded minors do.
    assert_eq!(judged(36), expected(&[("1.35", true), ("1.36", false)]));
    assert_eq!(judged(38), expected(&[("1.35", true), ("1.36", true), ("1.38", false)]));
    assert_eq!(judged(29), expected(&[("1.29", false), ("1.35", true), ("1.36", true)]));
    assert!("1.38".parse::<Version>().is_err());
}

#[test]
fn added_definitions_serve_where_the_live_server_says_nothing() {
    let crd = |kind: &str| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {
            "group": "example.com", "names": {"kind": kind},
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "size": {"type": "integer"}}}}}],
        }})
    };
    let mut schemas = Schemas::with_live(&[], 36, &documents()).unwrap();
    schemas.add_crd(&crd("Gadget")).unwrap();
    schemas.add_crd(&crd("Widget")).unwrap();
    let faults = |kind: &str| {
        let object = json!({"apiVersion": "example.com/v1", "kind": kind, "size": 1});
        match schemas.validate(&object).remove(0).1 {
            Outcome::Invalid(faults) => faults.len(),
            outcome => usize::from(outcome != Outcome::Valid) * 100,
        }
    };
    assert_eq!(faults("Gadget"), 0);
    // The server's Widget has no size and needs a spec.
    assert_eq!(faults("Widget"), 2);
}

/// The message when one value of the core document is replaced.
fn error_with(pointer: &str, value: Value) -> String {
    let mut document = core();
    *document.pointer_mut(pointer).unwrap() = value;
    Schemas::with_live(&[], 36, &[document])
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[test]
fn documents_that_cannot_be_used_say_what_was_expected() {
    let spec = "/components/schemas/io.k8s.api.core.v1.PodSpec";
    let limit = format!("{spec}/properties/limit");
    let at = "OpenAPI document 0: expected";
    for (pointer, value, message) in [
        ("/openapi", json!("2.0"), format!("{at} the version of OpenAPI 3 at openapi")),
        ("/components", json!([]), format!("{at} an object at components")),
        ("/components/schemas", json!(1), format!("{at} an object at components.schemas")),
        (
            spec,
            json!("x"),
            format!("{at} an object at components.schemas.io.k8s.api.core.v1.PodSpec"),
        ),
        (
            limit.as_str(),
            json!({"allOf": {}}),
            format!(
                "{at} a list at components.schemas.io.k8s.api.core.v1.PodSpec.properties.limit.allOf"
            ),
        ),
        (
            limit.as_str(),
            to("missing"),
            "OpenAPI definition io.k8s.api.core.v1.PodSpec: expected a reference to a definition, \
             found \"#/definitions/missing\""
                .to_owned(),
        ),
        (
            limit.as_str(),
            json!({"$ref": "http://127.0.0.1/"}),
            "OpenAPI definition io.k8s.api.core.v1.PodSpec: expected a reference to a definition, \
             found \"#/definitions/http://127.0.0.1/\""
                .to_owned(),
        ),
        (
            spec,
            to("io.k8s.api.core.v1.PodSpec"),
            "OpenAPI definition io.k8s.api.core.v1.PodSpec: expected a schema, found only a \
             reference to \"#/definitions/io.k8s.api.core.v1.PodSpec\""
                .to_owned(),
        ),
    ] {
        assert_eq!(error_with(pointer, value), message, "{pointer}");
    }
    let empty = Schemas::with_live(&[], 36, &[]).err();
    assert_eq!(empty, Some(LiveError::Incomplete));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        (0..depth)
            .fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}))
    };
    let limit = "/components/schemas/io.k8s.api.core.v1.PodSpec/properties/limit";
    assert_eq!(error_with(limit, nested(MAX_DEPTH - 1)), "");
    assert!(error_with(limit, nested(MAX_DEPTH)).contains("expected no deeper nesting"));
}

/// Every pointer into a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, child)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(child, &format!("{at}/{name}"), all);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(number, child)| {
            pointers(child, &format!("{at}/{number}"), all);
        }),
        _ => {}
    }
}

#[test]
fn no_value_in_a_wrong_place_stops_the_process() {
    let objects = [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"limit": 1, "port": {}}}),
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"mode": [], "port": 1}}),
        json!({"apiVersion": "metrics.k8s.io/v1", "kind": "PodMetrics", "containers": [{"inner": {}}]}),
    ];
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!("("),
        json!([{"$ref": "http://127.0.0.1/"}, 1, 1]),
        json!({"$ref": {"$id": ":"}, "$id": "://", "$schema": "x", "$dynamicRef": "#a"}),
        to("io.k8s.metrics.v1.PodMetrics"),
        json!({"not": to("io.k8s.metrics.v1.PodMetrics"), "oneOf": [to("com.example.v1.Widget")]}),
    ];
    let whole = json!(documents());
    let mut places = Vec::new();
    pointers(&whole, "", &mut places);
    let (mut usable, mut refused) = (0, 0);
    for place in &places {
        for value in &values {
            let mut damaged = whole.clone();
            *damaged.pointer_mut(place).unwrap() = value.clone();
            let Some(documents) = damaged.as_array() else { continue };
            let Ok(schemas) = Schemas::with_live(&[], 36, documents) else {
                refused += 1;
                continue;
            };
            usable += 1;
            let faults = objects.iter().map(|object| match schemas.validate(object).remove(0).1 {
                Outcome::Invalid(faults) => faults,
                _ => Vec::new(),
            });
            let faults: Vec<Fault> = faults.flatten().collect();
            assert!(faults.len() < 50, "{place} {value}");
        }
    }
    assert!(usable > 500 && refused > 500, "{usable} usable, {refused} refused");
}
