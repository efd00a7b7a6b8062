//! Evidence: what the flags ask for, gathered once before the rules run.

use crate::args::EvidenceArgs;
use crate::commands::run::hex;
use crate::session::Session;
use crate::write;
use anyhow::Context as _;
use detector::{Corpus, Input};
use evidence::{Gathered, Options, Registry};
use manifest::Node;
use record::Evidence;
use rules::Observed;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The name of the file in the folder of a run.
const FILE: &str = "evidence.jsonl";

impl Session {
    /// Reads evidence from files and asks registries about the images of the inputs, as far as the
    /// flags say so, and lets the rules decide by it. Without flags nothing happens.
    pub(crate) fn gather(&mut self, args: &EvidenceArgs, files: &[Input]) -> anyhow::Result<()> {
        let mut all = Vec::new();
        for path in &args.evidence_file {
            let read = evidence::read(path)?;
            self.say(&read.warnings)?;
            all.extend(read.evidence);
        }
        let mut unresolved = BTreeMap::new();
        if args.evidence.is_some() {
            let gathered = self.ask(args, files)?;
            all.extend(gathered.evidence);
            unresolved = gathered.unresolved;
            self.say(&summary(&unresolved))?;
        }
        all.sort();
        all.dedup();
        if let Some(path) = &args.evidence_out {
            write::output(path, &evidence::bytes(&all))?;
        }
        if !all.is_empty() || !unresolved.is_empty() {
            self.settings.evidence = vec![Arc::new(Observed::new(all.clone(), unresolved))];
        }
        self.evidence = all;
        Ok(())
    }

    /// The evidence that a run went by, unless the flags name other evidence.
    pub(crate) fn gather_again(
        &mut self,
        args: &EvidenceArgs,
        run: Option<&Path>,
    ) -> anyhow::Result<()> {
        let kept = run.map(|run| run.join(FILE)).filter(|path| path.is_file());
        let mut args = args.clone();
        if args.evidence_file.is_empty() {
            args.evidence_file.extend(kept);
        }
        self.gather(&args, &[])
    }

    fn ask(&self, args: &EvidenceArgs, files: &[Input]) -> anyhow::Result<Gathered> {
        let registry = Registry::new(options(args)?)?;
        let corpus = Corpus::new(files, self.context);
        let images: BTreeSet<&str> = (0..corpus.len())
            .filter_map(|position| corpus.object(position).pod.as_ref())
            .flat_map(|pod| &pod.containers)
            .filter_map(|container| container.node.get("image").and_then(Node::as_str))
            .filter(|image| !image.is_empty())
            .collect();
        Ok(registry.gather(images.into_iter()))
    }

    fn say(&self, lines: &[String]) -> std::io::Result<()> {
        let mut stderr = std::io::stderr().lock();
        for line in lines.iter().filter(|_| !self.quiet) {
            writeln!(stderr, "warning: {}", review::escape(line))?;
        }
        Ok(())
    }
}

fn options(args: &EvidenceArgs) -> anyhow::Result<Options> {
    let mirror = |pair: &String| {
        let hosts = pair.split_once('=').map(|(from, to)| (from.to_owned(), to.to_owned()));
        hosts.with_context(|| format!("--registry-mirror {pair}: expected HOST=HOST"))
    };
    anyhow::ensure!(args.registry_timeout > 0, "--registry-timeout must be at least 1");
    Ok(Options {
        mirrors: args.registry_mirror.iter().map(mirror).collect::<Result<_, _>>()?,
        plain_http: args.registry_plain_http.iter().cloned().collect(),
        timeout: Duration::from_secs(args.registry_timeout),
        ..Options::default()
    })
}

/// A line for each reason.
fn summary(unresolved: &BTreeMap<String, String>) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reference, reason) in unresolved {
        by_reason.entry(reason).or_default().push(reference);
    }
    let line = |(reason, images): (&str, Vec<&str>)| {
        let shown = images[..images.len().min(SHOWN)].join(", ");
        let more = if images.len() > SHOWN { ", …" } else { "" };
        let noun = if images.len() == 1 { "image is" } else { "images are" };
        format!("{} {noun} not fully known ({shown}{more}): {reason}", images.len())
    };
    by_reason.into_iter().map(line).collect()
}

/// Leaves the evidence of a run with its records; a former run's goes.
pub(crate) fn keep(evidence: &[Evidence], out: &Path) -> anyhow::Result<()> {
    let path = out.join(FILE);
    if !evidence.is_empty() {
        return write::output(&path, &evidence::bytes(evidence));
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What a run says of its evidence: how much, and which.
pub(crate) fn describe(evidence: &[Evidence]) -> Option<serde_json::Value> {
    let digest = || hex(&Sha256::digest(evidence::bytes(evidence)));
    (!evidence.is_empty())
        .then(|| serde_json::json!({ "records": evidence.len(), "sha256": digest() }))
}
