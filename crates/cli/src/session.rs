//! What every command shares: settings, parsed inputs, and the stages run over them in parallel.

use crate::args::{Common, Selecting};
use crate::config::Config;
use crate::inputs::{self, Inputs};
use crate::linter::{self, Linting};
use crate::scoring::Scoring;
use crate::server::Connected;
use anyhow::Context as _;
use detector::{Corpus, Input, ObjectContext, Sieve, Sifted, Tally};
use indicatif::{ProgressBar, ProgressStyle};
use manifest::{Limits, Node, SourceError};
use rayon::prelude::*;
use record::{Applicability, Gate};
use review::diagnostics::InputError;
use rules::pod_security::Edition;
use rules::{Judgement, Profile, Rule, Selection, Settings};
use schema::{Schemas, Version};
use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use verifier::{GateSet, Judge, ObjectVerdict, Trials};

/// Configuration and flags, brought together.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) settings: Settings,
    /// The evidence that the settings decide by.
    pub(crate) evidence: Vec<record::Evidence>,
    /// What risk is judged by.
    pub(crate) scoring: Scoring,
    /// The rules that were selected.
    pub(crate) rules: Vec<&'static Rule>,
    pub(crate) context: ObjectContext,
    pub(crate) versions: Vec<Version>,
    /// Whether the operator said which versions.
    versions_are_chosen: bool,
    pub(crate) limits: Limits,
    /// kube-linter's checks, when its profile is asked for.
    linting: Option<Linting>,
    pub(crate) quiet: bool,
}

/// The operator's own expression, when there is one.
fn expression(config: &Config) -> anyhow::Result<Option<Arc<dyn Judgement>>> {
    let check = config.parameters.get("cel-expression", "check").and_then(|text| text.as_str());
    let Some(check) = check.filter(|check| !check.is_empty()) else { return Ok(None) };
    let judge = policies::ByExpression::new(check)
        .map_err(|error| anyhow::anyhow!("parameters.cel-expression.check: {error}"))?;
    Ok(Some(Arc::new(judge)))
}

impl Session {
    /// Reads the configuration and lets the flags override it.
    pub(crate) fn new(common: &Common, selecting: &Selecting) -> anyhow::Result<Self> {
        let config = Config::load(common.config.as_deref())?;
        let profile = selecting.profile.as_ref().or(config.profile.as_ref());
        let linting = match profile {
            Some(name) if name == linter::PROFILE => Some(Linting::new(selecting, common.quiet)?),
            _ => None,
        };
        let profile: Profile = match profile.filter(|_| linting.is_none()) {
            Some(name) => name.parse()?,
            None => Profile::Default,
        };
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
        let rules = match linting {
            // Its checks run in place of the rules.
            Some(_) => Vec::new(),
            None => Selection::new(profile, pod_security, &select, &ignore)?.rules,
        };
        let versions = flag_or(&selecting.kubernetes_version, &config.kubernetes_versions);
        let versions_are_chosen = !versions.is_empty();
        let versions = match versions.is_empty() {
            true => vec![Version::LATEST],
            false => versions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        };
        let by_default = match linting {
            Some(_) => ObjectContext::Directory,
            None => ObjectContext::All,
        };
        let context = selecting.context.as_ref().or(config.context.as_ref());
        let context =
            context.map_or(Ok(by_default), |name| name.parse()).map_err(anyhow::Error::msg)?;
        let mut limits = Limits::default();
        if let Some(bytes) = common.max_file_size {
            limits.max_bytes = bytes;
        }
        let settings = Settings {
            values: config.values.clone(),
            evidence: Vec::new(),
            parameters: config.parameters.clone(),
            pod_security,
            schemas: Some(Arc::new(policies::BySchemas::new(&versions))),
            expression: expression(&config)?,
        };
        let quiet = common.quiet;
        Ok(Self {
            config,
            settings,
            evidence: Vec::new(),
            scoring: Scoring::default(),
            rules,
            context,
            versions,
            versions_are_chosen,
            limits,
            linting,
            quiet,
        })
    }

    /// Reads and parses the files.
    pub(crate) fn read(&self, paths: &[PathBuf]) -> Inputs {
        let mut inputs = inputs::read(paths, &self.limits);
        if let Some(linting) = &self.linting {
            inputs.retain(|path| !linting.ignores(path));
        }
        inputs
    }

    /// The objects of the files, seen as the session wants them seen.
    pub(crate) fn corpus<'a>(&'a self, files: &'a [Input]) -> Corpus<'a> {
        let linter = self.linting.as_ref().map(|linting| &linting.linter);
        Corpus::new(files, self.context).linted_by(linter)
    }

