//! What files hold once accepted fixes are in them: the fixes are found again in the sources as
//! they are now, brought together, and judged once more.

use crate::archive::{Archive, Fix};
use crate::args::Common;
use crate::args::carry::Batching;
use crate::located::{Located, Sources, is_the_object};
use crate::session::{Proving, Session};
use detector::{Corpus, Found, Hidden, HiddenBy, Sifted};
use json_patch::PatchOperation;
use rayon::prelude::*;
use record::{Applicability, GateOutcome};
use rules::{Finding, Rule};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use verifier::{Accepted, GateSet, Judge};

/// The records of a run, and the sources as they are now.
pub(crate) struct Scene<'a> {
    pub(crate) session: &'a Session,
    pub(crate) archive: &'a Archive,
    pub(crate) sources: &'a Sources,
    pub(crate) corpus: &'a Corpus<'a>,
    /// Judges by the gates that need nothing but the sources.
    pub(crate) judge: &'a Judge<'a>,
    /// The accepted fixes, in the order of the schedule.
    pub(crate) fixes: &'a [Fix<'a>],
}

/// Reads the records and the sources that the arguments ask for.
///
/// # Errors
/// When something cannot be read, or `work` fails.
pub(crate) fn with_scene<T>(
    common: &Common,
    args: &Batching,
    work: impl FnOnce(&Scene<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut session = Session::new(common, &args.selecting)?;
    let archive = Archive::read(&args.records)?;
    session.gather_again(&args.evidence, args.records.run.as_deref())?;
    let sources = archive.sources(&session);
    let corpus = session.corpus(&sources.inputs.files);
    let proving = Proving::new(&session, &corpus, GateSet::default(), false, None)?;
    let judge = proving.judge(&session, &corpus);
    work(&Scene {
        session: &session,
        archive: &archive,
        sources: &sources,
        corpus: &corpus,
        judge: &judge,
        fixes: &archive.fixes(),
    })
}

/// Fixes on their way into files. Fixes are named by their index.
pub(crate) struct Landing<'a> {
    judge: &'a Judge<'a>,
    fixes: &'a [Fix<'a>],
    /// Where each fix is to land, or why it cannot.
    places: Vec<Result<Place, String>>,
    /// All findings of the objects that fixes are for, by position.
    found: HashMap<usize, Vec<Found>>,
    /// The fixes that were let in so far, by position.
    chosen: BTreeMap<usize, BTreeSet<usize>>,
    /// What they come to, by position.
    objects: BTreeMap<usize, Object>,
}

/// Where a fix is to land.
struct Place {
    position: usize,
    cure: Cure,
}

/// How a fix is brought together with others of its object.
enum Cure {
    /// The rule still proposes just this for the finding at this index of [`Landing::found`]: it is
    /// composed anew with the others.
    Composed(usize),
    /// The recorded operations, after all that is composed.
    Recorded { rules: Vec<&'static Rule>, targets: Vec<Found> },
}

/// What the fixes of one object come to.
#[derive(Default)]
struct Object {
    accepted: Option<Accepted>,
    /// The fixes that are in it.
    landed: BTreeSet<usize>,
    /// Why others are not.
    left_out: BTreeMap<usize, String>,
}

/// What the files hold after a step.
#[derive(Default)]
pub(crate) struct Step {
    /// New texts of the files that the step was about, by the index of the file; unchanged ones
    /// are left out.
    pub(crate) texts: BTreeMap<usize, String>,
    /// The fixes that are in these texts.
    pub(crate) landed: BTreeSet<usize>,
    /// Why others are not.
    pub(crate) left_out: BTreeMap<usize, String>,
}

impl<'a> Landing<'a> {
    /// Looks for the findings of the fixes in the sources as they are now.
    pub(crate) fn new(scene: &Scene<'a>) -> Self {
        let Scene { session, sources, corpus, judge, fixes, .. } = *scene;
        let positions: Vec<Result<usize, String>> =
            fixes.par_iter().map(|fix| position(fix, sources, corpus)).collect();
        let wanted: BTreeSet<usize> = positions.iter().flatten().copied().collect();
        let selected = session.rules.iter().copied();
        let needed = fixes.iter().filter_map(|fix| Some(rules::by_id(fix.rule())?.rule));
        let by_id: BTreeMap<&str, &'static Rule> =
            selected.chain(needed).map(|rule| (rule.id, rule)).collect();
        let rules: Vec<&'static Rule> = by_id.into_values().collect();
        let check = |at: usize| (at, corpus.check(at, &rules, judge.settings));
        let found: HashMap<usize, Vec<Found>> = wanted.into_par_iter().map(check).collect();
        let places = fixes
            .par_iter()
            .zip(positions)
            .map(|(fix, position)| {
                let position = position?;
                let cure = cure(fix, position, &found[&position], sources, corpus, session)?;
                Ok(Place { position, cure })
            })
            .collect();
        let (chosen, objects) = (BTreeMap::new(), BTreeMap::new());
        Self { judge, fixes, places, found, chosen, objects }
    }

