//! `schedule`: verdicts and risk to an order, and `schedule simulate`.

use super::queue::{records, scores};
use crate::End;
use crate::args::{self, Common, Ranking, Schedule, ScheduleCommand};
use crate::commands;
use crate::config::{Config, Scheduling};
use crate::session::read_text;
use crate::table::table;
use anyhow::Context as _;
use record::{Class, ClassStatistics, Detection, Patch, RiskScore, ScheduleEntry, Verdict};
use scheduler::learn::{Estimate, Explore, Learner, Prior, seeded};
use scheduler::window::Windows;
use scheduler::{Candidate, Order, Settings};
use std::collections::{HashMap, HashSet};
use std::io::Write as _;

mod simulate;

/// What is believed of a class before its first attempt: the reference system's constants.
const PRIOR: Prior = Prior { probability: 0.9, seconds: 10.0 };

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Schedule) -> anyhow::Result<End> {
    let config = Config::load(common.config.as_deref())?;
    match &args.simulate {
        Some(ScheduleCommand::Simulate(args)) => simulate::run(args, &config),
        None => schedule(&args.ranking, &config),
    }
}

fn schedule(args: &Ranking, config: &Config) -> anyhow::Result<End> {
    let (Some(verified), Some(detections)) = (&args.verified, &args.detections) else {
        anyhow::bail!("--verified and --detections say what to schedule");
    };
    let verdicts: Vec<Verdict> = records(verified)?;
    let detections: Vec<Detection> = records(detections)?;
    let patches: Vec<Patch> = args.patches.as_deref().map_or(Ok(Vec::new()), records)?;
    let scores = scores(args.risk.as_deref(), &detections)?;
    let proposers: HashMap<&str, &str> =
        patches.iter().map(|patch| (patch.id.as_str(), patch.source.as_str())).collect();
    let accepted: HashSet<&str> =
        verdicts.iter().filter(|v| v.accepted).map(|v| v.id.as_str()).collect();
    let candidates = candidates(&detections, &scores, |id| {
        accepted.contains(id).then(|| proposers.get(id).copied().unwrap_or("rules"))
    });
    let learner = learner(args)?;
    let windows = windows(&config.scheduling)?;
    let settings = Settings {
        order: order(args.order),
        explore: explore(args.explore),
        seed: args.seed.or(config.seed).unwrap_or(0),
        servers: args.servers,
        now: args.now.map(|now| now.as_duration().as_secs_f64()),
        ..settings(&config.scheduling, &windows)
    };
    let mut entries = scheduler::rank(&candidates, &learner, &settings)?;
    if args.explain && args.out.is_none() {
        write!(anstream::stdout().lock(), "{}", explanation(&entries, &candidates))?;
        return Ok(End::Clean);
    }
    if !args.explain {
        forget_reasons(&mut entries);
    }
    commands::emit(args.out.as_deref(), &entries)?;
    Ok(End::Clean)
}

/// Records of the same size as before anybody asked for reasons.
pub(crate) fn forget_reasons(entries: &mut [ScheduleEntry]) {
    entries.iter_mut().for_each(|entry| entry.explained = None);
}

/// The scored items that have a proposer, in the order of the scores.
pub(crate) fn candidates<'a>(
    detections: &[Detection],
    scores: &[RiskScore],
    proposer: impl Fn(&str) -> Option<&'a str>,
) -> Vec<Candidate> {
    let detections: HashMap<&str, &Detection> =
        detections.iter().map(|detection| (detection.id.as_str(), detection)).collect();
    let candidate = |score: &RiskScore| {
        let proposer = proposer(&score.id)?;
        let detection = detections.get(score.id.as_str());
        Some(candidate(score, detection.copied(), proposer))
    };
    scores.iter().filter_map(candidate).collect()
}

