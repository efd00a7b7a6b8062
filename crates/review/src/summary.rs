//! The summary of a run: how many findings went how far, and why the others did not.
//!
//! Every rate comes with what it is a rate of. The order is fixed: rules by id, gates as they run,
//! reasons by how often they occur.

mod markdown;

pub use markdown::cell;
pub(crate) use markdown::rate;

use record::{
    Applicability, Detection, Gate, GateOutcome, Outcome, Patch, PatchOperation, Status, Verdict,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Reasons kept for each status of a rule; the totals keep twice as many.
const REASONS: usize = 3;

/// The source of patches that our own rules propose.
const RULES: &str = "rules";

/// A part of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// The part.
    pub count: usize,
    /// The whole.
    pub of: usize,
}

/// How one gate judged the patches that reached it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GateCount {
    /// Which gate.
    pub gate: Gate,
    /// Patches that passed.
    pub passed: usize,
    /// Patches that failed.
    pub failed: usize,
    /// Patches that were not judged: the gate is off, or an earlier one failed.
    pub skipped: usize,
    /// Patches that could not be judged. Not a pass.
    pub unavailable: usize,
}

/// One reason and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// As the record says it.
    pub reason: String,
    /// Findings that have it.
    pub count: usize,
}

/// The findings that ended with one status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// The status; never `accepted`.
    pub status: Status,
    /// Findings that ended so.
    pub count: usize,
    /// The most frequent reasons, most frequent first.
    pub reasons: Vec<Reason>,
}

/// The way of one rule's findings, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Funnel {
    /// Rule id; the policy id for findings of other tools.
    pub rule: String,
    /// Findings.
    pub found: usize,
    /// Findings with a candidate patch, of those found.
    pub proposed: Share,
    /// The gates that at least one verdict names.
    pub gates: Vec<GateCount>,
    /// Patches that passed every required gate, of those proposed.
    pub accepted: Share,
    /// The findings that ended otherwise.
    pub not_accepted: Vec<Ended>,
}

/// How large the accepted patches are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Operations {
    /// Accepted patches that were measured.
    pub patches: usize,
    /// Median of operations per patch, `test` operations included.
    pub median_with_tests: f64,
    /// Median of operations that change something.
    pub median_without_tests: f64,
}

/// What an API server said of the patches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServerCounts {
    /// Why patches did not pass the gate `server`, by cause.
    pub causes: BTreeMap<&'static str, usize>,
    /// What the patches that passed change of what runs: by applicability, by effect.
    pub effects: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    /// Patches that change the pod template but not the pods made from it, by applicability.
    pub same_pods: BTreeMap<&'static str, usize>,
    /// Patches that passed, of workloads whose pods admission denied before.
    pub pods_denied_before: usize,
    /// Those of them after which admission has fewer complaints.
    pub pods_with_fewer_complaints: usize,
    /// Those of them after which it admits the pods.
    pub pods_admitted_after: usize,
}

/// The summary of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// All rules together, under the name `all`.
    pub total: Funnel,
    /// Findings that an ignore hides; they are in no other number.
    pub ignored: usize,
    /// Findings of the baseline; they are in no other number.
    pub in_baseline: usize,
    /// Size of the accepted patches; absent when none was accepted.
    pub operations: Option<Operations>,
    /// Accepted patches that a model wrote, of those that it proposed, by its name. They are unsafe,
    /// and they are in the other numbers too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_models: BTreeMap<String, Share>,
    /// What the API server said; absent when none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerCounts>,
    /// Each rule with a finding, by id.
    pub rules: Vec<Funnel>,
}

/// Counts a run as it goes on, so that its records need not be kept.
#[derive(Debug, Default)]
pub struct Counter {
    total: Tally,
    rules: BTreeMap<String, Tally>,
    /// Operations of each accepted patch, with `test` and without.
    operations: Vec<(usize, usize)>,
    ignored: usize,
    in_baseline: usize,
    by_models: BTreeMap<String, Share>,
    server: Option<ServerCounts>,
}

