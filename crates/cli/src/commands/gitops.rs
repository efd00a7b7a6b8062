//! `gitops`: accepted fixes become commits, one for each batch, on branches of their own.

mod message;
mod report;
mod requests;

use super::batches::batched;
use crate::End;
use crate::archive::Fix;
use crate::args::Common;
use crate::args::carry::{Gitops, Write};
use crate::commands::run::hex;
use crate::grouping::Grouping;
use crate::inputs::Inputs;
use crate::landing::{Landing, Scene, Step, with_scene};
use crate::owners::Owners;
use crate::session::Session;
use detector::Corpus;
use manifest::Source;
use record::Batch;
use requests::{Asked, Asker};
use review::diff;
use rollout::git::{Branch, Repository, Tracked};
use rollout::journal::Inverse;
use rollout::write::{Change, NewFile, Onto, Written, is_ours, write};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters of a batch's key in the name of its branch.
const SLUG: usize = 48;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Gitops) -> anyhow::Result<End> {
    match args {
        Gitops::Plan(args) => carry(common, args, false),
        Gitops::Write(args) => carry(common, args, true),
    }
}

/// What is done, or would be.
#[derive(Serialize)]
struct Plan {
    /// The commit that all is based on.
    base: String,
    batches: Vec<Planned>,
    skipped: Vec<Skipped>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dashboard: Option<Asked>,
}

/// One batch.
#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    batch: Batch,
    branch: String,
    /// The branch that this one begins at, where both change the same files, directly or by way of
    /// others: all can then be merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    stacked_on: Option<String>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Unified diffs of its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diffs: Vec<String>,
    /// Who owns its files, as CODEOWNERS says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reviewers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Asked>,
    /// Title and description of its request.
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    body: String,
}

/// What happens to a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It would be made, or brought up to date where it is there.
    Planned,
    Created,
    Updated,
    Unchanged,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A fix that is not carried.
#[derive(Serialize)]
struct Skipped {
    id: String,
    fingerprint: String,
    rule: String,
    manifest_path: String,
    reason: String,
}