/// An item as the scheduler sees it. A detection that is not known makes a class of its own kind.
pub(crate) fn candidate(
    score: &RiskScore,
    detection: Option<&Detection>,
    proposer: &str,
) -> Candidate {
    let object = detection.and_then(|detection| detection.object.as_ref());
    let rule = detection.map(|detection| detection.rule.as_ref().unwrap_or(&detection.policy_id));
    Candidate {
        // The order needs the numbers, not what explains them.
        score: RiskScore { terms: Vec::new(), ..score.clone() },
        class: Class {
            rule: rule.cloned().unwrap_or_default(),
            kind: object.map(|object| object.kind.clone()).unwrap_or_default(),
            proposer: proposer.to_owned(),
        },
        namespace: object.and_then(|object| object.namespace.clone()).unwrap_or_default(),
    }
}

/// What the configuration says of the order; no clock, one worker.
pub(crate) fn settings<'a>(config: &Scheduling, windows: &'a Windows) -> Settings<'a> {
    let (max_wait, lead) = config.waits(None, None);
    Settings {
        order: Order::Bandit,
        explore: Explore::default(),
        seed: 0,
        servers: 1,
        max_wait,
        lead,
        now: None,
        windows,
    }
}

pub(crate) fn windows(config: &Scheduling) -> anyhow::Result<Windows> {
    Windows::new(&config.windows, &config.freezes)
        .context("the configuration's `scheduling` cannot be used")
}

fn learner(args: &Ranking) -> anyhow::Result<Learner> {
    let mut learner = Learner::default();
    let Some(path) = &args.statistics else { return Ok(learner) };
    let statistics = statistics(&read_text(path)?)
        .with_context(|| format!("{}: expected what `queue report` writes", path.display()))?;
    for class in &statistics {
        learner.add_statistics(class, PRIOR);
    }
    Ok(learner)
}

/// The classes of a report of a queue, or a list of them.
fn statistics(text: &str) -> anyhow::Result<Vec<ClassStatistics>> {
    let mut value: serde_json::Value = serde_json::from_str(text)?;
    let list = value.get_mut("classes").map(serde_json::Value::take).unwrap_or(value);
    Ok(serde_json::from_value(list)?)
}

fn order(order: args::Order) -> Order {
    match order {
        args::Order::Bandit => Order::Bandit,
        args::Order::RiskTimeAgeing => Order::RiskTimeAgeing,
        args::Order::RiskOnly => Order::RiskOnly,
        args::Order::Fifo => Order::Fifo,
    }
}

fn explore(explore: args::Explore) -> Explore {
    match explore {
        args::Explore::None => Explore::None,
        args::Explore::Thompson => Explore::Thompson,
        args::Explore::Ucb => Explore::Ucb,
    }
}

fn explanation(entries: &[ScheduleEntry], candidates: &[Candidate]) -> String {
    let namespaces: HashMap<&str, &str> = candidates
        .iter()
        .map(|candidate| (candidate.score.id.as_str(), candidate.namespace.as_str()))
        .collect();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| {
            let explained = entry.explained.as_ref()?;
            let class = &explained.class;
            Some(vec![
                (place + 1).to_string(),
                entry.id.clone(),
                class.rule.clone(),
                class.kind.clone(),
                (*namespaces.get(entry.id.as_str())?).to_owned(),
                format!("{:.2}", entry.risk),
                format!("{:.3}", entry.probability),
                format!("{:.4}", entry.expected_time),
                format!("{:.4}", entry.score),
                if entry.kev { "yes".to_owned() } else { String::new() },
                explained.due_in.map_or_else(String::new, |hours| format!("{hours:.1}")),
                format!("{:.1}", explained.starts_in),
                explained.reason.clone(),
            ])
        })
        .collect();
    let heading = [
        ">place",
        "id",
        "rule",
        "kind",
        "namespace",
        ">R",
        ">p",
        ">Et s",
        ">R·p/Et",
        "kev",
        ">due h",
        ">starts s",
        "why",
    ];
    table(&heading, &rows)
}

/// The weights of classes by what their attempts taught; what queues order by.
pub(crate) fn weigh(classes: &[ClassStatistics]) -> Vec<f64> {
    let mut learner = Learner::default();
    for class in classes {
        learner.add_statistics(class, PRIOR);
    }
    let mut random = seeded(0);
    let weight = |estimate: &Estimate| estimate.explored(Explore::Ucb, &mut random);
    learner.estimates().iter().map(weight).collect()
}