impl Counter {
    /// Says how many findings there are besides those that are added: ignored ones, and those of
    /// the baseline.
    pub fn held_back(&mut self, ignored: usize, in_baseline: usize) {
        self.ignored = ignored;
        self.in_baseline = in_baseline;
    }

    /// Adds records. A patch and its verdict must come in the same call; beyond that, order and
    /// grouping do not matter.
    pub fn add(
        &mut self,
        detections: &[Detection],
        patches: &[Patch],
        verdicts: &[Verdict],
        outcomes: &[Outcome],
    ) {
        for detection in detections {
            let rule = name(detection.rule.as_deref(), &detection.policy_id);
            self.count(rule, |tally| tally.found += 1);
        }
        for patch in patches {
            let rule = name(patch.rule.as_deref(), &patch.policy_id);
            self.count(rule, |tally| tally.proposed += 1);
        }
        self.count_models(patches, verdicts);
        for verdict in verdicts {
            let rule = name(verdict.rule.as_deref(), &verdict.policy_id);
            self.count(rule, |tally| tally.judge(verdict));
            self.hear(verdict);
        }
        for outcome in outcomes {
            self.count(&outcome.rule, |tally| tally.end(outcome));
        }
        self.operations.extend(operations(patches, verdicts));
    }

    fn count(&mut self, rule: &str, count: impl Fn(&mut Tally)) {
        count(&mut self.total);
        if !self.rules.contains_key(rule) {
            self.rules.insert(rule.to_owned(), Tally::default());
        }
        self.rules.get_mut(rule).into_iter().for_each(count);
    }

    fn count_models(&mut self, patches: &[Patch], verdicts: &[Verdict]) {
        let accepted = accepted(verdicts);
        for patch in patches.iter().filter(|patch| patch.source != RULES) {
            let share = self.by_models.entry(patch.source.clone()).or_default();
            share.of += 1;
            share.count += usize::from(accepted.contains(patch.id.as_str()));
        }
    }

    /// Counts what the API server said of a patch.
    fn hear(&mut self, verdict: &Verdict) {
        let gate = verdict.gates.iter().find(|result| result.gate == Gate::Server);
        let Some(report) = gate.and_then(|gate| gate.server.as_deref()) else { return };
        let counts = self.server.get_or_insert_default();
        if let Some(cause) = report.cause {
            *counts.causes.entry(cause.as_str()).or_default() += 1;
            return;
        }
        if let Some(effect) = report.effect {
            let applicability = verdict.applicability.map_or("unknown", Applicability::as_str);
            let effects = counts.effects.entry(applicability).or_default();
            *effects.entry(effect.as_str()).or_default() += 1;
            let same = usize::from(report.same_pods == Some(true));
            *counts.same_pods.entry(applicability).or_default() += same;
        }
        let (before, after) = (report.pods_denied_before.len(), report.pods_denied_after.len());
        counts.pods_denied_before += usize::from(before > 0);
        counts.pods_with_fewer_complaints += usize::from(after < before);
        counts.pods_admitted_after += usize::from(before > 0 && after == 0);
    }

    /// The summary of all that was added.
    pub fn summary(&self) -> Summary {
        Summary {
            total: self.total.funnel("all", 2 * REASONS),
            ignored: self.ignored,
            in_baseline: self.in_baseline,
            operations: medians(&self.operations),
            by_models: self.by_models.clone(),
            server: self.server.clone(),
            rules: self.rules.iter().map(|(rule, tally)| tally.funnel(rule, REASONS)).collect(),
        }
    }
}

impl Summary {
    /// Writes `review.json`: this value, indented, with a final newline.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        Ok(record::json::to_writer_pretty(&mut *out, self)?)
    }

    /// Writes `review.md`.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_markdown(&self, out: &mut impl Write) -> io::Result<()> {
        markdown::write(out, self)
    }
}