    /// Where a fix is to land.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn position(&self, fix: usize) -> Result<usize, &str> {
        self.places[fix].as_ref().map(|place| place.position).map_err(String::as_str)
    }

    /// Lets more fixes in and says what the files then hold that these are for.
    pub(crate) fn step(&mut self, more: &[usize]) -> Step {
        let mut step = Step::default();
        let mut touched = BTreeSet::new();
        for fix in more {
            match &self.places[*fix] {
                Ok(place) => {
                    touched.insert(place.position);
                    self.chosen.entry(place.position).or_default().insert(*fix);
                }
                Err(reason) => {
                    step.left_out.insert(*fix, reason.clone());
                }
            }
        }
        let judged: Vec<(usize, Object)> =
            touched.par_iter().map(|position| (*position, self.object(*position))).collect();
        self.objects.extend(judged);
        let corpus = self.judge.corpus;
        let files: BTreeSet<usize> = touched.iter().map(|at| corpus.file_of(*at)).collect();
        let positions = || files.iter().flat_map(|file| corpus.positions_of(*file));
        let objects = || positions().filter_map(|at| Some((at, self.objects.get(&at)?)));
        let edits = verifier::file_edits(
            corpus,
            objects().filter_map(|(at, object)| Some((at, object.accepted.as_ref()?))),
        );
        let refused: HashMap<(usize, usize), &String> =
            edits.refused.iter().map(|(document, reason)| (*document, reason)).collect();
        for (position, object) in objects() {
            let document = (corpus.file_of(position), corpus.object(position).document);
            step.left_out.extend(object.left_out.iter().map(|(fix, why)| (*fix, why.clone())));
            match refused.get(&document) {
                Some(reason) => {
                    let landed = object.landed.iter();
                    step.left_out.extend(landed.map(|fix| (*fix, (*reason).clone())));
                }
                None => step.landed.extend(&object.landed),
            }
        }
        for (file, edits) in &edits.edits {
            if let Ok(source) = &corpus.inputs()[*file].source {
                step.texts.insert(*file, manifest::apply_edits(source.text(), edits));
            }
        }
        step
    }

    /// Brings the chosen fixes of one object together.
    fn object(&self, position: usize) -> Object {
        let Some(chosen) = self.chosen.get(&position) else { return Object::default() };
        let found = &self.found[&position];
        let mut object = Object::default();
        // From the index among the findings to the fix.
        let mut composed: BTreeMap<usize, usize> = BTreeMap::new();
        let mut recorded = Vec::new();
        for fix in chosen {
            match self.places[*fix].as_ref().map(|place| &place.cure) {
                Ok(Cure::Composed(index)) => {
                    composed.insert(*index, *fix);
                }
                Ok(Cure::Recorded { rules, targets }) => recorded.push((*fix, rules, targets)),
                Err(_) => {}
            }
        }
        if !composed.is_empty() {
            self.compose(position, found, &composed, &mut object);
        }
        let mut all_rules: Vec<&'static Rule> =
            composed.keys().map(|index| found[*index].finding.rule).collect();
        let mut all_targets: Vec<Found> = composed
            .iter()
            .filter(|(_, fix)| object.landed.contains(fix))
            .map(|(index, _)| found[*index].clone())
            .collect();
        for (fix, rules, targets) in recorded {
            let mut operations: Vec<PatchOperation> =
                object.accepted.iter().flat_map(|a| a.operations.iter().cloned()).collect();
            operations.extend(self.fixes[fix].patch.patch.iter().cloned());
            let rules = [&all_rules[..], rules].concat();
            let targets = [&all_targets[..], targets].concat();
            let judged = self.judge.foreign(position, &operations, &rules, &targets);
            match (self.judge.gates.accepts(&judged.gates), judged.edit) {
                (true, Some(edit)) => {
                    (all_rules, all_targets) = (rules, targets);
                    let (included, provenance) = ((0..all_targets.len()).collect(), Vec::new());
                    let effect = None;
                    object.accepted =
                        Some(Accepted { operations, included, provenance, edit, effect });
                    object.landed.insert(fix);
                }
                _ => {
                    let bad = judged.gates.iter().find(|gate| gate.outcome != GateOutcome::Passed);
                    let reason = bad.map_or_else(
                        || "no gate judged it".to_owned(),
                        |gate| {
                            let why = gate.reason.as_deref().unwrap_or("it does not pass");
                            format!("gate {}: {why}", gate.gate.as_str())
                        },
                    );
                    object.left_out.insert(fix, reason);
                }
            }
        }
        for fix in chosen.iter().filter(|fix| !object.landed.contains(*fix)) {
            let twin = || "another fix cures the same finding".to_owned();
            object.left_out.entry(*fix).or_insert_with(twin);
        }
        object
    }

