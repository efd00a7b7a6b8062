//! kube-linter: each corpus file on its own, the corpus as one tree, and its own test cases.

use super::{lines, text};
use crate::bench::unpack;
use crate::page::{Counts, Page, count};
use anyhow::Context as _;
use detector::{Corpus, Found, Input, ObjectContext};
use manifest::{Limits, Node};
use policies::kube_linter::{Config, Linter};
use rayon::prelude::*;
use rules::Settings;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// File, check, apiVersion, kind, namespace, name.
type Key = [String; 6];

/// Cases of kube-linter's own tests that come out otherwise, and why that is right.
const EXPLAINED: [(&str, &str); 2] = [
    (
        "bats/schema-validation",
        "the profile leaves the check `schema-validation` out: its findings depend on schemas that \
         kube-linter downloads. The template `kubeconform`, with our schemas, gives both findings",
    ),
    (
        "unit/TestSortedKeys/TestSortedKeysTableDriven/container_with_merge/0",
        "the test gives the check a text that no Kubernetes client can read (it merges a list into \
         a map); here such a document is an error with its line",
    ),
];

/// Compares and writes; returns the number of differences.
pub(super) fn run(data: &Path, scratch: &Path, page: &mut Page) -> anyhow::Result<usize> {
    let oracle = data.join("oracle");
    let files = corpus(data, scratch)?;
    let mut config = Config::all_built_in();
    let mut differences = 0;
    if let Some(rows) = lines(&oracle.join("kube-linter-tree.jsonl.gz"))? {
        let linter = Linter::new(&config)?;
        let wanted = rows.iter().map(|row| {
            ["manifest_path", "check", "apiVersion", "kind", "namespace", "name"]
                .map(|field| text(row, field).to_owned())
        });
        let found = found(&files, ObjectContext::Directory, &linter);
        differences += compare("kube-linter, the whole folder at once", wanted, found, page);
    }
    config.checks.exclude.push("sorted-keys".to_owned());
    if let Some(rows) = lines(&oracle.join("kube-linter-per-file.jsonl.gz"))? {
        let linter = Linter::new(&config)?;
        let mut wanted: Vec<Key> = Vec::new();
        for row in &rows {
            for finding in row["findings"].as_array().into_iter().flatten() {
                let part = |at: usize| finding[at].as_str().unwrap_or("").to_owned();
                let file = text(row, "manifest_path").to_owned();
                wanted.push([file, part(0), part(1), part(2), part(3), part(4)]);
            }
        }
        let found: Vec<Key> = files
            .par_iter()
            .flat_map_iter(|file| found(std::slice::from_ref(file), ObjectContext::All, &linter))
            .collect();
        differences += compare("kube-linter, file by file", wanted.into_iter(), found, page);
    }
    if let Some(rows) = lines(&oracle.join("cases-kube-linter.jsonl.gz"))? {
        let folder = scratch.join("kube-linter-checks");
        unpack(&oracle.join("kube-linter-checks.tar.zst"), &folder)?;
        differences += cases(&rows, &folder, page)?;
    }
    Ok(differences)
}

/// The files of every packed corpus that the oracles may be about, by path.
pub(super) fn corpus_bytes(
    data: &Path,
    scratch: &Path,
) -> anyhow::Result<HashMap<String, Vec<u8>>> {
    let mut names: Vec<String> = std::fs::read_dir(data)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("corpus") && name.ends_with(".tar.zst"))
        .collect();
    names.sort();
    let mut files = HashMap::new();
    for name in names {
        let folder = scratch.join(&name);
        unpack(&data.join(&name), &folder)?;
        let prefix = format!("{}/", folder.display());
        for (path, bytes) in crate::bench::manifests(&folder)? {
            files.insert(path.strip_prefix(&prefix).unwrap_or(&path).to_owned(), bytes);
        }
    }
    Ok(files)
}

