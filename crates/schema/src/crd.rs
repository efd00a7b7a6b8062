//! Custom resource definitions: their structural schemas as strict JSON Schema.

use crate::bundle::{DEFINITIONS_URI, KindKey, api_version};
use crate::convert::{self, OBJECT_META};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Why a CustomResourceDefinition cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CrdError {
    /// The object is something else.
    #[error("not an apiextensions.k8s.io/v1 CustomResourceDefinition")]
    NotACrd,
    /// A field that the definition needs is missing or has the wrong type.
    #[error("custom resource definition without {0}")]
    Missing(&'static str),
}

/// A served version of a custom resource, or a kind of another server behind this one.
pub(crate) struct CustomKind {
    pub(crate) schema: Value,
    pub(crate) status_is_dropped: bool,
    /// Compiled when first asked for; `None` inside when it does not compile.
    pub(crate) validator: OnceLock<Option<Validator>>,
}

impl CustomKind {
    pub(crate) fn new(schema: &Value, keeps_unknown: bool, status_is_dropped: bool) -> Self {
        let schema = root(schema, keeps_unknown);
        Self { schema, status_is_dropped, validator: OnceLock::new() }
    }
}

/// Every served version of a CustomResourceDefinition.
pub(crate) fn served_kinds(crd: &Value) -> Result<Vec<(KindKey, CustomKind)>, CrdError> {
    if crd["apiVersion"] != "apiextensions.k8s.io/v1" || crd["kind"] != "CustomResourceDefinition" {
        return Err(CrdError::NotACrd);
    }
    let spec = &crd["spec"];
    let group = spec["group"].as_str().ok_or(CrdError::Missing("spec.group"))?;
    let kind = spec["names"]["kind"].as_str().ok_or(CrdError::Missing("spec.names.kind"))?;
    let versions = spec["versions"].as_array().ok_or(CrdError::Missing("spec.versions"))?;
    let keeps_unknown = spec["preserveUnknownFields"] == true;
    let mut kinds = Vec::new();
    for version in versions.iter().filter(|version| version["served"] != false) {
        let name = version["name"].as_str().ok_or(CrdError::Missing("spec.versions[].name"))?;
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_object() {
            return Err(CrdError::Missing("spec.versions[].schema.openAPIV3Schema"));
        }
        let status_is_dropped = version["subresources"]["status"].is_object();
        let custom = CustomKind::new(schema, keeps_unknown, status_is_dropped);
        kinds.push(((api_version(group, name), kind.to_owned()), custom));
    }
    Ok(kinds)
}

fn root(schema: &Value, keeps_unknown: bool) -> Value {
    let mut converted = structural(schema);
    imply_object_fields(&mut converted);
    if let (true, Some(fields)) = (keeps_unknown, converted.as_object_mut()) {
        fields.remove("additionalProperties");
    }
    converted
}

/// Adds the fields that every Kubernetes object has, whether or not the author wrote them.
fn imply_object_fields(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else { return };
    for name in ["apiVersion", "kind"] {
        properties.entry(name).or_insert_with(|| json!({"type": "string"}));
    }
    let reference = json!({"$ref": format!("{DEFINITIONS_URI}#/$defs/{OBJECT_META}")});
    properties.insert("metadata".to_owned(), reference);
}

/// A node of the structural part: unknown fields are pruned by the server, so they are faults.
fn structural(schema: &Value) -> Value {
    if let Some(reference) = reference(schema) {
        return reference;
    }
    let mut out = value_rules(schema);
    let is_int_or_string = schema["x-kubernetes-int-or-string"] == true;
    let kind = match schema["type"].as_str() {
        _ if is_int_or_string => json!(["integer", "string"]),
        Some(kind) => json!([kind]),
        None => Value::Null,
    };
    if let Value::Array(mut kinds) = kind {
        if schema["nullable"] == true {
            kinds.push(json!("null"));
        }
        out.insert("type".to_owned(), Value::Array(kinds));
    }
    if schema["items"].is_object() {
        out.insert("items".to_owned(), structural(&schema["items"]));
    }
    add_fields(schema, &mut out);
    let mut out = Value::Object(out);
    if schema["x-kubernetes-embedded-resource"] == true {
        imply_object_fields(&mut out);
        require_object_fields(&mut out);
    }
    out
}

/// A CustomResourceDefinition holds no references, but what a live server says of the kinds of
/// another server behind it does.
fn reference(schema: &Value) -> Option<Value> {
    let name = convert::referred(schema)?;
    Some(json!({"$ref": format!("{DEFINITIONS_URI}#/$defs/{name}")}))
}

fn require_object_fields(schema: &mut Value) {
    let mut required = convert::strings(schema.get("required"));
    for name in ["apiVersion", "kind"] {
        if !required.contains(&name) {
            required.push(name);
        }
    }
    let required = json!(required);
    schema["required"] = required;
}

fn add_fields(schema: &Value, out: &mut Map<String, Value>) {
    let no_fields = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&no_fields);
    // A default fills in for a missing or null field before the server looks for it.
    let defaulted = |name: &str| properties.get(name).is_some_and(|s| s.get("default").is_some());
    let mut required = convert::strings(schema.get("required"));
    required.retain(|name| !defaulted(name));
    let mut fields = Map::new();
    for (name, child) in properties {
        let converted = structural(child);
        let is_required = required.contains(&name.as_str());
        fields.insert(name.clone(), if is_required { converted } else { or_null(&converted) });
    }
    out.insert("required".to_owned(), json!(required));
    out.insert("properties".to_owned(), Value::Object(fields));
    let rest = match &schema["additionalProperties"] {
        child @ Value::Object(_) => or_null(&structural(child)),
        Value::Bool(true) => Value::Bool(true),
        _ if schema["x-kubernetes-preserve-unknown-fields"] == true => Value::Bool(true),
        _ => Value::Bool(schema["type"] != "object"),
    };
    out.insert("additionalProperties".to_owned(), rest);
}

