//! Schemas of a live server, from the OpenAPI documents that it serves below `/openapi/v3`.
//!
//! A server is not trusted: what is not as expected is an error, never a crash.

use crate::bundle::{self, BundleError, KindKey};
use crate::convert::{self, OBJECT_META};
use crate::crd::CustomKind;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

const REFERENCE: &str = "#/components/schemas/";
const KINDS: &str = "x-kubernetes-group-version-kind";
const LIST_META: &str = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// What Kubernetes itself defines; everything else belongs to custom resources and to the servers
/// of others.
const NATIVE: [&str; 4] = [
    "io.k8s.api.",
    "io.k8s.apimachinery.",
    "io.k8s.apiextensions-apiserver.",
    "io.k8s.kube-aggregator.",
];

/// Schemas nested deeper than this are refused; Kubernetes' own end at six.
const MAX_DEPTH: usize = 64;

/// Why the OpenAPI documents of a server cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LiveError {
    /// A value is not of the expected type.
    #[error("OpenAPI document {document}: expected {expected} at {place}")]
    Unexpected {
        /// Which of the documents, from 0.
        document: usize,
        /// The path inside the document.
        place: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A reference leads to nothing that the documents define.
    #[error(
        "OpenAPI definition {definition}: expected a reference to a definition, found {reference:?}"
    )]
    Reference {
        /// The definition that holds the reference.
        definition: String,
        /// Where it leads.
        reference: String,
    },
    /// A definition is only a reference, and might lead to itself.
    #[error(
        "OpenAPI definition {definition}: expected a schema, found only a reference to {reference:?}"
    )]
    OnlyReference {
        /// The definition.
        definition: String,
        /// Where it leads.
        reference: String,
    },
    /// The documents do not define what every API server does.
    #[error("the OpenAPI documents lack {OBJECT_META}: expected all that the server's index names")]
    Incomplete,
    /// The definitions cannot be used together.
    #[error("the OpenAPI definitions cannot be used: {0}")]
    Unusable(String),
}

impl From<BundleError> for LiveError {
    fn from(error: BundleError) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// The definitions of all documents, as OpenAPI 2 writes them: references are `#/definitions/…`
/// and stand alone. What several documents define is taken from the first of them; kinds that
/// belong to more than one group, such as `DeleteOptions`, are no kinds of objects and lose their
/// `x-kubernetes-group-version-kind`.
///
/// # Errors
///
/// When a document is not OpenAPI 3 as Kubernetes writes it, or refers to what none of them
/// defines.
pub fn definitions(documents: &[Value]) -> Result<Map<String, Value>, LiveError> {
    let mut all = Map::new();
    for (number, document) in documents.iter().enumerate() {
        for (name, schema) in schemas(number, document)?.into_iter().flatten() {
            let place = Place { document: number, path: format!("components.schemas.{name}") };
            let mut schema = place.normalised(schema, 0)?;
            match all.get_mut(name) {
                Some(known) => merge_kinds(known, &mut schema),
                None => drop(all.insert(name.clone(), schema)),
            }
        }
    }
    all.values_mut().for_each(drop_shared_kinds);
    for (name, schema) in &all {
        check_references(name, schema, &all)?;
    }
    Ok(all)
}

/// Custom resources and what other servers serve through this one, by kind.
pub(crate) fn custom_kinds(
    documents: &[Value],
    definitions: &Map<String, Value>,
) -> HashMap<KindKey, CustomKind> {
    let with_status = kinds_with_status(documents);
    let foreign = definitions.iter().filter(|(name, _)| !is_native(name));
    // Nobody keeps a list of objects in a file; its items are objects of their own.
    let foreign = foreign.filter(|(_, schema)| !is_list(schema));
    let mut kinds = HashMap::new();
    for (_, schema) in foreign {
        for key in bundle::declared_kinds(schema) {
            let dropped = with_status.contains(&key);
            kinds.insert(key, CustomKind::new(schema, false, dropped));
        }
    }
    kinds
}

/// Only Kubernetes' own definitions, whose kinds are built in.
pub(crate) fn is_native(name: &str) -> bool {
    NATIVE.iter().any(|prefix| name.starts_with(prefix))
}

fn is_list(schema: &Value) -> bool {
    schema.pointer("/properties/metadata/$ref").is_some_and(|reference| reference == LIST_META)
}

/// The schemas of one document; `None` when it has none, as that of a group without its versions.
fn schemas(number: usize, document: &Value) -> Result<Option<&Map<String, Value>>, LiveError> {
    let at = |path: &str| Place { document: number, path: path.to_owned() };
    let version = document.get("openapi").and_then(Value::as_str);
    if !version.is_some_and(|version| version.starts_with("3.")) {
        return Err(at("openapi").unexpected("the version of OpenAPI 3"));
    }
    let Some(components) = document.get("components") else { return Ok(None) };
    let schemas = at("components").object(components)?.get("schemas");
    schemas.map(|schemas| at("components.schemas").object(schemas)).transpose()
}

/// A place in a document, for messages.
struct Place {
    document: usize,
    path: String,
}

impl Place {
    fn below(&self, segment: &str) -> Self {
        Self { document: self.document, path: format!("{}.{segment}", self.path) }
    }

