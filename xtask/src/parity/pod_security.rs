//! Pod Security: upstream's own cases, and a real API server's admission.

use super::{lines, text};
use crate::page::{Counts, Page, count};
use anyhow::Context as _;
use manifest::{Limits, Source};
use rules::pod_security::{Edition, Level, failing_controls};
use rules::{Object, objects};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

const LEVELS: [(&str, Level); 2] =
    [("baseline", Level::Baseline), ("restricted", Level::Restricted)];

/// Compares and writes; returns the number of differences.
pub(super) fn run(data: &Path, scratch: &Path, page: &mut Page) -> anyhow::Result<usize> {
    let oracle = data.join("oracle");
    let mut differences = 0;
    if let Some(rows) = lines(&oracle.join("cases-psa.jsonl.gz"))? {
        differences += cases(&rows, page)?;
    }
    if let Some(rows) = lines(&oracle.join("pod-security-admission-corpus.jsonl.gz"))? {
        differences += admission(&rows, data, scratch, page)?;
    }
    Ok(differences)
}

fn with_objects<T>(yaml: &[u8], see: impl FnOnce(&[Object<'_>]) -> T) -> anyhow::Result<T> {
    let source = Source::parse(yaml.to_vec(), &Limits::default())?;
    let roots = source.documents().iter().map(manifest::Document::index);
    let roots = roots.filter_map(|index| Some((source.root(index)?, index)));
    let all: Vec<Object<'_>> = roots.flat_map(|(root, index)| objects(root, 0, index)).collect();
    Ok(see(&all))
}

/// Every case in every version that it is about.
fn cases(rows: &[Value], page: &mut Page) -> anyhow::Result<usize> {
    let (mut verdicts, mut bad) = (0, 0);
    for row in rows {
        let name = text(row, "case");
        let wanted = text(row, "expect") == "pass";
        for version in row["versions"].as_array().into_iter().flatten() {
            let version = version.as_str().context("versions are texts")?;
            let minor = Edition::minor_from(version)?;
            let level = LEVELS.iter().find(|(level, _)| *level == text(row, "level"));
            let edition = Edition { level: level.context("the level is known")?.1, minor };
            let failing = with_objects(text(row, "manifest").as_bytes(), |all| {
                all.first().map(|object| failing_controls(object, edition))
            })?;
            verdicts += 1;
            if failing.as_ref().map(Vec::is_empty) != Some(wanted) {
                bad += 1;
                println!("{name} {version}: {failing:?}, upstream says {}", text(row, "expect"));
            }
        }
    }
    page.section("Pod Security, upstream's cases");
    page.line(&format!("{} cases, {verdicts} verdicts, {bad} differ.", rows.len()));
    Ok(bad)
}

/// What namespaces that enforce a level let in.
fn admission(
    rows: &[Value],
    data: &Path,
    scratch: &Path,
    page: &mut Page,
) -> anyhow::Result<usize> {
    let files: HashMap<String, Vec<u8>> = super::kube_linter::corpus_bytes(data, scratch)?;
    let mut outcomes: Counts<(String, String)> = Counts::new();
    let mut bad = 0;
    for row in rows {
        let path = text(row, "manifest_path");
        let bytes = files.get(path).with_context(|| format!("{path} is not in the corpus"))?;
        for (name, level) in LEVELS {
            // What is refused before admission has no verdict.
            let verdict = match text(row, name) {
                "" | "invalid" => "refused before",
                verdict => verdict,
            };
            count(&mut outcomes, (name.to_owned(), verdict.to_owned()));
            if verdict == "refused before" {
                continue;
            }
            let edition = Edition { level, ..Edition::default() };
            let ours = with_objects(bytes, |all| {
                let is_it = |object: &&Object<'_>| {
                    Some(object.document as u64) == row["doc"].as_u64()
                        && row["kind"] == object.kind
                        && object.pod.is_some()
                };
                all.iter().find(is_it).map(|object| failing_controls(object, edition).is_empty())
            })?;
            if ours != Some(verdict == "allowed") {
                bad += 1;
                println!("{path}: {name}: {ours:?}, the server says {verdict}");
            }
        }
    }
    page.section("Pod Security, a real API server's admission");
    page.line(&format!("{} templates at two levels, {bad} differ.", rows.len()));
    let rows =
        outcomes.iter().map(|((level, verdict), count)| format!("{level} | {verdict} | {count}"));
    page.table("level | server's verdict | templates", "--- | --- | ---:", rows);
    Ok(bad)
}
