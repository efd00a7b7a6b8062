//! What risk is judged by: feeds, reports of images and settings, as the flags name them.

use crate::args::RiskArgs;
use crate::commands::run::hex;
use crate::config::Config;
use anyhow::Context as _;
use detector::Corpus;
use feeds::{Feed, Kept, Kind, Store, StoreError};
use manifest::Node;
use record::Date;
use risk::{Fault, ImageReport, Images, PolicyMetrics, Scorer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A scorer, and where what it knows is from.
#[derive(Default)]
pub(crate) struct Scoring {
    pub(crate) scorer: Scorer,
    /// Checksums for the manifest of a run.
    sources: serde_json::Map<String, Value>,
    quiet: bool,
}

impl Scoring {
    /// Reads what the flags name. Without any, nothing is read.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it should be.
    pub(crate) fn new(args: &RiskArgs, config: &Config, quiet: bool) -> anyhow::Result<Self> {
        let scorer = Scorer { settings: config.risk.clone(), ..Scorer::default() };
        let mut scoring = Self { scorer, sources: serde_json::Map::new(), quiet };
        if let Some(folder) = &args.feeds {
            scoring.read_folder(&folder_or_cache(folder.as_deref())?)?;
        }
        for (kind, path) in [(Kind::Epss, &args.epss), (Kind::Kev, &args.kev)] {
            let Some(path) = path else { continue };
            let bytes = read(path)?;
            let feed = Feed::parse(kind, &bytes).map_err(|fault| in_file(path, &fault))?;
            scoring.take(feed, &sha256(&bytes), None)?;
        }
        if let Some(path) = &args.policy_metrics {
            let bytes = read(path)?;
            let read = PolicyMetrics::parse(&bytes).map_err(|fault| in_file(path, &fault))?;
            scoring.scorer.metrics = read;
            scoring
                .sources
                .insert("policy_metrics".to_owned(), json!({ "sha256": sha256(&bytes) }));
        }
        scoring.read_reports(&args.image_report)?;
        Ok(scoring)
    }

    fn read_folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        let store = Store::new(folder);
        let mut empty = true;
        for kind in Kind::ALL {
            let Some(Kept { known, feed }) = store.read(kind)? else { continue };
            empty = false;
            let fetched = known.fetched_at.split('T').next().and_then(|day| day.parse().ok());
            self.take(feed, &known.sha256, fetched)?;
        }
        anyhow::ensure!(!empty, StoreError::Empty(folder.to_owned()));
        Ok(())
    }

    /// Judges by a feed from now on, and says when it is old. `fetched` is the day on which it was
    /// fetched, where that is known.
    fn take(&mut self, feed: Feed, sha256: &str, fetched: Option<Date>) -> anyhow::Result<()> {
        let kind = feed.kind();
        let source = json!({
            "sha256": sha256,
            "rows": feed.rows(),
            "version": feed.version(),
            "date": feed.date().map(|date| date.to_string()),
        });
        self.sources.insert(kind.as_str().to_owned(), source);
        if let Some(old) = old(kind, feed.date(), fetched, self.scorer.settings.max_feed_age_days) {
            self.warn(old)?;
        }
        match feed {
            Feed::Epss(epss) => self.scorer.epss = Some(epss),
            Feed::Kev(kev) => self.scorer.kev = Some(kev),
        }
        Ok(())
    }

    fn read_reports(&mut self, paths: &[PathBuf]) -> anyhow::Result<()> {
        let (mut reports, mut sources) = (Vec::new(), Vec::new());
        for path in report_files(paths)? {
            let bytes = read(&path)?;
            let report = ImageReport::parse(&bytes).map_err(|fault| in_file(&path, &fault))?;
            sources.push(json!({ "image": report.name, "sha256": sha256(&bytes) }));
            reports.push(report);
        }
        if reports.is_empty() {
            return Ok(());
        }
        let images = Images::new(reports);
        for reference in images.moved() {
            self.warn(format!(
                "reports of {reference} are of different digests; the vulnerabilities of all count"
            ))?;
        }
        self.scorer.images = Some(images);
        self.sources.insert("image_reports".to_owned(), sources.into());
        Ok(())
    }

    /// Says which reports are about no image of the objects.
    pub(crate) fn report_unused(&self, corpus: &Corpus<'_>) -> anyhow::Result<()> {
        let Some(images) = &self.scorer.images else { return Ok(()) };
        let names = (0..corpus.len())
            .filter_map(|position| corpus.object(position).pod.as_ref())
            .flat_map(|pod| &pod.containers)
            .filter_map(|container| container.node.get("image").and_then(Node::as_str));
        for report in images.unused(names) {
            let name = &report.name;
            self.warn(format!(
                "the report of {name} is about no image of the manifests: it names another tag or \
                 digest"
            ))?;
        }
        Ok(())
    }

    /// What a run says of them; nothing when nothing was given.
    pub(crate) fn describe(&self) -> Option<Value> {
        (!self.sources.is_empty()).then(|| Value::Object(self.sources.clone()))
    }

    fn warn(&self, line: impl Display) -> anyhow::Result<()> {
        if !self.quiet {
            let line = line.to_string();
            writeln!(std::io::stderr(), "warning: {}", review::escape(&line))?;
        }
        Ok(())
    }
}

