//! `cargo xtask recorded`: what the gates say of recorded answers of a commercial model, into
//! `docs/recorded-answers.md`.

use crate::page::{Counts, Page, count};
#[cfg(test)]
use crate::server::binary;
use crate::server::built;
use anyhow::{Context as _, bail};
use record::{Detection, Gate, GateOutcome, GateResult, Patch, PatchOperation, Verdict};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HEAD: &str = "# Recorded answers of a model\n\nWritten by `cargo xtask recorded`: `propose \
    --proposer recorded FILE`, then `verify --server ephemeral`, over\n3,961 recorded answers of a \
    commercial model to the reference system, which merged fixes of its own rules\ninto them before \
    they were recorded.\n";

/// The recorded answers, in the folder of the data.
const FILE: &str = "oracle/recorded-llm-patches.jsonl.gz";

/// Why patches are rejected: the gate, what its reason holds, the name of the class, and what
/// reading 50 rejected answers, drawn at random, says of who is wrong. The first that fits counts.
const CLASSES: [(Gate, &str, &str, &str); 6] = [
    (
        Gate::Patch,
        "is not found in the manifest",
        "the finding is not in what the model saw",
        "neither: 8 read; each is a CronJob out of which the reference's detector had cut \
         `jobTemplate.spec`, so it has no pods, and no server takes it",
    ),
    (
        Gate::Patch,
        "/volumes/",
        "volumes are emptied or written over",
        "the patch: 3 read; a volume becomes an `emptyDir`, for a finding about something else",
    ),
    (
        Gate::Patch,
        "ecurityContext",
        "hardening beyond the finding",
        "the patch: 38 read; privileges, capabilities and users of every container change, for a \
         finding about something else in one of them",
    ),
    (
        Gate::Patch,
        "/resources",
        "amounts that nobody gave",
        "the patch: 1 read; `100m`, `128Mi`, `500m` and `256Mi` for every container, whatever runs \
         in it",
    ),
    (
        Gate::Patch,
        "/env",
        "variables of the environment",
        "the patch: none drawn, all read besides; values and whole variables change, for a finding \
         about something else or another variable",
    ),
    (
        Gate::Patch,
        "",
        "other places",
        "the patch: none drawn, all read besides; namespaces, restart policies, commands and \
         mount propagation change",
    ),
];

/// Measures and writes the page. Fails when an accepted patch does not hold.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the corpora")?;
    let mut page = Page::new(HEAD);
    let measured = measure(&built(root)?, &Path::new(&data).join(FILE), &mut page);
    println!("{}", page.text);
    measured?;
    fs::write(root.join("docs/recorded-answers.md"), &page.text)?;
    Ok(())
}

fn measure(binary: &Path, answers: &Path, page: &mut Page) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let replay = Replay { binary, answers, folder: scratch.path() };
    let patches: Vec<Patch> = replay.propose()?;
    let detections: Vec<Detection> = records(&unpacked(answers)?)?;
    sizes(&patches, page);
    let every = replay.verify("all.jsonl", &[])?;
    funnel("All gates", &every, page);
    classes(&every, page);
    let refused = refused(&replay, &every, &patches, &detections, "all")?;
    checked(&every, &refused, page);
    let open = replay.verify("open.jsonl", &["--disable-gate", "patch"])?;
    funnel("Without the gate `patch`", &open, page);
    let would_be = self::refused(&replay, &open, &patches, &detections, "open")?;
    checked(&open, &would_be, page);
    anyhow::ensure!(every.len() == patches.len(), "a patch has no verdict");
    anyhow::ensure!(refused.is_empty(), "accepted, but refused by the check: {refused:?}");
    Ok(())
}

/// The tool, the recorded answers, and where its records go.
struct Replay<'r> {
    binary: &'r Path,
    answers: &'r Path,
    folder: &'r Path,
}

