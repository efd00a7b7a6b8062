//! Every rule's findings on real input, and what becomes of them.

use crate::bench::{manifests, unpack};
use crate::page::Page;
use detector::{Corpus, Input, ObjectContext, Sifted};
use manifest::Limits;
use rayon::prelude::*;
use record::{Applicability, Status};
use rules::{Rule, Settings};
use schema::{Schemas, Version};
use std::collections::BTreeMap;
use std::path::Path;
use verifier::{GateSet, Judge};

/// The endings of a rule's findings, in the columns of the table.
#[derive(Default, Clone, Copy)]
struct Endings {
    found: usize,
    accepted: usize,
    withheld: usize,
    rejected: usize,
    advice: usize,
    /// No fix and no reason: there must be none.
    silent: usize,
}

/// Judges every fix of every rule, one object's together; returns the number of findings that end
/// without a fix and without a reason.
pub(super) fn run(data: &Path, scratch: &Path, page: &mut Page) -> anyhow::Result<usize> {
    let mut silent = 0;
    for name in ["corpus-dev", "wild-dev"] {
        let archive = data.join(format!("{name}.tar.zst"));
        if !archive.exists() {
            continue;
        }
        let folder = scratch.join(format!("rules-{name}"));
        unpack(&archive, &folder)?;
        let inputs: Vec<Input> = manifests(&folder)?
            .into_par_iter()
            .map(|(path, bytes)| Input::parse(path.clone(), path, bytes, &Limits::default()))
            .collect();
        silent += table(name, &inputs, page);
    }
    Ok(silent)
}

fn table(name: &str, inputs: &[Input], page: &mut Page) -> usize {
    let corpus = Corpus::new(inputs, ObjectContext::All);
    let every: Vec<&'static Rule> = rules::all().iter().map(|entry| entry.rule).collect();
    let settings = Settings::default();
    let schemas = Schemas::new(&[Version::LATEST]);
    let judge = Judge {
        corpus: &corpus,
        schemas: &schemas,
        settings: &settings,
        rules: &every,
        unselected: &[],
        gates: &GateSet::default(),
        timings: false,
        server: None,
        rescan: None,
    };
    let ended: Vec<Vec<(&'static str, Status, bool)>> = (0..corpus.len())
        .into_par_iter()
        .map(|position| {
            let sifted: Sifted = corpus.check(position, &every, &settings).into();
            let verdict = judge.object(position, &sifted, Applicability::Unsafe);
            let ends = sifted.found.iter().zip(verdict.findings);
            ends.map(|(found, end)| {
                let has_reason = end.reason.is_some_and(|reason| !reason.is_empty());
                (found.finding.rule.id, end.status, has_reason)
            })
            .collect()
        })
        .collect();
    let mut rules: BTreeMap<&'static str, Endings> =
        every.iter().map(|rule| (rule.id, Endings::default())).collect();
    for (rule, status, has_reason) in ended.into_iter().flatten() {
        let endings = rules.entry(rule).or_default();
        endings.found += 1;
        match status {
            Status::Accepted => endings.accepted += 1,
            _ if !has_reason => endings.silent += 1,
            Status::Withheld => endings.withheld += 1,
            Status::Rejected => endings.rejected += 1,
            _ => endings.advice += 1,
        }
    }
    let sum = |pick: fn(&Endings) -> usize| rules.values().map(pick).sum::<usize>();
    page.section(&format!("Rules on {name}"));
    page.line(&format!(
        "{} rules, no `values`: {} findings, {} fixed, {} withheld, {} rejected, {} advice, {} \
         without a fix or a reason.",
        rules.len(),
        sum(|e| e.found),
        sum(|e| e.accepted),
        sum(|e| e.withheld),
        sum(|e| e.rejected),
        sum(|e| e.advice),
        sum(|e| e.silent),
    ));
    let rows = rules.iter().map(|(rule, e)| {
        let Endings { found, accepted, withheld, rejected, advice, .. } = e;
        format!("{rule} | {found} | {accepted} | {withheld} | {rejected} | {advice}")
    });
    let head = "rule | findings | fixed | withheld | rejected | advice";
    page.table(head, "--- | ---: | ---: | ---: | ---: | ---:", rows);
    sum(|e| e.silent)
}
