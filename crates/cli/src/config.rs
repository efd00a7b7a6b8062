//! The configuration file: `k8s-auto-fix.yaml`, or the reference system's `run.yaml`.

mod faults;
mod json_schema;

use crate::args::FailOn;
use anyhow::Context as _;
use detector::ConfiguredIgnore;
pub(crate) use faults::{Fault, faults};
pub(crate) use json_schema::json_schema;
use manifest::{Limits, Node, Source};
use models::Backend;
use record::Severity;
use risk::RiskSettings;
use rules::{Parameters, Values};
use scheduler::window::{Freeze, Window};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// File names that are looked for in the working directory, in this order.
const NAMES: [&str; 2] = ["k8s-auto-fix.yaml", "k8s-auto-fix.yml"];

/// What a configuration file may say. Flags override it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub(crate) struct Config {
    /// `default`, `all`, `pod-security-baseline`, `pod-security-restricted`, `nsa`, `cis` or
    /// `kube-linter`.
    pub(crate) profile: Option<String>,
    /// Rules to run instead of the profile's.
    pub(crate) select: Vec<String>,
    /// Rules not to run.
    pub(crate) ignore: Vec<String>,
    /// Kubernetes versions that objects must be valid for.
    pub(crate) kubernetes_versions: Vec<String>,
    /// Version of the Pod Security Standards.
    pub(crate) pod_security_version: Option<String>,
    /// `all` or `directory`.
    pub(crate) context: Option<String>,
    /// Parameters of rules.
    pub(crate) parameters: Parameters,
    /// Values that no manifest holds.
    pub(crate) values: Values,
    /// Findings that are not to be heard of.
    pub(crate) ignores: Vec<ConfiguredIgnore>,
    /// A file of findings that are known already.
    pub(crate) baseline: Option<PathBuf>,
    /// Less severe findings do not count.
    pub(crate) min_severity: Option<Severity>,
    /// From which severity on a finding makes the exit code 1.
    pub(crate) fail_on: Option<FailOn>,
    /// What scores of risk depend on.
    pub(crate) risk: RiskSettings,

    // Keys of the reference's run.yaml. They are read, so that its files load unchanged.
    /// Seed of everything that is random.
    pub(crate) seed: Option<u64>,
    /// Attempts of a model at one finding.
    pub(crate) max_attempts: Option<u32>,
    /// Who proposes.
    pub(crate) proposer: Proposer,
    /// Model backends, by the name that `proposer.mode` uses.
    grok: Option<Backend>,
    /// See `grok`.
    vendor: Option<Backend>,
    /// See `grok`.
    vllm: Option<Backend>,
    /// Attempts by policy.
    pub(crate) retry_budgets: BTreeMap<String, u32>,
    /// Switch of the rules.
    pub(crate) rules: RulesSwitch,

    /// When and in what order fixes are worked on.
    pub(crate) scheduling: Scheduling,

    /// Further model backends, by name.
    models: BTreeMap<String, Backend>,
    /// What a run may ask of a model.
    pub(crate) model_budget: ModelBudget,
}

/// When and in what order fixes are worked on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub(crate) struct Scheduling {
    /// Hours that an item without a deadline may wait.
    pub(crate) max_wait_hours: Option<f64>,
    /// Hours before that end, or before its deadline, from which it is due.
    pub(crate) lead_hours: Option<f64>,
    /// When items may be worked on.
    pub(crate) windows: Vec<Window>,
    /// When nothing is changed.
    pub(crate) freezes: Vec<Freeze>,
}

impl Scheduling {
    /// The longest wait and the lead, in hours. A lead that is not said is the same part of the wait
    /// as by default.
    pub(crate) fn waits(&self, max_wait: Option<f64>, lead: Option<f64>) -> (f64, f64) {
        let max_wait = max_wait.or(self.max_wait_hours).unwrap_or(scheduler::MAX_WAIT);
        let usual = max_wait * scheduler::LEAD / scheduler::MAX_WAIT;
        (max_wait, lead.or(self.lead_hours).unwrap_or(usual))
    }

    /// The same, when a flag or the configuration says anything of it.
    pub(crate) fn said_waits(
        &self,
        max_wait: Option<f64>,
        lead: Option<f64>,
    ) -> Option<(f64, f64)> {
        let said = max_wait.or(lead).or(self.max_wait_hours).or(self.lead_hours);
        said.map(|_| self.waits(max_wait, lead))
    }
}

