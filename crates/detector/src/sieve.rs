//! What of the findings is reported: not what is ignored, known, or too small to matter.

use crate::ignore::{Hit, Ignores};
use crate::{Baseline, ConfiguredIgnore, Corpus, Fingerprint, Found};
use record::{Date, Severity};
use rules::{Rule, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// What the operator wants to be held back.
#[derive(Debug, Clone)]
pub struct Filters {
    /// The configuration's ignores and those in the manifests; `None` shows all.
    pub ignores: Option<Vec<ConfiguredIgnore>>,
    /// The day that expiries are compared with.
    pub today: Date,
    /// Less severe findings do not count.
    pub min_severity: Severity,
    /// The path of a baseline for people, and its findings, which are not new.
    pub baseline: Option<(String, Baseline)>,
}

impl Filters {
    /// Holds nothing back but what the manifests say themselves.
    pub fn new(today: Date) -> Self {
        let ignores = Some(Vec::new());
        Self { ignores, today, min_severity: Severity::Low, baseline: None }
    }
}

/// The findings of one object.
#[derive(Debug, Clone, Default)]
pub struct Sifted {
    /// Those that are reported and cured.
    pub found: Vec<Found>,
    /// Those that are there, but held back.
    pub hidden: Vec<Hidden>,
}

/// A finding that is held back.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// The finding.
    pub found: Found,
    /// Why.
    pub by: HiddenBy,
}

/// Why a finding is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HiddenBy {
    /// An ignore, named by [`Sieve::suppression`].
    Ignore(Hits),
    /// Too small to matter.
    Severity,
    /// It is in the baseline.
    Baseline,
}

/// The ignores that hide one finding; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits(Vec<Hit>);

/// An ignore, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression<'a> {
    /// It stands in the manifest, not in the configuration.
    pub in_source: bool,
    /// Why, where somebody said so.
    pub reason: Option<&'a str>,
}

/// Something about ignores or the baseline that people should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// File of the ignore, or the baseline.
    pub path: String,
    /// One-based line, where there is one.
    pub line: Option<usize>,
    /// One-based column.
    pub column: Option<usize>,
    /// What, and what to do.
    pub message: String,
}

/// What one run looked at; only of that can be said that an ignore or an entry is of no use.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    /// The rules that ran.
    pub rules: &'a [&'static Rule],
    /// Their settings.
    pub settings: &'a Settings,
    /// The folders, from the working directory, that were read to the last file.
    pub folders: &'a [String],
}

/// Holds findings back.
#[derive(Debug)]
pub struct Sieve<'a> {
    corpus: &'a Corpus<'a>,
    filters: &'a Filters,
    ignores: Ignores<'a>,
}

/// Counts what was held back.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Findings that an ignore hides.
    pub ignored: usize,
    /// Findings of the baseline.
    pub in_baseline: usize,
    /// How often each fingerprint of the baseline may still be found.
    left: BTreeMap<Fingerprint, u32>,
    /// Names of ignores that hid something.
    used: BTreeSet<Hit>,
    /// Other tools that reported something.
    tools: BTreeSet<String>,
}

impl<'a> Sieve<'a> {
    /// Collects the ignores of the inputs.
    pub fn new(corpus: &'a Corpus<'a>, filters: &'a Filters) -> Self {
        let ignores = match &filters.ignores {
            Some(configured) => Ignores::new(corpus, configured, filters.today),
            None => Ignores::none(corpus),
        };
        Self { corpus, filters, ignores }
    }

    /// Parts what is ignored or too small from the findings of one object.
    pub fn sift(&self, position: usize, found: Vec<Found>) -> Sifted {
        let mut sifted = Sifted::default();
        for found in found {
            let hits = self.ignores.hits(position, &found);
            if !hits.is_empty() {
                sifted.hidden.push(Hidden { found, by: HiddenBy::Ignore(Hits(hits)) });
            } else if found.finding.severity() < self.filters.min_severity {
                sifted.hidden.push(Hidden { found, by: HiddenBy::Severity });
            } else {
                sifted.found.push(found);
            }
        }
        sifted
    }

