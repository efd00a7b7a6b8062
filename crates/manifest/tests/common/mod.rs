//! Random patches, and the independent check that an edit is right.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use json_patch::PatchOperation;
use manifest::{Edit, EditError, Limits, Node, Source, apply_edits, edit, invert_edits};
use serde_json::{Value, json};

pub(crate) fn parse(text: &str) -> Source {
    Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

/// A small generator, so that a seed is all a failure needs.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Every pointer of a value except its root.
pub(crate) fn pointers(value: &Value, prefix: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{prefix}/{}", key.replace('~', "~0").replace('/', "~1"));
                out.push(path.clone());
                pointers(value, &path, out);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                let path = format!("{prefix}/{at}");
                out.push(path.clone());
                pointers(value, &path, out);
            }
        }
        _ => {}
    }
}

pub(crate) fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 9 } else { 14 }) {
        0 => json!(true),
        1 => json!(random.next() as i64 % 100_000),
        2 => Value::Null,
        3 => json!(1.5),
        4 => json!({}),
        5 => json!([]),
        6..=8 => json!(string(random)),
        9 | 10 => (0..1 + random.below(3)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let entries = (0..1 + random.below(3)).map(|_| (key(random), value(random, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

pub(crate) fn string(random: &mut Random) -> String {
    let strings = [
        "nginx:1.27",
        "yes",
        "y",
        "0644",
        "1_000",
        "a: b # c",
        " lead",
        "trail ",
        "",
        "line 1\nline 2\n",
        "one\ntwo",
        "\n",
        "x\n\n",
        "--v=2",
        "- a",
        "*a",
        "ż\u{1f980}",
        "tab\tin",
        "1:30",
        "2001-01-01",
        "it's",
        "say \"x\"",
        "~",
        "{}",
        "[a",
        "a,b",
        "#x",
        "null",
        "0x1F",
        "1e3",
        ".5",
        "\u{1}",
        "%x",
        "@a",
        "key:",
        "a\\b",
        "\u{feff}",
        "multi\n  indented\nback",
        "  first\nsecond",
        "---",
        "<<",
        "=",
    ];
    (*random.pick(&strings)).to_owned()
}

pub(crate) fn key(random: &mut Random) -> String {
    let keys = [
        "newKey",
        "y",
        "on",
        "a.b/c",
        "1",
        "x y",
        "readOnlyRootFilesystem",
        "k:",
        "ż",
        "-",
        "null",
        "a~b",
    ];
    (*random.pick(&keys)).to_owned()
}

fn operation(random: &mut Random, data: &Value) -> Value {
    let mut paths = Vec::new();
    pointers(data, "", &mut paths);
    if paths.is_empty() {
        return json!({"op": "add", "path": "/newKey", "value": value(random, 2)});
    }
    let path = random.pick(&paths).clone();
    match random.below(10) {
        0..=2 => json!({"op": "remove", "path": path}),
        3..=5 => json!({"op": "replace", "path": path, "value": value(random, 2)}),
        6 => json!({"op": "copy", "from": path, "path": random.pick(&paths)}),
        _ => {
            let value = value(random, 2);
            let path = match data.pointer(&path) {
                Some(Value::Object(_)) => {
                    format!("{path}/{}", key(random).replace('~', "~0").replace('/', "~1"))
                }
                Some(Value::Array(items)) if random.below(2) == 0 => {
                    format!("{path}/{}", random.below(items.len() + 1))
                }
                Some(Value::Array(_)) => format!("{path}/-"),
                _ => path,
            };
            json!({"op": "add", "path": path, "value": value})
        }
    }
}

/// A patch that applies, with its outcome.
pub(crate) fn patch(
    random: &mut Random,
    data: &Value,
    most: usize,
) -> (Vec<PatchOperation>, Value) {
    let mut patch = Vec::new();
    let mut expected = data.clone();
    for _ in 0..1 + random.below(most) {
        let operation: PatchOperation =
            serde_json::from_value(operation(random, &expected)).unwrap();
        let mut next = expected.clone();
        if json_patch::patch(&mut next, std::slice::from_ref(&operation)).is_ok()
            && next.is_object()
        {
            expected = next;
            patch.push(operation);
        }
    }
    (patch, expected)
}

pub(crate) fn comments(source: &Source) -> Vec<&str> {
    let mut all: Vec<&str> = source.comments().map(|span| source.text()[span].trim_end()).collect();
    all.sort_unstable();
    all
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Right(Edit),
    Refused(String),
    Wrong(String),
}

/// Edits one document and judges the outcome from the text alone.
pub(crate) fn judge(
    source: &Source,
    document: usize,
    patch: &[PatchOperation],
    expected: &Value,
) -> Outcome {
    let edited = match edit(source, document, patch) {
        Ok(edited) => edited,
        Err(error @ EditError::Unsupported { .. }) => return Outcome::Refused(error.to_string()),
        Err(error) => return Outcome::Wrong(format!("no refusal but an error: {error}")),
    };
    match faults(source, document, &edited, patch, expected) {
        None => Outcome::Right(edited),
        Some(fault) => Outcome::Wrong(fault),
    }
}

fn faults(
    source: &Source,
    document: usize,
    edited: &Edit,
    patch: &[PatchOperation],
    expected: &Value,
) -> Option<String> {
    let edits = &edited.edits;
    let ordered = edits.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start);
    if !ordered {
        return Some(format!("edits overlap: {edits:?}"));
    }
    let span = source.documents()[document].span();
    if edits.iter().any(|edit| edit.range.start < span.start || edit.range.end > span.end) {
        return Some("an edit leaves its document".to_owned());
    }
    if let [only] = patch
        && let Some(fault) = strays(source, document, edited, only)
    {
        return Some(fault);
    }
    let text = apply_edits(source.text(), edits);
    if apply_edits(&text, &invert_edits(source.text(), edits)) != source.text() {
        return Some("the inverse does not restore the bytes".to_owned());
    }
    let after = parse(&text);
    if after.documents().len() != source.documents().len() {
        return Some("the number of documents changed".to_owned());
    }
    for at in 0..source.documents().len() {
        let before = source.root(at).map(Node::to_json);
        let now = after.root(at).map(Node::to_json);
        let wanted = if at == document { Some(expected.clone()) } else { before };
        if now != wanted {
            return Some(format!("document {at} reads as {now:?}, not {wanted:?}\n{text}"));
        }
    }
    if comments(source) != comments(&after) {
        return Some(format!("comments changed\n{text}"));
    }
    if let Some(fault) = line_ends(source.text(), &text, span) {
        return Some(fault);
    }
    again(&after, document, patch, expected)
}

/// One operation changes the lines of its target and nothing else; a new key or item takes
/// nothing away.
fn strays(
    source: &Source,
    document: usize,
    edited: &Edit,
    only: &PatchOperation,
) -> Option<String> {
    let text = source.text();
    let root = source.root(document)?;
    let path = only.path().as_str();
    let parent = &path[..path.rfind('/').unwrap_or(0)];
    let target = match only {
        PatchOperation::Replace(_) => root.pointer(path)?,
        _ => root.pointer(parent)?,
    };
    let span = target.span();
    // A comment within the range comes back in the new text.
    let gone = |edit: &manifest::TextEdit| {
        let old = text[edit.range.clone()].trim();
        if old.contains('#') { 0 } else { old.len() }
    };
    if edited.edits.iter().map(gone).sum::<usize>() > 4
        && matches!(only, PatchOperation::Add(_))
        && root.pointer(path).is_none_or(|_| target.is_seq())
    {
        return Some(format!("an addition takes text away: {:?}", edited.edits));
    }
    let owner = match only {
        PatchOperation::Replace(_) => path,
        _ => parent,
    };
    let head = &text[..introduction(root, owner).unwrap_or(0)];
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let stop = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    let outside = |edit: &manifest::TextEdit| {
        let inserted = edit.range.is_empty() && edit.range.start + 1 >= start;
        let blank = text[edit.range.clone()].trim().is_empty();
        !blank && !inserted && (edit.range.start < start || edit.range.end > stop)
    };
    let stray = edited.edits.iter().find(|edit| outside(edit));
    stray.map(|edit| format!("an edit strays: {edit:?} from {span:?}"))
}

/// Where the key of a value begins, or the item before it ends.
fn introduction(root: Node<'_>, pointer: &str) -> Option<usize> {
    let (parent, last) = pointer.rsplit_once('/')?;
    let owner = root.pointer(parent)?;
    if owner.is_map() {
        let key = last.replace("~1", "/").replace("~0", "~");
        return owner.entry(&key).map(|entry| entry.key.span().start);
    }
    let at: usize = last.parse().ok()?;
    match at.checked_sub(1) {
        Some(before) => owner.item(before).map(|item| item.span().end),
        None => introduction(root, parent),
    }
}

/// A file with one kind of line end keeps it, and its last line too.
fn line_ends(before: &str, after: &str, span: std::ops::Range<usize>) -> Option<String> {
    let pure = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
    let part = &before[span];
    let mixed = part.contains("\r\n") && !pure(part);
    if !mixed && pure(before) && before.contains('\n') && !pure(after) {
        return Some(format!("line ends are mixed now\n{after:?}"));
    }
    if before.ends_with('\n') != after.ends_with('\n') {
        return Some(format!("the end of the file changed\n{after:?}"));
    }
    None
}

/// Setting what is set already changes nothing.
fn again(
    after: &Source,
    document: usize,
    patch: &[PatchOperation],
    expected: &Value,
) -> Option<String> {
    let PatchOperation::Replace(replace) = patch.last()? else { return None };
    let mut twice = expected.clone();
    let last = &patch[patch.len() - 1..];
    json_patch::patch(&mut twice, last).ok()?;
    match edit(after, document, last) {
        Ok(edit) if edit.edits.is_empty() => None,
        Ok(edit) => Some(format!("replacing {} twice edits twice: {:?}", replace.path, edit.edits)),
        // Through an alias the way is closed both times.
        Err(EditError::Unsupported { .. }) => None,
        Err(error) => Some(format!("replacing twice fails: {error}")),
    }
}

/// Fuzz target: reading never panics, and what it says about itself holds.
pub(crate) fn fuzz_parse(bytes: &[u8]) {
    let limits = Limits { max_expanded_nodes: 10_000, ..Limits::default() };
    let Ok(source) = Source::parse(bytes.to_vec(), &limits) else { return };
    let mut last = 0;
    for span in source.comments() {
        assert!(source.text()[span.clone()].starts_with('#') && span.start >= last);
        last = span.end;
    }
    for (at, document) in source.documents().iter().enumerate() {
        assert_eq!(document.index(), at);
        let Some(root) = source.root(at) else {
            assert!(document.error().is_some_and(|error| error.line >= 1));
            continue;
        };
        visit(&source, root, 0);
        let data = root.to_json();
        assert!(root.eq_json(&data));
        let mut paths = Vec::new();
        pointers(&data, "", &mut paths);
        for pointer in paths.iter().take(200) {
            let path = manifest::Path::from_pointer(root, pointer).unwrap();
            assert_eq!(path.to_pointer(), *pointer);
            let keyed = path.keyed(root);
            let found = manifest::Path::resolve_keyed(root, &keyed);
            assert_eq!(found.as_ref(), Some(&path), "{keyed}");
        }
    }
}

fn visit(source: &Source, node: Node<'_>, depth: usize) {
    let span = node.span();
    assert!(source.text().get(span.clone()).is_some() && source.position(span.end).line >= 1);
    if depth < 20 {
        node.entries().for_each(|(_, key, value)| {
            visit(source, key, depth + 1);
            visit(source, value, depth + 1);
        });
        node.items().for_each(|item| visit(source, item, depth + 1));
    }
}

/// Fuzz target: the first bytes choose a patch, the rest is the file.
pub(crate) fn fuzz_edit(bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_first_chunk::<4>() else { return };
    let limits = Limits { max_expanded_nodes: 10_000, ..Limits::default() };
    let Ok(source) = Source::parse(bytes.to_vec(), &limits) else { return };
    let mut random = Random(u64::from(u32::from_le_bytes(*seed)));
    let document = random.below(source.documents().len());
    let Some(root) = source.root(document) else { return };
    let data = root.to_json();
    if !data.is_object() {
        return;
    }
    let (patch, expected) = patch(&mut random, &data, 3);
    if let Outcome::Wrong(fault) = judge(&source, document, &patch, &expected) {
        panic!("{patch:?}: {fault}");
    }
}