impl Skipped {
    fn new(fix: &Fix<'_>, reason: &str) -> Self {
        Self {
            id: fix.detection.id.clone(),
            fingerprint: fix.fingerprint().to_owned(),
            rule: fix.rule().to_owned(),
            manifest_path: fix.detection.manifest_path.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn carry(common: &Common, args: &Write, writes: bool) -> anyhow::Result<End> {
    let repository = Repository::open(&args.repo)?;
    let _lock = if writes { Some(repository.lock()?) } else { None };
    let changed = repository.changed()?;
    if !changed.is_empty() {
        return Err(rollout::Error::Dirty { files: changed }.into());
    }
    let base = repository.commit("HEAD")?;
    let asker = if writes { Asker::new(&repository, args)? } else { None };
    if let Some(remote) = args.push.as_deref().filter(|_| writes) {
        // Others may have pushed to branches of ours, or this may be a fresh clone.
        repository.fetch(remote, &args.branch_prefix)?;
    }
    // Whether a branch was merged by squashing is known to the forge only.
    let requests = asker.as_ref().map(|asker| asker.open(&args.branch_prefix)).transpose()?;
    let mut plan = with_scene(common, &args.batching, |scene| {
        carry_from(scene, &repository, base, args, writes.then_some(Writing { requests }))
    })?;
    if let Some(asker) = asker {
        asker.ask(&mut plan, &args.asking);
    }
    report::write(&plan, args, common)?;
    let requests = plan.batches.iter().filter_map(|planned| planned.request.as_ref());
    let is_bad = |asked: &Asked| asked.state == "failed";
    Ok(match requests.chain(&plan.dashboard).any(is_bad) {
        true => End::InputError,
        false => End::Clean,
    })
}

/// That branches are written.
#[derive(Clone, Copy)]
struct Writing {
    /// Open requests of ours, where there is a forge.
    requests: Option<usize>,
}

fn carry_from(
    scene: &Scene<'_>,
    repository: &Repository,
    base: String,
    args: &Write,
    writing: Option<Writing>,
) -> anyhow::Result<Plan> {
    let pushed = match &args.push {
        Some(remote) => repository.remote_branches(remote, &args.branch_prefix)?,
        None => BTreeMap::new(),
    };
    let mut branches = pushed.clone();
    branches.extend(repository.branches(&args.branch_prefix)?);
    let tree = Tree {
        files: repository.files(&base)?,
        branches,
        pushed,
        requests: writing.and_then(|writing| writing.requests),
        paths: paths(repository, &scene.sources.inputs),
        repository,
        base: &base,
        corpus: scene.corpus,
    };
    let fixes = scene.fixes;
    let landing = Landing::new(scene);
    let (skipped, owners) = (BTreeMap::new(), Owners::default());
    let mut carrying = Carrying { fixes, landing, tree: &tree, skipped, owners };
    let batches = carrying.batches(scene.session, &scene.sources.inputs, args)?;
    let (changes, mut planned) = carrying.changes(batches, args)?;
    if writing.is_some() {
        let (files, branches) = (&tree.files, &tree.branches);
        let onto = Onto { repository, base: &base, files, branches };
        for (planned, written) in planned.iter_mut().zip(write(onto, &changes)?) {
            planned.state = match written {
                Written::Created(_) => State::Created,
                Written::Updated(_) => State::Updated,
                Written::Unchanged(_) => State::Unchanged,
            };
            planned.commit = Some(written.commit().to_owned());
        }
        if let Some(remote) = &args.push {
            let names: Vec<String> = planned.iter().map(|p| p.branch.clone()).collect();
            repository.push(remote, &names, &tree.pushed)?;
        }
    }
    crate::session::warn(&carrying.owners.warnings, scene.session.quiet)?;
    let skipped = carrying.skipped.iter();
    let skipped = skipped.map(|(fix, why)| Skipped::new(&fixes[*fix], why)).collect();
    Ok(Plan { base, batches: planned, skipped, dashboard: None })
}

/// The files of the session that are in the repository, by their index: their path from its root.
fn paths(repository: &Repository, inputs: &Inputs) -> HashMap<usize, String> {
    let root = repository.root().canonicalize().unwrap_or_else(|_| repository.root().to_owned());
    let path = |place: &Path| {
        let real = place.canonicalize().ok()?;
        real.strip_prefix(&root).ok()?.to_str().map(str::to_owned)
    };
    let places = inputs.locations.iter().enumerate();
    places.filter_map(|(file, place)| Some((file, path(place.as_deref()?)?))).collect()
}

/// The repository as it is before.
struct Tree<'a> {
    repository: &'a Repository,
    base: &'a str,
    corpus: &'a Corpus<'a>,
    /// The files of the base.
    files: HashMap<String, Tracked>,
    branches: BTreeMap<String, Branch>,
    /// Those of the remote that is pushed to.
    pushed: BTreeMap<String, Branch>,
    requests: Option<usize>,
    paths: HashMap<usize, String>,
}

impl Tree<'_> {
    /// The path from the root of a file that git has.
    fn path_of(&self, file: usize) -> Result<&str, String> {
        let path = self.paths.get(&file).ok_or("the file is not in the repository")?;
        match self.files.get(path) {
            None => Err("the file is not committed".to_owned()),
            Some(tracked) if !tracked.mode.starts_with("100") => {
                Err("git does not have it as a file".to_owned())
            }
            Some(_) => Ok(path),
        }
    }

    /// Branches of ours that are not merged yet, or their open requests, and how many of them were
    /// made in the last hour.
    fn open(&self) -> anyhow::Result<(usize, usize)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let hour_ago = i64::try_from(now).unwrap_or(i64::MAX) - 3600;
        let (mut open, mut recent) = (0, 0);
        for branch in self.branches.values() {
            if self.requests.is_none() {
                open += usize::from(!self.repository.contains(self.base, &branch.tip)?);
            }
            recent += usize::from(branch.committed > hour_ago);
        }
        Ok((self.requests.unwrap_or(open), recent))
    }
}

struct Carrying<'a> {
    fixes: &'a [Fix<'a>],
    landing: Landing<'a>,
    tree: &'a Tree<'a>,
    /// Why fixes are not carried, by their index.
    skipped: BTreeMap<usize, String>,
    owners: Owners,
}

/// A batch and the indices of its fixes.
struct Group {
    batch: Batch,
    fixes: Vec<usize>,
    /// The indices of its files.
    files: BTreeSet<usize>,
}

