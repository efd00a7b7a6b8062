//! One Kubernetes version: its definitions, registered once, and a validator per kind.

use crate::crd::CustomKind;
use crate::fault::{self, Fault};
use crate::live::{self, LiveError};
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

/// Schemas of one Kubernetes version, or of one live server.
pub(crate) struct Bundle {
    /// `{"$defs": …}`, kept to name the known fields in messages.
    document: Value,
    registry: Registry<'static>,
    kinds: HashMap<KindKey, String>,
    /// Kinds of the live server that are not Kubernetes' own.
    custom: HashMap<KindKey, CustomKind>,
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
        Self::new(openapi, kinds(openapi), HashMap::new())
    }

    /// Schemas of a live server, from its OpenAPI v3 documents.
    pub(crate) fn live(documents: &[Value]) -> Result<Self, LiveError> {
        let openapi = live::definitions(documents)?;
        if !openapi.contains_key(convert::OBJECT_META) {
            return Err(LiveError::Incomplete);
        }
        let mut kinds = kinds(&openapi);
        kinds.retain(|_, definition| live::is_native(definition));
        let custom = live::custom_kinds(documents, &openapi);
        Ok(Self::new(&openapi, kinds, custom)?)
    }

    fn new(
        openapi: &Map<String, Value>,
        kinds: HashMap<KindKey, String>,
        custom: HashMap<KindKey, CustomKind>,
    ) -> Result<Self, BundleError> {
        // Moved in: `json!` would copy all of it.
        let definitions = Value::Object(convert::definitions(openapi));
        let document = Value::Object(Map::from_iter([("$defs".to_owned(), definitions)]));
        let resource = Draft::Draft202012.create_resource(document.clone());
        let registry = Registry::new().add(DEFINITIONS_URI, resource)?.prepare()?;
        Ok(Self { document, registry, kinds, custom, compiled: Compiled::default() })
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

    /// Faults of a custom resource; `None` when its schema does not compile.
    pub(crate) fn custom_faults(&self, custom: &CustomKind, object: &Value) -> Option<Vec<Fault>> {
        let validator = custom.validator.get_or_init(|| self.compile(&custom.schema)).as_ref()?;
        let dropped = custom.status_is_dropped;
        Some(fault::collect(validator, object, &self.document, &custom.schema, dropped))
    }

    /// A kind of the live server that is not Kubernetes' own.
    pub(crate) fn custom(&self, key: &KindKey) -> Option<&CustomKind> {
        self.custom.get(key)
    }
}

/// `apiVersion` and `kind` to the name of the definition.
fn kinds(openapi: &Map<String, Value>) -> HashMap<KindKey, String> {
    let declared =
        |(name, schema)| declared_kinds(schema).map(move |key| (key, String::clone(name)));
    openapi.iter().flat_map(declared).collect()
}

/// The kinds that a definition says it is of.
pub(crate) fn declared_kinds(schema: &Value) -> impl Iterator<Item = KindKey> {
    let declared = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    declared.into_iter().flatten().map(kind_key)
}

/// `apiVersion` and `kind` of an entry of `x-kubernetes-group-version-kind`.
pub(crate) fn kind_key(declared: &Value) -> KindKey {
    let text = |key: &str| declared.get(key).and_then(Value::as_str).unwrap_or_default();
    (api_version(text("group"), text("version")), text("kind").to_owned())
}

/// `apps` and `v1` to `apps/v1`; the core group has no name.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
