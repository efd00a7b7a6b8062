//! Who proposes: rules, recorded answers, or a model for what rules and evidence cannot fix.

use crate::args::{Common, ProposerArgs};
use crate::located::{Located, Sources};
use crate::session::{Session, read_text};
use anyhow::{Context as _, ensure};
use detector::{Corpus, Found, object_ref};
use json_patch::PatchOperation;
use models::{Judgement, Options, Proposed, Proposer, Task};
use proposer::Proposal;
use record::{
    Applicability, Attempts, Detection, GateOutcome, Patch, Provenance, ValueSource,
    canonical_policy_id, read_records,
};
use rules::{Object, Rule};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use verifier::Judge;

/// Seconds that a model may take for one answer, unless the configuration says otherwise.
const TIMEOUT: f64 = 60.0;
/// How often a request is repeated that got no answer, unless the configuration says otherwise.
const RETRIES: u32 = 2;

/// Who proposes.
pub(crate) enum Who {
    /// The rules.
    Rules,
    /// Answers that were recorded, by the id of the detection.
    Recorded(HashMap<String, Recorded>),
    /// A model.
    Model {
        asked: Box<Proposer>,
        /// Only for what rules and evidence cannot fix.
        rules_first: bool,
        /// Threads that mostly wait for answers.
        threads: rayon::ThreadPool,
    },
}

/// A recorded answer. The file's records hold the detections too.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    id: String,
    policy_id: String,
    patch: Vec<PatchOperation>,
}

/// What was proposed for one detection.
pub(crate) struct Candidate {
    /// The patch, or why there is none.
    pub(crate) patch: Result<Patch, String>,
    /// What a model answered, when one was asked.
    pub(crate) attempts: Option<Attempts>,
}

impl Who {
    /// Reads the recorded answers, or makes a model ready to be asked.
    ///
    /// # Errors
    /// When the configuration or a file says something that cannot be done.
    pub(crate) fn new(
        args: &ProposerArgs,
        session: &Session,
        common: &Common,
    ) -> anyhow::Result<Self> {
        let config = &session.config;
        let mode = config.proposer.mode.as_deref().unwrap_or("rules");
        let (name, rules_first) = match &args.proposer[..] {
            [] => (mode, true),
            [recorded, file] if recorded == "recorded" => {
                return Ok(Self::Recorded(recorded_answers(Path::new(file))?));
            }
            [name] if name == "recorded" => {
                anyhow::bail!("--proposer recorded needs the file with the answers")
            }
            [name] => match name.strip_prefix("rules+") {
                Some(model) => (model, true),
                None => (name.as_str(), false),
            },
            [name, ..] => anyhow::bail!("--proposer {name} takes no file"),
        };
        if name == "rules" {
            ensure!(
                config.rules.enabled != Some(false),
                "rules.enabled is false, and no model is to be asked: nobody proposes"
            );
            return Ok(Self::Rules);
        }
        let rules_first = rules_first && config.rules.enabled != Some(false);
        let asked = Box::new(Proposer::new(options(name, args, session, common)?)?);
        let cores = rayon::current_num_threads();
        let threads = common.jobs.unwrap_or(cores.max(asked.concurrency()));
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(Self::Model { asked, rules_first, threads })
    }

    /// The model, when one is asked.
    pub(crate) fn model(&self) -> Option<&Proposer> {
        match self {
            Self::Model { asked, .. } => Some(asked),
            Self::Rules | Self::Recorded(_) => None,
        }
    }

    /// Does work that may wait for a model on as many threads as may wait for it.
    pub(crate) fn parallel<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::Model { threads, .. } => threads.install(work),
            Self::Rules | Self::Recorded(_) => work(),
        }
    }

    /// For the manifest of a run.
    pub(crate) fn describe(&self) -> Value {
        match self {
            Self::Rules => "rules".into(),
            Self::Recorded(_) => "recorded".into(),
            Self::Model { asked, rules_first, .. } => serde_json::json!({
                "name": asked.name(),
                "model": asked.model(),
                "rules_first": rules_first,
                "prompt_version": models::PROMPT_VERSION,
            }),
        }
    }

    /// The patch for one detection.
    pub(crate) fn candidate(
        &self,
        detection: &Detection,
        sources: &Sources,
        judge: &Judge<'_>,
        session: &Session,
    ) -> Candidate {
        let without = |patch| Candidate { patch, attempts: None };
        if let Self::Recorded(answers) = self {
            return without(recorded_patch(detection, answers));
        }
        let located = match Located::find(detection, sources, judge.corpus, session) {
            Ok(located) => located,
            Err(reason) => return without(Err(reason)),
        };
        match self {
            Self::Model { asked, rules_first, .. } => {
                let by_rules = rules_first.then(|| by_rules(detection, &located, judge));
                match by_rules {
                    Some(Ok(patch)) => without(Ok(patch)),
                    _ => by_model(asked, detection, &located, judge),
                }
            }
            Self::Rules | Self::Recorded(_) => without(by_rules(detection, &located, judge)),
        }
    }

    /// Tells the model's wall every secret among the objects, so that none leaves by way of another.
    pub(crate) fn learn_secrets(&self, corpus: &Corpus<'_>) {
        let Some(model) = self.model() else { return };
        for position in 0..corpus.len() {
            model.guard(&corpus.object(position).root.to_json());
        }
    }

    /// Says what asking a model has cost.
    pub(crate) fn report(&self, common: &Common) -> std::io::Result<()> {
        let Some(model) = self.model().filter(|_| !common.quiet) else { return Ok(()) };
        let totals = model.totals();
        let cost = totals.cost.map_or(String::new(), |cost| format!(", cost {cost:.4}"));
        let mut stderr = std::io::stderr().lock();
        writeln!(
            stderr,
            "{}: {} requests, {} answers from the cache, {} tokens sent, {} received{cost}",
            review::escape(model.name()),
            totals.requests,
            totals.cached,
            totals.prompt_tokens,
            totals.completion_tokens
        )?;
        if totals.unwritten > 0 {
            let unwritten = totals.unwritten;
            writeln!(stderr, "warning: {unwritten} answers could not be written to the cache")?;
        }
        Ok(())
    }
}

