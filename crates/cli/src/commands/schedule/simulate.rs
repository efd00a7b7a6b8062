//! `schedule simulate`: orders side by side on simulated worlds.

use super::{candidate, explore};
use crate::End;
use crate::args::Simulate;
use crate::commands::queue::records;
use crate::config::Config;
use crate::session::read_text;
use crate::table::table;
use crate::write;
use anyhow::Context as _;
use record::{Detection, Patch, RiskScore, Verdict};
use review::chart::{self, Line};
use scheduler::simulate::{
    Curve, Measures, Mode, Observation, Scenario, ServiceModel, Simulated, check_traces, simulate,
};
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

/// Runs the command.
pub(super) fn run(args: &Simulate, config: &Config) -> anyhow::Result<End> {
    let model = model(args)?;
    if let Some(path) = &args.save_model {
        let json = record::json::to_vec_pretty(&model)?;
        write::output(path, &json)?;
    }
    let seed = args.seed.or(config.seed).unwrap_or(0);
    if let Some(traces) = args.traces {
        return check(&model, traces, seed, args);
    }
    let base = scenario(args, seed);
    let settings: Vec<(String, Scenario)> = match &args.sweep {
        Some(sweep) => swept(sweep, &base)?,
        None => vec![(String::new(), base)],
    };
    let results = settings
        .iter()
        .map(|(value, scenario)| Ok((value.as_str(), repeated(&model, scenario, args)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(folder) = &args.svg {
        charts(folder, args, &results)?;
    }
    report(args, &model, &results)?;
    Ok(End::Clean)
}

fn model(args: &Simulate) -> anyhow::Result<ServiceModel> {
    if let Some(path) = &args.model {
        let cannot = || format!("cannot use the model {}", path.display());
        let model: ServiceModel = serde_json::from_str(&read_text(path)?).with_context(cannot)?;
        model.check().with_context(cannot)?;
        return Ok(model);
    }
    let mut observations = Vec::new();
    for folder in &args.runs {
        observations.extend(measured(folder)?);
    }
    for path in &args.attempts {
        observations.extend(records::<Observation>(path)?);
    }
    anyhow::ensure!(
        !observations.is_empty(),
        "nothing to draw from; give --runs, --attempts or --model"
    );
    let sources = args.runs.iter().chain(&args.attempts).map(|path| path.display().to_string());
    let source = sources.collect::<Vec<_>>().join(", ");
    Ok(ServiceModel::fit(&source, &observations)?)
}

/// The attempts of a run: the time of all gates, and whether the fix was accepted.
fn measured(folder: &Path) -> anyhow::Result<Vec<Observation>> {
    let detections: Vec<Detection> = records(&folder.join("detections.jsonl"))?;
    let scores: Vec<RiskScore> = records(&folder.join("risk.jsonl"))?;
    let patches: Vec<Patch> = records(&folder.join("patches.jsonl"))?;
    let verdicts: Vec<Verdict> = records(&folder.join("verified.jsonl"))?;
    let detections: HashMap<&str, &Detection> =
        detections.iter().map(|detection| (detection.id.as_str(), detection)).collect();
    let scores: HashMap<&str, &RiskScore> =
        scores.iter().map(|score| (score.id.as_str(), score)).collect();
    let sources: HashMap<&str, &str> =
        patches.iter().map(|patch| (patch.id.as_str(), patch.source.as_str())).collect();
    let mut observations = Vec::with_capacity(verdicts.len());
    for verdict in &verdicts {
        let id = verdict.id.as_str();
        let Some(score) = scores.get(id) else { continue };
        let times: Option<Vec<u64>> = verdict
            .gates
            .iter()
            .filter(|gate| gate.outcome != record::GateOutcome::Skipped)
            .map(|gate| gate.microseconds)
            .collect();
        let times = times.with_context(|| {
            format!("{}: {id} has no times; run with --timings", folder.display())
        })?;
        let proposer = sources.get(id).copied().unwrap_or("rules");
        observations.push(Observation {
            class: candidate(score, detections.get(id).copied(), proposer).class,
            risk: score.risk,
            // A clock of microseconds sees nothing shorter.
            seconds: std::time::Duration::from_micros(times.iter().sum::<u64>().max(1))
                .as_secs_f64(),
            success: verdict.accepted,
        });
    }
    Ok(observations)
}

fn scenario(args: &Simulate, seed: u64) -> Scenario {
    Scenario {
        items: args.items,
        servers: args.servers,
        load: args.load,
        tail: args.tail,
        least_probability: args.least_probability,
        kev_share: args.kev_share,
        max_attempts: args.max_attempts,
        max_wait: args.max_wait.map_or(f64::INFINITY, |hours| hours * 3600.0),
        seed,
    }
}

/// The scenarios of a sweep, each with the value that it differs by.
fn swept(sweep: &str, base: &Scenario) -> anyhow::Result<Vec<(String, Scenario)>> {
    let usage =
        "write --sweep NAME=V1,V2,… with servers, load, tail, least-probability or kev-share";
    let (name, values) = sweep.split_once('=').context(usage)?;
    let one = |value: &str| -> anyhow::Result<(String, Scenario)> {
        let number: f64 = value
            .parse()
            .with_context(|| format!("--sweep: `{value}` is not a number; {usage}"))?;
        let mut scenario = *base;
        match name {
            "servers" => {
                scenario.servers = value
                    .parse()
                    .with_context(|| format!("--sweep: `{value}` is not a number of servers"))?;
            }
            "load" => scenario.load = Some(number),
            "tail" => scenario.tail = number,
            "least-probability" => scenario.least_probability = Some(number),
            "kev-share" => scenario.kev_share = number,
            _ => anyhow::bail!("--sweep: `{name}` cannot be varied; {usage}"),
        }
        Ok((value.to_owned(), scenario))
    };
    values.split(',').map(one).collect()
}

/// Means over worlds with seeds that follow each other; the curves are the first world's.
fn repeated(
    model: &ServiceModel,
    scenario: &Scenario,
    args: &Simulate,
) -> anyhow::Result<Simulated> {
    anyhow::ensure!(args.repeat > 0, "--repeat is 0, expected 1 or more");
    let worlds = (0..args.repeat)
        .map(|world| {
            let scenario = Scenario { seed: scenario.seed.wrapping_add(world), ..*scenario };
            simulate(model, &scenario, explore(args.explore), args.learn)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Simulated::mean(worlds).context("--repeat leaves no world")
}

#[derive(Serialize)]
struct Report<'a> {
    /// What the figures are, so that nobody takes them for measured ones.
    simulated: bool,
    source: &'a str,
    classes: usize,
    items: usize,
    servers: usize,
    worlds: u64,
    sweep: Option<&'a str>,
    results: Vec<Swept<'a>>,
}

#[derive(Serialize)]
struct Swept<'a> {
    value: &'a str,
    #[serde(flatten)]
    simulated: &'a Simulated,
}

fn report(
    args: &Simulate,
    model: &ServiceModel,
    results: &[(&str, Simulated)],
) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    if args.output_format == "json" {
        let results = results.iter().map(|(value, simulated)| Swept { value, simulated });
        let report = Report {
            simulated: true,
            source: &model.source,
            classes: model.classes.len(),
            items: args.items,
            servers: args.servers,
            worlds: args.repeat,
            sweep: args.sweep.as_deref(),
            results: results.collect(),
        };
        record::json::to_writer_pretty(&mut out, &report)?;
        return Ok(());
    }
    writeln!(
        out,
        "Simulated: {} items of {} classes, drawn from {}; mean of {} worlds",
        args.items,
        model.classes.len(),
        review::escape(&model.source),
        args.repeat
    )?;
    let name = args.sweep.as_deref().and_then(|sweep| sweep.split_once('=')).map_or("", |s| s.0);
    for (value, simulated) in results {
        let at = if value.is_empty() { String::new() } else { format!("{name} {value}: ") };
        writeln!(out, "\n{at}from the start, when nothing is known (simulated)\n")?;
        write!(out, "{}", measures_table(&simulated.whole))?;
        writeln!(out, "\n{at}the rest, after {} attempts (simulated)\n", simulated.learnt)?;
        write!(out, "{}", measures_table(&simulated.after))?;
    }
    Ok(())
}

fn measures_table(measures: &[Measures]) -> String {
    let heading = [
        "order",
        ">risk-hours",
        ">gap closed",
        ">top decile P95 wait h",
        ">mean wait h",
        ">worst wait h",
        ">wait of low risk",
    ];
    let rows: Vec<Vec<String>> = measures
        .iter()
        .map(|found| {
            vec![
                found.mode.to_owned(),
                significant(found.risk_hours),
                format!("{:.3}", found.gap_closed),
                significant(found.top_decile_p95_wait),
                significant(found.mean_wait),
                significant(found.worst_wait),
                format!("{:.2} ×", found.low_risk_wait),
            ]
        })
        .collect();
    table(&heading, &rows)
}

/// Four digits that count.
fn significant(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a finite number")]
    let places = (3 - number.abs().log10().floor() as i32).clamp(0, 12);
    format!("{number:.*}", usize::try_from(places).unwrap_or(0))
}

/// The open risk over time of the first setting; of a sweep, the gap closed by each order.
fn charts(folder: &Path, args: &Simulate, results: &[(&str, Simulated)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    if let Some((_, first)) = results.first() {
        let line = |curve: &Curve| Line {
            name: curve.mode.as_str().to_owned(),
            points: curve.points.clone(),
        };
        let lines: Vec<Line> = first.curves.iter().map(line).collect();
        let svg = chart::lines("Open risk over time (simulated)", "hours", "open risk", &lines)?;
        write::output(&folder.join("open-risk.svg"), svg.as_bytes())?;
    }
    let Some((name, _)) = args.sweep.as_deref().and_then(|sweep| sweep.split_once('=')) else {
        return Ok(());
    };
    let shown = [Mode::Fifo, Mode::RiskOnly, Mode::Bandit, Mode::Clairvoyant];
    let line = |mode: &Mode| {
        let point = |(value, simulated): &(&str, Simulated)| {
            let found = simulated.after.iter().find(|found| found.mode == mode.as_str())?;
            Some((value.parse().ok()?, found.gap_closed))
        };
        Line { name: mode.as_str().to_owned(), points: results.iter().filter_map(point).collect() }
    };
    let lines: Vec<Line> = shown.iter().map(line).collect();
    let title = format!("Gap closed by {name}, after {} attempts (simulated)", args.learn);
    let svg = chart::lines(&title, name, "gap closed", &lines)?;
    write::output(&folder.join(format!("gap-closed-by-{name}.svg")), svg.as_bytes())
}

fn check(model: &ServiceModel, traces: usize, seed: u64, args: &Simulate) -> anyhow::Result<End> {
    let found = check_traces(model, traces, seed)?;
    let mut out = anstream::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &found)?;
    } else {
        writeln!(out, "Simulated: {} random arrival streams, {} items", found.traces, found.items)?;
        writeln!(
            out,
            "{} became due before their first attempt; {} of them waited beyond the bound, the worst \
             used {:.0} % of it",
            found.due,
            found.beyond_bound,
            100.0 * found.worst_share_of_bound
        )?;
        writeln!(
            out,
            "{} had a known exploited vulnerability; {} times an ordinary item started while one of \
             them waited",
            found.exploited, found.exploited_passed
        )?;
    }
    let holds = found.beyond_bound == 0 && found.exploited_passed == 0;
    Ok(if holds { End::Clean } else { End::Findings })
}
