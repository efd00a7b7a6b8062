//! `batches`: accepted fixes that are rolled out together.

use crate::End;
use crate::archive::Archive;
use crate::args::Common;
use crate::args::carry::{Batches, Batching};
use crate::commands::{self, schedule};
use crate::grouping::Grouping;
use crate::landing::Landing;
use crate::session::{Proving, Session};
use crate::table::table;
use record::Batch;
use scheduler::batch::{Unit, batches};
use std::io::Write as _;
use verifier::GateSet;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Batches) -> anyhow::Result<End> {
    let (session, archive) = read(common, &args.batching)?;
    let sources = archive.sources(&session);
    let corpus = session.corpus(&sources.inputs.files);
    let proving = Proving::new(&session, &corpus, GateSet::default(), false, None)?;
    let judge = proving.judge(&session, &corpus);
    let fixes = archive.fixes();
    let landing = Landing::new(&judge, &sources, &session, &fixes);
    let mut grouping = Grouping::new(args.batching.group_by.into(), &corpus, &sources.inputs);
    let mut units = Vec::new();
    let mut lost = 0;
    for (index, fix) in fixes.iter().enumerate() {
        match landing.position(index) {
            Ok(position) => units.push(grouping.unit(fix, position)),
            Err(_) => lost += 1,
        }
    }
    if lost > 0 && !common.quiet {
        let what =
            "accepted fixes are in no batch: their findings are not in the manifests any more";
        writeln!(std::io::stderr(), "warning: {lost} {what}")?;
    }
    let batches = batched(&session, &args.batching, &units)?;
    if args.output_format == "json" || args.out.is_some() {
        commands::emit(args.out.as_deref(), &batches)?;
    } else {
        write!(std::io::stdout().lock(), "{}", shown(&batches))?;
    }
    Ok(End::Clean)
}

/// The session and the records that the arguments ask for.
pub(crate) fn read(common: &Common, args: &Batching) -> anyhow::Result<(Session, Archive)> {
    let mut session = Session::new(common, &args.selecting)?;
    let archive = Archive::read(&args.records)?;
    session.gather_again(&args.evidence, args.records.run.as_deref())?;
    Ok((session, archive))
}

/// Puts units into batches as the arguments and the configuration say.
pub(crate) fn batched(
    session: &Session,
    args: &Batching,
    units: &[Unit],
) -> anyhow::Result<Vec<Batch>> {
    let windows = schedule::windows(&session.config.scheduling)?;
    let now = args.now.map(|now| now.as_duration().as_secs_f64());
    Ok(batches(units, args.group_by.into(), &windows, now))
}

fn shown(batches: &[Batch]) -> String {
    let row = |batch: &Batch| {
        let radius = &batch.blast_radius;
        let mut notes = Vec::new();
        if batch.canary {
            notes.push("canary".to_owned());
        }
        if batch.exploited > 0 {
            notes.push(format!("{} known exploited", batch.exploited));
        }
        if !radius.recreated.is_empty() {
            notes.push(format!("{} to be made anew", radius.recreated.len()));
        }
        match &batch.window {
            Some(window) if !window.open => notes.push(match (&window.freeze, &window.opens) {
                (Some(freeze), Some(opens)) => format!("frozen until {opens}: {freeze}"),
                (None, Some(opens)) => format!("opens {opens}"),
                (_, None) => "never opens".to_owned(),
            }),
            _ => {}
        }
        vec![
            batch.order.to_string(),
            batch.id.clone(),
            batch.size.to_string(),
            batch.needs_approval.to_string(),
            format!("{:.1}", batch.risk),
            radius.objects.to_string(),
            radius.restarts.to_string(),
            radius.replicas.to_string(),
            radius.exposed.len().to_string(),
            notes.join("; "),
        ]
    };
    let rows: Vec<Vec<String>> = batches.iter().map(row).collect();
    let heading = [
        ">turn",
        "batch",
        ">fixes",
        ">unsafe",
        ">risk",
        ">objects",
        ">restarts",
        ">pods",
        ">exposed",
        "notes",
    ];
    table(&heading, &rows)
}
