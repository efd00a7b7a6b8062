//! How many fixes get through, and what stops the others.

use super::Corpus;
use crate::page::{Counts, Page, count};
use record::{
    Applicability, Cause, Effect, Gate, GateOutcome, GateResult, ObjectRef, ServerReport, Verdict,
};
use std::collections::{BTreeMap, HashSet};

/// Says of the object as it was, not of the patch.
const OF_THE_CONTROL: [Cause; 4] =
    [Cause::RejectedBefore, Cause::UnknownKind, Cause::MissingCrd, Cause::MissingNamespace];

/// How the gate `server` ended for one patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Passed,
    /// Passed, and the server does not take the object as it was: the patches of the object,
    /// together, repair it. There is nothing to compare with, so no effect.
    Repaired,
    Failed(Cause),
    Unavailable(Cause),
    /// No outcome, or one without a cause: there must be none.
    Unexplained,
}

/// One patch that passed every offline gate.
pub(super) struct Tried<'v> {
    pub(super) verdict: &'v Verdict,
    pub(super) end: End,
    pub(super) report: Option<&'v ServerReport>,
    reason: &'v str,
}

impl<'v> Tried<'v> {
    /// None when an offline gate stopped the patch.
    pub(super) fn of(verdict: &'v Verdict) -> Option<Self> {
        let of = |gate: Gate| verdict.gates.iter().find(|result| result.gate == gate);
        let passed = |result: &GateResult| result.outcome == GateOutcome::Passed;
        if !Gate::OFFLINE.into_iter().all(|gate| of(gate).is_some_and(passed)) {
            return None;
        }
        let result = of(Gate::Server);
        let report = result.and_then(|result| result.server.as_deref());
        let end = match (result.map(|result| result.outcome), report.and_then(|r| r.cause)) {
            (Some(GateOutcome::Passed), None) if report.is_some_and(|r| r.effect.is_some()) => {
                End::Passed
            }
            (Some(GateOutcome::Passed), None) => End::Repaired,
            (Some(GateOutcome::Failed), Some(cause)) => End::Failed(cause),
            (Some(GateOutcome::Unavailable), Some(cause)) => End::Unavailable(cause),
            _ => End::Unexplained,
        };
        let reason = result.and_then(|result| result.reason.as_deref()).unwrap_or_default();
        Some(Self { verdict, end, report, reason })
    }

    fn object(&self) -> (Option<&'v str>, Option<&'v ObjectRef>) {
        (self.verdict.manifest_path.as_deref(), self.verdict.object.as_ref())
    }

    fn rule(&self) -> &'v str {
        self.verdict.rule.as_deref().unwrap_or(&self.verdict.policy_id)
    }

    /// The server takes the object as it was.
    fn has_control(&self) -> bool {
        matches!(self.end, End::Passed | End::Failed(_))
    }
}

/// Writes the funnel and returns the patches that ended as none may.
pub(super) fn measure(corpus: &Corpus, verdicts: &[Verdict], page: &mut Page) -> Vec<String> {
    let tried: Vec<Tried<'_>> = verdicts.iter().filter_map(Tried::of).collect();
    page.section(&format!("The funnel on {}", corpus.name));
    let with_control = tried.iter().filter(|tried| tried.has_control()).count();
    let passed = tried.iter().filter(|tried| tried.end == End::Passed).count();
    let unexplained = tried.iter().filter(|tried| tried.end == End::Unexplained).count();
    page.line(&format!(
        "{} patches, {} of them passed every offline gate. Of {with_control} the server takes the \
         object as it was\n(the control): {passed} passed, {}. {unexplained} did not pass without a \
         named cause.",
        verdicts.len(),
        tried.len(),
        percent(passed, with_control),
    ));
    ends(&tried, page);
    objects(&tried, page);
    failures(&tried, page);
    effects(&tried, page);
    let offends = |tried: &&Tried<'_>| {
        matches!(tried.end, End::Failed(_) | End::Unexplained | End::Unavailable(Cause::NoAnswer))
    };
    tried.iter().filter(offends).map(|tried| offender(&corpus.name, tried)).collect()
}

fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "of none".to_owned(),
        _ => format!("{:.2} %", 100.0 * part as f64 / whole as f64),
    }
}

