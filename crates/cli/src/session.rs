//! What every command shares: settings, parsed inputs, and the stages run over them in parallel.

use crate::args::{Common, Selecting};
use crate::config::Config;
use crate::inputs::{self, Inputs};
use anyhow::Context as _;
use detector::{Corpus, Found, Input, ObjectContext};
use indicatif::{ProgressBar, ProgressStyle};
use manifest::{Limits, Node, SourceError};
use rayon::prelude::*;
use record::{Applicability, Gate};
use review::diagnostics::InputError;
use rules::pod_security::Edition;
use rules::{Profile, Rule, Selection, Settings};
use schema::{Schemas, Version};
use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use verifier::{GateSet, Judge, ObjectVerdict};

/// Configuration and flags, brought together.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) settings: Settings,
    /// The rules that were selected.
    pub(crate) rules: Vec<&'static Rule>,
    pub(crate) context: ObjectContext,
    pub(crate) versions: Vec<Version>,
    pub(crate) limits: Limits,
    quiet: bool,
}

impl Session {
    /// Reads the configuration and lets the flags override it.
    pub(crate) fn new(common: &Common, selecting: &Selecting) -> anyhow::Result<Self> {
        let config = Config::load(common.config.as_deref())?;
        let profile: Profile = selecting
            .profile
            .as_ref()
            .or(config.profile.as_ref())
            .map_or(Ok(Profile::Default), |name| name.parse())?;
        let version =
            selecting.pod_security_version.as_ref().or(config.pod_security_version.as_ref());
        let minor =
            version.map_or(Ok(Edition::default().minor), |text| Edition::minor_from(text))?;
        let pod_security = Edition { level: profile.pod_security_level(), minor };
        let flag_or = |flag: &[String], config: &[String]| match flag.is_empty() {
            true => config.to_vec(),
            false => flag.to_vec(),
        };
        let select = flag_or(&selecting.select, &config.select);
        let ignore = flag_or(&selecting.ignore, &config.ignore);
        let selection = Selection::new(profile, pod_security, &select, &ignore)?;
        let versions = flag_or(&selecting.kubernetes_version, &config.kubernetes_versions);
        let versions = match versions.is_empty() {
            true => vec![Version::LATEST],
            false => versions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        };
        let context = selecting.context.as_ref().or(config.context.as_ref());
        let context = context
            .map_or(Ok(ObjectContext::All), |name| name.parse())
            .map_err(anyhow::Error::msg)?;
        let mut limits = Limits::default();
        if let Some(bytes) = common.max_file_size {
            limits.max_bytes = bytes;
        }
        let settings = Settings {
            values: config.values.clone(),
            parameters: config.parameters.clone(),
            pod_security,
        };
        let rules = selection.rules;
        Ok(Self { config, settings, rules, context, versions, limits, quiet: common.quiet })
    }

    /// Reads and parses the files.
    pub(crate) fn read(&self, paths: &[PathBuf]) -> Inputs {
        inputs::read(paths, &self.limits)
    }

    /// Schemas of the target versions and of the CRDs among the inputs. CRDs that cannot be used
    /// are returned with the reason.
    fn schemas(&self, corpus: &Corpus<'_>) -> (Schemas, Vec<String>) {
        let mut schemas = Schemas::new(&self.versions);
        let mut unusable = Vec::new();
        // Definitions are large: only those of objects that are here are worth reading.
        let used: HashSet<(&str, &str)> = (0..corpus.len())
            .map(|position| corpus.object(position))
            .map(|object| (object.group(), object.kind))
            .collect();
        for position in 0..corpus.len() {
            let object = corpus.object(position);
            let text = |keys: &[&str]| object.at(keys).and_then(Node::as_str).unwrap_or("");
            let defines = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
            if object.is("apiextensions.k8s.io", "CustomResourceDefinition")
                && used.contains(&defines)
                && let Err(error) = schemas.add_crd(&object.root.to_json())
            {
                let path = &corpus.input_of(position).path;
                unusable.push(format!("{path}: {}: {error}", object.name));
            }
        }
        (schemas, unusable)
    }

    /// The findings of every object, in input order; none of objects that are not wanted.
    pub(crate) fn detect(
        &self,
        corpus: &Corpus<'_>,
        wanted: impl Fn(usize) -> bool + Sync,
    ) -> Vec<Vec<Found>> {
        let bar = self.progress("checking", corpus.len());
        let found = (0..corpus.len())
            .into_par_iter()
            .map(|position| {
                bar.inc(1);
                match wanted(position) {
                    true => corpus.check(position, &self.rules, &self.settings),
                    false => Vec::new(),
                }
            })
            .collect();
        bar.finish_and_clear();
        found
    }

    /// The verdicts on every object's fixes, in input order.
    pub(crate) fn judge(
        &self,
        judge: &Judge<'_>,
        found: &[Vec<Found>],
        max: Applicability,
    ) -> Vec<ObjectVerdict> {
        let bar = self.progress("proving", found.len());
        let verdicts = found
            .par_iter()
            .enumerate()
            .map(|(position, found)| {
                bar.inc(1);
                judge.object(position, found, max)
            })
            .collect();
        bar.finish_and_clear();
        verdicts
    }

