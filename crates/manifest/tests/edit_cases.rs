//! Tricky edits, one by one: the text a careful person would type, or the reason to refuse.
//!
//! `expect` and `refuse` in `data/edit_cases.json` were reviewed by hand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use json_patch::PatchOperation;
use manifest::{Limits, Source, apply_edits, edit, invert_edits};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Case {
    name: String,
    text: String,
    document: usize,
    op: String,
    path: String,
    value: Option<Value>,
    expect: Option<String>,
    refuse: Option<String>,
    /// Instead of one operation.
    patch: Option<Vec<PatchOperation>>,
}

fn patch_of(case: &Case) -> Vec<PatchOperation> {
    if let Some(patch) = &case.patch {
        return patch.clone();
    }
    let mut operation = json!({"op": case.op, "path": case.path});
    if case.op != "remove" {
        operation["value"] = case.value.clone().unwrap_or_default();
    }
    serde_json::from_value(json!([operation])).unwrap()
}

fn parse(text: &str) -> Source {
    Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

fn check(case: &Case) -> Result<(), String> {
    let source = parse(&case.text);
    let patch = patch_of(case);
    let edited = match (edit(&source, case.document, &patch), &case.refuse) {
        (Ok(edited), None) => edited,
        (Err(error), Some(reason)) if error.to_string() == *reason => return Ok(()),
        (outcome, _) => return Err(format!("{:?}", outcome.map(|edit| edit.edits))),
    };
    let text = apply_edits(&case.text, &edited.edits);
    if Some(&text) != case.expect.as_ref() {
        return Err(format!("wrote\n{text}\nedits {:?}", edited.edits));
    }
    let inverse = invert_edits(&case.text, &edited.edits);
    if apply_edits(&text, &inverse) != case.text {
        return Err("the inverse does not restore the text".to_owned());
    }
    let mut expected = source.root(case.document).unwrap().to_json();
    // A null parent that gets a key is the one thing RFC 6902 knows nothing of.
    if json_patch::patch(&mut expected, &patch).is_ok() {
        let found = parse(&text).root(case.document).unwrap().to_json();
        if found != expected {
            return Err(format!("reads as {found}, not {expected}"));
        }
    }
    Ok(())
}

#[test]
fn every_case_is_typed_as_a_careful_person_would() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/edit_cases.json")).unwrap();
    assert!(cases.len() >= 76);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error}", case.name)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