    fn compose(
        &self,
        position: usize,
        found: &[Found],
        composed: &BTreeMap<usize, usize>,
        object: &mut Object,
    ) {
        let mut sifted = Sifted::default();
        let mut fixes = Vec::new();
        for (index, found) in found.iter().enumerate() {
            match composed.get(&index) {
                Some(fix) => {
                    sifted.found.push(found.clone());
                    fixes.push(*fix);
                }
                // It stays, and is not new.
                None => {
                    sifted.hidden.push(Hidden { found: found.clone(), by: HiddenBy::Baseline });
                }
            }
        }
        let verdict = self.judge.object(position, &sifted, Applicability::Unsafe);
        let included: BTreeSet<usize> = verdict
            .accepted
            .iter()
            .flat_map(|accepted| accepted.included.iter().copied())
            .collect();
        for (index, (fix, verdict)) in fixes.into_iter().zip(verdict.findings).enumerate() {
            if included.contains(&index) {
                object.landed.insert(fix);
            } else {
                let reason = verdict.reason.unwrap_or_else(|| "it does not go together".to_owned());
                object.left_out.insert(fix, reason);
            }
        }
        object.accepted = verdict.accepted;
    }
}

/// The object of a fix.
fn position(fix: &Fix<'_>, sources: &Sources, corpus: &Corpus<'_>) -> Result<usize, String> {
    let path = &fix.detection.manifest_path;
    let file = sources
        .file_of(fix.detection)
        .ok_or_else(|| format!("{path}: there is no such file any more"))?;
    if let Err(error) = &corpus.inputs()[file].source {
        return Err(format!("{path}: {error}"));
    }
    let candidates: Vec<usize> = corpus
        .positions_of(file)
        .filter(|position| is_the_object(fix.detection, corpus, *position))
        .collect();
    let document = fix.detection.object.as_ref().map(|object| object.document);
    let in_document = |at: &&usize| Some(corpus.object(**at).document) == document;
    let at = candidates.iter().find(in_document).or_else(|| candidates.first());
    at.copied().ok_or_else(|| "its object is not in the file any more".to_owned())
}

/// How a fix is brought together with others.
///
/// # Errors
/// When its finding is not there any more.
fn cure(
    fix: &Fix<'_>,
    position: usize,
    found: &[Found],
    sources: &Sources,
    corpus: &Corpus<'_>,
    session: &Session,
) -> Result<Cure, String> {
    let detection = fix.detection;
    let is_it = |found: &&Found| {
        Some(found.finding.rule.id) == detection.rule.as_deref()
            && Some(&found.keyed_path) == detection.keyed_path.as_ref()
    };
    let matching: Vec<&Found> = found.iter().filter(is_it).collect();
    // Twins at one place are told apart by their fingerprints.
    let exact = matching.iter().find(|found| found.fingerprint.to_string() == fix.fingerprint());
    if let Some(one) = exact.or_else(|| matching.first()) {
        let findings: Vec<&Finding> = found.iter().map(|found| &found.finding).collect();
        let index = found.iter().position(|found| found.fingerprint == one.fingerprint);
        let index = index.ok_or("its finding is not there any more")?;
        let proposal = proposer::propose(corpus.object(position), &findings, index);
        if proposal.is_ok_and(|proposal| proposal.operations == fix.patch.patch) {
            return Ok(Cure::Composed(index));
        }
    }
    let located = Located::find(detection, sources, corpus, session)?;
    if located.position != position {
        return Err("its object is not the one that it was".to_owned());
    }
    let rules = located.allowed_rules(&fix.patch.patch, corpus);
    Ok(Cure::Recorded { rules, targets: located.targets })
}
