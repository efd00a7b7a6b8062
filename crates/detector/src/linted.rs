use crate::Corpus;
use manifest::{Node, Segment};
use policies::kube_linter::{Linter, Reading, Readings, Report};
use rules::{FOREIGN, Finding, Object, Remedy, Reported, Rule, Set, Settings};
use std::borrow::Cow;

const TOOL: &str = "kube-linter";

/// kube-linter's checks, with its reading of the objects.
#[derive(Debug)]
pub(crate) struct Linted<'a> {
    linter: &'a Linter,
    readings: Readings,
}

impl<'a> Linted<'a> {
    pub(crate) fn new(linter: &'a Linter, corpus: &Corpus<'a>) -> Self {
        // A List is whole when all of its items are objects that decode.
        let is_whole = |object: &Object<'_>, readings: &[Reading]| {
            let list = corpus.document(object.position).and_then(|root| root.get("items"));
            list.is_some_and(|list| list.items().len() == readings.len())
                && readings.iter().all(|reading| *reading == Reading::Typed)
        };
        Self { linter, readings: Readings::new(corpus.set(), is_whole) }
    }

    /// What kube-linter reports of an object. The remedies are those of our own rules.
    pub(crate) fn check(
        &self,
        object: &Object<'_>,
        document: Option<Node<'_>>,
        set: &Set<'_>,
        settings: &Settings,
    ) -> Vec<Finding> {
        let readings = match set.replaced() {
            Some(edited) => Cow::Owned(self.readings.replacing(edited)),
            None => Cow::Borrowed(&self.readings),
        };
        let reports = self.linter.check(object, document.unwrap_or(object.root), set, &readings);
        let mut remedies = Remedies { object, set, settings, known: Vec::new() };
        reports
            .into_iter()
            .map(|report| {
                let rule = if report.is_built_in { rule_of(report.check) } else { None };
                Finding {
                    rule: rule.unwrap_or(&FOREIGN),
                    remedy: rule
                        .map_or_else(|| of_custom(&report), |rule| remedies.of(rule, &report)),
                    span: object.place(report.path.clone()).span,
                    path: report.path,
                    message: report.message,
                    reported: Some(Box::new(Reported {
                        tool: TOOL.to_owned(),
                        id: report.check.to_owned(),
                        severity: None,
                    })),
                }
            })
            .collect()
    }
}

/// Our rule for a built-in check: the one of the same name, else one that names it.
fn rule_of(check: &str) -> Option<&'static Rule> {
    let alias = format!("{TOOL}:{check}");
    let named = || rules::all().iter().find(|entry| entry.rule.aliases.contains(&alias.as_str()));
    rules::by_id(check).or_else(named).map(|entry| entry.rule)
}

/// The user's own check has no fix, only what its author advises.
fn of_custom(report: &Report<'_>) -> Remedy {
    match report.remediation {
        "" => "needs a person or a model: no rule here corresponds to this custom check".into(),
        remediation => remediation.into(),
    }
}

/// What our rules find in the same object, gathered when it is first asked for.
struct Remedies<'o, 's, 'a> {
    object: &'o Object<'a>,
    set: &'s Set<'a>,
    settings: &'s Settings,
    known: Vec<(&'static Rule, Vec<Finding>)>,
}

impl Remedies<'_, '_, '_> {
    /// The remedy of our rule for the same place: the very path, else the same container.
    fn of(&mut self, rule: &'static Rule, report: &Report<'_>) -> Remedy {
        if !self.known.iter().any(|(known, _)| *known == rule) {
            let found = rules::check_object(self.object, self.set, &[rule], self.settings);
            self.known.push((rule, found));
        }
        let known = self.known.iter().find(|(known, _)| *known == rule);
        let findings = known.map_or(&[][..], |(_, findings)| findings.as_slice());
        let same = findings.iter().find(|finding| finding.path == report.path);
        let near = || {
            let holder = holder(&report.path);
            findings.iter().find(|finding| self::holder(&finding.path) == holder)
        };
        let Some(finding) = same.or_else(near) else {
            return format!(
                "needs a look: kube-linter reports it, our rule {} sees nothing to fix here",
                rule.id
            )
            .into();
        };
        finding.remedy.clone()
    }
}

/// The path of the first list item on the way, such as the container; all of a path without one.
fn holder(path: &manifest::Path) -> &[Segment] {
    let segments = path.segments();
    let end = segments.iter().position(|segment| matches!(segment, Segment::Index(_)));
    end.map_or(segments, |end| &segments[..=end])
}
