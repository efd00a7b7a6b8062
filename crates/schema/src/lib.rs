//! Would the API server read this object?
//!
//! Schemas of several Kubernetes versions are embedded, and CustomResourceDefinitions and the
//! schemas of a live server can be added. An object is judged as a server with strict field validation judges it when it decodes:
//! unknown fields, wrong types, missing required fields, values outside an enum, malformed
//! quantities. What admission and the server's own validation code refuse beyond that is the
//! business of a dry-run.
//!
//! ```
//! use schema::{Outcome, Schemas, Version};
//! let schemas = Schemas::new(&[Version::LATEST]);
//! let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "dta": {}});
//! let Outcome::Invalid(faults) = schemas.validate_for(Version::LATEST, &object) else { return };
//! assert_eq!(faults[0].message, "unknown field \"dta\" (did you mean data?)");
//! ```

mod bundle;
mod convert;
mod crd;
mod fault;
pub mod live;
mod scalar;
mod version;

pub use crd::CrdError;
pub use fault::{Fault, nearest};
pub use live::LiveError;
pub use scalar::{is_base64, is_time};
pub use version::{UnknownVersion, Version};

use bundle::{Bundle, KindKey};
use crd::CustomKind;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Field name to the sets of keys that identify an item of a list of that name, as JSON; over all
/// embedded versions.
pub const LIST_MAP_KEYS: &str = include_str!("../data/list-map-keys.json");

/// What one version says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to object to.
    Valid,
    /// The server would refuse it; never empty.
    Invalid(Vec<Fault>),
    /// The version has no such kind and no CustomResourceDefinition for it was added, so nothing
    /// can be said. This is not a pass.
    Unknown {
        /// `apiVersion` of the object; empty when it has none.
        api_version: String,
        /// `kind` of the object; empty when it has none.
        kind: String,
    },
}

/// Schemas of some Kubernetes versions and custom resources.
///
/// Nothing is unpacked or compiled before it is needed; what is compiled is shared by all threads.
pub struct Schemas {
    versions: Vec<(Version, OnceLock<Option<Bundle>>)>,
    former: [(Version, OnceLock<Option<Bundle>>); 3],
    custom: HashMap<KindKey, CustomKind>,
}

impl Schemas {
    /// Schemas of the given versions; a version given twice counts once.
    #[must_use]
    pub fn new(versions: &[Version]) -> Self {
        let mut unique = versions.to_vec();
        unique.sort();
        unique.dedup();
        let versions = unique.into_iter().map(|version| (version, OnceLock::new())).collect();
        let former = Version::FORMER.map(|version| (version, OnceLock::new()));
        Self { versions, former, custom: HashMap::new() }
    }

    /// Schemas of a live server, from its OpenAPI v3 documents, custom resources included, and
    /// besides of the given versions, which may be none. The server's stand under its minor (36
    /// for 1.36), which need not be embedded, in place of embedded ones of the same minor.
    ///
    /// # Errors
    ///
    /// When a document is not OpenAPI 3 as Kubernetes writes it, refers to what none of them
    /// defines, or when they lack what every server defines.
    pub fn with_live(
        versions: &[Version],
        minor: u16,
        documents: &[Value],
    ) -> Result<Self, LiveError> {
        let live = version::minor(minor);
        let bundle = Bundle::live(documents)?;
        let mut schemas = Self::new(versions);
        schemas.versions.retain(|(version, _)| *version != live);
        schemas.versions.push((live, OnceLock::from(Some(bundle))));
        schemas.versions.sort_by_key(|(version, _)| *version);
        Ok(schemas)
    }

    /// Adds every served version of a CustomResourceDefinition, for all Kubernetes versions. What
    /// a live server says of the same kind comes first.
    ///
    /// # Errors
    ///
    /// When the object is no `apiextensions.k8s.io/v1` CustomResourceDefinition, or lacks what
    /// the server requires of one.
    pub fn add_crd(&mut self, crd: &Value) -> Result<(), CrdError> {
        self.custom.extend(crd::served_kinds(crd)?);
        Ok(())
    }

    /// The object judged by every version, oldest first.
    #[must_use]
    pub fn validate(&self, object: &Value) -> Vec<(Version, Outcome)> {
        let judge = |(version, _): &(Version, _)| (*version, self.validate_for(*version, object));
        self.versions.iter().map(judge).collect()
    }

    /// The object judged by one version; unknown when these schemas were not made for it.
    #[must_use]
    pub fn validate_for(&self, version: Version, object: &Value) -> Outcome {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let key = (text("apiVersion").to_owned(), text("kind").to_owned());
        match self.faults(version, &key, object) {
            None => Outcome::Unknown { api_version: key.0, kind: key.1 },
            Some(faults) if faults.is_empty() => Outcome::Valid,
            Some(faults) => Outcome::Invalid(faults),
        }
    }

    /// An object of a built-in kind that no embedded target version serves any more, judged by the
    /// newest embedded version that did. `None` when there is none.
    ///
    /// Such an object is faulty for every target, but a change of it can still be judged.
    #[must_use]
    pub fn validate_for_former(&self, object: &Value) -> Option<(Version, Outcome)> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let key = (text("apiVersion").to_owned(), text("kind").to_owned());
        self.former.iter().find_map(|(version, cell)| {
            let bundle = cell.get_or_init(|| Bundle::load(*version).ok()).as_ref()?;
            let faults = bundle.faults(bundle.validator(&key)?.as_ref(), object);
            let outcome = match faults.is_empty() {
                true => Outcome::Valid,
                false => Outcome::Invalid(faults),
            };
            Some((*version, outcome))
        })
    }

    /// `None` when nothing is known of the kind.
    fn faults(&self, version: Version, key: &KindKey, object: &Value) -> Option<Vec<Fault>> {
        let bundle = self.bundle(version)?;
        if let Some(validator) = bundle.validator(key) {
            return Some(bundle.faults(&validator, object));
        }
        let custom = bundle.custom(key).or_else(|| self.custom.get(key))?;
        bundle.custom_faults(custom, object)
    }

    /// Embedded data that cannot be read leaves every kind of the version unknown.
    fn bundle(&self, version: Version) -> Option<&Bundle> {
        let (_, cell) = self.versions.iter().find(|(known, _)| *known == version)?;
        cell.get_or_init(|| Bundle::load(version).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests;