/// The files, parsed, in the order of their paths.
fn corpus(data: &Path, scratch: &Path) -> anyhow::Result<Vec<Input>> {
    let mut files: Vec<(String, Vec<u8>)> = corpus_bytes(data, scratch)?.into_iter().collect();
    files.sort();
    let parse = |(path, bytes): (String, Vec<u8>)| {
        Input::parse(path.clone(), path, bytes, &Limits::default())
    };
    Ok(files.into_par_iter().map(parse).collect())
}

/// What kube-linter's checks find in these inputs.
fn found(inputs: &[Input], context: ObjectContext, linter: &Linter) -> Vec<Key> {
    let corpus = Corpus::new(inputs, context).linted_by(Some(linter));
    (0..corpus.len())
        .into_par_iter()
        .flat_map_iter(|position| {
            let file = corpus.input_of(position).path.clone();
            let [api_version, kind, namespace, name] = identity(&corpus, position);
            findings(&corpus, position).into_iter().map(move |found| {
                let check = check_of(&found).to_owned();
                let [api_version, kind, namespace, name] = [&api_version, &kind, &namespace, &name];
                [
                    file.clone(),
                    check,
                    api_version.clone(),
                    kind.clone(),
                    namespace.clone(),
                    name.clone(),
                ]
            })
        })
        .collect()
}

fn findings(corpus: &Corpus<'_>, position: usize) -> Vec<Found> {
    corpus.check(position, &[], &Settings::default())
}

fn check_of(found: &Found) -> &str {
    found.finding.reported.as_ref().map_or("", |reported| &reported.id)
}

/// kube-linter knows no `generateName`.
fn identity(corpus: &Corpus<'_>, position: usize) -> [String; 4] {
    let object = corpus.object(position);
    let name = object.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or("");
    [object.api_version, object.kind, object.namespace.unwrap_or(""), name].map(str::to_owned)
}

/// Writes what is missing and extra for each check.
fn compare(
    title: &str,
    wanted: impl Iterator<Item = Key>,
    found: Vec<Key>,
    page: &mut Page,
) -> usize {
    let mut balance: BTreeMap<Key, i64> = BTreeMap::new();
    let mut checks: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for key in wanted {
        checks.entry(key[1].clone()).or_default()[0] += 1;
        *balance.entry(key).or_default() += 1;
    }
    for key in found {
        *balance.entry(key).or_default() -= 1;
    }
    for (key, left) in balance.iter().filter(|(_, left)| **left != 0) {
        let (column, side) = if *left > 0 { (1, "missing") } else { (2, "extra") };
        checks.entry(key[1].clone()).or_default()[column] +=
            usize::try_from(left.abs()).unwrap_or(0);
        println!("{side}: {}", key.join(" "));
    }
    let sum = |column: usize| checks.values().map(|counts| counts[column]).sum::<usize>();
    page.section(title);
    page.line(&format!("{} findings, {} missing, {} extra.", sum(0), sum(1), sum(2)));
    let rows = checks
        .iter()
        .map(|(check, [all, missing, extra])| format!("{check} | {all} | {missing} | {extra}"));
    page.table("check | findings | missing | extra", "--- | ---: | ---: | ---:", rows);
    sum(1) + sum(2)
}

/// Runs the cases of kube-linter's own tests; writes those that come out otherwise.
fn cases(rows: &[Value], folder: &Path, page: &mut Page) -> anyhow::Result<usize> {
    let mut good: Counts<String> = Counts::new();
    let mut explained = Vec::new();
    let mut bad = 0;
    for row in rows {
        let name = text(row, "case");
        let outcome = case(row, folder).with_context(|| name.to_owned())?;
        let why = EXPLAINED.iter().find(|(known, _)| *known == name);
        match (outcome, why) {
            (None, None) => count(&mut good, text(row, "source").to_owned()),
            (Some(_), Some((_, why))) => explained.push(format!("`{name}` | {why}")),
            (Some(difference), None) => {
                bad += 1;
                println!("{name}: {difference}");
            }
            (None, Some(_)) => {
                bad += 1;
                println!("{name}: comes out as expected, it needs no explanation");
            }
        }
    }
    page.section("kube-linter, the cases of its own tests");
    let total = good.values().sum::<usize>();
    page.line(&format!(
        "{} cases: {total} come out as in kube-linter, {} otherwise for a reason, {bad} differ.",
        rows.len(),
        explained.len()
    ));
    let rows = good.iter().map(|(source, count)| format!("{source} | {count}"));
    page.table("source | good", "--- | ---:", rows);
    page.table("otherwise | because", "--- | ---", explained.into_iter());
    Ok(bad)
}

