//! The API server's OpenAPI definitions as strict JSON Schema.
//!
//! Strict means: what a decoder with strict field validation refuses. Unknown fields are refused,
//! null leaves an optional field unset, and the types with their own decoders accept what those
//! decoders accept rather than what the document says of them.

use crate::scalar;
use serde_json::{Map, Value, json};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const APIEXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

/// The definition of `metadata`, for kinds that only imply it.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Every definition converted, keyed as before.
pub(crate) fn definitions(openapi: &Map<String, Value>) -> Map<String, Value> {
    let convert = |(name, schema): (&String, &Value)| {
        let converted = own_decoder(name).unwrap_or_else(|| named(schema, openapi));
        (name.clone(), converted)
    };
    openapi.iter().map(convert).collect()
}

/// Types whose Go decoder reads something else than the OpenAPI document says.
fn own_decoder(name: &str) -> Option<Value> {
    let short = name.rsplit('.').next()?;
    if let Some(inner) = name.strip_prefix(APIEXTENSIONS).and_then(|rest| rest.strip_prefix('.')) {
        return match inner {
            "JSON" => Some(json!({})),
            "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => {
                Some(json!({"type": ["object", "array", "null"]}))
            }
            "JSONSchemaPropsOrBool" => Some(json!({"type": ["object", "boolean", "null"]})),
            _ => None,
        };
    }
    match short {
        "Quantity" => {
            Some(json!({"type": ["string", "number", "null"], "format": scalar::QUANTITY}))
        }
        "IntOrString" => Some(int_or_string()),
        "RawExtension" => Some(json!({})),
        "FieldsV1" | "Patch" if name.starts_with(META) => Some(json!({})),
        "Time" | "MicroTime" if name.starts_with(META) => {
            Some(json!({"type": ["string", "null"], "format": scalar::TIME}))
        }
        _ => None,
    }
}

fn int_or_string() -> Value {
    json!({"type": ["integer", "string", "null"], "minimum": i32::MIN, "maximum": i32::MAX})
}

/// A named definition: a Go struct, whose fields are all known.
fn named(schema: &Value, all: &Map<String, Value>) -> Value {
    let mut converted = optional(schema, all);
    let open = schema.get("additionalProperties").is_some() || preserves(schema);
    if let (false, Some(fields)) = (open, converted.as_object_mut()) {
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    converted
}

fn preserves(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

/// A value that may also be null, because null means unset.
fn optional(schema: &Value, all: &Map<String, Value>) -> Value {
    let mut converted = present(schema, all);
    let Some(fields) = converted.as_object_mut() else { return converted };
    if let Some(Value::String(kind)) = fields.get("type") {
        fields.insert("type".to_owned(), json!([kind, "null"]));
    }
    // The empty string is Go's unset: the server fills in the default.
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.extend([json!(""), Value::Null]);
    }
    fields.remove("not");
    converted
}

/// A value that is there.
fn present(schema: &Value, all: &Map<String, Value>) -> Value {
    if let Some(name) = referred(schema) {
        return json!({"$ref": format!("#/$defs/{name}"), "not": {"type": "null"}});
    }
    let mut out = Map::new();
    if let Some(kind) = schema.get("type") {
        out.insert("type".to_owned(), kind.clone());
    }
    if let Some(values) = schema.get("enum") {
        out.insert("enum".to_owned(), values.clone());
    }
    add_format(schema, &mut out);
    add_children(schema, all, &mut out);
    Value::Object(out)
}

/// Formats that decoding enforces; the rest say nothing to a decoder.
pub(crate) fn add_format(schema: &Value, out: &mut Map<String, Value>) {
    let limits = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (i64::MIN, i64::MAX),
        Some("byte") => return drop(out.insert("format".to_owned(), json!(scalar::BYTE))),
        Some("date-time") => return drop(out.insert("format".to_owned(), json!(scalar::TIME))),
        Some("int-or-string") => return out.extend(as_map(int_or_string())),
        _ => return,
    };
    out.entry("minimum").or_insert(json!(limits.0));
    out.entry("maximum").or_insert(json!(limits.1));
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn add_children(schema: &Value, all: &Map<String, Value>, out: &mut Map<String, Value>) {
    let required: Vec<&str> = strings(schema.get("required"));
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let convert = |(name, child): (&String, &Value)| {
            let is_required = required.contains(&name.as_str());
            let child = if is_required { present(child, all) } else { optional(child, all) };
            (name.clone(), child)
        };
        out.insert("properties".to_owned(), properties.iter().map(convert).collect());
    }
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = schema.get(key) {
            out.insert(key.to_owned(), element(child, all));
        }
    }
}

/// An element of a list or map. Null decodes to the zero value, which is fine unless the element
/// has required fields, and those are then missing.
fn element(schema: &Value, all: &Map<String, Value>) -> Value {
    let target = referred(schema).and_then(|name| all.get(name));
    match target.map(|target| strings(target.get("required")).is_empty()) {
        Some(false) => present(schema, all),
        _ => optional(schema, all),
    }
}

/// The definition that a schema refers to.
pub(crate) fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

/// The strings of a list; nothing when it is not a list.
pub(crate) fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(definitions: &Value) -> Value {
        Value::Object(super::definitions(definitions.as_object().unwrap()))
    }

    #[test]
    fn structs_are_closed_and_optional_fields_take_null() {
        let converted = convert(&json!({"a.Pod": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "size": {"type": "integer", "format": "int32"}},
        }}));
        let pod = &converted["a.Pod"];
        assert_eq!(pod["additionalProperties"], json!(false));
        assert_eq!(pod["properties"]["name"]["type"], json!("string"));
        assert_eq!(pod["properties"]["size"]["type"], json!(["integer", "null"]));
        assert_eq!(pod["properties"]["size"]["maximum"], json!(i32::MAX));
    }

    #[test]
    fn required_references_refuse_null() {
        let converted = convert(&json!({
            "a.Pod": {"type": "object", "required": ["spec"], "properties": {
                "spec": {"$ref": "#/definitions/a.Spec"}, "other": {"$ref": "#/definitions/a.Spec"},
            }},
            "a.Spec": {"type": "object"},
        }));
        let fields = &converted["a.Pod"]["properties"];
        assert_eq!(fields["spec"], json!({"$ref": "#/$defs/a.Spec", "not": {"type": "null"}}));
        assert_eq!(fields["other"], json!({"$ref": "#/$defs/a.Spec"}));
    }
}