impl Replay<'_> {
    fn propose(&self) -> anyhow::Result<Vec<Patch>> {
        let out = self.patches();
        let mut propose = Command::new(self.binary);
        propose.args(["propose", "--quiet", "--proposer", "recorded"]).arg(self.answers);
        run_tool(propose.arg("--out").arg(&out))?;
        records(&fs::read_to_string(out)?)
    }

    fn patches(&self) -> PathBuf {
        self.folder.join("patches.jsonl")
    }

    fn verify(&self, name: &str, options: &[&str]) -> anyhow::Result<Vec<Verdict>> {
        let out = self.folder.join(name);
        let mut verify = Command::new(self.binary);
        verify.args(["verify", "--quiet", "--patched-yaml", "--server", "ephemeral"]);
        verify.arg("--patches").arg(self.patches()).arg("--detections").arg(self.answers);
        run_tool(verify.args(options).arg("--out").arg(&out))?;
        records(&fs::read_to_string(out)?)
    }

    /// The rules that still report something in files, by the name of the file.
    fn lint(&self, files: &Path) -> anyhow::Result<HashMap<String, BTreeSet<String>>> {
        let out = files.with_extension("detections.jsonl");
        let mut detect = Command::new(self.binary);
        detect.args(["detect", "--quiet", "--profile", "all", "--context", "directory"]);
        run_tool(detect.arg("--in").arg(files).arg("--out").arg(&out))?;
        let mut found: HashMap<String, BTreeSet<String>> = HashMap::new();
        for detection in records::<Detection>(&fs::read_to_string(out)?)? {
            let path = Path::new(&detection.manifest_path);
            let id = path.parent().and_then(Path::file_name).unwrap_or_default();
            let rules = found.entry(id.to_string_lossy().into_owned()).or_default();
            rules.extend(detection.rule);
        }
        Ok(found)
    }
}

fn run_tool(command: &mut Command) -> anyhow::Result<()> {
    let ended = command.stdin(Stdio::null()).output();
    let ended = ended.with_context(|| format!("cannot start {command:?}"))?;
    // 1: not all was accepted.
    if !matches!(ended.status.code(), Some(0 | 1)) {
        bail!("{command:?}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    }
    Ok(())
}

fn records<T: DeserializeOwned>(text: &str) -> anyhow::Result<Vec<T>> {
    Ok(record::read_records(text)?)
}

fn unpacked(path: &Path) -> anyhow::Result<String> {
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    Ok(std::io::read_to_string(flate2::read::MultiGzDecoder::new(file))?)
}

fn sizes(patches: &[Patch], page: &mut Page) {
    let mut sizes: Vec<usize> = patches.iter().map(|patch| patch.patch.len()).collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    let most = sizes.last().copied().unwrap_or_default();
    page.section("Answers");
    page.line(&format!(
        "{} patches; {median} operations in the middle, {most} at most.",
        sizes.len()
    ));
}

/// The first gate that did not pass.
fn stopped(verdict: &Verdict) -> Option<&GateResult> {
    let bad =
        |gate: &&GateResult| matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable);
    verdict.gates.iter().find(bad)
}

fn funnel(title: &str, verdicts: &[Verdict], page: &mut Page) {
    page.section(title);
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted).count();
    page.line(&format!("{accepted} of {} accepted.", verdicts.len()));
    let mut left = verdicts.len();
    let mut rows = Vec::new();
    for gate in Gate::ALL {
        let ended = |outcome| {
            let at =
                |v: &&Verdict| stopped(v).is_some_and(|g| (g.gate, g.outcome) == (gate, outcome));
            verdicts.iter().filter(at).count()
        };
        let (failed, unavailable) = (ended(GateOutcome::Failed), ended(GateOutcome::Unavailable));
        if failed + unavailable > 0 {
            let gate = gate.as_str();
            rows.push(format!("`{gate}` | {left} | {failed} | {unavailable}"));
        }
        left -= failed + unavailable;
    }
    page.table(
        "first gate that stops it | reached it | failed | not to be judged",
        "--- | ---: | ---: | ---:",
        rows.into_iter(),
    );
}

