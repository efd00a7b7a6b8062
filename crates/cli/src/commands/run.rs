//! `run`: all stages at once.

pub(crate) mod files;

use self::files::{Files, State, lines};
use super::queue::{create, items};
use super::schedule;
use crate::args::{Common, Run};
use crate::config::Config;
use crate::counting::{self, Counting};
use crate::linter;
use crate::proposing::{self, Who};
use crate::scoring::Scoring;
use crate::server::Connected;
use crate::session::{self, Proving, Session, input_errors, report_errors, report_warnings};
use crate::{End, evidence, write};
use anyhow::Context as _;
use detector::{Filters, Found, Sieve, Sifted, Tally};
use models::Proposer;
use rayon::prelude::*;
use record::{
    Applicability, Attempts, Detection, Gate, GateOutcome, Outcome, Patch, RiskScore, Status,
    Verdict,
};
use review::summary::Summary;
use rules::Object;
use scheduler::Candidate;
use scheduler::learn::Learner;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use verifier::{FindingVerdict, Judge, ObjectVerdict};

/// Objects that are judged before their records are written.
const PART: usize = 512;

/// Everything that a run records, one entry for each finding unless said otherwise.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) detections: Vec<Detection>,
    /// Only of findings with a patch.
    pub(crate) patches: Vec<Patch>,
    /// Only of findings with a patch.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) scores: Vec<RiskScore>,
    /// Only of findings that a model was asked about.
    pub(crate) attempts: Vec<Attempts>,
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Run) -> anyhow::Result<End> {
    let mut session = Session::new(common, &args.selecting)?;
    let counting = Counting::new(&session.config, &args.counting)?;
    let gates = session::without(args.server.gates(), &args.disable_gate)?;
    let who = Who::new(&args.proposing, &session, common)?;
    session.scoring = Scoring::new(&args.judging, &session.config, common.quiet)?;
    anyhow::ensure!(
        !matches!(who, Who::Recorded(_)),
        "recorded answers go with `propose`, which knows the detections that they are for"
    );
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let inputs = session.read(&args.paths);
    session.gather(&args.evidence, &inputs.files)?;
    let corpus = session.corpus(&inputs.files);
    evidence::keep(&session.evidence, &args.out)?;
    session.scoring.report_unused(&corpus)?;
    let server = Connected::new(&args.server, &session, &corpus, common)?;
    let proving = Proving::new(&session, &corpus, gates, args.timings, server.as_ref())?;
    let judge = proving.judge(&session, &corpus);
    let out = |name: &str| args.out.join(name);
    let sieve = Sieve::new(&corpus, &counting.filters);
    who.learn_secrets(&corpus);
    let manifest = manifest(&session, &counting, &sieve, &inputs, &server, &who, args)?;
    let identity = identity(&manifest, &session, common, args)?;
    let former = State::read(&args.out).filter(|_| args.resume);
    let former = former.filter(|state| state.identity == identity);
    if let Some(code) = former.as_ref().filter(|state| state.complete).and_then(|s| s.exit_code) {
        if !common.quiet {
            writeln!(std::io::stdout(), "{} is complete already", args.out.display())?;
        }
        return Ok(End::from_code(code));
    }
    if args.resume && former.is_none() && !common.quiet {
        let out = args.out.display();
        writeln!(
            std::io::stderr(),
            "{out} holds no run of these inputs and settings; a new one begins"
        )?;
    }
    let proving_all =
        Whole { session: &session, counting: &counting, judge: &judge, sieve: &sieve, who: &who };
    let (written, tally, state) = prove_and_write(&proving_all, args, &identity, former)?;
    let Written { mut counter, accepted, fails } = written;
    counter.held_back(tally.ignored, tally.in_baseline);
    // Nothing has been attempted yet, and the same input gives the same order: no outcomes, no clock.
    let windows = schedule::windows(&session.config.scheduling)?;
    let settings = schedule::settings(&session.config.scheduling, &windows);
    let mut entries = scheduler::rank(&accepted, &Learner::default(), &settings)?;
    schedule::forget_reasons(&mut entries);
    write::output(&out("schedule.jsonl"), &lines(&entries)?)?;
    let summary = counter.summary();
    let (mut page, mut json) = (Vec::new(), Vec::new());
    summary.write_markdown(&mut page)?;
    summary.write_json(&mut json)?;
    write::output(&out("review.md"), &page)?;
    write::output(&out("review.json"), &json)?;
    write::output(&out("manifest.json"), &manifest)?;
    let errors = input_errors(&inputs);
    report_errors(&errors)?;
    report_warnings(&inputs, common)?;
    let notices = counting::notices(&session, &inputs, &sieve, &tally);
    counting::report_notices(&notices, common.quiet)?;
    report(&summary, &proving.unusable, args, common)?;
    who.report(common)?;
    let end = match (errors.is_empty(), fails) {
        (false, _) => End::InputError,
        (true, true) => End::Findings,
        (true, false) => End::Clean,
    };
    Files::complete(&args.out, state, end as u8)?;
    Ok(end)
}

