use crate::allowed;
use crate::judge::Judge;
use crate::server::{Change, Subject};
use detector::{Fingerprint, Found};
use json_patch::PatchOperation;
use jsonptr::PointerBuf;
use manifest::Edit;
use proposer::Composition;
use record::{Cause, Effect, Gate, GateOutcome, GateResult};
use rules::{Finding, Object, Rule, Scope, Set};
use schema::{Fault, Outcome, Schemas};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// Kinds that find pods by their labels, besides Services.
const SELECTING: [(&str, &str); 2] =
    [("networking.k8s.io", "NetworkPolicy"), ("policy", "PodDisruptionBudget")];

/// What the gates need of one object, gathered once.
pub(crate) struct Gates<'j, 'f> {
    judge: &'j Judge<'j>,
    position: usize,
    found: &'f [Found],
    /// The document before any patch.
    document: Value,
    /// Findings of every rule before any patch.
    before: HashSet<Fingerprint>,
}

/// One joint patch and what the gates say of it.
pub(crate) struct Attempt {
    pub(crate) composition: Composition,
    pub(crate) edit: Option<Edit>,
    joint: Vec<GateResult>,
    /// Findings that are still there, by their index.
    still_found: BTreeMap<usize, String>,
    policy: GateResult,
}

impl Attempt {
    /// Whether every gate that ran passed, for every finding.
    pub(crate) fn passed(&self) -> bool {
        let good =
            |gate: &GateResult| matches!(gate.outcome, GateOutcome::Passed | GateOutcome::Skipped);
        self.joint.iter().all(good) && good(&self.policy) && self.still_found.is_empty()
    }

    /// The gates after `patch`, as they stand for one finding.
    pub(crate) fn gates_of(&self, index: usize) -> Vec<GateResult> {
        let mut gates = self.joint.clone();
        let mut policy = self.policy.clone();
        if let Some(reason) = self.still_found.get(&index) {
            policy.outcome = GateOutcome::Failed;
            policy.reason = Some(reason.clone());
        }
        gates.push(policy);
        gates.sort_by_key(|gate| gate.gate);
        gates
    }
}

impl Attempt {
    /// Whether the server could not judge, for a reason that no fix less would change.
    pub(crate) fn is_beyond_the_server(&self) -> bool {
        let unavailable = self.server().is_some_and(|g| g.outcome == GateOutcome::Unavailable);
        let cause = self.server().and_then(|gate| gate.server.as_ref()?.cause);
        unavailable && cause != Some(Cause::Conflict)
    }

    /// What the joint patch changes of what runs, when a server was asked.
    pub(crate) fn effect(&self) -> Option<Effect> {
        self.server()?.server.as_ref()?.effect
    }

    fn server(&self) -> Option<&GateResult> {
        self.joint.iter().find(|gate| gate.gate == Gate::Server)
    }

    /// The gates after `patch`, as they stand for all findings together.
    pub(crate) fn worst_gates(&self) -> Vec<GateResult> {
        self.gates_of(self.still_found.keys().next().copied().unwrap_or(0))
    }
}

