//! What every rule of the catalogue must have: a page, names, and fixtures that it speaks up on
//! and stays silent on.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use manifest::{Limits, Path, Segment, Source};
use rules::{
    DefaultValue, Edit, Entry, Finding, Object, Pattern, Remedy, Rule, Set, Settings, all,
    check_object, objects,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

const HEADINGS: [&str; 4] =
    ["# What it finds", "# Why it matters", "# What the fix changes", "# What it may break"];

fn folder(parts: &[&str]) -> PathBuf {
    parts.iter().fold(PathBuf::from(env!("CARGO_MANIFEST_DIR")), |path, part| path.join(part))
}

fn source(rule: &Rule, file: &str) -> Source {
    let path = folder(&["fixtures", rule.id, file]);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let source = Source::parse(bytes, &Limits::default()).expect("fixtures are YAML");
    for document in source.documents() {
        assert!(document.error().is_none(), "{}: {:?}", path.display(), document.error());
    }
    source
}

/// What the fixtures' `values.yaml` and `parameters.yaml` set, where they are.
fn settings(rule: &Rule) -> Settings {
    let mut settings = Settings::default();
    if let Some(json) = json(rule, "values.yaml") {
        settings.values = serde_json::from_value(json).expect("values.yaml holds values");
    }
    if let Some(parameters) = json(rule, "parameters.yaml") {
        let json = serde_json::json!({ rule.id: parameters });
        settings.parameters = serde_json::from_value(json).expect("parameters.yaml fits the rule");
    }
    settings.schemas = Some(Arc::new(policies::BySchemas::new(&[schema::Version::LATEST])));
    if let Some(check) = settings.parameters.get("cel-expression", "check") {
        let check = check.as_str().unwrap_or("");
        let judge = policies::ByExpression::new(check).expect("the expression compiles");
        settings.expression = Some(Arc::new(judge));
    }
    settings
}

fn json(rule: &Rule, file: &str) -> Option<serde_json::Value> {
    folder(&["fixtures", rule.id, file])
        .exists()
        .then(|| source(rule, file).root(0).expect("the file has content").to_json())
}

/// Every object of a fixture with the findings of its rule.
fn findings<'a>(rule: &'static Rule, source: &'a Source) -> Vec<(Object<'a>, Vec<Finding>)> {
    let roots = (0..source.documents().len()).map(|at| (at, source.root(at).expect("is read")));
    let all: Vec<Object<'a>> = roots.flat_map(|(at, root)| objects(root, 0, at)).collect();
    let set = Set::new(all.clone());
    let settings = settings(rule);
    let check = |object: Object<'a>| {
        let found = check_object(&object, &set, &[rule], &settings);
        (object, found)
    };
    all.into_iter().map(check).collect()
}

#[test]
fn every_rule_has_its_page() {
    for Entry { rule, page } in all() {
        for heading in HEADINGS {
            let found = page.lines().any(|line| line == heading);
            assert!(found, "{}: no heading `{heading}`", rule.id);
        }
        assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "{}: title", rule.id);
    }
}

#[test]
fn parameters_have_names_meanings_and_defaults_that_compile() {
    for Entry { rule, .. } in all() {
        let names: BTreeSet<&str> = rule.parameters.iter().map(|known| known.name).collect();
        assert_eq!(names.len(), rule.parameters.len(), "{}: a parameter occurs twice", rule.id);
        for parameter in rule.parameters {
            let name = parameter.name;
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "{}: {name}", rule.id);
            assert!(!parameter.meaning.ends_with('.'), "{}: {name}", rule.id);
            let patterns = match &parameter.default {
                DefaultValue::Pattern(text) => std::slice::from_ref(text),
                DefaultValue::Patterns(texts) => texts,
                _ => &[],
            };
            for text in patterns {
                assert!(Pattern::new(text).is_ok(), "{}: {name}", rule.id);
            }
        }
    }
}

#[test]
fn ids_are_kebab_case_unique_and_the_names_of_their_files() {
    let ids: BTreeSet<String> = all().iter().map(|entry| entry.rule.id.to_owned()).collect();
    assert_eq!(ids.len(), all().len(), "ids are unique");
    for id in &ids {
        let kebab = id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        assert!(kebab, "{id} is not kebab-case");
    }
    let files: BTreeSet<String> = fs::read_dir(folder(&["src", "catalogue"]))
        .expect("the catalogue is there")
        .filter_map(|entry| {
            let name = entry.expect("readable").file_name().into_string().expect("plain names");
            Some(name.strip_suffix(".rs")?.replace('_', "-"))
        })
        .collect();
    assert_eq!(ids, files);
}