fn name<'a>(rule: Option<&'a str>, policy_id: &'a str) -> &'a str {
    rule.unwrap_or(policy_id)
}

/// The counts of one rule, or of all.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    proposed: usize,
    accepted: usize,
    gates: BTreeMap<Gate, GateCount>,
    ends: BTreeMap<Status, BTreeMap<String, usize>>,
}

impl Tally {
    fn judge(&mut self, verdict: &Verdict) {
        self.accepted += usize::from(verdict.accepted);
        for result in &verdict.gates {
            let count = self.gates.entry(result.gate).or_insert(GateCount {
                gate: result.gate,
                passed: 0,
                failed: 0,
                skipped: 0,
                unavailable: 0,
            });
            *match result.outcome {
                GateOutcome::Passed => &mut count.passed,
                GateOutcome::Failed => &mut count.failed,
                GateOutcome::Skipped => &mut count.skipped,
                GateOutcome::Unavailable => &mut count.unavailable,
            } += 1;
        }
    }

    fn end(&mut self, outcome: &Outcome) {
        if outcome.status != Status::Accepted {
            let reason = outcome.reason.as_deref().unwrap_or("no reason given");
            let reasons = self.ends.entry(outcome.status).or_default();
            match reasons.get_mut(reason) {
                Some(count) => *count += 1,
                None => {
                    reasons.insert(reason.to_owned(), 1);
                }
            }
        }
    }

    fn funnel(&self, rule: &str, most: usize) -> Funnel {
        Funnel {
            rule: rule.to_owned(),
            found: self.found,
            proposed: Share { count: self.proposed, of: self.found },
            gates: self.gates.values().copied().collect(),
            accepted: Share { count: self.accepted, of: self.proposed },
            not_accepted: self
                .ends
                .iter()
                .map(|(&status, reasons)| Ended {
                    status,
                    count: reasons.values().sum(),
                    reasons: most_frequent(reasons, most),
                })
                .collect(),
        }
    }
}

fn most_frequent(reasons: &BTreeMap<String, usize>, most: usize) -> Vec<Reason> {
    let mut sorted: Vec<(&str, usize)> =
        reasons.iter().map(|(reason, &count)| (reason.as_str(), count)).collect();
    // Stable: equals stay in the order of the map.
    sorted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    sorted.truncate(most);
    sorted.into_iter().map(|(reason, count)| Reason { reason: reason.to_owned(), count }).collect()
}

/// Operations of each accepted patch, with `test` and without.
fn operations(patches: &[Patch], verdicts: &[Verdict]) -> Vec<(usize, usize)> {
    let accepted = accepted(verdicts);
    let changes = |patch: &Patch| patch.patch.iter().filter(|op| !is_test(op)).count();
    patches
        .iter()
        .filter(|patch| accepted.contains(patch.id.as_str()))
        .map(|patch| (patch.patch.len(), changes(patch)))
        .collect()
}

/// Ids of the accepted patches.
fn accepted(verdicts: &[Verdict]) -> BTreeSet<&str> {
    verdicts.iter().filter(|verdict| verdict.accepted).map(|v| v.id.as_str()).collect()
}

fn medians(operations: &[(usize, usize)]) -> Option<Operations> {
    Some(Operations {
        patches: operations.len(),
        median_with_tests: median(operations.iter().map(|(all, _)| *all).collect())?,
        median_without_tests: median(operations.iter().map(|(_, changes)| *changes).collect())?,
    })
}

fn is_test(operation: &PatchOperation) -> bool {
    matches!(operation, PatchOperation::Test(_))
}

