//! `cargo xtask generate`: files that are made from the code.
//!
//! - `docs/rules/*.md`, a page for each rule, and their index;
//! - `schemas/*.json`, JSON Schema of every record.

use anyhow::bail;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Writes the files, or with `--check` fails when one is stale.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("usage: cargo xtask generate [--check]"),
    };
    let mut files = BTreeMap::new();
    files.extend(rule_pages());
    files.extend(record_schemas()?);
    let mut stale: Vec<PathBuf> = left_over(root, &files)?;
    for (path, content) in &files {
        let path = root.join(path);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        if !check {
            std::fs::create_dir_all(path.parent().unwrap_or(root))?;
            std::fs::write(&path, content)?;
        }
        stale.push(path);
    }
    if check && !stale.is_empty() {
        bail!("stale, run `cargo xtask generate`: {stale:?}");
    }
    println!("{} files, {} {}", files.len(), stale.len(), if check { "stale" } else { "written" });
    Ok(())
}

/// Pages of rules that are no more.
fn left_over(root: &Path, files: &BTreeMap<PathBuf, String>) -> anyhow::Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for folder in ["docs/rules", "schemas"] {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = entry?.path();
            if path.strip_prefix(root).is_ok_and(|relative| !files.contains_key(relative)) {
                left.push(path);
            }
        }
    }
    Ok(left)
}

fn rule_pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "# Rules\n\nOne page for each rule. `k8s-auto-fix explain RULE` shows the same.\n\n\
         | rule | severity | default | finds |\n| --- | --- | --- | --- |\n",
    );
    for entry in rules::all() {
        let rule = entry.rule;
        let default = if rule.default { "yes" } else { "" };
        let (id, severity) = (rule.id, rule.severity.as_str());
        // Writing to a string cannot fail.
        let _ = writeln!(index, "| [{id}]({id}.md) | {severity} | {default} | {} |", rule.title);
        pages.insert(PathBuf::from(format!("docs/rules/{id}.md")), rules::page(entry));
    }
    pages.insert(PathBuf::from("docs/rules/README.md"), index);
    pages
}

fn record_schemas() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let schemas = [
        ("detection", schemars::schema_for!(record::Detection)),
        ("patch", schemars::schema_for!(record::Patch)),
        ("verdict", schemars::schema_for!(record::Verdict)),
        ("outcome", schemars::schema_for!(record::Outcome)),
        ("risk-score", schemars::schema_for!(record::RiskScore)),
        ("schedule-entry", schemars::schema_for!(record::ScheduleEntry)),
        ("batch", schemars::schema_for!(record::Batch)),
        ("queue-item", schemars::schema_for!(record::QueueItem)),
        ("evidence", schemars::schema_for!(record::Evidence)),
        ("attempts", schemars::schema_for!(record::Attempts)),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| {
            let text = serde_json::to_string_pretty(&schema)? + "\n";
            Ok((PathBuf::from(format!("schemas/{name}.json")), text))
        })
        .collect()
}