/// What one run may ask of a model; without limit where nothing is said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub(crate) struct ModelBudget {
    /// Requests, those that are repeated too.
    pub(crate) requests: Option<u64>,
    /// Tokens sent and received.
    pub(crate) tokens: Option<u64>,
    /// By the backend's prices, in their currency.
    pub(crate) cost: Option<f64>,
}

/// The reference's `proposer` block.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub(crate) struct Proposer {
    /// `rules`, or the name of a model backend: rules first, then the model.
    pub(crate) mode: Option<String>,
    /// How often a request is repeated that got no answer.
    pub(crate) retries: Option<u32>,
    /// How long one answer may take.
    pub(crate) timeout_seconds: Option<f64>,
    /// Where answers are kept.
    pub(crate) cache_dir: Option<PathBuf>,
}

/// The reference's `rules` block.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub(crate) struct RulesSwitch {
    /// Rules propose; `false` leaves only findings.
    pub(crate) enabled: Option<bool>,
}

impl Config {
    /// Reads the named file, or the one in the working directory, or nothing.
    ///
    /// # Errors
    /// When the file cannot be read or says something that it must not, with its line.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = Self::path(path) else { return Ok(Self::default()) };
        let mut config: Self = read_with(&path, Self::place_ignores)?;
        for ignore in &mut config.ignores {
            ignore.place.0 = path.display().to_string();
        }
        Ok(config)
    }

    /// The named file, or the one in the working directory.
    pub(crate) fn path(named: Option<&Path>) -> Option<PathBuf> {
        let found = || NAMES.iter().map(PathBuf::from).find(|name| name.exists());
        named.map(Path::to_owned).or_else(found)
    }

    /// The model backend of this name.
    pub(crate) fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends().find_map(|(known, backend)| (known == name).then_some(backend))
    }

    /// The names of the model backends, for people.
    pub(crate) fn backend_names(&self) -> String {
        let names: Vec<&str> = self.backends().map(|(name, _)| name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// The model backends, by name.
    pub(crate) fn backends(&self) -> impl Iterator<Item = (&str, &Backend)> {
        let references = [("grok", &self.grok), ("vendor", &self.vendor), ("vllm", &self.vllm)];
        let references =
            references.into_iter().filter_map(|(name, backend)| Some((name, backend.as_ref()?)));
        references.chain(self.models.iter().map(|(name, backend)| (name.as_str(), backend)))
    }

    /// Notes the line of every ignore, for what is to be said of it.
    fn place_ignores(&mut self, source: &Source, root: Node<'_>) {
        let entries = root.get("ignores").into_iter().flat_map(Node::items);
        for (ignore, entry) in self.ignores.iter_mut().zip(entries) {
            ignore.place.1 = source.position(entry.span().start).line;
        }
    }
}

/// Reads a configuration file, of this program or of another.
///
/// # Errors
/// When the file cannot be read or says something that it must not, with its line.
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> anyhow::Result<T> {
    read_with(path, |_, _, _| ())
}

/// The same; `finish` sees the text that the value was made of.
fn read_with<T: DeserializeOwned + Default>(
    path: &Path,
    finish: impl FnOnce(&mut T, &Source, Node<'_>),
) -> anyhow::Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(bytes, finish).map_err(|(line, message)| {
        let place = line.map_or_else(String::new, |line| format!(":{line}"));
        anyhow::anyhow!("{}{place}: {message}", path.display())
    })
}

fn parse<T: DeserializeOwned + Default>(
    bytes: Vec<u8>,
    finish: impl FnOnce(&mut T, &Source, Node<'_>),
) -> Result<T, (Option<usize>, String)> {
    let source =
        Source::parse(bytes, &Limits::default()).map_err(|error| (None, error.to_string()))?;
    if let Some(error) = source.documents().iter().find_map(manifest::Document::error) {
        return Err((None, error.to_string()));
    }
    let Some(root) = source.root(0) else { return Ok(T::default()) };
    let json = root.to_json();
    if !json.is_object() {
        let line = source.position(root.span().start).line;
        return Err((Some(line), "expected a map of settings".to_owned()));
    }
    let mut value = serde_path_to_error::deserialize(json).map_err(|error| {
        let message = error.inner().to_string();
        let line = locate(root, error.path(), &message);
        (line.map(|offset| source.position(offset).line), with_suggestion(message))
    })?;
    finish(&mut value, &source, root);
    Ok(value)
}

/// The name of the key that is not known, when that is what an error says.
fn unknown_key(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// The message, with the known key that an unknown one looks like.
fn with_suggestion(message: String) -> String {
    let Some((unknown, expected)) = unknown_key(&message).zip(message.split_once("expected"))
    else {
        return message;
    };
    let known: Vec<&str> = expected.1.split('`').skip(1).step_by(2).collect();
    match schema::nearest(unknown, &known) {
        Some(nearest) => format!("unknown key `{unknown}`; did you mean `{nearest}`?"),
        None => format!("unknown key `{unknown}`; known here: {}", known.join(", ")),
    }
}

/// Offset of the value that an error is about; for an unknown key, of that key.
fn locate(root: Node<'_>, path: &serde_path_to_error::Path, message: &str) -> Option<usize> {
    let mut node = root;
    let mut offset = root.span().start;
    for segment in path {
        let next = match segment {
            serde_path_to_error::Segment::Seq { index } => node.item(*index),
            serde_path_to_error::Segment::Map { key } => node.get(key),
            _ => None,
        };
        let Some(next) = next else { break };
        node = next;
        offset = node.span().start;
    }
    let key =
        unknown_key(message).and_then(|name| node.entry(name)).map(|entry| entry.key.span().start);
    key.or(Some(offset))
}

#[cfg(test)]
mod tests {
    use super::{Config, parse};

    const REFERENCE: &str = "seed: 1337\nmax_attempts: 3\nproposer:\n  mode: grok          # rules\n  \
        retries: 2\n  timeout_seconds: 60\n  cache_dir: tmp/proposer-cache\ngrok:\n  \
        endpoint: \"https://models.example/v1/chat/completions\"\n  model: \"m\"\n  \
        api_key_env: \"KEY\"\nretry_budgets:\n  default: 3\n  no_latest_tag: 2\nrules:\n  \
        enabled: true\n";

    #[test]
    fn the_references_run_yaml_loads_unchanged() {
        let config = parse::<Config>(REFERENCE.as_bytes().to_vec(), Config::place_ignores).unwrap();
        assert_eq!(config.seed, Some(1337));
        assert_eq!(config.proposer.mode.as_deref(), Some("grok"));
        assert_eq!(config.retry_budgets["no_latest_tag"], 2);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let (line, message) = parse::<Config>(
            b"profile: all\nvalues:\n- runAsUsr: 5\n".to_vec(),
            Config::place_ignores,
        )
        .unwrap_err();
        assert_eq!(line, Some(3));
        assert!(message.contains("runAsUsr"), "{message}");
    }

    #[test]
    fn ignores_know_their_line() {
        let text = "ignores:\n- rules: [latest-tag]\n  until: 2026-01-31\n- rules: ['*']\n";
        let config = parse::<Config>(text.as_bytes().to_vec(), Config::place_ignores).unwrap();
        let lines: Vec<usize> = config.ignores.iter().map(|ignore| ignore.place.1).collect();
        assert_eq!(lines, [2, 4]);
        let wrong = |from: &str, to: &str| {
            parse::<Config>(text.replace(from, to).into_bytes(), Config::place_ignores).unwrap_err()
        };
        let (line, message) = wrong("latest-tag", "latest-tga");
        assert!(line == Some(2) && message.contains("did you mean `latest-tag`"), "{message}");
        let (line, message) = wrong("01-31", "02-31");
        assert!(line == Some(3) && message.contains("`2026-02-31` is no date"), "{message}");
        assert_eq!(wrong("['*']", "[]").0, Some(4));
    }

    #[test]
    fn values_are_read() {
        let text = b"values:\n- match: {kinds: [Job]}\n  ttlSecondsAfterFinished: 3600\n";
        let config = parse::<Config>(text.to_vec(), Config::place_ignores).unwrap();
        assert_eq!(config.values.0[0].ttl_seconds_after_finished, Some(3600));
    }
}