    /// A count that has seen nothing yet.
    pub fn tally(&self) -> Tally {
        let baseline = self.filters.baseline.as_ref();
        let left = baseline.map(|(_, baseline)| baseline.counts()).unwrap_or_default();
        Tally { left, ..Tally::default() }
    }

    /// The first ignore that hides a finding.
    pub fn suppression(&self, hidden: &Hidden) -> Option<Suppression<'_>> {
        let HiddenBy::Ignore(Hits(hits)) = &hidden.by else { return None };
        let (in_source, reason) = self.ignores.reason(*hits.first()?);
        Some(Suppression { in_source, reason })
    }

    /// Whether the result depends on the day.
    pub fn depends_on_the_day(&self) -> bool {
        self.ignores.expires()
    }

    /// What people should look at: ignores that cannot be read, are expired or hide nothing, and
    /// entries of the baseline that nothing was found for; by file and line.
    pub fn notices(&self, tally: &Tally, looked: &Looked<'_>) -> Vec<Notice> {
        let Looked { rules, settings, folders } = *looked;
        let whole = !folders.is_empty();
        let mut notices = self.ignores.notices(&tally.used, &tally.tools, rules, settings, whole);
        if let Some((path, baseline)) = &self.filters.baseline {
            let read = self.fully_read();
            let judged = |file: &str, rule: &str| {
                let is_gone = || folders.iter().any(|folder| is_below(file, folder));
                let ran = rules.iter().any(|ran| ran.id == rule)
                    || rule.split_once(':').is_some_and(|(tool, _)| tally.tools.contains(tool));
                ran && read.get(file).copied().unwrap_or_else(is_gone)
            };
            notices.extend(baseline.stale(path, &tally.left, judged));
        }
        notices.sort_unstable();
        notices
    }

    /// The files of this run, each with whether all of it could be read.
    fn fully_read(&self) -> BTreeMap<&str, bool> {
        let inputs = self.corpus.inputs().iter();
        inputs
            .map(|input| {
                let source = input.source.as_ref();
                let read = source.is_ok_and(|s| s.documents().iter().all(|d| d.error().is_none()));
                (input.identity.as_str(), read)
            })
            .collect()
    }
}

impl Tally {
    /// Counts the findings of one object, and parts those of the baseline from the others. Objects
    /// come in order: of findings with one fingerprint, the first are the known ones.
    pub fn add(&mut self, sifted: &mut Sifted) {
        for hidden in &sifted.hidden {
            self.take(&hidden.found);
            if let HiddenBy::Ignore(Hits(hits)) = &hidden.by {
                self.ignored += 1;
                self.used.extend(hits);
            }
        }
        if self.left.is_empty() {
            sifted.found.iter().for_each(|found| self.see(found));
            return;
        }
        for found in std::mem::take(&mut sifted.found) {
            if self.take(&found) {
                self.in_baseline += 1;
                sifted.hidden.push(Hidden { found, by: HiddenBy::Baseline });
            } else {
                sifted.found.push(found);
            }
        }
    }

    fn see(&mut self, found: &Found) {
        if let Some(by) =
            found.finding.reported.as_ref().filter(|by| !self.tools.contains(&by.tool))
        {
            self.tools.insert(by.tool.clone());
        }
    }

    /// Whether the finding is in what is left of the baseline, which then has one less.
    fn take(&mut self, found: &Found) -> bool {
        self.see(found);
        match self.left.get_mut(&found.fingerprint) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

impl From<Vec<Found>> for Sifted {
    fn from(found: Vec<Found>) -> Self {
        Self { found, hidden: Vec::new() }
    }
}

/// Whether a relative path leads below a folder.
fn is_below(file: &str, folder: &str) -> bool {
    let rest = file.strip_prefix(folder.trim_end_matches('/'));
    folder.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
}