/// The server drops a null that the schema does not allow before it validates.
fn or_null(schema: &Value) -> Value {
    json!({"if": {"type": "null"}, "else": schema})
}

/// Rules on values, copied; valid in the structural part and under `allOf`, `anyOf`, `oneOf`, `not`.
fn value_rules(schema: &Value) -> Map<String, Value> {
    const COPIED: [&str; 11] = [
        "multipleOf",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "uniqueItems",
        "enum",
    ];
    let mut out = Map::new();
    for key in COPIED {
        if let Some(value) = schema.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    // Patterns are Go's; what our engine does not read is left to the server.
    let pattern = schema["pattern"].as_str().filter(|pattern| regex::Regex::new(pattern).is_ok());
    if let Some(pattern) = pattern {
        out.insert("pattern".to_owned(), json!(pattern));
    }
    let nullable_enum = schema["nullable"] == true;
    if let (true, Some(Value::Array(values))) = (nullable_enum, out.get_mut("enum")) {
        values.push(Value::Null);
    }
    exclusive_limits(schema, &mut out);
    convert::add_format(schema, &mut out);
    junctors(schema, &mut out);
    out
}

/// OpenAPI's `exclusiveMinimum` is a flag on `minimum`; JSON Schema's is a limit of its own.
fn exclusive_limits(schema: &Value, out: &mut Map<String, Value>) {
    for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if schema[flag] == true
            && let Some(value) = out.remove(limit)
        {
            out.insert(flag.to_owned(), value);
        }
    }
}

fn junctors(schema: &Value, out: &mut Map<String, Value>) {
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(branches) = schema[key].as_array().filter(|branches| !branches.is_empty()) {
            out.insert(key.to_owned(), branches.iter().map(branch).collect());
        }
    }
    if schema["not"].is_object() {
        out.insert("not".to_owned(), branch(&schema["not"]));
    }
}

/// A branch restricts values but declares no fields, so it closes nothing.
fn branch(schema: &Value) -> Value {
    if let Some(reference) = reference(schema) {
        return reference;
    }
    let mut out = value_rules(schema);
    for key in ["type", "required"] {
        if let Some(value) = schema.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            out.insert(key.to_owned(), branch(&schema[key]));
        }
    }
    if let Some(fields) = schema["properties"].as_object() {
        let fields = fields.iter().map(|(name, child)| (name.clone(), branch(child)));
        out.insert("properties".to_owned(), fields.collect());
    }
    Value::Object(out)
}
