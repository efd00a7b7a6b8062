//! `risk`: detections to risk scores, and what they are made of.

use super::queue::records;
use crate::args::{Common, Risk, Selecting};
use crate::located::{Sources, position};
use crate::scoring::Scoring;
use crate::session::Session;
use crate::{End, commands};
use detector::Corpus;
use rayon::prelude::*;
use record::{Date, Detection, RiskScore};
use risk::Circumstances;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Risk) -> anyhow::Result<End> {
    let session = Session::new(common, &Selecting::default())?;
    let scoring = Scoring::new(&args.judging, &session.config, common.quiet)?;
    let detections: Vec<Detection> = records(&args.detections)?;
    let mut sources = Sources::read(&detections, &args.detections, &session);
    sources.add(session.read(&args.inputs));
    let corpus = session.corpus(&sources.inputs.files);
    scoring.report_unused(&corpus)?;
    let wanted = |detection: &&Detection| args.id.is_empty() || args.id.contains(&detection.id);
    let detections: Vec<&Detection> = detections.iter().filter(wanted).collect();
    let scores = scores(&detections, &sources, &corpus, &session, &scoring);
    if args.explain || args.output_format == "table" {
        let text = match args.explain {
            true => explained(&detections, &scores),
            false => table(&detections, &scores),
        };
        match &args.out {
            Some(path) => crate::write::output(path, text.as_bytes())?,
            None => std::io::stdout().lock().write_all(text.as_bytes())?,
        }
    } else {
        commands::emit(args.out.as_deref(), &scores)?;
    }
    Ok(End::Clean)
}

fn scores(
    detections: &[&Detection],
    sources: &Sources,
    corpus: &Corpus<'_>,
    session: &Session,
    scoring: &Scoring,
) -> Vec<RiskScore> {
    let positions: Vec<Result<usize, String>> =
        detections.par_iter().map(|d| position(d, sources, corpus, session)).collect();
    let objects: BTreeSet<usize> = positions.iter().flatten().copied().collect();
    let look = |at: usize| (at, scoring.scorer.circumstances(corpus.set(), corpus.object(at)));
    let known: HashMap<usize, Circumstances> = objects.into_par_iter().map(look).collect();
    let of = |at: &Result<usize, String>| match at {
        Ok(at) => known.get(at).ok_or("its object was not looked at"),
        Err(_) => Err("the object is not in the manifests"),
    };
    let both = detections.iter().zip(&positions);
    both.map(|(detection, at)| scoring.scorer.score(detection, of(at))).collect()
}

/// The highest risk first; of equals as the detections come.
fn ranked<'d>(
    detections: &[&'d Detection],
    scores: &'d [RiskScore],
) -> Vec<(&'d Detection, &'d RiskScore)> {
    let mut both: Vec<_> = detections.iter().copied().zip(scores).collect();
    both.sort_by(|(_, a), (_, b)| b.risk.total_cmp(&a.risk));
    both
}

/// What is found, and where.
fn title(detection: &Detection) -> String {
    let rule = detection.rule.as_deref().unwrap_or(&detection.policy_id);
    let object = detection.object.as_ref().map_or_else(String::new, |object| {
        let namespace =
            object.namespace.as_deref().map_or(String::new(), |name| format!("{name}/"));
        format!(" {} {namespace}{}", object.kind, object.title())
    });
    review::escape(&format!("{rule}{object} {}", detection.manifest_path)).into_owned()
}

fn decision(score: &RiskScore) -> &'static str {
    score.decision.map_or("-", record::Decision::as_str)
}

fn points(points: Option<f64>) -> String {
    points.map_or_else(|| "-".to_owned(), |points| format!("{points:.2}"))
}

/// A line for each finding.
fn table(detections: &[&Detection], scores: &[RiskScore]) -> String {
    let mut text = String::from("id      risk  remaining  decision  kev  finding\n");
    for (detection, score) in ranked(detections, scores) {
        let kev = if score.kev { "kev" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:5} {:>6}  {:>9}  {:8}  {kev:3}  {}",
            score.id,
            points(Some(score.risk)),
            points(score.remaining),
            decision(score),
            title(detection)
        );
    }
    text
}

/// Every finding with the terms that its score is made of.
fn explained(detections: &[&Detection], scores: &[RiskScore]) -> String {
    let mut text = String::new();
    for (detection, score) in ranked(detections, scores) {
        let until = score.deadline.map_or_else(String::new, |end| {
            // A day of the catalogue, which is no moment before 1970.
            format!(", until {}", Date::from_unix_seconds(end as u64))
        });
        let kev = if score.kev { ", known exploited" } else { "" };
        let _ = writeln!(text, "{}  {}", score.id, title(detection));
        let _ = writeln!(
            text,
            "  risk {}, remaining {}, {}{kev}{until}",
            points(Some(score.risk)),
            points(score.remaining),
            decision(score)
        );
        for term in &score.terms {
            let sign = if FACTORS.contains(&term.name.as_str()) { "×" } else { " " };
            let reason = review::escape(&term.reason);
            let _ = writeln!(text, "    {:13}{sign}{:<7} {reason}", term.name, term.value);
        }
        text.push('\n');
    }
    text
}

/// Terms that multiply; the others are points.
const FACTORS: [&str; 4] = ["exposure", "privileges", "criticality", "exploitation"];