impl<'j, 'f> Gates<'j, 'f> {
    /// `others` are the rules of which `found` does not hold every finding.
    pub(crate) fn new(
        judge: &'j Judge<'j>,
        position: usize,
        found: &'f [Found],
        others: &[&'static Rule],
    ) -> Self {
        let object = judge.corpus.object(position);
        let input = judge.corpus.input_of(position);
        let root = input.source.as_ref().ok().and_then(|source| source.root(object.document));
        let mut before: HashSet<Fingerprint> = judge
            .corpus
            .check(position, others, judge.settings)
            .iter()
            .map(|found| found.fingerprint)
            .collect();
        before.extend(found.iter().map(|found| found.fingerprint));
        Self {
            judge,
            position,
            found,
            document: root.map_or(Value::Null, manifest::Node::to_json),
            before,
        }
    }

    /// Findings that are there besides, and stay.
    pub(crate) fn knowing(mut self, others: impl IntoIterator<Item = Fingerprint>) -> Self {
        self.before.extend(others);
        self
    }

    fn object(&self) -> &'j Object<'j> {
        self.judge.corpus.object(self.position)
    }

    /// Runs a gate's judgement with its switch and its clock.
    fn timed(&self, gate: Gate, judgement: impl FnOnce() -> GateResult) -> GateResult {
        if !self.judge.gates.contains(gate) {
            let reason = Some("switched off".to_owned());
            return GateResult::new(gate, GateOutcome::Skipped, reason);
        }
        let start = self.judge.timings.then(Instant::now);
        let mut result = judgement();
        result.microseconds =
            start.map(|start| u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
        result
    }

    /// Judges a patch that was composed here by what its rules may touch.
    pub(crate) fn patch(&self, operations: &[PatchOperation], rules: &[&Rule]) -> GateResult {
        self.timed(Gate::Patch, || {
            let touched = allowed::check_composed(operations, rules, self.object(), &self.document);
            result(Gate::Patch, touched.and_then(|()| self.applies(operations)))
        })
    }

    /// Judges a patch that came from elsewhere by what these rules may touch.
    pub(crate) fn foreign_patch(
        &self,
        operations: &[PatchOperation],
        rules: &[&Rule],
    ) -> GateResult {
        self.timed(Gate::Patch, || {
            let document = &self.document;
            result(Gate::Patch, allowed::check(operations, rules, self.object(), document))
        })
    }

    /// Whether a patch applies. Most patches can be seen to; others are tried on a copy of the
    /// smallest part of the document that holds all of it.
    fn applies(&self, operations: &[PatchOperation]) -> Result<(), String> {
        if operations.iter().all(|operation| fits(operation, &self.document)) {
            return Ok(());
        }
        let (prefix, operations) = rebase(operations);
        let part = self.document.pointer(&prefix);
        let mut part = part.ok_or_else(|| format!("there is no {prefix}"))?.clone();
        json_patch::patch(&mut part, &operations).map_err(|error| error.to_string())
    }

    /// The document after a patch, by a JSON Patch implementation that is not ours.
    fn apply(&self, operations: &[PatchOperation]) -> Result<Value, String> {
        let mut document = self.document.clone();
        json_patch::patch(&mut document, operations).map_err(|error| error.to_string())?;
        Ok(document)
    }

    /// Composes the fixes of these findings and sends them through the remaining gates.
    pub(crate) fn attempt(&self, indexes: &[usize]) -> Attempt {
        let findings: Vec<&Finding> = indexes.iter().map(|i| &self.found[*i].finding).collect();
        let mut composition = proposer::compose(self.object(), &findings);
        let original = |index: &mut usize| *index = indexes[*index];
        composition.included.iter_mut().for_each(original);
        composition.withheld.iter_mut().for_each(|(index, _)| original(index));
        self.judge_composition(composition)
    }

    /// Sends a ready patch through the remaining gates; it must cure these findings.
    pub(crate) fn judge_patch(
        &self,
        operations: Vec<PatchOperation>,
        included: Vec<usize>,
    ) -> Attempt {
        self.judge_composition(Composition { operations, included, ..Composition::default() })
    }

    fn judge_composition(&self, composition: Composition) -> Attempt {
        let mut attempt = self.judge_offline(composition);
        if self.judge.gates.contains(Gate::Server) {
            let result = match attempt.passed() {
                true => self.server(&attempt.composition.operations),
                false => skipped(Gate::Server),
            };
            attempt.joint.push(result);
        }
        attempt
    }

    fn judge_offline(&self, composition: Composition) -> Attempt {
        let mut attempt = Attempt {
            composition,
            edit: None,
            joint: Vec::new(),
            still_found: BTreeMap::new(),
            policy: skipped(Gate::Policy),
        };
        let operations = &attempt.composition.operations;
        let patched = match self.apply(operations) {
            Ok(patched) => patched,
            Err(reason) => {
                attempt.joint.push(result(Gate::Edit, Err(reason)));
                attempt.joint.extend([Gate::Regression, Gate::Schema].map(skipped));
                return attempt;
            }
        };
        let mut edited = Err(String::new());
        let edit_result = self.timed(Gate::Edit, || {
            edited = self.edit(operations, &patched);
            result(Gate::Edit, edited.as_ref().map(|_| ()).map_err(Clone::clone))
        });
        let edit_failed = edit_result.outcome == GateOutcome::Failed;
        attempt.joint.push(edit_result);
        let edit = match edited {
            Ok(edit) => edit,
            Err(_) if edit_failed => {
                attempt.joint.extend([Gate::Regression, Gate::Schema].map(skipped));
                return attempt;
            }
            // The gate is switched off; later gates still judge the edited text.
            Err(_) => match self.edit(operations, &patched) {
                Ok(edit) => edit,
                Err(reason) => {
                    attempt.joint.push(result(Gate::Edit, Err(reason)));
                    return attempt;
                }
            },
        };
        self.judge_text(&mut attempt, &edit);
        attempt.joint.push(self.schema(&patched));
        attempt.edit = Some(edit);
        attempt
    }

    /// The gate that asks a real API server. It runs last: it takes longest.
    fn server(&self, operations: &[PatchOperation]) -> GateResult {
        let Some(trials) = self.judge.server else {
            let reason = Some("there is no API server to ask: see --server".to_owned());
            return GateResult::new(Gate::Server, GateOutcome::Unavailable, reason);
        };
        self.timed(Gate::Server, || match self.before_and_after(operations) {
            Ok((before, after)) => trials.judge(&self.subject(), &before, &after),
            Err(reason) => result(Gate::Server, Err(reason)),
        })
    }

    /// What these operations, which every gate accepts, change of what runs.
    pub(crate) fn change(&self, operations: &[PatchOperation]) -> Change {
        match (self.before_and_after(operations), self.judge.server) {
            (Ok((before, after)), Some(trials)) => trials.change(&self.subject(), &before, &after),
            _ => Change::default(),
        }
    }

    fn subject(&self) -> Subject<'j> {
        let object = self.object();
        let pod = object.pod.as_ref().map(|pod| pod.keys);
        Subject { position: self.position, kind: object.kind, pod }
    }

    /// The object, without and with the patch.
    fn before_and_after(&self, operations: &[PatchOperation]) -> Result<(Value, Value), String> {
        let patched = self.apply(operations)?;
        let prefix = self.object().prefix();
        match (self.document.pointer(&prefix), patched.pointer(&prefix)) {
            (Some(before), Some(after)) => Ok((before.clone(), after.clone())),
            _ => Err("the patch removes the object".to_owned()),
        }
    }

    fn edit(&self, operations: &[PatchOperation], patched: &Value) -> Result<Edit, String> {
        let input = self.judge.corpus.input_of(self.position);
        let source = input.source.as_ref().map_err(ToString::to_string)?;
        let edit = manifest::edit(source, self.object().document, operations)
            .map_err(|error| error.to_string())?;
        if !edit.root().eq_json(patched) {
            return Err("the edited text does not read as the patched data".to_owned());
        }
        Ok(edit)
    }

    /// The gates that look at the edited text as the detector does.
    fn judge_text(&self, attempt: &mut Attempt, edit: &Edit) {
        let object = self.object();
        let root = match object.item {
            None => Some(edit.root()),
            Some(index) => edit.root().get("items").and_then(|items| items.item(index)),
        };
        let edited = root
            .and_then(|root| Object::new(root, object.context, object.document, object.item))
            .filter(|edited| same_identity(object, edited));
        let Some(edited) = edited else {
            let reason = "the patch changes what the object is".to_owned();
            attempt.joint.push(result(Gate::Regression, Err(reason)));
            return;
        };
        let set = self.judge.corpus.set().clone().replacing(self.position, edited.clone());
        let judge = self.judge;
        let after =
            judge.corpus.check_as(self.position, &edited, &set, judge.rules, judge.settings);
        attempt.policy = self.timed(Gate::Policy, || result(Gate::Policy, Ok(())));
        if attempt.policy.outcome == GateOutcome::Passed {
            attempt.still_found = self.still_found(&attempt.composition.included, &after);
        }
        attempt.joint.push(self.timed(Gate::Regression, || {
            result(Gate::Regression, self.no_new_finding(&edited, &set, &after))
        }));
    }

    fn still_found(&self, included: &[usize], after: &[Found]) -> BTreeMap<usize, String> {
        let after: HashSet<Fingerprint> = after.iter().map(|found| found.fingerprint).collect();
        included
            .iter()
            .filter(|index| after.contains(&self.found[**index].fingerprint))
            .map(|index| {
                let rule = self.found[*index].finding.rule.id;
                (*index, format!("{rule} still reports it after the patch"))
            })
            .collect()
    }

    fn no_new_finding(
        &self,
        edited: &Object<'_>,
        set: &Set<'_>,
        after: &[Found],
    ) -> Result<(), String> {
        let is_new =
            |found: &&Found| !found.finding.rule.taste && !self.before.contains(&found.fingerprint);
        if let Some(new) = after.iter().find(is_new) {
            let finding = &new.finding;
            return Err(format!("new finding {}: {}", finding.rule.id, finding.message));
        }
        self.no_new_finding_elsewhere(edited, set)
    }

    /// Other objects can only be affected through the labels that they select by.
    fn no_new_finding_elsewhere(&self, edited: &Object<'_>, set: &Set<'_>) -> Result<(), String> {
        let corpus = self.judge.corpus;
        let labels = |object: &Object<'_>| {
            object.pod.as_ref().and_then(rules::Pod::labels).map(manifest::Node::to_json)
        };
        if labels(self.object()) == labels(edited) {
            return Ok(());
        }
        let mut others = corpus.set().services_sharing_labels(self.object());
        others.extend(corpus.set().services_sharing_labels(edited));
        for (group, kind) in SELECTING {
            let before = corpus.set().selecting(self.object(), group, kind);
            let after = set.selecting(edited, group, kind);
            others.extend(before.iter().chain(&after).map(|other| other.position));
        }
        let rules: Vec<&'static Rule> =
            self.judge.rules.iter().copied().filter(|rule| rule.scope == Scope::Set).collect();
        for other in others {
            let settings = self.judge.settings;
            let before: HashSet<Fingerprint> =
                corpus.check(other, &rules, settings).iter().map(|f| f.fingerprint).collect();
            let object = corpus.object(other);
            let after = corpus.check_as(other, object, set, &rules, settings);
            if let Some(new) = after.iter().find(|f| !before.contains(&f.fingerprint)) {
                let (rule, kind, name) = (new.finding.rule.id, object.kind, object.name);
                return Err(format!("new finding {rule} in {kind} {name}"));
            }
        }
        Ok(())
    }

