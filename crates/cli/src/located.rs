//! Finds what a detection record speaks of in the files as they are now.

use crate::inputs::{self, Inputs};
use crate::session::Session;
use detector::{Corpus, Found, Input};
use json_patch::PatchOperation;
use proposer::{Proposal, compose, propose};
use record::{Applicability, Detection, canonical_policy_id};
use rules::{Finding, Reported, Rule};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The manifests that detections name.
pub(crate) struct Sources {
    pub(crate) inputs: Inputs,
    /// From the path in a record to the index of the file.
    files: HashMap<String, usize>,
    /// From the id of a detection whose text is in the record to the index of the file.
    embedded: HashMap<String, usize>,
}

impl Sources {
    /// Reads every file that a detection names: a relative path counts from the working
    /// directory, else from the folder of the detections. Where there is no file, the text in the
    /// record stands in.
    pub(crate) fn read(detections: &[Detection], records: &Path, session: &Session) -> Self {
        let folder = records.parent().unwrap_or(Path::new(""));
        Self::from(detections, &[Path::new(""), folder], session)
    }

    /// Reads every file that a detection names, below this folder only.
    pub(crate) fn below(root: &Path, detections: &[Detection], session: &Session) -> Self {
        Self::from(detections, &[root], session)
    }

    fn from(detections: &[Detection], folders: &[&Path], session: &Session) -> Self {
        let mut sources =
            Self { inputs: Inputs::default(), files: HashMap::new(), embedded: HashMap::new() };
        for detection in detections {
            let named = &detection.manifest_path;
            if sources.files.contains_key(named) {
                continue;
            }
            let place =
                folders.iter().filter(|_| named != "-").find_map(|base| file_below(base, named));
            match (place, &detection.manifest_yaml) {
                (Some(place), _) => {
                    let read = inputs::read(&[place], &session.limits);
                    sources.inputs.unreadable.extend(read.unreadable);
                    for (input, location) in read.files.into_iter().zip(read.locations) {
                        sources.files.insert(named.clone(), sources.inputs.files.len());
                        sources.inputs.files.push(input);
                        sources.inputs.locations.push(location);
                    }
                }
                (None, Some(text)) => {
                    let index = sources.inputs.files.len();
                    sources.embedded.insert(detection.id.clone(), index);
                    let bytes = text.clone().into_bytes();
                    let identity = named.clone();
                    let input = Input::parse(identity.clone(), identity, bytes, &session.limits);
                    sources.inputs.files.push(input);
                    sources.inputs.locations.push(None);
                }
                (None, None) => {}
            }
        }
        sources
    }

    /// Adds manifests that no detection names, as far as they are not there yet.
    pub(crate) fn add(&mut self, more: Inputs) {
        let real = |path: &Option<PathBuf>| path.as_ref()?.canonicalize().ok();
        let known: HashSet<PathBuf> = self.inputs.locations.iter().filter_map(real).collect();
        self.inputs.unreadable.extend(more.unreadable);
        for (input, location) in more.files.into_iter().zip(more.locations) {
            if real(&location).is_none_or(|path| !known.contains(&path)) {
                self.inputs.files.push(input);
                self.inputs.locations.push(location);
            }
        }
    }

    /// Why the manifest of a detection cannot be read.
    pub(crate) fn unreadable(&self, detection: &Detection) -> Option<String> {
        let path = &detection.manifest_path;
        let failed = self.inputs.unreadable.iter().find(|unreadable| unreadable.path == *path);
        let missing = || format!("{path}: there is no such file below --root");
        let is_missing = self.file_of(detection).is_none();
        is_missing
            .then(|| failed.map_or_else(missing, |failed| format!("{path}: {}", failed.reason)))
    }

    pub(crate) fn file_of(&self, detection: &Detection) -> Option<usize> {
        let embedded = self.embedded.get(&detection.id);
        self.files.get(&detection.manifest_path).or(embedded).copied()
    }
}

/// The object and the findings that a detection speaks of.
pub(crate) struct Located {
    pub(crate) position: usize,
    /// The rules that the detection's id stands for.
    pub(crate) rules: Vec<&'static Rule>,
    /// The findings that the detection stands for; usually one.
    pub(crate) targets: Vec<Found>,
    /// All findings of the object that selected rules and the detection's rules report.
    all: Vec<Found>,
}