impl Carrying<'_> {
    /// Puts the fixes that can be carried into batches.
    fn batches(
        &mut self,
        session: &Session,
        inputs: &Inputs,
        args: &Write,
    ) -> anyhow::Result<Vec<Group>> {
        let corpus = self.tree.corpus;
        let mut grouping = Grouping::new(args.batching.group_by.into(), corpus, inputs);
        let (mut units, mut by_id) = (Vec::new(), HashMap::new());
        for (index, fix) in self.fixes.iter().enumerate() {
            let place = || -> Result<usize, String> {
                if !args.unsafe_fixes && !fix.is_safe() {
                    return Err("the fix is unsafe; --unsafe-fixes carries it".to_owned());
                }
                let position = self.landing.position(index)?;
                self.tree.path_of(corpus.file_of(position))?;
                Ok(position)
            };
            match place() {
                Err(reason) => {
                    self.skipped.insert(index, reason);
                }
                Ok(position) => {
                    by_id.insert(fix.detection.id.as_str(), (index, corpus.file_of(position)));
                    units.push(grouping.unit(fix, position));
                }
            }
        }
        // What was looked up there serves the reviewers too.
        self.owners = grouping.owners;
        let group = |batch: Batch| {
            let known = batch.items.iter().filter_map(|id| by_id.get(id.as_str()));
            let (fixes, files) = known.copied().unzip();
            Group { batch, fixes, files }
        };
        Ok(batched(session, &args.batching, &units)?.into_iter().map(group).collect())
    }

    /// Lets batch after batch in, and says what each does to the files.
    fn changes(
        &mut self,
        groups: Vec<Group>,
        args: &Write,
    ) -> anyhow::Result<(Vec<Change>, Vec<Planned>)> {
        let chains = chains(&groups);
        let mut tips: HashMap<usize, usize> = HashMap::new();
        let (mut changes, mut planned) = (Vec::<Change>::new(), Vec::new());
        let (mut open, mut recent) = self.tree.open()?;
        let mut texts: HashMap<usize, String> = HashMap::new();
        let mut landed = BTreeSet::new();
        for (group, chain) in groups.into_iter().zip(chains) {
            let branch = branch_name(&args.branch_prefix, &group.batch);
            let there = self.tree.branches.get(&branch);
            let pushed = self.tree.pushed.get(&branch);
            if let Some(reason) = refusal([there, pushed], &group.batch, [open, recent], args) {
                self.skip(&group.fixes, &reason);
                continue;
            }
            let step = self.landing.step(&group.fixes);
            let new: BTreeSet<usize> = step.landed.difference(&landed).copied().collect();
            for (fix, reason) in &step.left_out {
                self.skipped.insert(*fix, reason.clone());
            }
            self.skipped.retain(|fix, _| !new.contains(fix));
            landed.extend(&new);
            let (files, diffs) = self.files(&step, &mut texts, args.diff)?;
            if files.is_empty() {
                self.skip(&group.fixes, "its file has the change already");
                continue;
            }
            if there.is_none() {
                (open, recent) = (open + 1, recent + 1);
            }
            let on = tips.insert(chain, changes.len());
            let fixes: Vec<&Fix<'_>> = new.iter().map(|fix| &self.fixes[*fix]).collect();
            let batch = Batch { size: fixes.len(), ..group.batch };
            let reviewers = self.reviewers(files.keys());
            changes.push(Change {
                batch: batch.id.clone(),
                branch: branch.clone(),
                on,
                message: message::commit(&batch, &fixes),
                fingerprints: fixes.iter().map(|fix| fix.fingerprint().to_owned()).collect(),
                files,
            });
            planned.push(Planned {
                title: message::subject(&batch),
                body: message::request(&batch, &fixes),
                batch,
                branch,
                stacked_on: on.map(|on| changes[on].branch.clone()),
                state: State::Planned,
                commit: None,
                diffs,
                reviewers,
                request: None,
            });
        }
        Ok((changes, planned))
    }

    /// The owners of files, none twice.
    fn reviewers<'f>(&mut self, paths: impl Iterator<Item = &'f String>) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let owners: Vec<String> = paths
            .flat_map(|path| self.owners.of(&self.tree.repository.root().join(path)))
            .collect();
        owners.into_iter().filter(|owner| seen.insert(owner.to_lowercase())).collect()
    }

    fn skip(&mut self, fixes: &[usize], reason: &str) {
        for fix in fixes {
            self.skipped.entry(*fix).or_insert_with(|| reason.to_owned());
        }
    }

    /// The files that a step changes, compared with the step before.
    fn files(
        &self,
        step: &Step,
        texts: &mut HashMap<usize, String>,
        with_diffs: bool,
    ) -> anyhow::Result<(BTreeMap<String, NewFile>, Vec<String>)> {
        let (mut files, mut diffs) = (BTreeMap::new(), Vec::new());
        for (file, text) in &step.texts {
            let Ok(original) = &self.tree.corpus.inputs()[*file].source else { continue };
            let before = texts.get(file).map_or(original.text(), String::as_str);
            let Ok(path) = self.tree.path_of(*file) else { continue };
            if before == text {
                continue;
            }
            let inverse = inverse(before, text, original)?;
            files.insert(path.to_owned(), NewFile { text: text.clone().into_bytes(), inverse });
            if with_diffs {
                let mut bytes = Vec::new();
                diff::write(&mut bytes, path, before, text, diff::Options::default())?;
                diffs.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            texts.insert(*file, text.clone());
        }
        Ok((files, diffs))
    }
}