/// The middle one, or the mean of the two in the middle.
fn median(mut counts: Vec<usize>) -> Option<f64> {
    counts.sort_unstable();
    let middle = counts.len() / 2;
    let upper = f64::from(u32::try_from(*counts.get(middle)?).ok()?);
    if counts.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = f64::from(u32::try_from(*counts.get(middle - 1)?).ok()?);
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Vec<T> {
        serde_json::from_value(value).unwrap()
    }

    fn detection(id: &str, rule: &str) -> serde_json::Value {
        json!({"id": id, "manifest_path": "a.yaml", "policy_id": rule, "rule": rule,
               "violation_text": "x", "fingerprint": format!("f{id}")})
    }

    fn patch(id: &str, rule: &str, tests: usize, changes: usize) -> serde_json::Value {
        let test = json!({"op": "test", "path": "/a", "value": 1});
        let mut operations = vec![test; tests];
        operations.extend(vec![json!({"op": "remove", "path": "/a"}); changes]);
        json!({"id": id, "policy_id": rule, "rule": rule, "source": "rules",
               "fingerprint": format!("f{id}"), "manifest_path": "a.yaml", "patch": operations})
    }

    fn verdict(id: &str, rule: &str, accepted: bool, schema: &str) -> serde_json::Value {
        json!({"id": id, "policy_id": rule, "rule": rule, "accepted": accepted,
               "ok_policy": true, "ok_schema": accepted, "ok_safety": true, "ok_rescan": false,
               "fingerprint": format!("f{id}"), "manifest_path": "a.yaml",
               "gates": [{"gate": "patch", "outcome": "passed"},
                         {"gate": "schema", "outcome": schema}]})
    }

    fn outcome(id: &str, rule: &str, status: &str, reason: Option<&str>) -> serde_json::Value {
        json!({"id": id, "rule": rule, "fingerprint": format!("f{id}"), "status": status,
               "reason": reason})
    }

    fn summary() -> Summary {
        let detections = ["1", "2", "3"].map(|id| detection(id, "host-network"));
        let more = ["4", "5"].map(|id| detection(id, "latest-tag"));
        let mut counter = Counter::default();
        counter.add(
            &read(detections.into_iter().chain(more).collect()),
            &read(json!([
                patch("1", "host-network", 1, 1),
                patch("2", "host-network", 1, 4),
                patch("3", "host-network", 1, 9)
            ])),
            &read(json!([
                verdict("1", "host-network", true, "passed"),
                verdict("2", "host-network", true, "passed"),
                verdict("3", "host-network", false, "unavailable")
            ])),
            &read(json!([
                outcome("1", "host-network", "accepted", None),
                outcome("2", "host-network", "accepted", None),
                outcome("3", "host-network", "rejected", Some("schema: kind | <b>unknown</b>")),
                outcome("4", "latest-tag", "advice", Some("needs the tag")),
                outcome("5", "latest-tag", "advice", Some("needs the tag"))
            ])),
        );
        counter.held_back(12, 0);
        counter.summary()
    }

    #[test]
    fn the_page_shows_every_rate_with_its_denominator() {
        let mut out = Vec::new();
        summary().write_markdown(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn the_file_holds_the_same() {
        let mut out = Vec::new();
        summary().write_json(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn medians_leave_rejected_patches_out() {
        let operations = summary().operations.unwrap();
        assert_eq!(operations.patches, 2);
        assert_eq!((operations.median_with_tests, operations.median_without_tests), (3.5, 2.5));
    }

    #[test]
    fn what_models_wrote_is_shown_by_itself() {
        let mut by_model = patch("1", "latest-tag", 0, 1);
        by_model["source"] = "grok".into();
        let mut counter = Counter::default();
        counter.add(
            &[],
            &read(json!([by_model, patch("2", "latest-tag", 0, 1)])),
            &read(json!([verdict("1", "latest-tag", true, "passed")])),
            &[],
        );
        let mut out = Vec::new();
        counter.summary().write_markdown(&mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        assert!(page.contains("Written by the model grok"), "{page}");
        assert!(page.contains("1 of 1 (100.0 %)"), "{page}");
    }

    #[test]
    fn an_empty_run_has_a_summary() {
        let empty = Counter::default().summary();
        let mut out = Vec::new();
        empty.write_markdown(&mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("0 of 0"));
    }
}
