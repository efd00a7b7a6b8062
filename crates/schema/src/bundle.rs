//! One Kubernetes version: its definitions, registered once, and a validator per kind.

use crate::fault::{self, Fault};
use crate::{Version, convert, scalar};
use flate2::read::GzDecoder;
use jsonschema::{Draft, PatternOptions, Registry, Validator};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, PoisonError, RwLock};

/// Where the definitions are registered.
pub(crate) const DEFINITIONS_URI: &str = "urn:kubernetes";

/// Where the schema of a custom resource stands while it is compiled.
pub(crate) const CUSTOM_URI: &str = "urn:custom-resource";

/// `apiVersion` and `kind`.
pub(crate) type KindKey = (String, String);

/// Compiled validators by kind. `None`: the schema does not compile, so nothing is known.
type Compiled = RwLock<HashMap<KindKey, Option<Arc<Validator>>>>;

/// The embedded data cannot be read; a test reads all of it, so this is a damaged build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("cannot unpack: {0}")]
    Unpack(#[from] std::io::Error),
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no definitions")]
    Empty,
    #[error("cannot register: {0}")]
    Register(#[from] jsonschema::ReferencingError),
}

/// Schemas of one Kubernetes version.
pub(crate) struct Bundle {
    /// `{"$defs": …}`, kept to name the known fields in messages.
    document: Value,
    registry: Registry<'static>,
    kinds: HashMap<KindKey, String>,
    compiled: Compiled,
}

impl Bundle {
    pub(crate) fn load(version: Version) -> Result<Self, BundleError> {
        // Unpacked whole first: reading JSON from a decompressing stream costs a third of the load.
        let mut text = Vec::new();
        GzDecoder::new(version.packed()).read_to_end(&mut text)?;
        let packed: Value = serde_json::from_slice(&text)?;
        let openapi = packed.get("definitions").and_then(Value::as_object);
        let openapi = openapi.ok_or(BundleError::Empty)?;
        // Moved in: `json!` would copy all of it.
        let definitions = Value::Object(convert::definitions(openapi));
        let document = Value::Object(Map::from_iter([("$defs".to_owned(), definitions)]));
        let resource = Draft::Draft202012.create_resource(document.clone());
        let registry = Registry::new().add(DEFINITIONS_URI, resource)?.prepare()?;
        let compiled = Compiled::default();
        Ok(Self { document, registry, kinds: kinds(openapi), compiled })
    }

    /// The kinds of this version, unordered.
    #[cfg(test)]
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &KindKey> {
        self.kinds.keys()
    }

    /// The compiled schema of a kind; `None` when the version has no such kind.
    pub(crate) fn validator(&self, key: &KindKey) -> Option<Arc<Validator>> {
        let definition = self.kinds.get(key)?;
        let read = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = read.get(key) {
            return found.clone();
        }
        drop(read);
        let schema = json!({"$ref": format!("{DEFINITIONS_URI}#/$defs/{definition}")});
        let built = self.compile(&schema).map(Arc::new);
        let mut write = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        write.entry(key.clone()).or_insert(built).clone()
    }

    /// Compiles a schema that may refer to the definitions.
    pub(crate) fn compile(&self, schema: &Value) -> Option<Validator> {
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(&self.registry)
            .with_base_uri(CUSTOM_URI)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .with_format(scalar::QUANTITY, scalar::is_quantity)
            .with_format(scalar::TIME, scalar::is_time)
            .with_format(scalar::BYTE, scalar::is_base64)
            .build(schema)
            .ok()
    }

    /// Faults of an object of a built-in kind.
    pub(crate) fn faults(&self, validator: &Validator, object: &Value) -> Vec<Fault> {
        fault::collect(validator, object, &self.document, &Value::Null, true)
    }

    /// Faults of a custom resource.
    pub(crate) fn custom_faults(
        &self,
        validator: &Validator,
        object: &Value,
        schema: &Value,
        status_is_dropped: bool,
    ) -> Vec<Fault> {
        fault::collect(validator, object, &self.document, schema, status_is_dropped)
    }
}

/// `apiVersion` and `kind` to the name of the definition.
fn kinds(openapi: &Map<String, Value>) -> HashMap<KindKey, String> {
    let mut kinds = HashMap::new();
    for (name, schema) in openapi {
        let declared = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
        for declared in declared.into_iter().flatten() {
            let text = |key: &str| declared.get(key).and_then(Value::as_str).unwrap_or_default();
            let api_version = api_version(text("group"), text("version"));
            kinds.insert((api_version, text("kind").to_owned()), name.clone());
        }
    }
    kinds
}

/// `apps` and `v1` to `apps/v1`; the core group has no name.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