/// How a case comes out otherwise than expected, if it does.
fn case(row: &Value, folder: &Path) -> anyhow::Result<Option<String>> {
    let linter = linter_of(row);
    if text(row, "expect") == "error" {
        return Ok(linter.is_ok().then(|| "expected an error".to_owned()));
    }
    let linter = linter?;
    let path = text(row, "manifest_path");
    let bytes = match row.get("manifest").and_then(Value::as_str) {
        // These tests give a text to an object that is not made of it: it need not decode.
        Some(yaml) if text(row, "template") == "sorted-keys" => {
            let kinds = ["apiVersion: v1\n", "apiVersion: apps/v1\n"];
            let undecoded = "apiVersion: example.com/v1\n";
            kinds.iter().fold(yaml.to_owned(), |yaml, kind| yaml.replace(kind, undecoded)).into()
        }
        Some(text) => text.as_bytes().to_vec(),
        None => std::fs::read(folder.join(path))?,
    };
    let inputs = [Input::parse(path.to_owned(), path.to_owned(), bytes, &Limits::default())];
    let corpus = Corpus::new(&inputs, ObjectContext::All).linted_by(Some(&linter));
    let mut all: Vec<(usize, Found)> = Vec::new();
    for position in 0..corpus.len() {
        all.extend(findings(&corpus, position).into_iter().map(|found| (position, found)));
    }
    if let Some(object) = row.get("object") {
        // The oracle tells objects apart by identity: those that share one share their findings.
        let wanted = ["kind", "namespace", "name"].map(|field| text(object, field).to_owned());
        all.retain(|(position, _)| identity(&corpus, *position)[1..] == wanted);
    }
    let mut balance: BTreeMap<[String; 4], i64> = BTreeMap::new();
    for wanted in row.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let key = [0, 1, 2, 3].map(|at| wanted[at].as_str().unwrap_or("").to_owned());
        *balance.entry(key).or_default() += 1;
    }
    if balance.is_empty() {
        let expected = row["count"].as_u64().unwrap_or(0);
        let messages: Vec<&str> =
            all.iter().map(|(_, found)| found.finding.message.as_str()).collect();
        let differs = messages.len() as u64 != expected;
        return Ok(differs.then(|| format!("expected {expected}, found {messages:?}")));
    }
    for (position, found) in &all {
        let [_, kind, namespace, name] = identity(&corpus, *position);
        let key = [check_of(found).to_owned(), kind, namespace, name];
        *balance.entry(key).or_default() -= 1;
    }
    balance.retain(|_, left| *left != 0);
    Ok((!balance.is_empty()).then(|| format!("{balance:?}")))
}

/// The checks that a case is about.
fn linter_of(row: &Value) -> anyhow::Result<Linter> {
    if let Some(template) = row.get("template").and_then(Value::as_str) {
        return Ok(Linter::of_template(template, &row["params"])?);
    }
    let mut config: Config = match row.get("config").filter(|config| config.is_object()) {
        Some(config) => serde_json::from_value(config.clone())?,
        None => Config::default(),
    };
    config.checks.do_not_auto_add_defaults = true;
    match text(row, "rule") {
        "*" => config = Config::all_built_in(),
        rule if config.custom_checks.is_empty() => config.checks.include = vec![rule.to_owned()],
        _ => {}
    }
    Ok(Linter::new(&config)?)
}