/// A hash of everything that the outputs depend on.
pub(super) fn identity(
    manifest: &[u8],
    session: &Session,
    common: &Common,
    args: &Run,
) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(manifest);
    let Run { paths, selecting, counting, disable_gate, timings, .. } = args;
    let Run { proposing, server, evidence, judging, .. } = args;
    let settings = (paths, selecting, counting, disable_gate, timings, proposing, server);
    hash.update(format!("{settings:?} {evidence:?} {judging:?} {:?}", common.max_file_size));
    let configuration = Config::path(common.config.as_deref());
    let baseline = counting.baseline.clone().or_else(|| session.config.baseline.clone());
    let linter = linter::configuration(selecting);
    for file in configuration.into_iter().chain(baseline).chain(linter) {
        hash.update([0]);
        hash.update(
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?,
        );
    }
    Ok(hex(&hash.finalize()))
}

/// What proving all objects needs.
struct Whole<'a> {
    session: &'a Session,
    counting: &'a Counting,
    judge: &'a Judge<'a>,
    sieve: &'a Sieve<'a>,
    who: &'a Who,
}

/// What is left of the records once they are written.
#[derive(Default)]
struct Written {
    counter: review::summary::Counter,
    /// The accepted fixes.
    accepted: Vec<Candidate>,
    /// Whether a finding that counts has no accepted fix.
    fails: bool,
}

/// Proves the fixes of all objects, part by part, so that the records of a large corpus need not
/// all be in memory. One thread writes a part while the others prove the next.
fn prove_and_write(
    whole: &Whole<'_>,
    args: &Run,
    identity: &str,
    former: Option<State>,
) -> anyhow::Result<(Written, Tally, State)> {
    let Whole { session, counting, judge, sieve, who } = *whole;
    let objects = judge.corpus.len();
    let with_attempts = who.model().is_some();
    let location = args.out.join("queue.db").as_path().into();
    let queue = create(&location, &session.config.scheduling, None, None)?;
    let mut tally = sieve.tally();
    let mut written = Written::default();
    let fails =
        |detection: &Detection| detection.severity.is_some_and(|severity| counting.fails(severity));
    let (mut files, done, mut first) = match former {
        None => (Files::create(&args.out, with_attempts, identity, objects)?, 0, 0),
        Some(state) => {
            let done = state.done;
            let (files, records) = Files::resume(&args.out, with_attempts, state)?;
            written.take(&records, fails, &queue)?;
            // What is held back leaves no records: it is counted again.
            look(session, judge, sieve, 0..done).iter_mut().for_each(|sifted| tally.add(sifted));
            (files, done, records.detections.len())
        }
    };
    let bar = session.progress("proving", objects);
    bar.inc(done as u64);
    let cannot_write = || format!("cannot write the records into {}", args.out.display());
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<(Records, usize)>(1);
        let writer = scope.spawn(move || -> anyhow::Result<(Written, State)> {
            for (records, done) in receiver {
                files.write(&records).with_context(cannot_write)?;
                written.take(&records, fails, &queue).with_context(cannot_write)?;
                files.checkpoint(done)?;
            }
            Ok((written, files.finish()?))
        });
        for start in (done..objects).step_by(PART) {
            let positions = start..objects.min(start + PART);
            let end = positions.end;
            bar.inc(positions.len() as u64);
            let records = part(session, judge, sieve, who, &mut tally, positions, first);
            first += records.detections.len();
            // The writer is gone only when it failed; its error is returned below.
            if sender.send((records, end)).is_err() {
                break;
            }
        }
        drop(sender);
        bar.finish_and_clear();
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((written.0, tally, written.1))
    })
}

/// The findings of some objects.
fn look(
    session: &Session,
    judge: &Judge<'_>,
    sieve: &Sieve<'_>,
    positions: std::ops::Range<usize>,
) -> Vec<Sifted> {
    let check = |position| {
        let found = judge.corpus.check(position, &session.rules, &session.settings);
        sieve.sift(position, found)
    };
    positions.into_par_iter().map(check).collect()
}