    fn schema(&self, patched: &Value) -> GateResult {
        self.timed(Gate::Schema, || {
            let prefix = self.object().prefix();
            match (self.document.pointer(&prefix), patched.pointer(&prefix)) {
                (Some(before), Some(after)) => judge_schema(self.judge.schemas, before, after),
                _ => result(Gate::Schema, Err("the patch removes the object".to_owned())),
            }
        })
    }
}

/// Whether an operation can be done on the document as it is. Operations of one fix do not undo
/// each other's ground: they write first and take away last, from the back.
fn fits(operation: &PatchOperation, document: &Value) -> bool {
    let at = |path: &PointerBuf| document.pointer(path.as_str());
    match operation {
        PatchOperation::Test(test) => at(&test.path) == Some(&test.value),
        PatchOperation::Replace(replace) => at(&replace.path).is_some(),
        PatchOperation::Remove(remove) => at(&remove.path).is_some(),
        PatchOperation::Add(add) => {
            let split = add.path.as_str().rsplit_once('/');
            split.is_some_and(|(parent, key)| match document.pointer(parent) {
                Some(Value::Object(_)) => true,
                Some(Value::Array(_)) => key == "-",
                _ => false,
            })
        }
        PatchOperation::Move(_) | PatchOperation::Copy(_) => false,
    }
}

