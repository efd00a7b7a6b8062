//! The stages one by one: `detect`, `propose`, `verify`. They exchange the records of a file,
//! ours or the reference system's.

use super::queue::records;
use crate::args::{Common, Detect, Propose, Verify};
use crate::counting::{self, Counting, report_notices};
use crate::importing::{self, Importer};
use crate::located::{Located, Sources};
use crate::proposing::{self, Candidate, Who};
use crate::scanners::{Rescanner, Scanners, Status};
use crate::server::Connected;
use crate::session::{self, Proving, Session, input_errors, report_errors, report_warnings};
use crate::{End, commands};
use detector::{Sieve, Sifted, object_ref};
use rayon::prelude::*;
use record::{Detection, Gate, GateOutcome, GateResult, Patch, Verdict, canonical_policy_id};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use verifier::{GateSet, Judge};

/// Manifests to detections.
pub(crate) fn detect(common: &Common, args: &Detect) -> anyhow::Result<End> {
    let mut session = Session::new(common, &args.selecting)?;
    let counting = Counting::new(&session.config, &args.counting)?;
    let importer = Importer::new(args)?;
    let inputs = session.read(&args.inputs);
    session.gather(&args.evidence, &inputs.files)?;
    let corpus = session.corpus(&inputs.files);
    let sieve = Sieve::new(&corpus, &counting.filters);
    let imported = importer.import(&corpus, &inputs, args, &session)?;
    // Who brings findings of other tools wants these; our own as well only when asked for.
    let own =
        imported.is_none() || !args.selecting.select.is_empty() || args.selecting.profile.is_some();
    let (mut sifted, mut tally) = session.detect(&corpus, &sieve, |_| own);
    let imported = imported.unwrap_or_default();
    imported.add_to(&mut sifted, &sieve, &mut tally);
    let mut detections = Vec::new();
    let mut fails = false;
    for (position, Sifted { found, .. }) in sifted.iter().enumerate() {
        let (object, input) = (corpus.object(position), corpus.input_of(position));
        for found in found {
            fails |= counting.fails(found.finding.severity());
            let mut detection = found.record(commands::number(detections.len()), input, object);
            if args.embed || input.path == "-" {
                detection.manifest_yaml = document_text(input, object.document);
            }
            detections.push(detection);
        }
    }
    for mut lost in imported.lost {
        fails |= lost.severity.is_none_or(|severity| counting.fails(severity));
        lost.id = commands::number(detections.len());
        detections.push(lost);
    }
    commands::emit(args.out.as_deref(), &detections)?;
    let errors = input_errors(&inputs);
    report_errors(&errors)?;
    report_warnings(&inputs, common)?;
    report_notices(&counting::notices(&session, &inputs, &sieve, &tally), common.quiet)?;
    importing::report(&imported.statuses, &args.scanners, common)?;
    let unread = !errors.is_empty() || imported.statuses.iter().any(Status::failed);
    Ok(match (unread, fails) {
        (true, _) => End::InputError,
        (false, true) => End::Findings,
        (false, false) => End::Clean,
    })
}

fn document_text(input: &detector::Input, document: usize) -> Option<String> {
    let source = input.source.as_ref().ok()?;
    let span = source.documents().get(document)?.span();
    source.text().get(span).map(str::to_owned)
}

/// Detections to candidate patches.
pub(crate) fn propose(common: &Common, args: &Propose) -> anyhow::Result<End> {
    let mut session = Session::new(common, &args.selecting)?;
    let who = Who::new(&args.proposing, &session, common)?;
    let file = proposing::detections_file(&args.proposing, args.detections.as_ref())?;
    let detections: Vec<Detection> = records(&file)?;
    let sources = Sources::read(&detections, &file, &session);
    session.gather(&args.evidence, &sources.inputs.files)?;
    let corpus = session.corpus(&sources.inputs.files);
    // Only a model hears of the gates while it proposes; `verify` judges whatever comes.
    let server = match who.model() {
        Some(_) => Connected::new(&args.server, &session, &corpus, common)?,
        None => None,
    };
    let proving = Proving::new(&session, &corpus, args.server.gates(), false, server.as_ref())?;
    let judge = proving.judge(&session, &corpus);
    who.learn_secrets(&corpus);
    let bar = session.progress("proposing", detections.len());
    let propose = |detection| {
        let candidate = who.candidate(detection, &sources, &judge, &session);
        bar.inc(1);
        candidate
    };
    let candidates: Vec<Candidate> = who.parallel(|| detections.par_iter().map(propose).collect());
    bar.finish_and_clear();
    let (mut patches, mut attempts) = (Vec::new(), Vec::new());
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (detection, candidate) in detections.iter().zip(candidates) {
        match candidate.patch {
            Ok(patch) => patches.push(patch),
            Err(reason) => missing.entry(reason).or_default().push(&detection.id),
        }
        attempts.extend(candidate.attempts);
    }
    commands::emit(args.out.as_deref(), &patches)?;
    if let Some(path) = &args.attempts_out {
        commands::emit(Some(path), &attempts)?;
    }
    report_missing(&missing, common)?;
    who.report(common)?;
    Ok(if missing.is_empty() { End::Clean } else { End::Findings })
}