impl Written {
    fn take(
        &mut self,
        records: &Records,
        fails: impl Fn(&Detection) -> bool,
        queue: &queue::blocking::Queue,
    ) -> anyhow::Result<()> {
        let Records { detections, patches, verdicts, outcomes, scores, .. } = records;
        self.counter.add(detections, patches, verdicts, outcomes);
        let ended = detections.iter().zip(outcomes);
        self.fails |= ended
            .filter(|(_, outcome)| outcome.status != Status::Accepted)
            .any(|(detection, _)| fails(detection));
        let accepted: HashSet<&str> =
            verdicts.iter().filter(|v| v.accepted).map(|v| v.id.as_str()).collect();
        let proposers: HashMap<&str, &str> =
            patches.iter().map(|patch| (patch.id.as_str(), patch.source.as_str())).collect();
        let proposer = |id: &str| proposers.get(id).copied().filter(|_| accepted.contains(id));
        self.accepted.extend(schedule::candidates(detections, scores, proposer));
        let (items, _) = items(verdicts, detections, patches, scores);
        queue.run(async |queue| queue.enqueue(&items).await)?;
        Ok(())
    }
}

/// Looks for findings in some objects, proves their fixes and turns everything into records,
/// numbered from `first`.
fn part(
    session: &Session,
    judge: &Judge<'_>,
    sieve: &Sieve<'_>,
    who: &Who,
    tally: &mut Tally,
    positions: std::ops::Range<usize>,
    first: usize,
) -> Records {
    let mut sifted = look(session, judge, sieve, positions.clone());
    sifted.iter_mut().for_each(|sifted| tally.add(sifted));
    let firsts = sifted.iter().scan(first, |next, sifted| {
        let first = *next;
        *next += sifted.found.len();
        Some(first)
    });
    let work: Vec<(usize, usize, &Sifted)> = positions
        .zip(firsts)
        .zip(&sifted)
        .map(|((at, first), sifted)| (at, first, sifted))
        .collect();
    let prove = |(position, first, sifted): (usize, usize, &Sifted)| {
        let verdict = judge.object(position, sifted, Applicability::Unsafe);
        object_records(judge, who, &session.scoring, position, &sifted.found, verdict, first)
    };
    let parts: Vec<Records> = who.parallel(|| work.into_par_iter().map(prove).collect());
    let mut all = Records::default();
    for part in parts {
        all.detections.extend(part.detections);
        all.patches.extend(part.patches);
        all.verdicts.extend(part.verdicts);
        all.outcomes.extend(part.outcomes);
        all.scores.extend(part.scores);
        all.attempts.extend(part.attempts);
    }
    all
}

fn object_records(
    judge: &Judge<'_>,
    who: &Who,
    scoring: &Scoring,
    position: usize,
    found: &[Found],
    verdict: ObjectVerdict,
    first: usize,
) -> Records {
    let (object, input) = (judge.corpus.object(position), judge.corpus.input_of(position));
    let mut records = Records::default();
    let circumstances = scoring.scorer.circumstances(judge.corpus.set(), object);
    for (index, (found, verdict)) in found.iter().zip(verdict.findings).enumerate() {
        let detection = found.record(super::number(first + index), input, object);
        let by_rules = Ended::by_rules(&detection, verdict, object);
        let ended = match who {
            Who::Model { asked, rules_first, .. } => {
                let fallback = rules_first.then_some(by_rules);
                Ended::by_model(asked, judge, position, found, &detection, fallback)
            }
            Who::Rules | Who::Recorded(_) => by_rules,
        };
        records.outcomes.push(Outcome {
            id: detection.id.clone(),
            rule: found.finding.rule.id.to_owned(),
            fingerprint: found.fingerprint.to_string(),
            status: ended.status,
            reason: ended.reason,
        });
        records.verdicts.extend(ended.verdict);
        records.patches.extend(ended.patch);
        records.attempts.extend(ended.attempts);
        records.scores.push(scoring.scorer.score(&detection, Ok(&circumstances)));
        records.detections.push(detection);
    }
    records
}

/// How one finding ended.
struct Ended {
    status: Status,
    reason: Option<String>,
    patch: Option<Patch>,
    verdict: Option<Verdict>,
    attempts: Option<Attempts>,
}

impl Ended {
    fn by_rules(detection: &Detection, verdict: FindingVerdict, object: &Object<'_>) -> Self {
        let record = verdict.proposal.is_some().then(|| verdict_record(detection, &verdict));
        let FindingVerdict { status, reason, proposal, .. } = verdict;
        let patch = proposal.map(|proposal| proposing::rule_patch(detection, proposal, object));
        Self { status, reason, patch, verdict: record, attempts: None }
    }

