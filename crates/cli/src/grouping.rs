//! Which fixes belong together, and what rolling them out does.

use crate::archive::Fix;
use crate::inputs::Inputs;
use crate::owners::Owners;
use detector::Corpus;
use manifest::Node;
use record::{GateResult, GroupBy};
use rollout::radius::radius;
use rules::Object;
use scheduler::batch::Unit;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Exposure above this factor is more than from the pods of the cluster.
const FROM_OUTSIDE: f64 = 1.25;
/// Names of labels and annotations that say who owns an object, behind any prefix.
const OWNERS: [&str; 4] = ["owner", "owners", "team", "squad"];
/// Files that make a folder the base of a kustomization.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Looks up what fixes have in common.
pub(crate) struct Grouping<'a> {
    by: GroupBy,
    corpus: &'a Corpus<'a>,
    inputs: &'a Inputs,
    /// Bases by folder.
    bases: HashMap<PathBuf, Option<String>>,
    /// Who owns the objects that name nobody.
    pub(crate) owners: Owners,
}

impl<'a> Grouping<'a> {
    pub(crate) fn new(by: GroupBy, corpus: &'a Corpus<'a>, inputs: &'a Inputs) -> Self {
        Self { by, corpus, inputs, bases: HashMap::new(), owners: Owners::default() }
    }

    /// A fix whose object is at a position, as batches see it.
    pub(crate) fn unit(&mut self, fix: &Fix<'_>, position: usize) -> Unit {
        let object = self.corpus.object(position);
        let radius = radius(object, &fix.patch.patch);
        let path = &self.corpus.input_of(position).path;
        let heard =
            fix.verdict.gates.iter().find_map(|gate: &GateResult| gate.server.as_ref()?.effect);
        let exposure = |score: &'_ record::RiskScore| {
            let exposed =
                |term: &&record::RiskTerm| term.name == "exposure" && term.value > FROM_OUTSIDE;
            score.terms.iter().find(exposed).map(|term| term.reason.clone())
        };
        Unit {
            id: fix.detection.id.clone(),
            fingerprint: fix.fingerprint().to_owned(),
            key: self.key(fix, position),
            rule: fix.rule().to_owned(),
            file: path.clone(),
            object: format!("{path}: {} {}", object.kind, object.name),
            namespace: object.namespace.unwrap_or_default().to_owned(),
            risk: fix.risk(),
            kev: fix.score.is_some_and(|score| score.kev),
            needs_approval: !fix.is_safe(),
            effect: heard.or(radius.effect),
            replicas: radius.replicas,
            exposed: fix.score.and_then(exposure),
            recreate: radius.recreate,
            progress_deadline: radius.progress_deadline,
        }
    }

    fn key(&mut self, fix: &Fix<'_>, position: usize) -> String {
        let object = self.corpus.object(position);
        match self.by {
            GroupBy::Rule => fix.rule().to_owned(),
            GroupBy::Namespace => object.namespace.unwrap_or("none").to_owned(),
            GroupBy::Owner => {
                owner(object).map_or_else(|| self.owner_of_file(position), str::to_owned)
            }
            GroupBy::RootCause => self.cause(fix, position),
        }
    }

    fn owner_of_file(&mut self, position: usize) -> String {
        let place = self.inputs.locations.get(self.corpus.file_of(position));
        let owners = place.and_then(|place| place.as_deref()).map(|place| self.owners.of(place));
        match owners.unwrap_or_default().join(" ") {
            none if none.is_empty() => "nobody".to_owned(),
            owners => owners,
        }
    }

    fn cause(&mut self, fix: &Fix<'_>, position: usize) -> String {
        let object = self.corpus.object(position);
        if let Some(chart) = label(object, &["helm.sh/chart"]).or_else(|| label(object, &["chart"]))
        {
            return format!("chart {chart}");
        }
        if let Some(base) = self.base(position) {
            return format!("base {base}");
        }
        let image = object.pod.as_ref().and_then(|pod| pod.containers.first());
        match image.and_then(|container| container.node.get("image")).and_then(Node::as_str) {
            Some(image) => format!("image {}", repository(image)),
            None => format!("rule {}", fix.rule()),
        }
    }

    /// The nearest folder above a file that is a kustomization.
    fn base(&mut self, position: usize) -> Option<String> {
        let file = self.corpus.file_of(position);
        let folder = self.inputs.locations.get(file)?.as_deref()?.parent()?.to_owned();
        let find = || {
            let is_base =
                |folder: &&Path| KUSTOMIZATIONS.iter().any(|name| folder.join(name).is_file());
            let base = folder.ancestors().find(is_base)?;
            let name = base.to_string_lossy();
            Some(if name.is_empty() { ".".to_owned() } else { name.into_owned() })
        };
        self.bases.entry(folder.clone()).or_insert_with(find).clone()
    }
}

fn owner<'a>(object: &Object<'a>) -> Option<&'a str> {
    let says = |map: &'static str| {
        let entries = object.at(&["metadata", map])?.entries();
        let is_owner = |key: &str| OWNERS.contains(&key.rsplit('/').next().unwrap_or(key));
        entries
            .filter(|(key, ..)| is_owner(key))
            .find_map(|(_, _, value)| value.as_str().filter(|owner| !owner.is_empty()))
    };
    says("annotations").or_else(|| says("labels"))
}

fn label<'a>(object: &Object<'a>, key: &[&str]) -> Option<&'a str> {
    let path = [&["metadata", "labels"], key].concat();
    object.at(&path).and_then(Node::as_str).filter(|value| !value.is_empty())
}

/// An image without its tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}