/// The pointer to the smallest part that holds every place of a patch, and the patch from there.
fn rebase(operations: &[PatchOperation]) -> (String, Vec<PatchOperation>) {
    let parents = operations.iter().map(|operation| operation.path().as_str());
    let parents = parents.map(|path| path.rsplit_once('/').map_or("", |(parent, _)| parent));
    let prefix = parents.reduce(common_ancestor).unwrap_or("");
    let from_there = |path: &PointerBuf| {
        PointerBuf::parse(path.as_str()[prefix.len()..].to_owned()).unwrap_or_default()
    };
    let mut rebased = operations.to_vec();
    for operation in &mut rebased {
        match operation {
            PatchOperation::Add(op) => op.path = from_there(&op.path),
            PatchOperation::Remove(op) => op.path = from_there(&op.path),
            PatchOperation::Replace(op) => op.path = from_there(&op.path),
            PatchOperation::Test(op) => op.path = from_there(&op.path),
            // `from` may lie elsewhere; the check before refuses both.
            PatchOperation::Move(_) | PatchOperation::Copy(_) => {
                return (String::new(), operations.to_vec());
            }
        }
    }
    (prefix.to_owned(), rebased)
}

/// The longest pointer that both pointers start with.
fn common_ancestor<'p>(a: &'p str, b: &'p str) -> &'p str {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let ends = |text: &str| text.len() == same || text.as_bytes()[same] == b'/';
    if ends(a) && ends(b) {
        return &a[..same];
    }
    a[..same].rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Judges an object by the schemas of every target version. Faults that the object had before the
/// patch are named and do not count; a kind that the target serves no more is such a fault.
fn judge_schema(schemas: &Schemas, before: &Value, after: &Value) -> GateResult {
    let mut existing = None;
    for (version, outcome) in schemas.validate(after) {
        let (version, outcome, gone) = match outcome {
            Outcome::Unknown { api_version, kind } => match schemas.validate_for_former(after) {
                Some((last, outcome)) => {
                    let gone = format!("{version} serves no {api_version} {kind}, {last} did");
                    (last, outcome, Some(gone))
                }
                None => {
                    let reason = format!("no schema for {api_version} {kind} in {version}");
                    let outcome = GateOutcome::Unavailable;
                    return GateResult { outcome, ..result(Gate::Schema, Err(reason)) };
                }
            },
            outcome => (version, outcome, None),
        };
        if let Outcome::Invalid(faults) = outcome {
            let before = match gone {
                Some(_) => schemas.validate_for_former(before).map(|(_, outcome)| outcome),
                None => Some(schemas.validate_for(version, before)),
            };
            let before = match before {
                Some(Outcome::Invalid(faults)) => faults,
                _ => Vec::new(),
            };
            if let Some(new) = faults.iter().find(|fault| !before.contains(fault)) {
                return result(Gate::Schema, Err(fault_text(new, version)));
            }
            existing = faults.first().map(|fault| fault_text(fault, version));
        }
        existing = gone.or(existing);
    }
    GateResult {
        reason: existing.map(|fault| format!("was there before: {fault}")),
        ..result(Gate::Schema, Ok(()))
    }
}

fn fault_text(fault: &Fault, version: schema::Version) -> String {
    format!("{}: {} (Kubernetes {version})", fault.pointer, fault.message)
}

/// The version is no part of what an object is: whether a patch may write it, the gate `patch`
/// decides.
fn same_identity(before: &Object<'_>, after: &Object<'_>) -> bool {
    let identity = |object: &Object<'_>| {
        (object.kind.to_owned(), object.namespace.map(str::to_owned), object.name.to_owned())
    };
    identity(before) == identity(after)
}

fn result(gate: Gate, judgement: Result<(), String>) -> GateResult {
    let (outcome, reason) = match judgement {
        Ok(()) => (GateOutcome::Passed, None),
        Err(reason) => (GateOutcome::Failed, Some(reason)),
    };
    GateResult::new(gate, outcome, reason)
}

fn skipped(gate: Gate) -> GateResult {
    GateResult::new(gate, GateOutcome::Skipped, Some("an earlier gate failed".to_owned()))
}