impl Located {
    /// Looks for the detection in its file.
    ///
    /// # Errors
    /// Why there is nothing to work on, for the item's status.
    pub(crate) fn find(
        detection: &Detection,
        sources: &Sources,
        corpus: &Corpus<'_>,
        session: &Session,
    ) -> Result<Self, String> {
        // What another tool reported, and no rule here sees, was given its reason when it was read.
        if detection.reported_by.is_some() && detection.applicability == Some(Applicability::Advice)
        {
            return Err(detection.remedy.clone().unwrap_or_default());
        }
        let rules = rules_of(detection);
        if rules.is_empty() {
            return Err(format!("no rule for `{}`", detection.policy_id));
        }
        let file = sources.file_of(detection).ok_or_else(|| {
            format!(
                "{}: the manifest cannot be read, and the record holds no text",
                detection.manifest_path
            )
        })?;
        let positions: Vec<usize> = corpus
            .positions_of(file)
            .filter(|position| is_the_object(detection, corpus, *position))
            .collect();
        for position in positions {
            let targets = corpus.check(position, &rules, &session.settings);
            let mut targets = targets_of(detection, targets);
            for target in &mut targets {
                target.finding.reported = reported(detection).map(Box::new);
            }
            if !targets.is_empty() {
                let mut wanted = session.rules.clone();
                wanted.extend(rules.iter().filter(|rule| !session.rules.contains(rule)));
                let all = corpus.check(position, &wanted, &session.settings);
                return Ok(Self { position, rules, targets, all });
            }
        }
        Err(format!("{} is not found in the manifest as it is now", detection.policy_id))
    }

    /// The patch that cures the findings.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn proposal(&self, corpus: &Corpus<'_>) -> Result<Proposal, String> {
        let object = corpus.object(self.position);
        if let [target] = &self.targets[..] {
            let findings: Vec<&Finding> = self.all.iter().map(|found| &found.finding).collect();
            let index = self.all.iter().position(|f| f.fingerprint == target.fingerprint);
            let index = index.ok_or_else(|| format!("{} is gone", target.finding.rule.id))?;
            return propose(object, &findings, index);
        }
        let findings: Vec<&Finding> = self.targets.iter().map(|found| &found.finding).collect();
        if let Some(advice) = findings.iter().find(|f| f.applicability() == Applicability::Advice) {
            return Err(advice.note().to_owned());
        }
        let composition = compose(object, &findings);
        if let Some((_, reason)) = composition.withheld.into_iter().next() {
            return Err(reason);
        }
        Ok(Proposal {
            operations: composition.operations,
            applicability: findings
                .iter()
                .map(|finding| finding.applicability())
                .max()
                .unwrap_or(Applicability::Unsafe),
            needs: Vec::new(),
            provenance: composition.provenance,
        })
    }

    /// The rules whose paths a patch may touch: those of the finding, and when the patch is the
    /// very one that the rules propose, those of the fixes that it needs.
    pub(crate) fn allowed_rules(
        &self,
        operations: &[PatchOperation],
        corpus: &Corpus<'_>,
    ) -> Vec<&'static Rule> {
        let mut allowed: Vec<&'static Rule> =
            self.targets.iter().map(|found| found.finding.rule).collect();
        if let Ok(proposal) = self.proposal(corpus)
            && proposal.operations == operations
        {
            allowed.extend(proposal.needs.iter().map(|index| self.all[*index].finding.rule));
        }
        allowed
    }

    /// The fingerprint of the finding; where a record speaks of several, one of them all.
    pub(crate) fn fingerprint(&self) -> String {
        let all: Vec<String> = self.targets.iter().map(|f| f.fingerprint.to_string()).collect();
        match &all[..] {
            [one] => one.clone(),
            several => {
                let digest = Sha256::digest(several.concat());
                let length = several.first().map_or(0, String::len);
                let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                text.chars().take(length).collect()
            }
        }
    }

    /// The id of the rule, where it is one.
    pub(crate) fn rule(&self) -> Option<String> {
        match &self.rules[..] {
            [one] => Some(one.id.to_owned()),
            _ => None,
        }
    }

    /// What the fix may break.
    pub(crate) fn note(&self) -> Option<String> {
        let note = self.targets.first()?.finding.note();
        (!note.is_empty()).then(|| note.to_owned())
    }
}

/// The object that a detection speaks of, in the files as they are now.
///
/// # Errors
/// Why there is none, or not one alone.
pub(crate) fn position(
    detection: &Detection,
    sources: &Sources,
    corpus: &Corpus<'_>,
    session: &Session,
) -> Result<usize, String> {
    let file = sources.file_of(detection).ok_or("there is no such file")?;
    let candidates: Vec<usize> = corpus
        .positions_of(file)
        .filter(|position| is_the_object(detection, corpus, *position))
        .collect();
    let document = detection.object.as_ref().map(|object| object.document);
    let in_document = |at: &&usize| Some(corpus.object(**at).document) == document;
    match (&candidates[..], candidates.iter().find(in_document)) {
        ([one], _) | (_, Some(one)) => Ok(*one),
        ([], None) => Err("it is not in its file any more".to_owned()),
        // A record that names no object: the one that has the finding.
        (_, None) => Located::find(detection, sources, corpus, session).map(|l| l.position),
    }
}