#[test]
fn every_rule_says_who_else_asks_for_it() {
    for Entry { rule, .. } in all() {
        let known = !rule.aliases.is_empty() || !rule.references.is_empty();
        assert!(known, "{}: neither aliases nor references", rule.id);
        let unique: BTreeSet<&&str> = rule.aliases.iter().collect();
        assert_eq!(unique.len(), rule.aliases.len(), "{}: an alias occurs twice", rule.id);
        for alias in rule.aliases {
            assert!(alias.contains(':'), "{}: alias `{alias}` names no tool", rule.id);
        }
    }
}

#[test]
fn rules_find_what_is_bad_and_nothing_in_what_is_good() {
    for Entry { rule, .. } in all() {
        let bad = source(rule, "bad.yaml");
        for (object, found) in findings(rule, &bad) {
            for finding in &found {
                assert!(!finding.message.is_empty(), "{}: no message", rule.id);
                let in_text = finding.span.end <= bad.text().len() && !finding.span.is_empty();
                assert!(in_text, "{}: {} has no text", rule.id, object.name);
            }
        }
        let count: usize = findings(rule, &bad).iter().map(|(_, found)| found.len()).sum();
        assert!(count > 0, "{}: bad.yaml is good", rule.id);
        let good = source(rule, "good.yaml");
        for (object, found) in findings(rule, &good) {
            let messages: Vec<&str> = found.iter().map(|f| f.message.as_str()).collect();
            assert!(found.is_empty(), "{}: {}: {messages:?}", rule.id, object.name);
        }
    }
}

#[test]
fn rules_declare_what_their_fixes_touch() {
    for Entry { rule, .. } in all() {
        let bad = source(rule, "bad.yaml");
        let mut offers_fix = false;
        for (object, found) in findings(rule, &bad) {
            for finding in found {
                let Remedy::Fix(fix) = finding.remedy else { continue };
                offers_fix = true;
                assert!(!fix.edits.is_empty(), "{}: {} has no edit", rule.id, finding.message);
                for edit in &fix.edits {
                    let path = path_of(edit);
                    let declared = rule.touches.iter().any(|place| covers(place, &object, path));
                    assert!(declared, "{}: {path} is not declared", rule.id);
                }
            }
        }
        // Without a fix of its own a rule may still say what a model's or a person's may touch.
        assert!(!offers_fix || !rule.touches.is_empty(), "{}: touches", rule.id);
    }
}

fn path_of(edit: &Edit) -> &Path {
    match edit {
        Edit::Set { path, .. }
        | Edit::Remove { path, .. }
        | Edit::Append { path, .. }
        | Edit::RemoveItem { path, .. } => path,
    }
}

/// Whether a declared place of the rule is, or is above, the path of an edit.
fn covers(place: &str, object: &Object<'_>, path: &Path) -> bool {
    let spec: Vec<&str> = object.pod.as_ref().map_or(Vec::new(), |pod| pod.keys.to_vec());
    let holder = &spec[..spec.len().saturating_sub(1)];
    let (first, rest) = place.split_once('/').unwrap_or((place, ""));
    let rest: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let forms: Vec<Vec<&str>> = match first {
        "{pod}" => vec![spec.clone()],
        "{template}" => vec![holder.to_vec()],
        "{container}" => ["containers", "initContainers", "ephemeralContainers"]
            .map(|list| [&spec[..], &[list, "*"]].concat())
            .to_vec(),
        key => vec![vec![key]],
    };
    let segments: Vec<String> = path.segments().iter().map(text_of).collect();
    forms.iter().any(|form| fits(&[&form[..], &rest].concat(), &segments))
}

fn fits(pattern: &[&str], segments: &[String]) -> bool {
    match (pattern, segments) {
        (["**"], _) | ([], []) => true,
        ([first, pattern @ ..], [segment, segments @ ..]) => {
            (*first == "*" || first == segment) && fits(pattern, segments)
        }
        _ => false,
    }
}

fn text_of(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    }
}
