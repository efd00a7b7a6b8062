//! Values that no manifest holds, supplied by the operator.
//!
//! ```yaml
//! values:
//!   - match: { kinds: [Deployment], namespaces: [prod], labels: { tier: web }, containers: [web] }
//!     resources: { requests: { cpu: 200m, memory: 256Mi }, limits: { memory: 512Mi } }
//!   - runAsUser: 1000
//!     ttlSecondsAfterFinished: 3600
//!     images: { "nginx:latest": "nginx:1.29.3" }
//! ```

use crate::{Container, Evidence, Object, Question, Written};
use manifest::Node;
use record::ValueSource;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The `values` of the configuration: the first entry that matches and supplies a value wins.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Values(pub Vec<ScopedValues>);

/// Values for the objects that match.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScopedValues {
    /// Where the values hold; everywhere when absent.
    #[serde(rename = "match")]
    pub scope: Match,
    /// Resource requests and limits of a container.
    pub resources: Resources,
    /// Replacement for an image as it is written in the manifest.
    pub images: BTreeMap<String, String>,
    /// User id for containers that need one.
    pub run_as_user: Option<i64>,
    /// Group id for containers that need one.
    pub run_as_group: Option<i64>,
    /// Seconds after which a finished Job goes.
    pub ttl_seconds_after_finished: Option<i64>,
    /// Seconds after its time within which a CronJob's run may still start.
    pub starting_deadline_seconds: Option<i64>,
    /// Paths that containers write to; each becomes an `emptyDir` when the root file system turns
    /// read-only.
    pub writable_paths: Vec<String>,
}

/// Which objects and containers; every part that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Match {
    /// Kinds, as written.
    pub kinds: Vec<String>,
    /// Namespaces; `default` also covers objects without one.
    pub namespaces: Vec<String>,
    /// Names of objects.
    pub names: Vec<String>,
    /// Labels of the object, all of them.
    pub labels: BTreeMap<String, String>,
    /// Names of containers.
    pub containers: Vec<String>,
}

/// Quantities by resource name (`cpu`, `memory`, …).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// What the scheduler reserves.
    pub requests: BTreeMap<String, Value>,
    /// What the kubelet enforces.
    pub limits: BTreeMap<String, Value>,
}

impl Match {
    fn covers(&self, object: &Object<'_>, container: Option<&Container<'_>>) -> bool {
        let among = |list: &[String], text: &str| list.is_empty() || list.iter().any(|e| e == text);
        let labels = object.at(&["metadata", "labels"]);
        among(&self.kinds, object.kind)
            && among(&self.namespaces, object.effective_namespace())
            && among(&self.names, object.name)
            && (self.containers.is_empty()
                || container.is_some_and(|c| among(&self.containers, c.name)))
            && self.labels.iter().all(|(key, value)| {
                labels.and_then(|map| map.get(key)).and_then(Node::as_str) == Some(value)
            })
    }
}

impl Values {
    fn first(
        &self,
        object: &Object<'_>,
        container: Option<&Container<'_>>,
        pick: impl Fn(&ScopedValues) -> Option<(Value, String)>,
    ) -> Option<Written> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, values)| values.scope.covers(object, container))
            .find_map(|(index, values)| {
                let (value, place) = pick(values)?;
                let detail = format!("values[{index}].{place}");
                Some(Written { value, source: ValueSource::Operator, detail })
            })
    }
}

impl Evidence for Values {
    fn value(
        &self,
        question: Question<'_>,
        object: &Object<'_>,
        container: Option<&Container<'_>>,
    ) -> Option<Written> {
        self.first(object, container, |values| values.answer(question))
    }
}

impl ScopedValues {
    /// What answers a question, with its place.
    fn answer(&self, question: Question<'_>) -> Option<(Value, String)> {
        let number = |number: Option<i64>, place: &str| Some((number?.into(), place.to_owned()));
        match question {
            Question::Resource { list, resource } => {
                let quantities = match list {
                    "requests" => &self.resources.requests,
                    _ => &self.resources.limits,
                };
                Some((quantities.get(resource)?.clone(), format!("resources.{list}.{resource}")))
            }
            Question::Image(image) => {
                Some((self.images.get(image)?.as_str().into(), format!("images[\"{image}\"]")))
            }
            Question::RunAsUser => number(self.run_as_user, "runAsUser"),
            Question::RunAsGroup => number(self.run_as_group, "runAsGroup"),
            Question::TtlSecondsAfterFinished => {
                number(self.ttl_seconds_after_finished, "ttlSecondsAfterFinished")
            }
            Question::StartingDeadlineSeconds => {
                number(self.starting_deadline_seconds, "startingDeadlineSeconds")
            }
            Question::WritablePaths => (!self.writable_paths.is_empty())
                .then(|| (self.writable_paths.clone().into(), "writablePaths".to_owned())),
        }
    }
}
