use crate::gates::{Attempt, Gates};
use crate::rescan::{Rescan, rescan};
use crate::server::Trials;
use detector::{Corpus, Found, Sifted};
use json_patch::PatchOperation;
use proposer::Proposal;
use record::{Applicability, Effect, Gate, GateOutcome, GateResult, Provenance, Status};
use rules::{Finding, Rule, Settings};
use schema::Schemas;
use std::collections::BTreeSet;

/// Which gates run; by default the offline ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSet(BTreeSet<Gate>);

impl Default for GateSet {
    fn default() -> Self {
        Self(BTreeSet::from(Gate::OFFLINE))
    }
}

impl GateSet {
    /// The same set and another gate: `server` makes the profile `cluster`, `rescan` besides the
    /// profile `strict`.
    #[must_use]
    pub fn with(mut self, gate: Gate) -> Self {
        self.0.insert(gate);
        self
    }

    /// The same set but these.
    #[must_use]
    pub fn without(mut self, disabled: &[Gate]) -> Self {
        self.0.retain(|gate| !disabled.contains(gate));
        self
    }

    /// Whether every gate of the set passed. The gate `rescan` is also content with a finding that
    /// no other scanner reported: it is skipped then.
    pub fn accepts(&self, results: &[GateResult]) -> bool {
        let good = |gate: Gate, result: &GateResult| match result.outcome {
            GateOutcome::Passed => true,
            GateOutcome::Skipped => gate == Gate::Rescan,
            GateOutcome::Failed | GateOutcome::Unavailable => false,
        };
        self.0.iter().all(|gate| results.iter().any(|r| r.gate == *gate && good(*gate, r)))
    }

    /// Whether the gate runs.
    pub fn contains(&self, gate: Gate) -> bool {
        self.0.contains(&gate)
    }
}

/// Everything that verdicts depend on.
pub struct Judge<'a> {
    /// The objects before any patch.
    pub corpus: &'a Corpus<'a>,
    /// Schemas of the target versions and of the inputs' CRDs.
    pub schemas: &'a Schemas,
    /// Parameters of the rules.
    pub settings: &'a Settings,
    /// Every rule; the `regression` gate runs them all.
    pub rules: &'a [&'static Rule],
    /// Those of the rules that were not selected: of all others, [`Judge::object`] is given every
    /// finding, reported or held back.
    pub unselected: &'a [&'static Rule],
    /// Which gates run.
    pub gates: &'a GateSet,
    /// Whether gates note the time they take.
    pub timings: bool,
    /// Asks an API server, for the gate `server`.
    pub server: Option<&'a Trials<'a>>,
    /// Runs outside scanners again, for the gate `rescan`.
    pub rescan: Option<&'a dyn Rescan>,
}

/// How each finding of one object ended.
#[derive(Debug)]
pub struct ObjectVerdict {
    /// One for each finding that was given, in the same order.
    pub findings: Vec<FindingVerdict>,
    /// The joint patch, when at least one fix was accepted.
    pub accepted: Option<Accepted>,
}

/// How one finding ended.
#[derive(Debug)]
pub struct FindingVerdict {
    /// How it ended.
    pub status: Status,
    /// Why, unless it was accepted.
    pub reason: Option<String>,
    /// The patch that cures this finding alone, when there is one.
    pub proposal: Option<Proposal>,
    /// The gates, in order; empty when nothing was proposed.
    pub gates: Vec<GateResult>,
}

/// What the gates say of a patch that came from elsewhere.
#[derive(Debug)]
pub struct Judged {
    /// The gates, in order, up to the first that failed.
    pub gates: Vec<GateResult>,
    /// The text edit, when there is one.
    pub edit: Option<manifest::Edit>,
}

/// A joint patch that passed every gate.
#[derive(Debug)]
pub struct Accepted {
    /// RFC 6902 operations from the document's root.
    pub operations: Vec<PatchOperation>,
    /// The findings that it cures, by their index.
    pub included: Vec<usize>,
    /// Where the written values come from.
    pub provenance: Vec<Provenance>,
    /// The text edit.
    pub edit: manifest::Edit,
    /// What the joint patch changes of what runs, when an API server was asked.
    pub effect: Option<Effect>,
}