fn ends(tried: &[Tried<'_>], page: &mut Page) {
    let mut patches: Counts<End> = Counts::new();
    let mut objects: BTreeMap<End, HashSet<_>> = BTreeMap::new();
    for tried in tried {
        count(&mut patches, tried.end);
        objects.entry(tried.end).or_default().insert(tried.object());
    }
    let rows = patches.iter().map(|(end, patches)| {
        let objects = objects.get(end).map_or(0, HashSet::len);
        let (outcome, cause) = match end {
            End::Passed => ("passed", ""),
            End::Repaired => ("passed", "the object was not taken before"),
            End::Failed(cause) => ("failed", cause.as_str()),
            End::Unavailable(cause) => ("unavailable", cause.as_str()),
            End::Unexplained => ("not known", ""),
        };
        format!("{outcome} | {cause} | {patches} | {objects}")
    });
    page.table("outcome | cause, note | patches | objects", "--- | --- | ---: | ---:", rows);
}

/// Objects, by the worst end of their patches.
fn objects(tried: &[Tried<'_>], page: &mut Page) {
    let of = |wanted: fn(&End) -> bool| {
        let tried = tried.iter().filter(|tried| wanted(&tried.end));
        tried.map(Tried::object).collect::<HashSet<_>>().len()
    };
    page.line(&format!(
        "Of {} objects with such a patch the server does not take {} as they were, patched or not; \
         {} it takes only\npatched; {} it took have a patch that it refuses.",
        of(|_| true),
        of(|end| matches!(end, End::Unavailable(cause) if OF_THE_CONTROL.contains(cause))),
        of(|end| *end == End::Repaired),
        of(|end| matches!(end, End::Failed(_))),
    ));
}

fn failures(tried: &[Tried<'_>], page: &mut Page) {
    let mut failures: Counts<(&str, &str, &str)> = Counts::new();
    for tried in tried {
        if let End::Failed(cause) = tried.end {
            count(&mut failures, (tried.rule(), cause.as_str(), tried.reason));
        }
    }
    let rows = failures.iter().map(|((rule, cause, reason), patches)| {
        let reason = reason.replace('\n', " ").replace('|', "\\|");
        format!("{rule} | {cause} | {reason} | {patches}")
    });
    page.table("failed: rule | cause | reason | patches", "--- | --- | --- | ---:", rows);
}

/// What the accepted patches change of what runs: unsafe ones all together, safe ones among
/// themselves.
fn effects(tried: &[Tried<'_>], page: &mut Page) {
    let mut effects: BTreeMap<Effect, [usize; 4]> = BTreeMap::new();
    for tried in tried.iter().filter(|tried| tried.end == End::Passed) {
        let Some((report, effect)) = tried.report.and_then(|r| Some((r, r.effect?))) else {
            continue;
        };
        let column = usize::from(tried.verdict.applicability != Some(Applicability::Safe)) * 2;
        let row = effects.entry(effect).or_default();
        row[column] += 1;
        row[column + 1] += usize::from(report.same_pods == Some(true));
    }
    let rows = effects.iter().map(|(effect, [safe, same_safe, other, same_other])| {
        let effect = effect.as_str();
        format!("{effect} | {safe} | {same_safe} | {other} | {same_other}")
    });
    page.table(
        "effect | safe patches | with the same pods | unsafe patches | with the same pods",
        "--- | ---: | ---: | ---: | ---:",
        rows,
    );
}

fn offender(corpus: &str, tried: &Tried<'_>) -> String {
    let (file, object) = tried.object();
    let name = file.and_then(|file| file.rsplit_once(&format!("{corpus}/")));
    let (file, rule, end) =
        (name.map_or(file.unwrap_or(""), |(_, file)| file), tried.rule(), tried.end);
    let object = object.map(|o| format!("{} {}", o.kind, o.title())).unwrap_or_default();
    format!("{corpus}: {file}: {object}: {rule}: {end:?}: {}", tried.reason)
}

#[cfg(test)]
mod tests {
    use super::{Page, measure};
    use record::{Gate, Verdict};
    use serde_json::{Value, json};
    use std::path::PathBuf;

    fn verdict(server: Value) -> Verdict {
        let offline = Gate::OFFLINE.map(|gate| json!({ "gate": gate, "outcome": "passed" }));
        let gates: Vec<Value> = offline.into_iter().chain([server]).collect();
        serde_json::from_value(json!({
            "id": "001", "policy_id": "a", "accepted": false, "ok_policy": true, "ok_schema": true,
            "ok_safety": true, "ok_rescan": false, "gates": gates,
        }))
        .unwrap()
    }

    #[test]
    fn what_failed_or_has_no_cause_is_an_offence() {
        let ends = [
            ("passed", json!({ "effect": "unchanged" }), 0),
            ("passed", json!({}), 0),
            ("unavailable", json!({ "cause": "rejected-before" }), 0),
            ("unavailable", json!({ "cause": "no-answer" }), 1),
            ("unavailable", json!({}), 1),
            ("failed", json!({ "cause": "patch-rejected" }), 1),
            ("skipped", json!({}), 1),
        ];
        let none = PathBuf::new();
        let corpus = super::Corpus { name: "a".to_owned(), files: none.clone(), out: none };
        for (outcome, said, offences) in ends {
            let gate = json!({ "gate": "server", "outcome": outcome, "server": said });
            let found = measure(&corpus, &[verdict(gate)], &mut Page::new(""));
            assert_eq!(found.len(), offences, "{outcome} {said}");
        }
    }
}
