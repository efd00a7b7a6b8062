//! The gate `rescan`: does the scanner that reported a finding still report it? Running a scanner
//! is for the edge; here is only what its answer means.

use crate::Judge;
use detector::{Found, Input};
use manifest::Edit;
use record::{Gate, GateOutcome, GateResult};
use rules::{Object, Reported};
use std::time::Instant;

/// Runs outside scanners again.
pub trait Rescan: Sync {
    /// Whether the scanner still reports its check at the places of the findings.
    fn rescan(&self, patched: &Patched<'_>, reported: &Reported) -> Rescanned;
}

/// A patched file.
pub struct Patched<'p> {
    /// The file before the patch.
    pub input: &'p Input,
    /// The object before the patch.
    pub object: &'p Object<'p>,
    /// The findings that the patch must cure.
    pub targets: &'p [Found],
    /// The whole text after the patch.
    pub text: &'p str,
}

/// What a scanner says of a patched file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescanned {
    /// It reports the finding no more.
    Gone,
    /// It still does, and how.
    Failed(String),
    /// It could not be asked, and why.
    Unavailable(String),
}

/// Asks the scanner that reported the findings. It runs last, and only when all is well so far: a
/// scanner takes long.
pub(crate) fn rescan(
    judge: &Judge<'_>,
    position: usize,
    results: &[GateResult],
    edit: Option<&Edit>,
    targets: &[Found],
) -> GateResult {
    let result = |outcome, reason| GateResult::new(Gate::Rescan, outcome, reason);
    let bad = |r: &GateResult| matches!(r.outcome, GateOutcome::Failed | GateOutcome::Unavailable);
    let Some(edit) = edit.filter(|_| !results.iter().any(bad)) else {
        return result(GateOutcome::Skipped, Some("an earlier gate failed".to_owned()));
    };
    let Some(reported) = targets.iter().find_map(|target| target.finding.reported.as_ref()) else {
        let reason = "no outside scanner reported it".to_owned();
        return result(GateOutcome::Skipped, Some(reason));
    };
    let Some(scanner) = judge.rescan else {
        let reason = format!("{} cannot be run here", reported.tool);
        return result(GateOutcome::Unavailable, Some(reason));
    };
    let input = judge.corpus.input_of(position);
    let source = match &input.source {
        Ok(source) => source,
        Err(error) => return result(GateOutcome::Unavailable, Some(error.to_string())),
    };
    let start = judge.timings.then(Instant::now);
    let text = manifest::apply_edits(source.text(), &edit.edits);
    let object = judge.corpus.object(position);
    let patched = Patched { input, object, targets, text: &text };
    let mut result = match scanner.rescan(&patched, reported) {
        Rescanned::Gone => result(GateOutcome::Passed, None),
        Rescanned::Failed(reason) => result(GateOutcome::Failed, Some(reason)),
        Rescanned::Unavailable(reason) => result(GateOutcome::Unavailable, Some(reason)),
    };
    result.microseconds =
        start.map(|start| u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    result
}
