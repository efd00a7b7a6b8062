//! The record files of a run, and how far it is.

use super::Records;
use crate::session::read_text;
use crate::write;
use anyhow::Context as _;
use rayon::prelude::*;
use record::{Format, read_records, write_records};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The name of the file that says how far a run is.
pub(crate) const STATE: &str = "state.json";
/// Where record files are until they are whole.
pub(crate) const PARTIAL: &str = ".partial";

/// How far a run is. The same for the same inputs and settings, once it is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Hash of everything that the outputs depend on.
    pub(crate) identity: String,
    /// Whether all outputs are there.
    pub(crate) complete: bool,
    /// Objects that are done, of all.
    pub(crate) done: usize,
    pub(crate) objects: usize,
    /// Bytes of each record file that hold what is done.
    pub(crate) bytes: BTreeMap<String, u64>,
    /// The code that the complete run ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<u8>,
}

impl State {
    /// What the folder of a run says; `None` when it says nothing that is of use.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&read_text(&folder.join(STATE)).ok()?).ok()
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let bytes = record::json::to_vec_pretty(self)?;
        write::output(&folder.join(STATE), &bytes)
    }
}

/// What a run wrote down of its inputs and settings.
///
/// # Errors
/// When the folder holds none.
pub(crate) fn run_manifest(folder: &Path) -> anyhow::Result<Value> {
    let path = folder.join("manifest.json");
    serde_json::from_str(&read_text(&path)?)
        .with_context(|| format!("{}: no manifest of a run", path.display()))
}

/// The record files of a run. They grow in a folder of their own and appear when they are whole.
pub(super) struct Files {
    folder: PathBuf,
    files: BTreeMap<&'static str, File>,
    state: State,
}

impl Files {
    /// Begins new files.
    pub(super) fn create(
        folder: &Path,
        with_attempts: bool,
        identity: &str,
        objects: usize,
    ) -> anyhow::Result<Self> {
        let state = State { identity: identity.to_owned(), objects, ..State::default() };
        write::clean(folder)?;
        let partial = folder.join(PARTIAL);
        std::fs::create_dir_all(&partial)
            .with_context(|| format!("cannot create {}", partial.display()))?;
        let files = names(with_attempts).map(|name| {
            let path = partial.join(name);
            let file = File::create(&path);
            Ok((name, file.with_context(|| format!("cannot create {}", path.display()))?))
        });
        let files = files.collect::<anyhow::Result<_>>()?;
        let files = Self { folder: folder.to_owned(), files, state };
        files.state.write(folder)?;
        Ok(files)
    }

    /// Goes on with the files of a run that was interrupted; returns what they hold.
    ///
    /// # Errors
    /// When they do not hold what the state says.
    pub(super) fn resume(
        folder: &Path,
        with_attempts: bool,
        state: State,
    ) -> anyhow::Result<(Self, Records)> {
        write::clean(folder)?;
        let mut files = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for name in names(with_attempts) {
            // A file that was whole already has its name.
            let partial = folder.join(PARTIAL).join(name);
            let path = if partial.exists() { &partial } else { &folder.join(name) };
            let length = state.bytes.get(name).copied().unwrap_or(0);
            let cut = || -> std::io::Result<(File, String)> {
                let file = OpenOptions::new().append(true).open(path)?;
                if file.metadata()?.len() < length {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                file.set_len(length)?;
                Ok((file, std::fs::read_to_string(path)?))
            };
            let (file, text) = cut().with_context(|| cannot_go_on(&path.display().to_string()))?;
            texts.insert(name, text);
            if partial.exists() {
                files.insert(name, file);
            }
        }
        let records = Records {
            detections: parse(&texts, "detections.jsonl")?,
            patches: parse(&texts, "patches.jsonl")?,
            verdicts: parse(&texts, "verified.jsonl")?,
            outcomes: parse(&texts, "outcomes.jsonl")?,
            scores: parse(&texts, "risk.jsonl")?,
            attempts: parse(&texts, "attempts.jsonl")?,
        };
        Ok((Self { folder: folder.to_owned(), files, state }, records))
    }

    /// Adds the records of some more objects, of which `done` are then done.
    pub(super) fn write(&mut self, records: &Records) -> anyhow::Result<()> {
        self.add("detections.jsonl", &records.detections)?;
        self.add("patches.jsonl", &records.patches)?;
        self.add("verified.jsonl", &records.verdicts)?;
        self.add("outcomes.jsonl", &records.outcomes)?;
        self.add("risk.jsonl", &records.scores)?;
        self.add("attempts.jsonl", &records.attempts)
    }

    fn add<T: Serialize + Sync>(
        &mut self,
        name: &'static str,
        records: &[T],
    ) -> anyhow::Result<()> {
        let Some(file) = self.files.get_mut(name) else { return Ok(()) };
        let bytes = lines(records)?;
        file.write_all(&bytes)?;
        *self.state.bytes.entry(name.to_owned()).or_default() += bytes.len() as u64;
        Ok(())
    }

    /// Notes that everything up to here need not be done again.
    pub(super) fn checkpoint(&mut self, done: usize) -> anyhow::Result<()> {
        self.state.done = done;
        self.state.write(&self.folder)
    }

    /// Gives the files their names.
    pub(super) fn finish(self) -> anyhow::Result<State> {
        for name in self.files.keys() {
            let (from, to) = (self.folder.join(PARTIAL).join(name), self.folder.join(name));
            std::fs::rename(&from, &to)
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(self.state)
    }

    /// Removes what only an interrupted run needs, and says that the run is complete.
    pub(super) fn complete(folder: &Path, state: State, exit_code: u8) -> anyhow::Result<()> {
        let partial = folder.join(PARTIAL);
        std::fs::remove_dir_all(&partial)
            .with_context(|| format!("cannot remove {}", partial.display()))?;
        State { complete: true, exit_code: Some(exit_code), ..state }.write(folder)
    }
}

fn names(with_attempts: bool) -> impl Iterator<Item = &'static str> {
    let always =
        ["detections.jsonl", "patches.jsonl", "verified.jsonl", "outcomes.jsonl", "risk.jsonl"];
    always.into_iter().chain(with_attempts.then_some("attempts.jsonl"))
}

fn parse<T: DeserializeOwned>(
    texts: &BTreeMap<&str, String>,
    name: &str,
) -> anyhow::Result<Vec<T>> {
    let text = texts.get(name).map_or("", String::as_str);
    read_records(text).with_context(|| cannot_go_on(name))
}

/// Records as JSON Lines; the lines are made in parallel.
pub(super) fn lines<T: Serialize + Sync>(records: &[T]) -> anyhow::Result<Vec<u8>> {
    let chunks: Vec<Vec<u8>> = records
        .par_chunks(512)
        .map(|chunk| {
            let mut bytes = Vec::new();
            write_records(&mut bytes, chunk, Format::Lines).map(|()| bytes)
        })
        .collect::<Result<_, _>>()?;
    Ok(chunks.concat())
}

fn cannot_go_on(name: &str) -> String {
    format!("cannot go on with {name}; run it again without --resume")
}
