//! `batches`: accepted fixes that are rolled out together.

use crate::End;
use crate::args::Common;
use crate::args::carry::{Batches, Batching};
use crate::commands::{self, schedule};
use crate::grouping::Grouping;
use crate::landing::{Landing, Scene, with_scene};
use crate::session::Session;
use crate::table::table;
use record::Batch;
use scheduler::batch::{Unit, batches};
use std::io::Write as _;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Batches) -> anyhow::Result<End> {
    let batches = with_scene(common, &args.batching, |scene| {
        let landing = Landing::new(scene);
        let (batches, lost) = all(scene, &landing, &args.batching)?;
        if lost > 0 && !common.quiet {
            writeln!(
                std::io::stderr(),
                "warning: {lost} accepted fixes are in no batch: their findings are not in the \
                 manifests any more"
            )?;
        }
        Ok(batches)
    })?;
    if args.output_format == "json" || args.out.is_some() {
        commands::emit(args.out.as_deref(), &batches)?;
    } else {
        write!(std::io::stdout().lock(), "{}", shown(&batches))?;
    }
    Ok(End::Clean)
}

/// The batches of all fixes that are still in the manifests, and how many are not.
pub(crate) fn all(
    scene: &Scene<'_>,
    landing: &Landing<'_>,
    args: &Batching,
) -> anyhow::Result<(Vec<Batch>, usize)> {
    let mut grouping = Grouping::new(args.group_by.into(), scene.corpus, &scene.sources.inputs);
    let places = scene.fixes.iter().enumerate();
    let units: Vec<Unit> = places
        .filter_map(|(index, fix)| Some(grouping.unit(fix, landing.position(index).ok()?)))
        .collect();
    crate::session::warn(&grouping.owners.warnings, scene.session.quiet)?;
    Ok((batched(scene.session, args, &units)?, scene.fixes.len() - units.len()))
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