fn report_missing(missing: &BTreeMap<String, Vec<&str>>, common: &Common) -> anyhow::Result<()> {
    for (reason, ids) in missing.iter().filter(|_| !common.quiet) {
        let first: Vec<&str> = ids.iter().take(5).copied().collect();
        let more = if ids.len() > first.len() { ", …" } else { "" };
        let (count, reason) = (ids.len(), review::escape(reason));
        writeln!(
            std::io::stderr(),
            "{count} without a patch ({}{more}): {reason}",
            first.join(", ")
        )?;
    }
    Ok(())
}

/// Candidate patches to verdicts.
pub(crate) fn verify(common: &Common, args: &Verify) -> anyhow::Result<End> {
    let mut session = Session::new(common, &args.selecting)?;
    let gates = match args.gates_profile.as_deref() {
        Some("offline") => GateSet::default(),
        Some("cluster") => GateSet::default().with(Gate::Server),
        Some(_) => GateSet::default().with(Gate::Server).with(Gate::Rescan),
        None => args.server.gates(),
    };
    let gates = session::without(gates, &args.disable_gate)?;
    let scanners = Scanners::new(&args.scanners)?;
    let detections: Vec<Detection> = records(&args.detections)?;
    let mut patches: Vec<Patch> = records(&args.patches)?;
    patches.retain(|patch| args.id.is_empty() || args.id.contains(&patch.id));
    patches.truncate(args.limit.unwrap_or(usize::MAX));
    let by_id: HashMap<&str, &Detection> = detections.iter().map(|d| (d.id.as_str(), d)).collect();
    let sources = Sources::read(&detections, &args.detections, &session);
    session.gather(&args.evidence, &sources.inputs.files)?;
    let rescanner = Rescanner::new(&scanners, &session.limits);
    let corpus = session.corpus(&sources.inputs.files);
    let server = Connected::new(&args.server, &session, &corpus, common)?;
    let proving = Proving::new(&session, &corpus, gates, args.timings, server.as_ref())?;
    let judge = Judge { rescan: Some(&rescanner), ..proving.judge(&session, &corpus) };
    let verdicts: Vec<Verdict> = patches
        .par_iter()
        .map(|patch| {
            let detection = by_id.get(patch.id.as_str()).copied();
            verdict_for(patch, detection, &sources, &session, &judge, args)
        })
        .collect();
    commands::emit(args.out.as_deref(), &verdicts)?;
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted).count();
    importing::report(&rescanner.statuses(), &args.scanners, common)?;
    if !common.quiet {
        writeln!(std::io::stderr(), "{accepted} of {} patches accepted", verdicts.len())?;
    }
    Ok(if accepted == verdicts.len() { End::Clean } else { End::Findings })
}

fn verdict_for(
    patch: &Patch,
    detection: Option<&Detection>,
    sources: &Sources,
    session: &Session,
    judge: &Judge<'_>,
    args: &Verify,
) -> Verdict {
    let located = detection
        .ok_or_else(|| "no detection has this id".to_owned())
        .and_then(|detection| Located::find(detection, sources, judge.corpus, session));
    let (gates, text) = match &located {
        Ok(located) => {
            let judged = judge.foreign(
                located.position,
                &patch.patch,
                &located.allowed_rules(&patch.patch, judge.corpus),
                &located.targets,
            );
            (judged.gates, judged.edit.map(|edit| edit.text().to_owned()))
        }
        Err(reason) => (vec![unavailable(reason)], None),
    };
    let outcome =
        |gate: Gate| gates.iter().any(|g| g.gate == gate && g.outcome == GateOutcome::Passed);
    let accepted = judge.gates.accepts(&gates);
    let bad =
        |gate: &&GateResult| matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable);
    let errors = gates.iter().filter(bad).filter(|_| args.include_errors);
    Verdict {
        id: patch.id.clone(),
        policy_id: canonical_policy_id(&patch.policy_id),
        accepted,
        ok_policy: outcome(Gate::Policy),
        ok_schema: outcome(Gate::Schema),
        ok_safety: outcome(Gate::Patch) && outcome(Gate::Regression),
        ok_rescan: outcome(Gate::Rescan),
        patched_yaml: text.filter(|_| accepted && args.patched_yaml),
        errors: errors
            .map(|g| format!("{}: {}", g.gate.as_str(), g.reason.as_deref().unwrap_or("")))
            .collect(),
        rule: patch.rule.clone().or_else(|| located.as_ref().ok()?.rule()),
        fingerprint: detection
            .and_then(|d| d.fingerprint.clone())
            .or_else(|| Some(located.as_ref().ok()?.fingerprint())),
        manifest_path: detection.map(|d| d.manifest_path.clone()),
        object: located.ok().map(|l| object_ref(judge.corpus.object(l.position))),
        applicability: patch.applicability,
        gates,
    }
}

fn unavailable(reason: &str) -> GateResult {
    GateResult::new(Gate::Patch, GateOutcome::Unavailable, Some(reason.to_owned()))
}