    fn unexpected(&self, expected: &'static str) -> LiveError {
        LiveError::Unexpected { document: self.document, place: self.path.clone(), expected }
    }

    fn object<'a>(&self, value: &'a Value) -> Result<&'a Map<String, Value>, LiveError> {
        value.as_object().ok_or_else(|| self.unexpected("an object"))
    }

    /// A schema with references as OpenAPI 2 writes them.
    fn normalised(&self, schema: &Value, depth: usize) -> Result<Value, LiveError> {
        if depth > MAX_DEPTH {
            return Err(self.unexpected("no deeper nesting"));
        }
        let fields = self.object(schema)?;
        if let Some(reference) = reference(fields) {
            let name = reference.strip_prefix(REFERENCE).unwrap_or(reference);
            return Ok(json!({"$ref": format!("#/definitions/{name}")}));
        }
        let mut out = Map::new();
        for (key, value) in fields {
            out.insert(key.clone(), self.keyword(key, value, depth)?);
        }
        Ok(Value::Object(out))
    }

    fn keyword(&self, key: &str, value: &Value, depth: usize) -> Result<Value, LiveError> {
        let place = || self.below(key);
        match (key, value) {
            ("properties", _) => {
                let place = place();
                let fields = place.object(value)?.iter().map(|(name, child)| {
                    Ok((name.clone(), place.below(name).normalised(child, depth + 1)?))
                });
                Ok(Value::Object(fields.collect::<Result<_, LiveError>>()?))
            }
            ("allOf" | "anyOf" | "oneOf", _) => {
                let place = place();
                let branches = value.as_array().ok_or_else(|| place.unexpected("a list"))?;
                branches.iter().map(|branch| place.normalised(branch, depth + 1)).collect()
            }
            ("additionalProperties", Value::Bool(_)) => Ok(value.clone()),
            ("items" | "additionalProperties" | "not", _) => place().normalised(value, depth + 1),
            _ => Ok(value.clone()),
        }
    }
}

/// Where a schema refers to. OpenAPI 3.0 allows nothing beside a reference, so where there is
/// something, such as a default, Kubernetes wraps the reference: `allOf: [{$ref: …}]`.
fn reference(fields: &Map<String, Value>) -> Option<&str> {
    if let Some(reference) = fields.get("$ref") {
        return reference.as_str();
    }
    match fields.get("allOf")?.as_array()?.as_slice() {
        [only] => only.get("$ref")?.as_str(),
        _ => None,
    }
}

/// Adds the kinds that another document declares for the same definition.
fn merge_kinds(known: &mut Value, other: &mut Value) {
    let Some(Value::Array(more)) = other.get_mut(KINDS).map(Value::take) else { return };
    let Some(Value::Array(kinds)) = known.get_mut(KINDS) else { return };
    for kind in more {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
}

fn drop_shared_kinds(schema: &mut Value) {
    let shared = schema.get(KINDS).and_then(Value::as_array).is_some_and(|kinds| kinds.len() > 1);
    if let (true, Some(fields)) = (shared, schema.as_object_mut()) {
        fields.shift_remove(KINDS);
    }
}

/// Every reference must lead to a definition, because others would be looked for elsewhere. A
/// definition that is only a reference could lead to itself, and judging by it would never end.
fn check_references(name: &str, schema: &Value, all: &Map<String, Value>) -> Result<(), LiveError> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let (definition, reference) = (name.to_owned(), reference.to_owned());
            Err(LiveError::OnlyReference { definition, reference })
        }
        None => check_children(name, schema, all),
    }
}

fn check_children(name: &str, schema: &Value, all: &Map<String, Value>) -> Result<(), LiveError> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = convert::referred(schema).unwrap_or_default();
        if all.contains_key(target) && is_plain(target) {
            return Ok(());
        }
        let (definition, reference) = (name.to_owned(), reference.to_owned());
        return Err(LiveError::Reference { definition, reference });
    }
    children(schema).try_for_each(|child| check_children(name, child, all))
}

/// The schemas inside of a schema.
fn children(schema: &Value) -> impl Iterator<Item = &Value> {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let inner = ["items", "additionalProperties", "not"].map(|key| schema.get(key));
    let branches = ["allOf", "anyOf", "oneOf"].map(|key| schema.get(key).and_then(Value::as_array));
    let branches = branches.into_iter().flatten().flatten();
    fields.map(|(_, child)| child).chain(inner.into_iter().flatten()).chain(branches)
}

/// OpenAPI allows these characters in the name of a component; others would mean something in a
/// JSON Pointer.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Kinds with a subresource `status`: the server drops the field from what it is sent otherwise.
fn kinds_with_status(documents: &[Value]) -> HashSet<KindKey> {
    let paths = documents.iter().filter_map(|document| document.get("paths")?.as_object());
    let paths = paths.flatten().filter(|(path, _)| path.ends_with("/{name}/status"));
    let operations = paths.filter_map(|(_, path)| path.as_object()).flatten();
    let kinds = operations.filter_map(|(_, operation)| operation.get(KINDS));
    kinds.map(bundle::kind_key).collect()
}

#[cfg(test)]
mod tests;