/// The tool and check that a record names.
fn reported(detection: &Detection) -> Option<Reported> {
    let (tool, id) = detection.reported_by.as_deref()?.split_once(':')?;
    Some(Reported { tool: tool.to_owned(), id: id.to_owned(), severity: None })
}

/// The rules that a record's id stands for: our own id, else a scanner's raw id, else the
/// reference's canonical policy.
fn rules_of(detection: &Detection) -> Vec<&'static Rule> {
    let matching = |matches: &dyn Fn(&Rule) -> bool| -> Vec<&'static Rule> {
        rules::all().iter().map(|entry| entry.rule).filter(|rule| matches(rule)).collect()
    };
    if let Some(rule) = &detection.rule {
        return matching(&|candidate| candidate.id == rule);
    }
    if let Some(rule) = told_apart(detection) {
        return vec![rule];
    }
    let raw = detection.policy_id.trim().to_lowercase();
    let canonical = canonical_policy_id(&raw);
    let linter = format!("kube-linter:{raw}");
    [
        matching(&|rule| rule.id == raw || rule.aliases.contains(&linter.as_str())),
        matching(&|rule| {
            let same = |alias: &&str| {
                alias.split_once(':').is_some_and(|(_, id)| id.eq_ignore_ascii_case(&raw))
            };
            rule.aliases.iter().any(same)
        }),
        matching(&|rule| rule.policy_id == Some(canonical.as_str()) && rule.default),
        matching(&|rule| rule.policy_id == Some(canonical.as_str())),
    ]
    .into_iter()
    .find(|found| !found.is_empty())
    .unwrap_or_default()
}

/// What kube-linter says in the messages of checks that the reference knows by one policy, and the
/// check that says it. Source: the templates of kube-linter 0.7.
const SAID: [(&str, &str); 3] = [
    ("allows privilege escalation", "privilege-escalation-container"),
    ("AllowPrivilegeEscalation set to true", "privilege-escalation-container"),
    ("NET_RAW", "drop-net-raw-capability"),
];

/// The rule that a message of the reference's scanner is of, where its policy alone stands for
/// several.
fn told_apart(detection: &Detection) -> Option<&'static Rule> {
    let text = &detection.violation_text;
    let (_, id) = SAID.iter().find(|(said, _)| text.contains(said))?;
    let rule = rules::by_id(id)?.rule;
    let canonical = canonical_policy_id(&detection.policy_id);
    // The raw id of a check needs no guess.
    (rule.policy_id == Some(&canonical) && detection.policy_id == canonical).then_some(rule)
}

/// The file that a record names, counted from a folder. A relative path that leads out of the
/// folder, by dots or by links, names none: records are foreign input.
fn file_below(base: &Path, named: &str) -> Option<PathBuf> {
    let path = base.join(named);
    let real = path.canonicalize().ok().filter(|real| real.is_file())?;
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let inside = Path::new(named).is_absolute()
        || base.canonicalize().is_ok_and(|real_base| real.starts_with(real_base));
    inside.then_some(path)
}

pub(crate) fn is_the_object(detection: &Detection, corpus: &Corpus<'_>, position: usize) -> bool {
    let object = corpus.object(position);
    detection.object.as_ref().is_none_or(|wanted| {
        wanted.kind == object.kind
            && [&wanted.name, &wanted.generate_name].iter().any(|name| *name == object.name)
            && wanted.namespace.as_deref() == object.namespace
    })
}

/// Narrows the findings of an object down to those that a record speaks of: by fingerprint, by
/// place, or by the container that the reference's message names.
fn targets_of(detection: &Detection, found: Vec<Found>) -> Vec<Found> {
    if let Some(fingerprint) = &detection.fingerprint {
        let exact: Vec<Found> =
            found.iter().filter(|f| f.fingerprint.to_string() == *fingerprint).cloned().collect();
        if !exact.is_empty() {
            return exact;
        }
    }
    if let Some(path) = &detection.keyed_path {
        return found.into_iter().filter(|f| f.keyed_path == *path).collect();
    }
    let container = detection
        .violation_text
        .split_once("container \"")
        .and_then(|(_, rest)| rest.split('"').next());
    if let Some(name) = container {
        let item = format!("ontainers[name={name}]");
        let of_container: Vec<Found> =
            found.iter().filter(|f| f.keyed_path.contains(&item)).cloned().collect();
        if !of_container.is_empty() {
            return of_container;
        }
    }
    found
}
