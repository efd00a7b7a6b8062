//! Findings of other scanners become detections of our rules, at places of our own parse.
//!
//! A tool's file and object lead to an object here; the rule that has the tool's check among its
//! aliases runs on it; what else the tool tells (container, lines, pointers) says which of our
//! findings is meant. Nothing is dropped: what no rule knows, what our rule does not see, and what
//! cannot be found is kept and says so.

mod files;
mod place;

use crate::{Corpus, Found};
use files::Files;
pub use files::Places;
use record::{Applicability, Detection, canonical_policy_id};
use rules::{FOREIGN, Finding, Object, Remedy, Reported, Rule, Settings};
use scanners::{Foreign, Named, Report};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What became of a report.
#[derive(Debug, Default)]
pub struct Imported {
    /// Findings in objects that are there, with the objects' positions, in the order of the
    /// objects, then of the report.
    pub found: Vec<(usize, Found)>,
    /// Findings whose object is not among the inputs; their ids are empty.
    pub lost: Vec<Detection>,
    /// How many there are of each kind.
    pub counts: Counts,
}

/// How the findings of a report ended; every one is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Findings in the report.
    pub reported: usize,
    /// A rule here sees the same, and has a remedy for it.
    pub matched: usize,
    /// The tool said the same before, in this report.
    pub repeated: usize,
    /// There is a rule for the check, but it sees nothing there.
    pub unseen: usize,
    /// No rule here corresponds to the check.
    pub unknown: usize,
    /// The object or file is not among the inputs.
    pub lost: usize,
}

/// Looks for the findings of a report in the objects of the inputs.
pub fn import(
    corpus: &Corpus<'_>,
    report: &Report,
    places: &Places,
    settings: &Settings,
) -> Imported {
    let mut importer = Importer::new(corpus, report, places, settings);
    let mut imported = Imported::default();
    imported.counts.reported = report.findings.len();
    for foreign in &report.findings {
        importer.take(foreign, &mut imported);
    }
    importer.finish(&mut imported);
    imported
}

/// How often a report names a check on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillReported {
    /// On the object altogether.
    pub total: usize,
    /// At the places of certain findings, in their order.
    pub at: Vec<usize>,
}

/// Counts how often a report names a check on an object, altogether and at the places of findings
/// in this or an earlier form of the object.
pub fn still_reported(
    corpus: &Corpus<'_>,
    report: &Report,
    places: &Places,
    position: usize,
    check: &str,
    targets: &[Found],
) -> StillReported {
    let settings = Settings::default();
    let importer = Importer::new(corpus, report, places, &settings);
    let object = corpus.object(position);
    // The places may stand elsewhere in the text now.
    let targets: Vec<Found> = targets
        .iter()
        .map(|target| {
            let mut target = target.clone();
            target.finding.span = place::nearest(object, &target.finding.path);
            target
        })
        .collect();
    let mut tally = StillReported { total: 0, at: vec![0; targets.len()] };
    for foreign in &report.findings {
        let is_check = scanners::comparable(&report.tool, &foreign.id, check);
        let is_object =
            || importer.objects(foreign).is_ok_and(|objects| objects.positions.contains(&position));
        if !is_check || !is_object() {
            continue;
        }
        tally.total += 1;
        for (count, target) in tally.at.iter_mut().zip(&targets) {
            let meant = place::narrow(foreign, vec![target.clone()], corpus, position);
            *count += meant.len();
        }
    }
    tally
}