    /// A bar on a terminal, for work long enough to be watched; nothing elsewhere.
    pub(crate) fn progress(&self, verb: &'static str, length: usize) -> ProgressBar {
        let template = "{msg:>10} [{bar:40}] {pos}/{len} objects, {eta} left";
        match ProgressStyle::with_template(template) {
            Ok(style) if !self.quiet && length > 2_000 => {
                let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
                bar.set_style(style.progress_chars("=> "));
                bar.set_message(verb);
                bar
            }
            _ => ProgressBar::hidden(),
        }
    }
}

/// Every rule of the catalogue.
fn all_rules() -> Vec<&'static Rule> {
    rules::all().iter().map(|entry| entry.rule).collect()
}

/// What verdicts depend on besides the objects.
pub(crate) struct Proving {
    schemas: Schemas,
    rules: Vec<&'static Rule>,
    unselected: Vec<&'static Rule>,
    gates: GateSet,
    timings: bool,
    /// Definitions among the inputs that cannot be used, and why.
    pub(crate) unusable: Vec<String>,
}

impl Proving {
    /// Gathers it for a set of objects.
    pub(crate) fn new(
        session: &Session,
        corpus: &Corpus<'_>,
        gates: GateSet,
        timings: bool,
    ) -> Self {
        let (schemas, unusable) = session.schemas(corpus);
        let rules = all_rules();
        let unselected =
            rules.iter().copied().filter(|rule| !session.rules.contains(rule)).collect();
        Self { schemas, rules, unselected, gates, timings, unusable }
    }

    /// The judge of these objects.
    pub(crate) fn judge<'a>(&'a self, session: &'a Session, corpus: &'a Corpus<'a>) -> Judge<'a> {
        Judge {
            corpus,
            schemas: &self.schemas,
            settings: &session.settings,
            rules: &self.rules,
            unselected: &self.unselected,
            gates: &self.gates,
            timings: self.timings,
            rescan: None,
        }
    }
}

/// The gates that a command runs.
pub(crate) fn gates(disabled: &[String]) -> anyhow::Result<GateSet> {
    let by_name = |name: &String| {
        Gate::OFFLINE.into_iter().find(|gate| gate.as_str() == name).with_context(|| {
            let names = Gate::OFFLINE.map(Gate::as_str).join(", ");
            format!("unknown gate `{name}`: expected one of {names}")
        })
    };
    let disabled = disabled.iter().map(by_name).collect::<Result<Vec<_>, _>>()?;
    Ok(GateSet::without(&disabled))
}

/// Faults of whole files and of single documents.
pub(crate) fn input_errors(inputs: &Inputs) -> Vec<InputError> {
    let unreadable = inputs.unreadable.iter();
    let mut errors: Vec<InputError> = unreadable
        .map(|unreadable| input_error(&unreadable.path, None, unreadable.reason.clone()))
        .collect();
    for input in &inputs.files {
        errors.extend(errors_of(input));
    }
    errors
}

fn errors_of(input: &Input) -> Vec<InputError> {
    let source = match &input.source {
        Ok(source) => source,
        Err(error) => {
            let line = match error {
                SourceError::NotUtf8 { line, .. }
                | SourceError::Binary { line, .. }
                | SourceError::TooManyDocuments { line, .. } => Some(*line),
                _ => None,
            };
            let mut fault = input_error(&input.path, None, error.to_string());
            fault.line = line;
            return vec![fault];
        }
    };
    let broken = source.documents().iter().filter_map(manifest::Document::error);
    broken.map(|e| input_error(&input.path, Some((e.line, e.column)), e.message.clone())).collect()
}

fn input_error(path: &str, place: Option<(usize, usize)>, message: String) -> InputError {
    InputError {
        path: path.to_owned(),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        message,
        help: None,
    }
}

/// Says on stderr what could not be read. What was lost is said even to those who want results
/// only.
pub(crate) fn report_errors(errors: &[InputError]) -> std::io::Result<()> {
    let mut stderr = std::io::stderr().lock();
    for error in errors {
        let number = |number: Option<usize>| number.map_or(String::new(), |n| format!(":{n}"));
        let (line, column) = (number(error.line), number(error.column));
        let (path, message) = (review::escape(&error.path), review::escape(&error.message));
        writeln!(stderr, "error: {path}{line}{column}: {message}")?;
    }
    Ok(())
}

/// Says on stderr what is read, but hardly as its author meant it.
pub(crate) fn report_warnings(inputs: &Inputs, common: &Common) -> std::io::Result<()> {
    let mut stderr = std::io::stderr().lock();
    let readable = inputs.files.iter().filter(|_| !common.quiet);
    for (path, source) in readable.filter_map(|f| Some((&f.path, f.source.as_ref().ok()?))) {
        for key in source.documents().iter().flat_map(manifest::Document::duplicate_keys) {
            let place = source.position(key.start);
            let name = source.text().get(key.clone()).unwrap_or_default();
            writeln!(
                stderr,
                "warning: {}:{}:{}: key `{}` is there twice in one map; the last one counts",
                review::escape(path),
                place.line,
                place.column,
                review::escape(name)
            )?;
        }
    }
    Ok(())
}

/// Reads a text file of records or the like.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