    /// Asks the model, unless rules could do it. Where the model cannot either, what became of the
    /// rules' fix stands.
    fn by_model(
        model: &Proposer,
        judge: &Judge<'_>,
        position: usize,
        found: &Found,
        detection: &Detection,
        by_rules: Option<Self>,
    ) -> Self {
        let by_rules = match by_rules {
            Some(settled) if settled.status == Status::Accepted => return settled,
            by_rules => by_rules,
        };
        let (rules, targets) = ([found.finding.rule], std::slice::from_ref(found));
        let proposed = proposing::ask(model, judge, position, &rules, targets);
        let attempts = proposing::attempts(model, detection, &proposed);
        let Some(operations) = proposed.patch else {
            let ended = by_rules.unwrap_or_else(Self::nothing);
            let why = proposing::why_not(&attempts);
            let reason = ended.reason.map_or(why.clone(), |reason| format!("{reason}; {why}"));
            return Self { reason: Some(reason), attempts: Some(attempts), ..ended };
        };
        let gates = judge.foreign(position, &operations, &rules, targets).gates;
        let verdict =
            FindingVerdict { status: Status::Accepted, reason: None, proposal: None, gates };
        let verdict = Verdict {
            applicability: Some(Applicability::Unsafe),
            ..verdict_record(detection, &verdict)
        };
        Self {
            status: Status::Accepted,
            reason: None,
            patch: Some(proposing::model_patch(model, detection, operations)),
            verdict: Some(verdict),
            attempts: Some(attempts),
        }
    }

    /// When rules were not asked.
    fn nothing() -> Self {
        let (status, reason) = (Status::Rejected, None);
        Self { status, reason, patch: None, verdict: None, attempts: None }
    }
}

/// The record of a verdict on the patch of a detection.
pub(crate) fn verdict_record(detection: &Detection, verdict: &FindingVerdict) -> Verdict {
    let passed = |gate: Gate| {
        verdict.gates.iter().any(|g| g.gate == gate && g.outcome == GateOutcome::Passed)
    };
    Verdict {
        id: detection.id.clone(),
        policy_id: detection.policy_id.clone(),
        accepted: verdict.status == Status::Accepted,
        ok_policy: passed(Gate::Policy),
        ok_schema: passed(Gate::Schema),
        ok_safety: passed(Gate::Patch) && passed(Gate::Regression),
        ok_rescan: passed(Gate::Rescan),
        patched_yaml: None,
        errors: Vec::new(),
        rule: detection.rule.clone(),
        fingerprint: detection.fingerprint.clone(),
        manifest_path: Some(detection.manifest_path.clone()),
        object: detection.object.clone(),
        applicability: verdict.proposal.as_ref().map(|proposal| proposal.applicability),
        gates: verdict.gates.clone(),
    }
}

/// What went in, so that a run can be compared and repeated.
pub(super) fn manifest(
    session: &Session,
    counting: &Counting,
    sieve: &Sieve<'_>,
    inputs: &crate::inputs::Inputs,
    server: &Option<Connected>,
    who: &Who,
    args: &Run,
) -> anyhow::Result<Vec<u8>> {
    let digests: Vec<(String, String)> = inputs
        .files
        .par_iter()
        .filter_map(|input| {
            let text = input.source.as_ref().ok()?.text();
            Some((input.path.clone(), hex(&Sha256::digest(text))))
        })
        .collect();
    let files: BTreeMap<_, _> = digests.into_iter().collect();
    let Filters { ignores, today, min_severity, baseline } = &counting.filters;
    let mut manifest = serde_json::json!({
        "tool": { "name": "k8s-auto-fix", "version": env!("CARGO_PKG_VERSION") },
        "rules": session.rules.iter().map(|rule| rule.id).collect::<Vec<_>>(),
        "kubernetes_versions": session.versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "values": session.config.values.0.len(),
        "ignores": ignores.as_ref().map(Vec::len),
        "baseline": baseline.as_ref().map(|(path, _)| path),
        "min_severity": min_severity,
        "disabled_gates": args.disable_gate,
        "server": server.as_ref().map(Connected::describe),
        "proposer": who.describe(),
        "evidence": evidence::describe(&session.evidence),
        "risk": session.scoring.describe(),
        "inputs": files,
    });
    // The day is part of the input only where something expires.
    if sieve.depends_on_the_day() {
        manifest["today"] = today.to_string().into();
    }
    Ok(record::json::to_vec_pretty(&manifest)?)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report(
    summary: &Summary,
    unusable: &[String],
    args: &Run,
    common: &Common,
) -> anyhow::Result<()> {
    for crd in unusable {
        writeln!(
            std::io::stderr(),
            "warning: {}; its objects have no schema",
            review::escape(crd)
        )?;
    }
    if common.quiet {
        return Ok(());
    }
    let accepted = format!("{} accepted", summary.total.accepted.count);
    let others = summary.total.not_accepted.iter();
    let others = others.map(|ended| format!("{} {}", ended.count, ended.status.as_str()));
    let parts: Vec<String> = std::iter::once(accepted).chain(others).collect();
    let held_back = [(summary.ignored, "ignored"), (summary.in_baseline, "in the baseline")]
        .map(|(count, what)| if count > 0 { format!("; {count} {what}") } else { String::new() });
    writeln!(
        std::io::stdout(),
        "{} findings: {}{}. See {}",
        summary.total.found,
        parts.join(", "),
        held_back.concat(),
        args.out.join("review.md").display()
    )?;
    Ok(())
}