/// What a model is asked with. Only a file that the command line names may say where manifests are
/// sent, and with which of the environment's keys: one that lies beside them may be anybody's.
fn options(
    name: &str,
    args: &ProposerArgs,
    session: &Session,
    common: &Common,
) -> anyhow::Result<Options> {
    let config = &session.config;
    let backend = config.backend(name).with_context(|| {
        format!(
            "no model backend is called `{name}`: the configuration has {}",
            config.backend_names()
        )
    })?;
    ensure!(
        common.config.is_some(),
        "the model backend `{name}` is in a configuration that the command line does not name; a \
         file that lies beside manifests may not say where they are sent: give it with --config"
    );
    let proposer = &config.proposer;
    let timeout = proposer.timeout_seconds.unwrap_or(TIMEOUT);
    let timeout = Duration::try_from_secs_f64(timeout)
        .context("proposer.timeout_seconds must be a positive number")?;
    let budget = &config.model_budget;
    Ok(Options {
        name: name.to_owned(),
        backend: backend.clone(),
        seed: config.seed,
        max_attempts: args.max_attempts.or(config.max_attempts).unwrap_or(1),
        retries: proposer.retries.unwrap_or(RETRIES),
        timeout,
        cache: proposer.cache_dir.clone(),
        replay_only: args.replay,
        attempts_per_policy: config.retry_budgets.clone(),
        max_requests: budget.requests,
        max_total_tokens: budget.tokens,
        max_cost: budget.cost,
    })
}

/// Reads recorded answers.
fn recorded_answers(path: &Path) -> anyhow::Result<HashMap<String, Recorded>> {
    let answers: Vec<Recorded> = read_records(&read_text(path)?)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut by_id = HashMap::new();
    for answer in answers {
        let id = answer.id.clone();
        let known = by_id.insert(id.clone(), answer);
        ensure!(known.is_none(), "{}: two answers have the id {id:?}", path.display());
    }
    Ok(by_id)
}

fn recorded_patch(
    detection: &Detection,
    answers: &HashMap<String, Recorded>,
) -> Result<Patch, String> {
    let answer = answers.get(&detection.id).ok_or("no recorded answer has this id")?;
    let policy = canonical_policy_id(&detection.policy_id);
    if canonical_policy_id(&answer.policy_id) != policy {
        return Err(format!("the recorded answer with this id is for {}", answer.policy_id));
    }
    let patch = foreign_patch(detection, "recorded", "a recorded answer", answer.patch.clone());
    Ok(patch)
}

fn by_rules(detection: &Detection, located: &Located, judge: &Judge<'_>) -> Result<Patch, String> {
    let proposal = located.proposal(judge.corpus)?;
    let patch = rule_patch(detection, proposal, judge.corpus.object(located.position));
    let rule = located.rules.first().map(|rule| rule.id.to_owned());
    Ok(Patch { rule, may_break: located.note(), ..patch })
}

/// The record of a patch that rules propose.
pub(crate) fn rule_patch(detection: &Detection, proposal: Proposal, object: &Object<'_>) -> Patch {
    Patch {
        id: detection.id.clone(),
        policy_id: canonical_policy_id(&detection.policy_id),
        source: "rules".to_owned(),
        patch: proposal.operations,
        latency_ms: None,
        rule: detection.rule.clone(),
        fingerprint: detection.fingerprint.clone(),
        manifest_path: Some(detection.manifest_path.clone()),
        object: Some(object_ref(object)),
        applicability: Some(proposal.applicability),
        may_break: detection.remedy.clone(),
        provenance: proposal.provenance,
    }
}