impl Judge<'_> {
    /// Proposes, composes and judges the fixes of one object's reported findings, as far as `max`
    /// allows. Those that are held back stay as they are, and are not new after a patch.
    pub fn object(&self, position: usize, sifted: &Sifted, max: Applicability) -> ObjectVerdict {
        let found = &sifted.found[..];
        let object = self.corpus.object(position);
        let findings: Vec<&Finding> = found.iter().map(|found| &found.finding).collect();
        let mut verdicts: Vec<FindingVerdict> =
            (0..found.len()).map(|index| self.proposal_of(object, &findings, index, max)).collect();
        let candidates: Vec<usize> =
            (0..found.len()).filter(|index| verdicts[*index].proposal.is_some()).collect();
        if candidates.is_empty() {
            return ObjectVerdict { findings: verdicts, accepted: None };
        }
        let gates = Gates::new(self, position, found, self.unselected)
            .knowing(sifted.hidden.iter().map(|hidden| hidden.found.fingerprint));
        let allowed = self.patch_gate(&gates, &candidates, found, &mut verdicts);
        let attempt = self.joint(&gates, allowed, &mut verdicts);
        let accepted = attempt.and_then(|attempt| settle(attempt, &mut verdicts));
        if let Some(accepted) = &accepted {
            effect_of_safe(&gates, object, &findings, accepted, &mut verdicts);
        }
        ObjectVerdict { findings: verdicts, accepted }
    }

    /// Judges a patch that came from elsewhere: a file, a model, a person. It may touch what the
    /// given rules allow, and must cure the given findings.
    pub fn foreign(
        &self,
        position: usize,
        operations: &[PatchOperation],
        rules: &[&'static Rule],
        targets: &[Found],
    ) -> Judged {
        let gates = Gates::new(self, position, targets, self.rules);
        let patch = gates.foreign_patch(operations, rules);
        if patch.outcome == GateOutcome::Failed {
            return Judged { gates: vec![patch], edit: None };
        }
        let attempt = gates.judge_patch(operations.to_vec(), (0..targets.len()).collect());
        let mut results = vec![patch];
        results.extend(attempt.worst_gates());
        if self.gates.contains(Gate::Rescan) {
            let result = rescan(self, position, &results, attempt.edit.as_ref(), targets);
            results.push(result);
        }
        Judged { gates: results, edit: attempt.edit }
    }

    fn proposal_of(
        &self,
        object: &rules::Object<'_>,
        findings: &[&Finding],
        index: usize,
        max: Applicability,
    ) -> FindingVerdict {
        let applicability = findings[index].applicability();
        let end = |status, reason: String| FindingVerdict {
            status,
            reason: Some(reason),
            proposal: None,
            gates: Vec::new(),
        };
        if applicability == Applicability::Advice {
            return end(Status::Advice, findings[index].note().to_owned());
        }
        if applicability > max {
            return end(Status::Withheld, "the fix is unsafe and was not asked for".to_owned());
        }
        match proposer::propose(object, findings, index) {
            Err(reason) => end(Status::Withheld, reason),
            Ok(proposal) if proposal.applicability > max => {
                end(Status::Withheld, "the fix needs an unsafe one, not asked for".to_owned())
            }
            Ok(proposal) => FindingVerdict {
                status: Status::Accepted,
                reason: None,
                proposal: Some(proposal),
                gates: Vec::new(),
            },
        }
    }

    /// Judges each patch alone by what its rules may touch; returns those that may go on.
    fn patch_gate(
        &self,
        gates: &Gates<'_, '_>,
        candidates: &[usize],
        found: &[Found],
        verdicts: &mut [FindingVerdict],
    ) -> Vec<usize> {
        let mut allowed = Vec::new();
        for index in candidates {
            let verdict = &mut verdicts[*index];
            let Some(proposal) = &verdict.proposal else { continue };
            let involved = std::iter::once(index).chain(&proposal.needs);
            let rules: Vec<&Rule> = involved.map(|i| found[*i].finding.rule).collect();
            let result = gates.patch(&proposal.operations, &rules);
            let failed = result.outcome == GateOutcome::Failed;
            if failed {
                reject(verdict, vec![result]);
            } else {
                verdict.gates.push(result);
                allowed.push(*index);
            }
        }
        allowed
    }

    /// The joint patch of as many findings as pass every gate together.
    fn joint<'g, 'f>(
        &self,
        gates: &'g Gates<'g, 'f>,
        allowed: Vec<usize>,
        verdicts: &mut [FindingVerdict],
    ) -> Option<Attempt> {
        let attempt = gates.attempt(&allowed);
        if attempt.passed() {
            return Some(attempt);
        }
        if attempt.is_beyond_the_server() {
            withhold(&attempt, verdicts);
            for index in &attempt.composition.included {
                let verdict = &mut verdicts[*index];
                let first = std::mem::take(&mut verdict.gates);
                reject(verdict, first.into_iter().chain(attempt.gates_of(*index)).collect());
            }
            return None;
        }
        // Find out who is to blame: add one fix after the other to those that are good together.
        // Fixes that need others come last, so that what they need is in place.
        let mut order = allowed;
        order.sort_by_key(|index| verdicts[*index].proposal.as_ref().map(|p| p.needs.len()));
        let mut good: Vec<usize> = Vec::new();
        let mut best = None;
        for index in order {
            good.push(index);
            good.sort_unstable();
            let attempt = gates.attempt(&good);
            if attempt.passed() {
                best = Some(attempt);
                continue;
            }
            good.retain(|kept| *kept != index);
            let gates = attempt.gates_of(index);
            let verdict = &mut verdicts[index];
            let first = std::mem::take(&mut verdict.gates);
            reject(verdict, first.into_iter().chain(gates).collect());
        }
        best
    }
}