/// How many end for which reason, and what a reader of a sample says of it.
fn classes(verdicts: &[Verdict], page: &mut Page) {
    let mut counts: Counts<usize> = Counts::new();
    for verdict in verdicts {
        let Some(gate) = stopped(verdict) else { continue };
        let reason = gate.reason.as_deref().unwrap_or_default();
        let fits =
            |(of, holds, ..): &(Gate, &str, &str, &str)| *of == gate.gate && reason.contains(holds);
        count(&mut counts, CLASSES.iter().position(fits).unwrap_or(CLASSES.len()));
    }
    let row = |(class, number): (usize, usize)| match CLASSES.get(class) {
        Some((gate, _, title, reading)) => {
            format!("`{}` | {title} | {number} | {reading}", gate.as_str())
        }
        None => format!("| not read | {number} | "),
    };
    page.table(
        "gate | class | patches | what reading a sample says",
        "--- | --- | ---: | ---",
        counts.into_iter().map(row),
    );
}

/// The accepted patches that a check refuses which shares no code with the gates: what was there is
/// still there, and the finding is gone when the patched document is read as a file of its own.
fn refused(
    replay: &Replay<'_>,
    verdicts: &[Verdict],
    patches: &[Patch],
    detections: &[Detection],
    name: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let patches: HashMap<&str, &Patch> = patches.iter().map(|p| (p.id.as_str(), p)).collect();
    let before: HashMap<&str, &Detection> = detections.iter().map(|d| (d.id.as_str(), d)).collect();
    let files = replay.folder.join(name);
    let mut refused = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.accepted) {
        let id = verdict.id.as_str();
        let folder = files.join(id);
        fs::create_dir_all(&folder)?;
        let text = verdict.patched_yaml.as_deref().context("an accepted patch has a text")?;
        fs::write(folder.join("patched.yaml"), text)?;
        let before = before.get(id).and_then(|d| d.manifest_yaml.as_deref()).unwrap_or_default();
        let patch = patches.get(id).context("a verdict has a patch")?;
        let kept = kept(&first_document(before)?, &first_document(text)?, &verdict.policy_id);
        if let Err(reason) = kept.and_then(|()| patch_says(patch)) {
            refused.insert(id.to_owned(), reason);
        }
    }
    if !files.exists() {
        return Ok(refused);
    }
    let found = replay.lint(&files)?;
    for verdict in verdicts.iter().filter(|verdict| verdict.accepted) {
        let rules = verdict.rule.as_ref().map_or_else(|| rules_of(&verdict.policy_id), |r| vec![r]);
        let still = rules
            .into_iter()
            .find(|rule| found.get(&verdict.id).is_some_and(|rules| rules.contains(*rule)));
        if let Some(rule) = still {
            refused.insert(verdict.id.clone(), format!("{rule} is still found"));
        }
    }
    Ok(refused)
}

/// The rules that stand for a policy of several.
fn rules_of(policy: &str) -> Vec<&'static str> {
    let rules = rules::all().iter().map(|entry| entry.rule);
    rules.filter(|r| r.default && r.policy_id == Some(policy)).map(|rule| rule.id).collect()
}

/// An answer is a patch of something.
fn patch_says(patch: &Patch) -> Result<(), String> {
    let changes = |operation: &&PatchOperation| !matches!(operation, PatchOperation::Test(_));
    match patch.patch.iter().find(changes) {
        Some(_) => Ok(()),
        None => Err("it changes nothing".to_owned()),
    }
}

fn first_document(text: &str) -> anyhow::Result<Value> {
    let source = manifest::Source::parse(text.as_bytes().to_vec(), &manifest::Limits::default())?;
    Ok(source.root(0).context("there is a document")?.to_json())
}

/// Fields that a fix of the policy may write over; everything else must stay as it is.
fn may_change(policy: &str) -> &'static [&'static str] {
    match policy {
        "no_latest_tag" => &["image"],
        "read_only_root_fs" => &["readOnlyRootFilesystem"],
        "run_as_non_root" => &["runAsNonRoot", "runAsUser", "runAsGroup"],
        "set_requests_limits" => &["cpu", "memory"],
        "no_privileged" => &["privileged"],
        "drop_capabilities" => &["allowPrivilegeEscalation"],
        _ => &[],
    }
}