struct Importer<'i, 'a> {
    corpus: &'i Corpus<'a>,
    tool: &'i str,
    settings: &'i Settings,
    files: Files,
    /// Positions by kind and name.
    by_name: HashMap<(&'i str, &'i str), Vec<usize>>,
    /// Aliases are the same for every finding of a check.
    rules: HashMap<&'i str, Vec<&'static Rule>>,
    /// What a rule sees in an object.
    seen: HashMap<(usize, &'static str), Vec<Found>>,
    /// What this tool's checks were matched with already.
    claimed: HashSet<(&'i str, String)>,
    /// What was said without a match: position, place and message.
    said: HashSet<(&'i str, (usize, String, String))>,
    /// Findings of our rules, by position.
    matched: BTreeMap<usize, Vec<Found>>,
    /// Findings without one, by position: they are identified together at the end.
    unmatched: BTreeMap<usize, Vec<Finding>>,
}

impl<'i, 'a> Importer<'i, 'a> {
    fn new(
        corpus: &'i Corpus<'a>,
        report: &'i Report,
        places: &Places,
        settings: &'i Settings,
    ) -> Self {
        let mut by_name: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for position in 0..corpus.len() {
            let object = corpus.object(position);
            by_name.entry((object.kind, object.name)).or_default().push(position);
        }
        Self {
            corpus,
            tool: &report.tool,
            settings,
            files: Files::new(corpus.inputs(), places),
            by_name,
            rules: HashMap::new(),
            seen: HashMap::new(),
            claimed: HashSet::new(),
            said: HashSet::new(),
            matched: BTreeMap::new(),
            unmatched: BTreeMap::new(),
        }
    }

    fn take(&mut self, foreign: &'i Foreign, imported: &mut Imported) {
        let tool = self.tool;
        let rules =
            self.rules.entry(&foreign.id).or_insert_with(|| rules_for(tool, foreign)).clone();
        let counts = &mut imported.counts;
        let objects = match self.objects(foreign) {
            Ok(objects) => objects,
            Err(reason) => {
                counts.lost += 1;
                imported.lost.push(self.lost(foreign, rules.first().copied(), &reason));
                return;
            }
        };
        match self.matched(foreign, &rules, &objects) {
            Match::New => counts.matched += 1,
            Match::Again => counts.repeated += 1,
            Match::None => {
                let Some(position) = objects.positions.first() else { return };
                let finding = self.unmatched(foreign, rules.first().copied(), *position);
                let said = (*position, finding.path.to_pointer(), finding.message.clone());
                match (self.said.insert((foreign.id.as_str(), said)), rules.is_empty()) {
                    (false, _) => {
                        counts.repeated += 1;
                        return;
                    }
                    (true, true) => counts.unknown += 1,
                    (true, false) => counts.unseen += 1,
                }
                self.unmatched.entry(*position).or_default().push(finding);
            }
        }
    }

    /// Looks for what the rules see in the objects. When several objects have the identity that
    /// the tool names, each of its findings goes to another one.
    fn matched(
        &mut self,
        foreign: &'i Foreign,
        rules: &[&'static Rule],
        objects: &Objects,
    ) -> Match {
        let mut end = Match::None;
        for position in &objects.positions {
            for found in self.meant(foreign, rules, *position) {
                if !self.claimed.insert((&foreign.id, found.fingerprint.to_string())) {
                    end = if end == Match::New { end } else { Match::Again };
                    continue;
                }
                let mut found = found;
                found.finding.reported = Some(self.reported(foreign));
                self.matched.entry(*position).or_default().push(found);
                end = Match::New;
            }
            if end == Match::New && objects.one_of {
                break;
            }
        }
        end
    }

    /// Those of our findings in an object that the tool means.
    fn meant(&mut self, foreign: &Foreign, rules: &[&'static Rule], position: usize) -> Vec<Found> {
        let (corpus, settings) = (self.corpus, self.settings);
        let mut all = Vec::new();
        for rule in rules {
            let seen = self
                .seen
                .entry((position, rule.id))
                .or_insert_with(|| corpus.check(position, &[*rule], settings));
            all.extend(seen.iter().cloned());
        }
        place::narrow(foreign, all, corpus, position)
    }

    /// The objects that a finding may be about, or why there is none.
    fn objects(&self, foreign: &Foreign) -> Result<Objects, String> {
        let corpus = self.corpus;
        let files = self.files.named(&foreign.files);
        let in_files = |wanted: &dyn Fn(&Object<'_>) -> bool| -> Vec<usize> {
            let positions = files.iter().flat_map(|file| corpus.positions_of(*file));
            positions.filter(|position| wanted(corpus.object(*position))).collect()
        };
        if let Some(named) = &foreign.object {
            let same = self.best(named, in_files(&|object| is_named(named, object)), foreign);
            if !same.is_empty() {
                return Ok(Objects { positions: same, one_of: true });
            }
        }
        if !foreign.words.is_empty() {
            let has = |word: &str| foreign.words.iter().any(|other| other == word);
            let named = in_files(&|object| has(object.kind) && has(object.name));
            let named = place::by_lines(foreign, named, corpus);
            if !named.is_empty() {
                return Ok(Objects { positions: named, one_of: true });
            }
        }
        if foreign.lines.is_some() {
            let at_lines = place::by_lines(foreign, in_files(&|_| true), corpus);
            if let [one] = at_lines[..] {
                return Ok(Objects { positions: vec![one], one_of: true });
            }
        }
        // Tools that render charts or read stdin name files that are none.
        if let Some(named) = &foreign.object {
            let by_name = self.by_name.get(&(named.kind.as_str(), named.name.as_str()));
            let elsewhere = by_name.into_iter().flatten().copied();
            let same = self.best(
                named,
                elsewhere.filter(|p| is_named(named, corpus.object(*p))).collect(),
                foreign,
            );
            // Without a file, the tool may mean any of them; with one, it means none for certain.
            if same.len() == 1 || (foreign.files.is_empty() && !same.is_empty()) {
                return Ok(Objects { positions: same, one_of: true });
            }
            let (kind, name) = (&named.kind, &named.name);
            return Err(format!("there is no {kind} {name} in the manifests given"));
        }
        let all = in_files(&|_| true);
        if !all.is_empty() {
            return Ok(Objects { positions: all, one_of: false });
        }
        Err(match (foreign.files.first(), files.is_empty()) {
            (Some(file), true) => format!("{file} is not among the manifests given"),
            (Some(file), false) => format!("{file} holds no object"),
            (None, _) => format!("{} names neither file nor object", self.tool),
        })
    }

    /// Those with the very namespace, else all; of these, those at the lines.
    fn best(&self, named: &Named, positions: Vec<usize>, foreign: &Foreign) -> Vec<usize> {
        let exact = |p: &usize| {
            let object = self.corpus.object(*p);
            let wanted = named.namespace.as_deref().filter(|name| !name.is_empty());
            wanted.unwrap_or("default") == object.effective_namespace()
        };
        let with_namespace: Vec<usize> = positions.iter().copied().filter(exact).collect();
        // A tool that leaves the namespace out altogether may mean any.
        let positions = match with_namespace.is_empty() && named.namespace.is_none() {
            true => positions,
            false => with_namespace,
        };
        if positions.len() < 2 || foreign.lines.is_none() {
            return positions;
        }
        let at_lines = place::by_lines(foreign, positions.clone(), self.corpus);
        if at_lines.is_empty() { positions } else { at_lines }
    }

    fn reported(&self, foreign: &Foreign) -> Box<Reported> {
        let (tool, id) = (self.tool.to_owned(), foreign.id.clone());
        Box::new(Reported { tool, id, severity: foreign.severity })
    }

    /// A finding that no rule of ours reports, at the best place known.
    fn unmatched(
        &self,
        foreign: &Foreign,
        rule: Option<&'static Rule>,
        position: usize,
    ) -> Finding {
        let site = place::site(foreign, self.corpus, position);
        Finding {
            rule: rule.unwrap_or(&FOREIGN),
            path: site.path,
            span: site.span,
            message: self.message(foreign),
            remedy: Remedy::Advice(self.advice(foreign, rule)),
            reported: Some(self.reported(foreign)),
        }
    }

    fn message(&self, foreign: &Foreign) -> String {
        match foreign.message.is_empty() {
            true => format!("{} reports {}", self.tool, foreign.id),
            false => foreign.message.clone(),
        }
    }

    fn advice(&self, foreign: &Foreign, rule: Option<&'static Rule>) -> String {
        let (tool, id) = (self.tool, &foreign.id);
        match rule {
            None => {
                format!("no rule here corresponds to {tool}:{id}; it needs a model or a person")
            }
            Some(rule) => format!(
                "{tool} reports {id}, but {} sees nothing here, so no fix could be proven; compare \
                 the two, and judge for yourself",
                rule.id
            ),
        }
    }

    /// The record of a finding whose object is not there.
    fn lost(&self, foreign: &Foreign, rule: Option<&'static Rule>, reason: &str) -> Detection {
        let own = format!("{}:{}", self.tool, foreign.id);
        let file = self.files.named(&foreign.files).first().map(|f| &self.corpus.inputs()[*f]);
        let mut aliases: Vec<Cow<'static, str>> = rule
            .iter()
            .flat_map(|rule| rule.aliases.iter().map(|alias| Cow::Borrowed(*alias)))
            .filter(|alias| **alias != own)
            .collect();
        aliases.push(Cow::Owned(own.clone()));
        let policy_id = match rule {
            Some(rule) => rule.record_policy_id().to_owned(),
            None => canonical_policy_id(&foreign.id),
        };
        Detection {
            id: String::new(),
            manifest_path: file
                .map(|input| input.path.clone())
                .or_else(|| foreign.files.first().cloned())
                .unwrap_or_default(),
            manifest_yaml: None,
            policy_id,
            violation_text: self.message(foreign),
            rule: rule.map(|rule| rule.id.to_owned()),
            reported_by: Some(own),
            fingerprint: None,
            object: None,
            pointer: None,
            keyed_path: None,
            span: None,
            severity: rule.map(|rule| rule.severity).or(foreign.severity),
            applicability: Some(Applicability::Advice),
            remedy: Some(format!("{reason}; nothing can be proposed or proven for it")),
            aliases,
        }
    }

    /// Puts everything into the order of the objects.
    fn finish(mut self, imported: &mut Imported) {
        let mut all: BTreeMap<usize, Vec<Found>> = std::mem::take(&mut self.matched);
        for (position, findings) in std::mem::take(&mut self.unmatched) {
            let found = self.corpus.identify(position, findings);
            all.entry(position).or_default().extend(found);
        }
        imported.found = all
            .into_iter()
            .flat_map(|(position, found)| found.into_iter().map(move |found| (position, found)))
            .collect();
    }
}

/// The objects that a finding may be about.
struct Objects {
    positions: Vec<usize>,
    /// It is about one of them; else about any number.
    one_of: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    /// Something new was matched.
    New,
    /// All of it was matched before.
    Again,
    /// Nothing was.
    None,
}

/// The rules that a tool's check corresponds to: by its own id, else by another name that the
/// report gives it, else by the reference system's table of raw ids.
fn rules_for(tool: &str, foreign: &Foreign) -> Vec<&'static Rule> {
    let matching = |matches: &dyn Fn(&Rule) -> bool| -> Vec<&'static Rule> {
        rules::all().iter().map(|entry| entry.rule).filter(|rule| matches(rule)).collect()
    };
    let names = || std::iter::once(&foreign.id).chain(&foreign.also);
    let by_alias = names().find_map(|name| {
        let alias = format!("{tool}:{name}");
        let own = tool == "k8s-auto-fix";
        let rules =
            matching(&|rule| (own && rule.id == name) || rule.aliases.contains(&alias.as_str()));
        (!rules.is_empty()).then_some(rules)
    });
    let by_table = || {
        let known = matches!(tool, "kube-linter" | "kyverno");
        names().filter(|_| known).find_map(|name| {
            let canonical = canonical_policy_id(name);
            let rules = matching(&|rule| {
                rule.policy_id == Some(canonical.as_str()) && canonical != name.to_lowercase()
            });
            (!rules.is_empty()).then_some(rules)
        })
    };
    by_alias.or_else(by_table).unwrap_or_default()
}

/// Whether an object may be the one that a tool names; namespaces are compared elsewhere.
fn is_named(named: &Named, object: &Object<'_>) -> bool {
    let same_group = named.group.as_ref().is_none_or(|group| group == object.group());
    same_group && object.kind == named.kind && object.name == named.name
}

#[cfg(test)]
mod tests;