/// The folder of feeds: the one that is named, else the one in the user's cache folder.
///
/// # Errors
/// When none is named and the user has no cache folder.
pub(crate) fn folder_or_cache(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let cache = || Some(system::cache_folder()?.join("feeds"));
    named
        .map(Path::to_owned)
        .or_else(cache)
        .context("there is no cache folder, because HOME is not set: name a folder for the feeds")
}

/// Days since a feed was what the world knew: since its own day, or since it was fetched, for the
/// catalogue, which is not released every day.
pub(crate) fn age(kind: Kind, date: Option<Date>, fetched: Option<Date>) -> Option<i64> {
    let since = match kind {
        Kind::Epss => date.or(fetched),
        Kind::Kev => fetched.or(date),
    };
    // Whole days; the clock of a machine is far below the limits of a float.
    let now = crate::commands::queue::now() as u64;
    let today = Date::from_unix_seconds(now).end_in_unix_seconds();
    Some((today - since?.end_in_unix_seconds()) / 86_400)
}

/// What to say of a feed that is too old.
fn old(kind: Kind, date: Option<Date>, fetched: Option<Date>, limit: u32) -> Option<String> {
    let days = age(kind, date, fetched).filter(|days| *days > i64::from(limit))?;
    let name = kind.as_str();
    Some(format!(
        "the feed `{name}` is {days} days old, more than {limit}: `k8s-auto-fix feeds fetch` gets a \
         newer one"
    ))
}

/// The files that the paths stand for: of folders, every `.json` and `.json.gz` in them, by name.
fn report_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot_read = || format!("cannot read {}", path.display());
        let entries = std::fs::read_dir(path).with_context(cannot_read)?;
        let mut found = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .with_context(cannot_read)?;
        found.retain(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".json") || name.ends_with(".json.gz")
        });
        anyhow::ensure!(!found.is_empty(), "{} holds no .json file", path.display());
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Largest file of a feed or report that is read, in bytes; the parsers have limits of their own.
const LARGEST: u64 = 512 << 20;

/// Reads a file of a feed or report.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot_read = || format!("cannot read {}", path.display());
    let size = std::fs::metadata(path).with_context(cannot_read)?.len();
    anyhow::ensure!(size <= LARGEST, "{} has {size} bytes, more than {LARGEST}", path.display());
    std::fs::read(path).with_context(cannot_read)
}

fn in_file(path: &Path, fault: &Fault) -> anyhow::Error {
    anyhow::anyhow!("{}", fault.in_file(&path.display().to_string()))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
