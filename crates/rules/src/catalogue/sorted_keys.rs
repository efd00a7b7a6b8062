//! # What it finds
//!
//! A map of an object whose keys are not in the order of their bytes, upper case first; one finding
//! for each map, at the first key that is out of place. Maps within maps
//! are judged unless `recursive` is false; lists are gone through. What an alias or a merge key brings in is judged where it is
//! written.
//!
//! # Why it matters
//!
//! In a fixed order two people who add the same key meet in the same line, and differences stay
//! small.
//!
//! # What the fix changes
//!
//! Nothing by itself: a patch cannot express an order of keys, as the object would be equal to what
//! it was. Fixes of other rules put new keys where their like stands, in order or not.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter judges every object, and the items of a List with the text of the whole document.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope, Site};
use manifest::{Node, Path, Segment};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "sorted-keys",
    title: "Keys are not in alphabetical order",
    severity: Severity::Low,
    default: false,
    taste: true,
    policy_id: None,
    aliases: &["kube-linter:sorted-keys"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[RECURSIVE],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RECURSIVE: Parameter = Parameter {
    name: "recursive",
    meaning: "whether maps within the object are judged too",
    default: DefaultValue::Flag(true),
};

/// A step from a node to one within it.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    judge(object.root, &mut Vec::new(), cx.flag(&RECURSIVE), cx);
}

fn judge<'a>(node: Node<'a>, way: &mut Vec<Step<'a>>, recursive: bool, cx: &mut Context<'_, '_>) {
    // What a merge brings in stands elsewhere.
    let entries = || node.written_entries().filter(|(key, ..)| *key != "<<");
    let swapped = entries().zip(entries().skip(1)).find(|(first, second)| first.0 > second.0);
    if let Some(((first, ..), (second, key, _))) = swapped {
        cx.report(
            Site { path: path(way), span: key.span() },
            format!("key {second} stands behind {first}"),
            "needs a move of the key together with its comments",
        );
    }
    if !recursive {
        return;
    }
    let has_maps = |value: &Node<'_>| (value.is_map() || value.is_seq()) && !value.is_alias();
    for (key, _, value) in entries().filter(|(_, _, value)| has_maps(value)) {
        way.push(Step::Key(key));
        judge(value, way, recursive, cx);
        way.pop();
    }
    for (index, item) in node.items().enumerate().filter(|(_, item)| has_maps(item)) {
        way.push(Step::Index(index));
        judge(item, way, recursive, cx);
        way.pop();
    }
}

fn path(way: &[Step<'_>]) -> Path {
    let segment = |step: &Step<'_>| match step {
        Step::Key(key) => Segment::Key((*key).to_owned()),
        Step::Index(index) => Segment::Index(*index),
    };
    Path(way.iter().map(segment).collect())
}