/// Marks a finding as rejected by the first gate that did not pass.
fn reject(verdict: &mut FindingVerdict, gates: Vec<GateResult>) {
    verdict.status = Status::Rejected;
    let bad = gates
        .iter()
        .find(|gate| matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable));
    verdict.reason = bad.map(|gate| {
        let reason = gate.reason.as_deref().unwrap_or("no reason given");
        format!("gate {}: {reason}", gate.gate.as_str())
    });
    verdict.gates = gates;
}

/// The server saw the joint patch. What the safe fixes among others do by themselves is asked again:
/// people want to know what `--fix` alone would do to what runs.
fn effect_of_safe(
    gates: &Gates<'_, '_>,
    object: &rules::Object<'_>,
    findings: &[&Finding],
    accepted: &Accepted,
    verdicts: &mut [FindingVerdict],
) {
    let is_safe = |index: &usize| {
        let proposal = verdicts[*index].proposal.as_ref();
        proposal.is_some_and(|proposal| proposal.applicability == Applicability::Safe)
    };
    let safe: Vec<usize> = accepted.included.iter().copied().filter(is_safe).collect();
    let server = |gate: &&mut GateResult| gate.gate == Gate::Server;
    // A joint patch that changes nothing has no part that does.
    let nothing_changes = matches!(accepted.effect, None | Some(Effect::Unchanged));
    if safe.is_empty() || safe.len() == accepted.included.len() || nothing_changes {
        return;
    }
    let alone: Vec<&Finding> = safe.iter().map(|index| findings[*index]).collect();
    let change = gates.change(&proposer::compose(object, &alone).operations);
    for index in safe {
        let gate = verdicts[index].gates.iter_mut().find(server);
        if let Some(report) = gate.and_then(|gate| gate.server.as_mut()) {
            report.effect = change.effect;
            report.same_pods = change.same_pods;
        }
    }
}

/// Marks the findings whose fixes do not go together with the others.
fn withhold(attempt: &Attempt, verdicts: &mut [FindingVerdict]) {
    for (index, reason) in &attempt.composition.withheld {
        let verdict = &mut verdicts[*index];
        if verdict.status == Status::Accepted {
            verdict.status = Status::Withheld;
            verdict.reason = Some(reason.clone());
            verdict.gates.clear();
        }
    }
}

/// Writes the outcome of a joint patch that passed into the verdicts of its findings.
fn settle(attempt: Attempt, verdicts: &mut [FindingVerdict]) -> Option<Accepted> {
    withhold(&attempt, verdicts);
    for index in &attempt.composition.included {
        let gates = attempt.gates_of(*index);
        verdicts[*index].gates.extend(gates);
    }
    let effect = attempt.effect();
    let composition = attempt.composition;
    if composition.included.is_empty() {
        return None;
    }
    Some(Accepted {
        operations: composition.operations,
        included: composition.included,
        provenance: composition.provenance,
        edit: attempt.edit?,
        effect,
    })
}
