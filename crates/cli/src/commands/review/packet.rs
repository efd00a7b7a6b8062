//! `review packet`.

use super::{changes, write};
use crate::End;
use crate::args::Common;
use crate::args::queue::Place;
use crate::args::review::{Format, Packet as Args};
use crate::commands::batches;
use crate::commands::queue::location;
use crate::commands::run::files::run_manifest;
use crate::commands::run::hex;
use crate::landing::{Landing, Scene, with_scene};
use anyhow::Context as _;
use review::packet::{FileChange, Limits, Material, Origin, Packet, QueueHealth, RecordFile};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// The record files whose hashes a packet names.
const RECORDS: [&str; 7] = [
    "detections.jsonl",
    "patches.jsonl",
    "verified.jsonl",
    "outcomes.jsonl",
    "risk.jsonl",
    "schedule.jsonl",
    "manifest.json",
];

/// Runs the command.
pub(super) fn run(common: &Common, args: &Args) -> anyhow::Result<End> {
    let queue = health(&args.place)?;
    let origin = args.batching.records.run.as_deref().map_or(Ok(Origin::default()), origin)?;
    let packet = with_scene(common, &args.batching, |scene| {
        let mut landing = Landing::new(scene);
        let (batches, _) = batches::all(scene, &landing, &args.batching)?;
        let every: Vec<usize> = (0..scene.fixes.len()).collect();
        let files = changes(scene, &mut landing, &every);
        let archive = scene.archive;
        let indices: HashMap<&str, usize> =
            every.iter().map(|fix| (scene.fixes[*fix].detection.id.as_str(), *fix)).collect();
        let alone = |id: &str| alone(scene, &landing, *indices.get(id)?);
        let material = Material {
            detections: &archive.detections,
            patches: &archive.patches,
            verdicts: &archive.verdicts,
            outcomes: &archive.outcomes,
            scores: &archive.scores,
            schedule: &archive.schedule,
            batches: &batches,
            files: &files,
            alone: &alone,
            queue: queue.as_ref(),
            origin: &origin,
        };
        Ok(Packet::new(&material, limits(args)))
    })?;
    let mut bytes = Vec::new();
    match format(args) {
        Format::Markdown => packet.write_markdown(&mut bytes)?,
        Format::Html => packet.write_html(&mut bytes)?,
        Format::Json => packet.write_json(&mut bytes)?,
    }
    write(args.out.as_deref(), &bytes)?;
    Ok(End::Clean)
}

fn limits(args: &Args) -> Limits {
    let limits = if args.concise { Limits::CONCISE } else { Limits::FULL };
    Limits { fixes: args.top.unwrap_or(limits.fixes), ..limits }
}

fn format(args: &Args) -> Format {
    let extension = args.out.as_deref().and_then(Path::extension).and_then(|e| e.to_str());
    args.output_format.unwrap_or(match extension {
        Some("html" | "htm") => Format::Html,
        Some("json") => Format::Json,
        _ => Format::Markdown,
    })
}

/// What one fix does to its file by itself.
fn alone(scene: &Scene<'_>, landing: &Landing<'_>, fix: usize) -> Option<FileChange<'static>> {
    let position = landing.position(fix).ok()?;
    let input = scene.corpus.input_of(position);
    let source = input.source.as_ref().ok()?;
    let document = scene.corpus.object(position).document;
    let edit = manifest::edit(source, document, &scene.fixes[fix].patch.patch).ok()?;
    Some(FileChange {
        path: Cow::Owned(input.path.clone()),
        fixes: 1,
        before: Cow::Owned(source.text().to_owned()),
        after: Cow::Owned(manifest::apply_edits(source.text(), &edit.edits)),
    })
}

/// The queue that is named, if one is.
fn health(place: &Place) -> anyhow::Result<Option<QueueHealth>> {
    if place.queue.is_none() && place.queue_file.is_none() && place.db.is_none() {
        return Ok(None);
    }
    let store = queue::blocking::Queue::open(&location(place)?)?;
    let report = store.run(async |store| store.report().await)?;
    let state = |one: &queue::StateReport| (one.state.as_str().to_owned(), one.count);
    Ok(Some(QueueHealth {
        states: report.states.iter().map(state).collect(),
        due: report.due,
        stuck_leases: report.stuck.len(),
        failures: report.failures,
    }))
}

/// What the records of a run were made from.
fn origin(run: &Path) -> anyhow::Result<Origin> {
    let mut settings = run_manifest(run)?;
    let inputs = settings.as_object_mut().and_then(|map| map.remove("inputs"));
    let inputs = inputs.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let mut digest = Sha256::new();
    for (path, hash) in &inputs {
        digest.update(format!("{path}\0{}\0", hash.as_str().unwrap_or_default()));
    }
    let tool = |key: &str| settings["tool"][key].as_str().unwrap_or_default().to_owned();
    let records = RECORDS.iter().filter(|name| run.join(name).is_file()).map(|name| {
        let bytes = std::fs::read(run.join(name)).with_context(|| format!("cannot read {name}"))?;
        let sha256 = hex(&Sha256::digest(&bytes));
        Ok(RecordFile { name: (*name).to_owned(), bytes: bytes.len() as u64, sha256 })
    });
    Ok(Origin {
        tool: format!("{} {}", tool("name"), tool("version")),
        inputs: inputs.len(),
        inputs_sha256: hex(&digest.finalize()),
        records: records.collect::<anyhow::Result<_>>()?,
        settings,
    })
}
