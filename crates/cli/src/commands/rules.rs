//! `rules` and `explain`.

use crate::End;
use crate::args::{Explain, Rules};
use anyhow::Context as _;
use rules::pod_security::Edition;
use rules::{Profile, Rule, Selection};
use std::io::Write as _;

/// Lists the rules, as a table or as JSON.
pub(crate) fn list(args: &Rules) -> anyhow::Result<End> {
    let mut out = anstream::stdout().lock();
    if args.output_format == "json" {
        let all: Vec<_> = rules::all().iter().map(|entry| json(entry.rule)).collect();
        record::json::to_writer_pretty(&mut out, &all)?;
        return Ok(End::Clean);
    }
    let width = rules::all().iter().map(|entry| entry.rule.id.len()).max().unwrap_or(0);
    for entry in rules::all() {
        let rule = entry.rule;
        let default = if rule.default { "default" } else { "" };
        let severity = rule.severity.as_str();
        writeln!(out, "{:width$}  {severity:8}  {default:7}  {}", rule.id, rule.title)?;
    }
    Ok(End::Clean)
}

fn json(rule: &Rule) -> serde_json::Value {
    serde_json::json!({
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "default": rule.default,
        "taste": rule.taste,
        "policy_id": rule.record_policy_id(),
        "aliases": rule.aliases,
        "references": rule.references,
    })
}

/// Shows the page of a rule, or of every rule that a name stands for.
pub(crate) fn explain(args: &Explain) -> anyhow::Result<End> {
    let name = std::slice::from_ref(&args.rule);
    let selection = Selection::new(Profile::All, Edition::default(), name, &[])?;
    let mut out = anstream::stdout().lock();
    for (index, rule) in selection.rules.iter().enumerate() {
        let entry = rules::by_id(rule.id).context("a selected rule is in the catalogue")?;
        if index > 0 {
            writeln!(out, "\n---\n")?;
        }
        write!(out, "{}", rules::page(entry))?;
        let base = risk::base_risk(rule.record_policy_id(), Some(rule.severity));
        writeln!(out, "\n## Risk\n\nIts findings have the base risk {base} of 100.")?;
    }
    Ok(End::Clean)
}
