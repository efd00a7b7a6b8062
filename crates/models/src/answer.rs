//! Finds the patch in a model's answer.

use record::PatchOperation;
use serde::Deserialize as _;
use serde_json::Value;

/// Bytes of an answer's text.
pub(crate) const MAX_TEXT: usize = 256 << 10;
/// Operations of a patch.
const MAX_OPERATIONS: usize = 200;
/// Segments of a path, and levels of a value.
const MAX_DEPTH: usize = 64;
/// Places at which a patch is looked for.
const MAX_PLACES: usize = 1_000;

/// Why an answer holds no patch. The text goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// More text than any patch needs.
    #[error("the answer has {0} bytes, the limit is {MAX_TEXT}")]
    TooLong(usize),
    /// Nothing in it is a patch.
    #[error("the answer holds no JSON object {{\"patch\": [...]}} with JSON Patch operations")]
    NoPatch,
    /// A patch that changes nothing cures nothing.
    #[error("the patch has no operation")]
    Empty,
    /// More operations than any fix needs.
    #[error("the patch has {0} operations, the limit is {MAX_OPERATIONS}")]
    TooMany(usize),
    /// One operation is not one.
    #[error("operation {number}: {reason}")]
    Operation {
        /// One-based.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A path or a value is too deep.
    #[error("operation {0}: more than {MAX_DEPTH} levels")]
    TooDeep(usize),
}

/// The first patch in an answer: an object with the key `patch`, or a bare array, in a code fence
/// or between prose.
///
/// # Errors
/// When there is none; says what is wrong with the first that is broken.
pub(crate) fn parse(text: &str) -> Result<Vec<PatchOperation>, Unreadable> {
    if text.len() > MAX_TEXT {
        return Err(Unreadable::TooLong(text.len()));
    }
    let mut problem = None;
    let mut at = 0;
    for _ in 0..MAX_PLACES {
        let Some(found) = text[at..].find(['{', '[']) else { break };
        at += found;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else {
            at += 1;
            continue;
        };
        at += values.byte_offset().max(1);
        let Some(items) = items(value) else { continue };
        match operations(items) {
            Ok(patch) => return Ok(patch),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    Err(problem.unwrap_or(Unreadable::NoPatch))
}

/// The items of what is meant to be a patch.
fn items(value: Value) -> Option<Vec<Value>> {
    let (list, named) = match value {
        Value::Array(items) => (items, false),
        Value::Object(map) if map.contains_key("op") => (vec![Value::Object(map)], false),
        Value::Object(mut map) => match map.remove("patch")? {
            Value::Array(items) => (items, true),
            _ => return None,
        },
        _ => return None,
    };
    let is_patch = named || list.is_empty() || list.iter().any(|item| item.get("op").is_some());
    is_patch.then_some(list)
}

fn operations(items: Vec<Value>) -> Result<Vec<PatchOperation>, Unreadable> {
    if items.is_empty() {
        return Err(Unreadable::Empty);
    }
    if items.len() > MAX_OPERATIONS {
        return Err(Unreadable::TooMany(items.len()));
    }
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let number = index + 1;
        if depth(&item) > MAX_DEPTH {
            return Err(Unreadable::TooDeep(number));
        }
        let operation = PatchOperation::deserialize(item).map_err(|error| {
            let reason = error.to_string();
            let end = reason.floor_char_boundary(200);
            Unreadable::Operation { number, reason: reason[..end].to_owned() }
        })?;
        if operation.path().as_str().matches('/').count() > MAX_DEPTH {
            return Err(Unreadable::TooDeep(number));
        }
        operations.push(operation);
    }
    Ok(operations)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::{MAX_TEXT, Unreadable, parse};
    use proptest::prelude::{ProptestConfig, any, proptest};

    const PATCH: &str = r#"[{"op":"remove","path":"/spec/hostPID"}]"#;

    #[test]
    fn a_patch_is_found_in_many_dresses() {
        for text in [
            PATCH.to_owned(),
            format!("{{\"patch\":{PATCH}}}"),
            format!("```json\n{PATCH}\n```"),
            format!("Sure! [1] I looked at {{this}}:\n\n{PATCH}\nHope it helps [really]."),
            format!("{{\"thoughts\":[1,2]}}\n{{\"patch\":{PATCH}}}"),
            format!("[]\n{PATCH}"),
            format!("{PATCH}\n[{{\"op\":\"add\",\"path\":\"/x\",\"value\":1}}]"),
            r#"{"op":"remove","path":"/spec/hostPID"}"#.to_owned(),
            format!("<think>maybe [{{\"op\": no}}]</think>{PATCH}"),
        ] {
            let patch = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(serde_json::to_string(&patch).unwrap(), PATCH, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let many = format!("[{}]", vec![r#"{"op":"remove","path":"/a"}"#; 201].join(","));
        let deep = format!(r#"[{{"op":"remove","path":"{}"}}]"#, "/a".repeat(65));
        let value = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        let value = format!(r#"[{{"op":"add","path":"/a","value":{value}}}]"#);
        for (text, part) in [
            ("I cannot do that.", "no JSON object"),
            ("", "no JSON object"),
            ("{\"patch\":[]}", "no operation"),
            (r#"{"patch":[{"op":"add","path":"/a"}]}"#, "operation 1: missing field `value`"),
            (r#"[{"op":"remove","path":"a"}]"#, "operation 1"),
            (r#"[{"op":"destroy","path":"/a"}]"#, "operation 1: unknown variant `destroy`"),
            (r#"[{"op":"test","path":"/a","value":1}, 7]"#, "operation 2"),
            (many.as_str(), "201 operations"),
            (deep.as_str(), "operation 1: more than 64 levels"),
            (value.as_str(), "operation 1: more than 64 levels"),
            (&"[".repeat(5_000), "no JSON object"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:.60}: {error}");
        }
        assert_eq!(parse(&" ".repeat(MAX_TEXT + 1)), Err(Unreadable::TooLong(MAX_TEXT + 1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:opath/ \\\\é\u{1b}0-9]{0,200}", whole in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&whole);
        }
    }
}
