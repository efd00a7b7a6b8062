//! `plan`: what a run with the same arguments would do. Nothing is written, and nobody is asked:
//! no server, no registry, no model.

use super::run::files::State;
use super::run::{hex, identity, manifest};
use crate::End;
use crate::args::{Common, Plan as Args, Run};
use crate::config::Config;
use crate::counting::Counting;
use crate::proposing::Who;
use crate::scoring::Scoring;
use crate::session::{self, Session, input_errors};
use crate::table::table;
use cluster::Choice;
use detector::Sieve;
use record::Gate;
use review::escape;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use verifier::GateSet;

#[derive(Serialize)]
struct Plan {
    tool: String,
    /// The folder that would be written.
    out: String,
    /// What is there now: `nothing`, `interrupted`, `complete`, or `another` run.
    there: &'static str,
    configuration: Option<File>,
    rules: usize,
    kubernetes_versions: Vec<String>,
    gates: Vec<&'static str>,
    server: String,
    proposer: serde_json::Value,
    objects: usize,
    inputs: Vec<File>,
    stages: Vec<Stage>,
    /// Why inputs cannot be used, or what else a run would stumble over.
    problems: Vec<String>,
    /// Hash of everything that the outputs depend on, as the run's `state.json` has it; absent
    /// where a server or a registry has a say.
    identity: Option<String>,
}

#[derive(Serialize)]
struct File {
    path: String,
    bytes: usize,
    sha256: String,
}

#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    /// What it writes.
    writes: &'static str,
}

impl File {
    fn new(path: String, bytes: &[u8]) -> Self {
        Self { path, bytes: bytes.len(), sha256: hex(&Sha256::digest(bytes)) }
    }
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<End> {
    let plan = plan(common, &args.run)?;
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &plan)?;
    } else {
        show(&plan, &mut out)?;
    }
    Ok(if plan.problems.is_empty() { End::Clean } else { End::InputError })
}

fn plan(common: &Common, args: &Run) -> anyhow::Result<Plan> {
    let mut session = Session::new(common, &args.selecting)?;
    let counting = Counting::new(&session.config, &args.counting)?;
    let gates = session::without(args.server.gates(), &args.disable_gate)?;
    let who = Who::new(&args.proposing, &session, common)?;
    session.scoring = Scoring::new(&args.judging, &session.config, common.quiet)?;
    let inputs = session.read(&args.paths);
    let corpus = session.corpus(&inputs.files);
    let sieve = Sieve::new(&corpus, &counting.filters);
    let asks_nobody = args.server.server == Choice::Off
        && args.evidence.evidence.is_none()
        && args.evidence.evidence_file.is_empty();
    let manifest = manifest(&session, &counting, &sieve, &inputs, &None, &who, args)?;
    let identity = match asks_nobody {
        true => Some(identity(&manifest, &session, common, args)?),
        false => None,
    };
    let configuration = Config::path(common.config.as_deref());
    let configuration = configuration
        .map(|path| std::fs::read(&path).map(|bytes| File::new(path.display().to_string(), &bytes)))
        .transpose()?;
    let files = inputs.files.iter().filter_map(|input| {
        Some(File::new(input.path.clone(), input.source.as_ref().ok()?.text().as_bytes()))
    });
    let problems = input_errors(&inputs).into_iter().map(|error| {
        let line = error.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}: {}", error.path, error.message)
    });
    Ok(Plan {
        tool: format!("k8s-auto-fix {}", env!("CARGO_PKG_VERSION")),
        out: args.out.display().to_string(),
        there: there(State::read(&args.out), identity.as_deref()),
        configuration,
        rules: session.rules.len(),
        kubernetes_versions: session.versions.iter().map(ToString::to_string).collect(),
        gates: gate_names(&gates),
        server: args.server.server.to_string(),
        proposer: who.describe(),
        objects: corpus.len(),
        inputs: files.collect(),
        stages: stages(&who),
        problems: problems.collect(),
        identity,
    })
}

fn gate_names(gates: &GateSet) -> Vec<&'static str> {
    let all = Gate::OFFLINE.into_iter().chain([Gate::Server]);
    all.filter(|gate| gates.contains(*gate)).map(Gate::as_str).collect()
}

fn there(state: Option<State>, identity: Option<&str>) -> &'static str {
    match (state, identity) {
        (None, _) => "nothing",
        (Some(state), Some(identity)) if state.identity != identity => "another",
        (Some(state), _) if state.complete => "complete",
        (Some(_), _) => "interrupted",
    }
}

fn stages(who: &Who) -> Vec<Stage> {
    let all = [
        ("detect", "detections.jsonl"),
        ("propose", "patches.jsonl"),
        ("propose", "attempts.jsonl"),
        ("verify", "verified.jsonl, outcomes.jsonl"),
        ("risk", "risk.jsonl"),
        ("schedule", "schedule.jsonl"),
        ("queue", "queue.db"),
        ("review", "review.md, review.json, manifest.json, state.json"),
    ];
    let with_attempts = who.model().is_some();
    let wanted = all.into_iter().filter(|(_, file)| with_attempts || *file != "attempts.jsonl");
    wanted.map(|(stage, writes)| Stage { stage, writes }).collect()
}

fn show(plan: &Plan, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let lines = [
        ("tool", plan.tool.clone()),
        ("rules", plan.rules.to_string()),
        ("Kubernetes", plan.kubernetes_versions.join(", ")),
        ("gates", plan.gates.join(", ")),
        ("server", plan.server.clone()),
        (
            "proposer",
            plan.proposer.as_str().map_or_else(|| plan.proposer.to_string(), str::to_owned),
        ),
        (
            "configuration",
            plan.configuration
                .as_ref()
                .map_or_else(|| "none".to_owned(), |file| format!("{} {}", file.path, file.sha256)),
        ),
        ("inputs", format!("{} files, {} objects", plan.inputs.len(), plan.objects)),
        ("out", format!("{}, which holds {}", plan.out, plan.there)),
        ("identity", plan.identity.clone().unwrap_or_else(|| "known when it runs".to_owned())),
    ];
    for (name, value) in lines {
        writeln!(out, "{name:13}  {}", escape(&value))?;
    }
    let rows: Vec<Vec<String>> = plan
        .inputs
        .iter()
        .map(|file| vec![file.bytes.to_string(), file.sha256.clone(), file.path.clone()])
        .collect();
    write!(out, "\n{}", table(&[">bytes", "sha256", "input"], &rows))?;
    let rows: Vec<Vec<String>> = plan
        .stages
        .iter()
        .map(|stage| vec![stage.stage.to_owned(), stage.writes.to_owned()])
        .collect();
    write!(out, "\n{}", table(&["stage", "writes"], &rows))?;
    for problem in &plan.problems {
        writeln!(std::io::stderr(), "error: {}", escape(problem))?;
    }
    Ok(())
}
