//! yaml-edit, an editor of another make, on the same edits: where it gets the data right, what we
//! write should look like what it writes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::str::FromStr;

use common::Random;
use manifest::{Node, apply_edits, edit};
use serde_json::{Value, json};
use yaml_edit::{Document, Mapping, YamlNode};

/// Block style documents with comments: the kind of text that both editors claim to know.
fn document(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    let names = ["name", "image", "spec", "args", "labels", "replicas"];
    let first = random.below(names.len());
    for at in 0..1 + random.below(4) {
        let pad = " ".repeat(indent);
        if random.below(6) == 0 {
            out.push_str(&format!("{pad}# about {at}\n"));
        }
        out.push_str(&format!("{pad}{}:", names[(first + at) % names.len()]));
        match random.below(if depth == 0 { 3 } else { 6 }) {
            0 => out.push_str(" web # why\n"),
            1 => out.push_str(" \"quoted\"\n"),
            2 => out.push_str(" 3\n"),
            3 => out.push_str(&format!("\n{pad}- a\n{pad}- b # last\n")),
            _ => {
                out.push('\n');
                document(random, indent + 2, depth - 1, out);
            }
        }
    }
}

fn find(mapping: &Mapping, path: &[&str]) -> Option<Mapping> {
    let Some((first, rest)) = path.split_first() else { return Some(mapping.clone()) };
    match mapping.get(*first)? {
        YamlNode::Mapping(inner) => find(&inner, rest),
        _ => None,
    }
}

/// The edit as yaml-edit makes it; `None` where it cannot.
fn theirs(text: &str, pointer: &str, value: &Value) -> Option<String> {
    let document = Document::from_str(text).ok()?;
    let path: Vec<&str> = pointer.split('/').skip(1).collect();
    let (key, parents) = path.split_last()?;
    let mapping = find(&document.as_mapping()?, parents)?;
    match value {
        Value::String(text) => mapping.set(*key, text.as_str()),
        Value::Bool(value) => mapping.set(*key, *value),
        Value::Number(number) => mapping.set(*key, number.as_i64()?),
        _ => return None,
    }
    Some(document.to_string())
}

#[test]
fn two_editors_agree() {
    let mut random = Random(42);
    let (mut tried, mut same, mut right) = (0, 0, 0);
    let mut example = String::new();
    for _ in 0..2000 {
        let mut text = String::new();
        document(&mut random, 0, 3, &mut text);
        let source = common::parse(&text);
        let data = source.root(0).unwrap().to_json();
        let mut paths = Vec::new();
        common::pointers(&data, "", &mut paths);
        let scalar = |path: &&String| {
            data.pointer(path).is_some_and(|value| !value.is_object() && !value.is_array())
        };
        let in_map = |path: &&String| !path.ends_with(|c: char| c.is_ascii_digit());
        let mut targets: Vec<String> =
            paths.iter().filter(scalar).filter(in_map).cloned().collect();
        targets.extend(
            paths
                .iter()
                .filter(|path| data.pointer(path).is_some_and(Value::is_object))
                .map(|path| format!("{path}/added")),
        );
        if targets.is_empty() {
            continue;
        }
        let pointer = random.pick(&targets).clone();
        let value =
            random.pick(&[json!("nginx:1.27"), json!(true), json!(7), json!("a b")]).clone();
        let patch = serde_json::from_value::<Vec<json_patch::PatchOperation>>(
            json!([{"op": "add", "path": pointer, "value": value}]),
        )
        .unwrap();
        let mut expected = data.clone();
        json_patch::patch(&mut expected, &patch).unwrap();
        let ours = apply_edits(&text, &edit(&source, 0, &patch).unwrap().edits);
        assert!(Document::from_str(&ours).is_ok(), "yaml-edit cannot read\n{ours}");
        let Some(theirs) = theirs(&text, &pointer, &value) else { continue };
        tried += 1;
        let read = common::parse(&theirs);
        if read.root(0).map(Node::to_json) != Some(expected)
            || common::comments(&read) != common::comments(&source)
        {
            continue;
        }
        right += 1;
        // We keep the quotes of a replaced string, they do not.
        if ours.replace('"', "") == theirs.replace('"', "") {
            same += 1;
        } else if example.is_empty() {
            example =
                format!("{pointer} = {value}\n--- was\n{text}--- ours\n{ours}--- theirs\n{theirs}");
        }
    }
    println!("{tried} tried, yaml-edit right {right}, same text {same}\n{example}");
    assert!(right > 1000 && same * 100 > right * 90, "{same} of {right} look the same\n{example}");
}