/// Why a batch is not written at all.
fn refusal(
    there: [Option<&Branch>; 2],
    batch: &Batch,
    [open, recent]: [usize; 2],
    args: &Write,
) -> Option<String> {
    let is_full = |count: usize, limit: usize| limit > 0 && count >= limit;
    let mut copies = there.into_iter().flatten();
    match copies.clone().next() {
        Some(_) if !copies.all(|branch| is_ours(branch, &batch.id)) => Some(
            "somebody else has commits on its branch; merge, rename or delete it to have it \
             written"
                .to_owned(),
        ),
        Some(_) => None,
        None if is_full(open, args.max_branches) => {
            Some(format!("{open} branches are open; --max-branches allows no more"))
        }
        None if is_full(recent, args.max_per_hour) => Some(format!(
            "{recent} branches were made within the hour; --max-per-hour allows no more"
        )),
        None => None,
    }
}

/// Numbers groups so that those that share files, directly or by way of others, have one number.
fn chains(groups: &[Group]) -> Vec<usize> {
    let mut chains: Vec<usize> = (0..groups.len()).collect();
    let mut of_file: HashMap<usize, usize> = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        for file in &group.files {
            let other = *of_file.entry(*file).or_insert(index);
            let (a, b) = (root(&mut chains, index), root(&mut chains, other));
            chains[a.max(b)] = a.min(b);
        }
    }
    (0..groups.len()).map(|index| root(&mut chains, index)).collect()
}

/// The number of a group's chain, as far as it is known; shortens the way there.
fn root(chains: &mut [usize], mut index: usize) -> usize {
    while chains[index] != index {
        chains[index] = chains[chains[index]];
        index = chains[index];
    }
    index
}

/// What takes a file's change back, document by document.
fn inverse(before: &str, after: &str, original: &Source) -> anyhow::Result<Vec<Inverse>> {
    let parse = |text: &str| Source::parse(text.as_bytes().to_vec(), original.limits());
    let (before, after) = (parse(before)?, parse(after)?);
    let documents = 0..after.documents().len();
    let inverse = documents.filter_map(|document| {
        let value = before.root(document)?.to_json();
        let inverse = rollout::undo::inverse(&after, document, &value);
        (!inverse.steps.is_empty()).then_some(inverse)
    });
    Ok(inverse.collect())
}

/// A name that git takes: from lower-case letters, digits and hyphens, and the same for the same
/// batch. Keys that do not fit are told apart by a part of their hash.
fn branch_name(prefix: &str, batch: &Batch) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = batch.key.chars().map(plain).take(SLUG).collect();
    let slug = slug.trim_matches('-');
    let group = batch.group_by.as_str();
    match slug == batch.key {
        true => format!("{prefix}{group}/{slug}"),
        false => {
            let digest = hex(&Sha256::digest(&batch.key));
            let slug = if slug.is_empty() { String::new() } else { format!("{slug}-") };
            format!("{prefix}{group}/{slug}{}", &digest[..8])
        }
    }
}