fn by_model(
    model: &Proposer,
    detection: &Detection,
    located: &Located,
    judge: &Judge<'_>,
) -> Candidate {
    let proposed = ask(model, judge, located.position, &located.rules, &located.targets);
    let attempts = attempts(model, detection, &proposed);
    let patch = match proposed.patch {
        Some(operations) => Ok(Patch {
            rule: located.rules.first().map(|rule| rule.id.to_owned()),
            object: Some(object_ref(judge.corpus.object(located.position))),
            ..model_patch(model, detection, operations)
        }),
        None => Err(why_not(&attempts)),
    };
    Candidate { patch, attempts: Some(attempts) }
}

/// Why a model has no patch: how its last attempt ended.
pub(crate) fn why_not(attempts: &Attempts) -> String {
    let last = attempts.attempts.last();
    let ended = last.map_or("no attempt was made", |attempt| attempt.outcome.as_str());
    let reason = last.and_then(|attempt| attempt.reason.as_deref()).unwrap_or_default();
    let gate = last.and_then(|attempt| attempt.gate);
    let gate = gate.map_or(String::new(), |gate| format!("gate {}: ", gate.as_str()));
    format!("{}: {ended}: {gate}{reason}", attempts.source)
}

/// Asks a model for a patch that cures these findings of an object, and lets the gates judge.
pub(crate) fn ask(
    model: &Proposer,
    judge: &Judge<'_>,
    position: usize,
    rules: &[&'static Rule],
    targets: &[Found],
) -> Proposed {
    let (Some(rule), Some(target)) = (rules.first(), targets.first()) else {
        return Proposed::default();
    };
    let object = judge.corpus.object(position);
    let messages: Vec<&str> = targets.iter().map(|t| t.finding.message.as_str()).collect();
    let task = Task {
        policy: rule.record_policy_id(),
        rule,
        page: rules::by_id(rule.id).map_or("", |entry| entry.page),
        object: &object.root.to_json(),
        prefix: &object.prefix(),
        message: &messages.join("; "),
        pointer: &target.finding.path.to_pointer(),
        allowed: &verifier::allowed_paths(rules, object),
    };
    model.propose(&task, &|operations| {
        let judged = judge.foreign(position, operations, rules, targets);
        if judge.gates.accepts(&judged.gates) {
            return Judgement::Accepted;
        }
        let bad = judged
            .gates
            .into_iter()
            .find(|gate| matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable));
        match bad {
            Some(bad) if bad.outcome == GateOutcome::Unavailable => {
                Judgement::Unavailable { gate: bad.gate, reason: bad.reason.unwrap_or_default() }
            }
            Some(bad) => {
                Judgement::Rejected { gate: bad.gate, reason: bad.reason.unwrap_or_default() }
            }
            None => Judgement::Rejected {
                gate: record::Gate::Patch,
                reason: "not every gate passed".to_owned(),
            },
        }
    })
}

/// The record of what a model answered.
pub(crate) fn attempts(model: &Proposer, detection: &Detection, proposed: &Proposed) -> Attempts {
    Attempts {
        id: detection.id.clone(),
        policy_id: canonical_policy_id(&detection.policy_id),
        rule: detection.rule.clone(),
        fingerprint: detection.fingerprint.clone(),
        source: model.name().to_owned(),
        model: Some(model.model().to_owned()),
        attempts: proposed.attempts.clone(),
    }
}

/// The record of a patch that a model wrote.
pub(crate) fn model_patch(
    model: &Proposer,
    detection: &Detection,
    operations: Vec<PatchOperation>,
) -> Patch {
    let who = format!("{} {}", model.name(), model.model());
    foreign_patch(detection, model.name(), &who, operations)
}

/// A patch that no rule vouches for: always unsafe.
fn foreign_patch(
    detection: &Detection,
    source: &str,
    who: &str,
    operations: Vec<PatchOperation>,
) -> Patch {
    let written = operations.iter().filter(|operation| {
        matches!(operation, PatchOperation::Add(_) | PatchOperation::Replace(_))
    });
    let provenance = written.map(|operation| Provenance {
        pointer: operation.path().to_string(),
        source: ValueSource::Model,
        detail: who.to_owned(),
    });
    Patch {
        id: detection.id.clone(),
        policy_id: canonical_policy_id(&detection.policy_id),
        source: source.to_owned(),
        provenance: provenance.collect(),
        patch: operations,
        latency_ms: None,
        rule: detection.rule.clone(),
        fingerprint: detection.fingerprint.clone(),
        manifest_path: Some(detection.manifest_path.clone()),
        object: detection.object.clone(),
        applicability: Some(Applicability::Unsafe),
        may_break: Some(format!(
            "{who} wrote the values; whether they are meant, no gate can tell"
        )),
    }
}

/// The file with the detections: of recorded answers, the answers themselves.
pub(crate) fn detections_file(
    args: &ProposerArgs,
    detections: Option<&PathBuf>,
) -> anyhow::Result<PathBuf> {
    match (detections, &args.proposer[..]) {
        (Some(path), _) => Ok(path.clone()),
        (None, [_, file]) => Ok(PathBuf::from(file)),
        (None, _) => anyhow::bail!("--detections FILE is needed"),
    }
}