    /// Schemas of the target versions and of the CRDs among the inputs. With a server its own are
    /// the target, and versions besides only when the operator said so. CRDs that cannot be used
    /// are returned with the reason.
    fn schemas(
        &self,
        corpus: &Corpus<'_>,
        server: Option<&Connected>,
    ) -> anyhow::Result<(Schemas, Vec<String>)> {
        let mut schemas = match server {
            None => Schemas::new(&self.versions),
            Some(server) => {
                let chosen = if self.versions_are_chosen { &self.versions[..] } else { &[] };
                server.schemas(chosen)?
            }
        };
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
        Ok((schemas, unusable))
    }

    /// The findings of every object, in input order, and what was held back of them; none of
    /// objects that are not wanted.
    pub(crate) fn detect(
        &self,
        corpus: &Corpus<'_>,
        sieve: &Sieve<'_>,
        wanted: impl Fn(usize) -> bool + Sync,
    ) -> (Vec<Sifted>, Tally) {
        let bar = self.progress("checking", corpus.len());
        let mut sifted: Vec<Sifted> = (0..corpus.len())
            .into_par_iter()
            .map(|position| {
                bar.inc(1);
                match wanted(position) {
                    true => {
                        let found = corpus.check(position, &self.rules, &self.settings);
                        sieve.sift(position, found)
                    }
                    false => Sifted::default(),
                }
            })
            .collect();
        bar.finish_and_clear();
        let mut tally = sieve.tally();
        sifted.iter_mut().for_each(|sifted| tally.add(sifted));
        (sifted, tally)
    }

    /// The verdicts on every object's fixes, in input order.
    pub(crate) fn judge(
        &self,
        judge: &Judge<'_>,
        sifted: &[Sifted],
        max: Applicability,
    ) -> Vec<ObjectVerdict> {
        let bar = self.progress("proving", sifted.len());
        let verdicts = sifted
            .par_iter()
            .enumerate()
            .map(|(position, sifted)| {
                bar.inc(1);
                judge.object(position, sifted, max)
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
pub(crate) struct Proving<'s> {
    schemas: Schemas,
    rules: Vec<&'static Rule>,
    unselected: Vec<&'static Rule>,
    gates: GateSet,
    timings: bool,
    trials: Option<Trials<'s>>,
    /// Definitions among the inputs that cannot be used, and why.
    pub(crate) unusable: Vec<String>,
}

impl<'s> Proving<'s> {
    /// Gathers it for a set of objects.
    ///
    /// # Errors
    /// When the server's schemas cannot be read.
    pub(crate) fn new(
        session: &Session,
        corpus: &Corpus<'_>,
        gates: GateSet,
        timings: bool,
        server: Option<&'s Connected>,
    ) -> anyhow::Result<Self> {
        let (schemas, unusable) = session.schemas(corpus, server)?;
        let trials = server.map(|server| Trials::new(server.api(), corpus.len()));
        let rules = all_rules();
        let unselected =
            rules.iter().copied().filter(|rule| !session.rules.contains(rule)).collect();
        Ok(Self { schemas, rules, unselected, gates, timings, trials, unusable })
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
            server: self.trials.as_ref(),
            rescan: None,
        }
    }
}

/// The gates of a set but those that are switched off by name.
pub(crate) fn without(gates: GateSet, disabled: &[String]) -> anyhow::Result<GateSet> {
    let by_name = |name: &String| {
        Gate::ALL.into_iter().find(|gate| gate.as_str() == name).with_context(|| {
            let names = Gate::ALL.map(Gate::as_str).join(", ");
            format!("unknown gate `{name}`: expected one of {names}")
        })
    };
    let disabled = disabled.iter().map(by_name).collect::<Result<Vec<_>, _>>()?;
    Ok(gates.without(&disabled))
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

/// Writes warnings, unless only results are wanted.
pub(crate) fn warn(warnings: &[String], quiet: bool) -> std::io::Result<()> {
    let mut stderr = std::io::stderr().lock();
    let wanted = warnings.iter().filter(|_| !quiet);
    wanted.into_iter().try_for_each(|text| writeln!(stderr, "warning: {}", review::escape(text)))
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

/// Reads a text file of records or the like; packed by gzip is as good.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = match bytes.starts_with(GZIP) {
        true => unpacked(&bytes),
        false => Ok(bytes),
    };
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| std::io::Error::other(error.utf8_error()))
    });
    text.with_context(|| format!("cannot read {}", path.display()))
}

/// How gzip's files begin.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// What a packed file may hold, in bytes.
const LARGEST: u64 = 4 << 30;

fn unpacked(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(std::io::Error::other("unpacked it is larger than 4 GiB")),
        false => Ok(bytes),
    }
}
