//! The records of a run, read again by the commands that carry its fixes on.

use crate::args::carry::RecordArgs;
use crate::commands::queue::records;
use crate::located::Sources;
use crate::session::{Session, read_text};
use anyhow::Context as _;
use record::{Applicability, Detection, Outcome, Patch, RiskScore, ScheduleEntry, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The records of a run.
pub(crate) struct Archive {
    pub(crate) detections: Vec<Detection>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) verdicts: Vec<Verdict>,
    /// Empty where a stage before `run` wrote the records.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) scores: Vec<RiskScore>,
    /// Empty when there is no schedule.
    pub(crate) schedule: Vec<ScheduleEntry>,
    /// The files that the run read, where its manifest says so.
    inputs: Vec<PathBuf>,
    /// Where the detections are; relative paths count from here too.
    detections_file: PathBuf,
}

/// An accepted fix and everything that is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Fix<'a> {
    pub(crate) detection: &'a Detection,
    pub(crate) patch: &'a Patch,
    pub(crate) verdict: &'a Verdict,
    pub(crate) score: Option<&'a RiskScore>,
}

impl Fix<'_> {
    pub(crate) fn rule(&self) -> &str {
        self.detection.rule.as_ref().unwrap_or(&self.detection.policy_id)
    }

    pub(crate) fn risk(&self) -> f64 {
        self.score.map_or(0.0, |score| score.risk)
    }

    /// Only a fix that is known to be safe needs no approval.
    pub(crate) fn is_safe(&self) -> bool {
        self.verdict.applicability.or(self.patch.applicability) == Some(Applicability::Safe)
    }

    pub(crate) fn fingerprint(&self) -> &str {
        let fingerprint = self.detection.fingerprint.as_ref().or(self.verdict.fingerprint.as_ref());
        fingerprint.map_or(&self.detection.id, |fingerprint| fingerprint)
    }
}

/// What of a run's manifest is of use here.
#[derive(Deserialize)]
struct Manifest {
    inputs: BTreeMap<PathBuf, Value>,
}

impl Archive {
    /// Reads the records that the arguments name.
    ///
    /// # Errors
    /// When one that is needed is missing, or one cannot be read.
    pub(crate) fn read(args: &RecordArgs) -> anyhow::Result<Self> {
        let run = args.run.as_deref();
        if let Some(run) = run {
            let is_run = run.join("detections.jsonl").is_file() || args.detections.is_some();
            anyhow::ensure!(
                is_run,
                "{}: no folder that `run --out` wrote: it has no detections.jsonl",
                run.display()
            );
        }
        let path = |named: &Option<PathBuf>, name: &str| {
            named.clone().or_else(|| run.map(|run| run.join(name)).filter(|path| path.is_file()))
        };
        let needed = |named: &Option<PathBuf>, name: &str, flag: &str| {
            path(named, name).with_context(|| match run {
                Some(run) => {
                    format!("{} has no {name}; finish the run, or give {flag}", run.display())
                }
                None => format!("give the folder that `run` wrote, or {flag} FILE"),
            })
        };
        let detections_file = needed(&args.detections, "detections.jsonl", "--detections")?;
        let detections: Vec<Detection> = records(&detections_file)?;
        let scores = match path(&args.risk, "risk.jsonl") {
            Some(path) => records(&path)?,
            None => detections.iter().map(risk::score).collect(),
        };
        Ok(Self {
            patches: records(&needed(&args.patches, "patches.jsonl", "--patches")?)?,
            verdicts: records(&needed(&args.verified, "verified.jsonl", "--verified")?)?,
            outcomes: optional(path(&None, "outcomes.jsonl"))?,
            schedule: optional(path(&args.schedule, "schedule.jsonl"))?,
            inputs: path(&None, "manifest.json").map_or(Ok(Vec::new()), |path| inputs(&path))?,
            scores,
            detections,
            detections_file,
        })
    }

    /// The accepted fixes, in the order of the schedule, else the most risk first.
    pub(crate) fn fixes(&self) -> Vec<Fix<'_>> {
        let patches: HashMap<&str, &Patch> =
            self.patches.iter().map(|patch| (patch.id.as_str(), patch)).collect();
        let scores: HashMap<&str, &RiskScore> =
            self.scores.iter().map(|score| (score.id.as_str(), score)).collect();
        let detections: HashMap<&str, &Detection> =
            self.detections.iter().map(|detection| (detection.id.as_str(), detection)).collect();
        let places: HashMap<&str, usize> =
            self.schedule.iter().enumerate().map(|(at, entry)| (entry.id.as_str(), at)).collect();
        let mut fixes: Vec<Fix<'_>> = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.accepted)
            .filter_map(|verdict| {
                let id = verdict.id.as_str();
                let (detection, patch) = (detections.get(id)?, patches.get(id)?);
                Some(Fix { detection, patch, verdict, score: scores.get(id).copied() })
            })
            .collect();
        let place =
            |fix: &Fix<'_>| places.get(fix.verdict.id.as_str()).copied().unwrap_or(usize::MAX);
        fixes.sort_by(|a, b| place(a).cmp(&place(b)).then(b.risk().total_cmp(&a.risk())));
        fixes
    }

    /// The manifests of the run, as they are now: those that detections name, and those that the
    /// run saw besides.
    pub(crate) fn sources(&self, session: &Session) -> Sources {
        let mut sources = Sources::read(&self.detections, &self.detections_file, session);
        let named: HashSet<&Path> =
            self.detections.iter().map(|detection| Path::new(&detection.manifest_path)).collect();
        let others =
            self.inputs.iter().filter(|path| !named.contains(path.as_path()) && path.is_file());
        let others: Vec<PathBuf> = others.cloned().collect();
        if !others.is_empty() {
            sources.add(session.read(&others));
        }
        sources
    }
}

fn optional<T: serde::de::DeserializeOwned>(path: Option<PathBuf>) -> anyhow::Result<Vec<T>> {
    path.map_or(Ok(Vec::new()), |path| records(&path))
}

fn inputs(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let manifest: Manifest = serde_json::from_str(&read_text(path)?)
        .with_context(|| format!("{}: no manifest of a run", path.display()))?;
    Ok(manifest.inputs.into_keys().collect())
}
