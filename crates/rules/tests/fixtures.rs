//! Every rule's fixtures: what it finds in `bad.yaml`, and what its fixes make of it.
//!
//! `findings.txt` and `fixed.yaml` are written by `UPDATE_FIXTURES=1 cargo test -p
//! k8s-auto-fix-rules --test fixtures`; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

use detector::{Corpus, Found, Input, ObjectContext};
use manifest::Limits;
use record::{Applicability, Status};
use rules::{Finding, Rule, Settings};
use schema::{Schemas, Version};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use verifier::{GateSet, Judge, ObjectVerdict, file_edits};

fn folder(rule: &Rule) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(rule.id)
}

fn input(name: &str, bytes: Vec<u8>) -> Vec<Input> {
    vec![Input::parse(name.to_owned(), name.to_owned(), bytes, &Limits::default())]
}

fn settings(rule: &Rule) -> Settings {
    let mut settings = Settings::default();
    if let Some(json) = json(rule, "values.yaml") {
        settings.values = serde_json::from_value(json).unwrap();
    }
    if let Some(parameters) = json(rule, "parameters.yaml") {
        let json = serde_json::json!({ rule.id: parameters });
        settings.parameters = serde_json::from_value(json).unwrap();
    }
    settings.schemas = Some(Arc::new(policies::BySchemas::new(&[schema::Version::LATEST])));
    if let Some(check) = settings.parameters.get("cel-expression", "check") {
        let check = check.as_str().unwrap_or("");
        let judge = policies::ByExpression::new(check).unwrap();
        settings.expression = Some(Arc::new(judge));
    }
    settings
}

fn json(rule: &Rule, file: &str) -> Option<serde_json::Value> {
    let bytes = std::fs::read(folder(rule).join(file)).ok()?;
    let inputs = input(file, bytes);
    Some(inputs[0].source.as_ref().unwrap().root(0).unwrap().to_json())
}

/// Findings and verdicts of one rule on one text.
fn judge<T>(
    rule: &'static Rule,
    text: &str,
    use_them: impl FnOnce(&Corpus<'_>, &[Vec<Found>], &[ObjectVerdict]) -> T,
) -> T {
    let inputs = input("bad.yaml", text.as_bytes().to_vec());
    let settings = settings(rule);
    let corpus = Corpus::new(&inputs, ObjectContext::All);
    let every: Vec<&'static Rule> = rules::all().iter().map(|entry| entry.rule).collect();
    let mut schemas = Schemas::new(&[Version::LATEST]);
    if let Some(crd) = json(rule, "crd.yaml") {
        schemas.add_crd(&crd).unwrap();
    }
    let judge = Judge {
        corpus: &corpus,
        schemas: &schemas,
        settings: &settings,
        rules: &every,
        unselected: &every,
        gates: &GateSet::default(),
        timings: false,
        server: None,
        rescan: None,
    };
    let found: Vec<Vec<Found>> =
        (0..corpus.len()).map(|at| corpus.check(at, &[rule], &settings)).collect();
    let verdicts: Vec<ObjectVerdict> = found
        .iter()
        .enumerate()
        .map(|(at, found)| judge.object(at, &found.clone().into(), Applicability::Unsafe))
        .collect();
    use_them(&corpus, &found, &verdicts)
}

/// One line a finding: place, message, and how it ended.
fn listing(corpus: &Corpus<'_>, found: &[Vec<Found>], verdicts: &[ObjectVerdict]) -> String {
    let mut text = String::new();
    for (position, (found, verdict)) in found.iter().zip(verdicts).enumerate() {
        let source = corpus.input_of(position).source.as_ref().unwrap();
        for (found, verdict) in found.iter().zip(&verdict.findings) {
            let finding: &Finding = &found.finding;
            let place = source.position(finding.span.start);
            let end = match (&verdict.status, &verdict.reason) {
                (Status::Accepted, _) => finding.applicability().as_str().to_owned(),
                (status, reason) => {
                    format!("{}: {}", status.as_str(), reason.as_deref().unwrap_or(""))
                }
            };
            writeln!(
                text,
                "{}:{} {}\n  {}\n  -> {end}",
                place.line, place.column, found.keyed_path, finding.message
            )
            .unwrap();
        }
    }
    text
}

fn fixed_text(corpus: &Corpus<'_>, verdicts: &[ObjectVerdict], text: &str) -> String {
    let accepted =
        verdicts.iter().enumerate().filter_map(|(at, v)| Some((at, v.accepted.as_ref()?)));
    let edits = file_edits(corpus, accepted);
    assert!(edits.refused.is_empty(), "{:?}", edits.refused);
    edits
        .edits
        .values()
        .next()
        .map_or_else(|| text.to_owned(), |edits| manifest::apply_edits(text, edits))
}

/// Compares with a fixture file, or writes it.
fn expect(path: &Path, actual: &str, wrong: &mut Vec<String>) {
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    wrong.push(format!("{}:\n--- expected\n{expected}\n--- actual\n{actual}", path.display()));
}

#[test]
fn every_rule_finds_and_fixes_what_its_fixtures_say() {
    let mut wrong = Vec::new();
    for entry in rules::all() {
        let folder = folder(entry.rule);
        let text = std::fs::read_to_string(folder.join("bad.yaml"))
            .unwrap_or_else(|error| unreachable!("{}/bad.yaml: {error}", entry.rule.id));
        judge(entry.rule, &text, |corpus, found, verdicts| {
            assert!(found.iter().any(|found| !found.is_empty()), "{} finds nothing", entry.rule.id);
            let actual = listing(corpus, found, verdicts);
            expect(&folder.join("findings.txt"), &actual, &mut wrong);
            let fixed = fixed_text(corpus, verdicts, &text);
            // A rule that only advises has no fixed form.
            if fixed != text || folder.join("fixed.yaml").exists() {
                expect(&folder.join("fixed.yaml"), &fixed, &mut wrong);
            }
        });
    }
    assert!(wrong.is_empty(), "{} fixtures differ\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn what_was_fixed_is_found_no_more_and_not_changed_again() {
    for entry in rules::all() {
        let Ok(text) = std::fs::read_to_string(folder(entry.rule).join("fixed.yaml")) else {
            continue;
        };
        judge(entry.rule, &text, |corpus, _, verdicts| {
            assert_eq!(fixed_text(corpus, verdicts, &text), text, "{}", entry.rule.id);
        });
    }
}