/// Whether every scalar of the one is in the other, the policy's own fields aside. Items of lists
/// are known by their names.
fn kept(before: &Value, after: &Value, policy: &str) -> Result<(), String> {
    let (before, after) = (scalars(before), scalars(after));
    for (path, value) in &before {
        let last = path.rsplit('/').next().unwrap_or_default();
        if !may_change(policy).contains(&last) && after.get(path) != Some(value) {
            let change = if after.contains_key(path) { "changed" } else { "lost" };
            return Err(format!("{path} is {change}"));
        }
    }
    let is_allowed = |path: &&String| {
        let fields = may_change(policy);
        path.split('/').any(|key| fields.contains(&key))
    };
    match after.keys().find(|path| !before.contains_key(*path) && !is_allowed(path)) {
        Some(path) => Err(format!("{path} is new, and no part of the fix")),
        None => Ok(()),
    }
}

fn scalars(value: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    collect(value, String::new(), &mut all);
    all
}

fn collect(value: &Value, path: String, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, format!("{path}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let key = item["name"].as_str().map_or(index.to_string(), str::to_owned);
                collect(item, format!("{path}/{key}"), all);
            }
        }
        scalar => {
            all.insert(path, scalar.clone());
        }
    }
}

fn checked(verdicts: &[Verdict], refused: &BTreeMap<String, String>, page: &mut Page) {
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted).count();
    page.line(&format!(
        "Of the {accepted} accepted ones, all of which the API server takes, an independent check \
         (what was there is still there, nothing else is new, and the finding is gone from the \
         patched file) refuses {}.",
        refused.len()
    ));
    let mut counts: Counts<String> = Counts::new();
    for reason in refused.values() {
        let end = reason.rsplit_once(" is ").map_or("", |(_, end)| end);
        let field = reason.split(" is ").next().unwrap_or_default();
        let field = field.rsplit('/').find(|key| key.parse::<usize>().is_err());
        count(&mut counts, format!("`{}` is {end}", field.unwrap_or_default()));
    }
    let mut rows: Vec<(String, usize)> = counts.into_iter().collect();
    rows.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let rows = rows.into_iter().take(15).map(|(reason, number)| format!("{reason} | {number}"));
    page.table("first thing that the check minds | patches", "--- | ---:", rows);
}

#[cfg(test)]
mod tests {
    use super::{FILE, HEAD, binary, kept, measure};
    use crate::page::Page;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn the_check_sees_what_is_lost_changed_or_new() {
        let before = json!({"spec": {"containers": [{"name": "a", "image": "x", "env": []}]}});
        let after = |container| json!({"spec": {"containers": [container]}});
        let check = |container| kept(&before, &after(container), "no_latest_tag");
        assert_eq!(check(json!({"name": "a", "image": "y", "env": []})), Ok(()));
        let lost = check(json!({"name": "b", "image": "x"})).unwrap_err();
        assert_eq!(lost, "/spec/containers/a/name is lost");
        let new = check(json!({"name": "a", "image": "x", "tty": true})).unwrap_err();
        assert_eq!(new, "/spec/containers/a/tty is new, and no part of the fix");
    }

    #[test]
    #[ignore = "a minute of work; `cargo xtask test` runs it as a step of its own"]
    fn no_recorded_answer_is_accepted_that_an_independent_check_refuses() {
        let Some(data) = std::env::var_os("K8S_AUTO_FIX_DATA") else {
            println!("SKIPPED: set K8S_AUTO_FIX_DATA to the folder with the recorded answers");
            return;
        };
        if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
            println!("SKIPPED: set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver");
            return;
        }
        let mut page = Page::new(HEAD);
        let measured = measure(&binary(), &Path::new(&data).join(FILE), &mut page);
        println!("{}", page.text);
        measured.unwrap();
    }
}
