//! What safe fixes change of what runs, each alone, as the server sees it.

use super::Corpus;
use super::funnel::{End, Tried};
use crate::page::Page;
use record::{Effect, ServerReport, Verdict};
use std::collections::BTreeMap;

/// What the safe patches of one rule change.
#[derive(Default, Clone, Copy)]
struct Changes {
    unchanged: usize,
    no_restart: usize,
    /// The template changes, the pods that are made from it do not.
    same_pods: usize,
    pods_differ: usize,
    /// The template changes, and the server did not tell what the pods are like.
    not_told: usize,
    /// The server does not take the object as it was, only patched: nothing to compare with.
    repaired: usize,
    /// The patch did not pass every gate: mostly because the server does not take the object as it
    /// was.
    not_judged: usize,
}

impl Changes {
    fn add(&mut self, end: End, report: Option<&ServerReport>) {
        let report = report.filter(|_| end == End::Passed);
        let field = match report.map(|report| (report.effect, report.same_pods)) {
            None if end == End::Repaired => &mut self.repaired,
            None => &mut self.not_judged,
            Some((Some(Effect::Unchanged), _)) => &mut self.unchanged,
            Some((Some(Effect::NoRestart), _)) => &mut self.no_restart,
            Some((_, Some(true))) => &mut self.same_pods,
            Some((_, Some(false))) => &mut self.pods_differ,
            Some((_, None)) => &mut self.not_told,
        };
        *field += 1;
    }

    /// Those after which the same runs as before.
    fn proven(self) -> usize {
        self.unchanged + self.same_pods
    }

    fn judged(self) -> usize {
        self.proven() + self.no_restart + self.pods_differ + self.not_told
    }
}

/// Writes the table by rule, and in words for which rules the server proves what they promise.
pub(super) fn measure(corpus: &Corpus, verdicts: &[Verdict], page: &mut Page) {
    let mut rules: BTreeMap<&str, Changes> = BTreeMap::new();
    for verdict in verdicts {
        let changes = rules.entry(verdict.rule.as_deref().unwrap_or("")).or_default();
        match Tried::of(verdict) {
            Some(tried) => changes.add(tried.end, tried.report),
            None => changes.not_judged += 1,
        }
    }
    page.section(&format!("What safe fixes change of what runs, on {}", corpus.name));
    let sum = |pick: fn(&Changes) -> usize| rules.values().map(pick).sum::<usize>();
    page.line(&format!(
        "Each of {} safe patches alone. {} were judged, and the server proves of {} that the same \
         runs afterwards:\nit stores the same object, or makes the same pods from it.",
        verdicts.len(),
        sum(|changes| changes.judged()),
        sum(|changes| changes.proven()),
    ));
    let rows = rules.iter().map(|(rule, changes)| {
        let Changes { unchanged, no_restart, same_pods, pods_differ, not_told, .. } = changes;
        let Changes { repaired, not_judged, .. } = changes;
        format!(
            "{rule} | {unchanged} | {same_pods} | {no_restart} | {pods_differ} | {not_told} | \
             {repaired} | {not_judged}"
        )
    });
    page.table(
        "rule | unchanged | template changes, same pods | no-restart | pods differ | pods not told \
         | repairs the object | not judged",
        "--- | ---: | ---: | ---: | ---: | ---: | ---: | ---:",
        rows,
    );
    in_words(&rules, page);
}

fn in_words(rules: &BTreeMap<&str, Changes>, page: &mut Page) {
    let list = |wanted: fn(&Changes) -> bool| {
        let rules = rules.iter().filter(|(_, changes)| wanted(changes));
        let names: Vec<String> = rules.map(|(rule, _)| format!("`{rule}`")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    page.line(&format!(
        "- Proven for every patch that was judged: {}.\n- Proven for some: {}.\n- Not provable in \
         this way: {}. The stored object or its pods differ;\n  that they do no harm follows from \
         the rule, not from the server.\n- Not judged: {}.",
        list(|c| c.judged() > 0 && c.proven() == c.judged()),
        list(|c| c.proven() > 0 && c.proven() < c.judged()),
        list(|c| c.judged() > 0 && c.proven() == 0),
        list(|c| c.judged() == 0),
    ));
}
