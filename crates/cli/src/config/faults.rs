//! Everything that is wrong with a configuration file, and not only the first of it.

use super::{Config, locate, unknown_key, with_suggestion};
use anyhow::Context as _;
use manifest::{Limits, Source};
use serde::Serialize;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use std::path::Path;

/// Faults that are told of one file.
const MOST: usize = 100;

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// Where it is; the whole file when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
}

/// What is wrong with a file, in the order of its lines.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn faults(path: &Path) -> anyhow::Result<Vec<Fault>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut faults = of_bytes(bytes);
    faults.sort_by_key(|fault| fault.line);
    Ok(faults)
}

fn of_bytes(bytes: Vec<u8>) -> Vec<Fault> {
    let whole = |message: String| vec![Fault { line: None, message }];
    let source = match Source::parse(bytes, &Limits::default()) {
        Ok(source) => source,
        Err(error) => return whole(error.to_string()),
    };
    if let Some(error) = source.documents().iter().find_map(manifest::Document::error) {
        return whole(error.to_string());
    }
    let line = |offset: usize| source.position(offset).line;
    let mut faults = Vec::new();
    for key in source.documents().iter().flat_map(manifest::Document::duplicate_keys) {
        let name = source.text().get(key.clone()).unwrap_or_default();
        let message = format!("key `{name}` is there twice in one map; the last one counts");
        faults.push(Fault { line: Some(line(key.start)), message });
    }
    if source.documents().len() > 1 {
        let start = source.root(1).map(|root| line(root.span().start));
        let message = "only the first document counts".to_owned();
        faults.push(Fault { line: start, message });
    }
    let Some(root) = source.root(0) else { return faults };
    let mut json = root.to_json();
    if !json.is_object() {
        let message = "expected a map of settings".to_owned();
        faults.push(Fault { line: Some(line(root.span().start)), message });
        return faults;
    }
    // What is wrong is told and taken out, until nothing is.
    while let Err(error) = serde_path_to_error::deserialize::<_, Config>(json.clone()) {
        let message = error.inner().to_string();
        let place = locate(root, error.path(), &message).map(line);
        let is_out = take_out(&mut json, error.path(), unknown_key(&message));
        faults.push(Fault { line: place, message: with_suggestion(message) });
        if !is_out || faults.len() >= MOST {
            break;
        }
    }
    faults
}

/// Removes an unknown key, or the entry of a map that a value is in. Items of lists stay, so that
/// the others keep their numbers. Returns whether something was removed.
fn take_out(json: &mut Value, path: &serde_path_to_error::Path, unknown: Option<&str>) -> bool {
    let mut keys: Vec<String> = Vec::new();
    for segment in path {
        match segment {
            Segment::Map { key } => keys.push(key.clone()),
            Segment::Seq { index } => keys.push(index.to_string()),
            _ => break,
        }
    }
    // The path leads to the map that the unknown key is in.
    keys.extend(unknown.map(str::to_owned));
    while let Some(last) = keys.pop() {
        if map_at(json, &keys).is_some_and(|map| map.remove(&last).is_some()) {
            return true;
        }
    }
    false
}

/// The map at the end of a path, if there is one.
fn map_at<'j>(json: &'j mut Value, keys: &[String]) -> Option<&'j mut Map<String, Value>> {
    let mut at = json;
    for key in keys {
        at = match at {
            Value::Object(map) => map.get_mut(key)?,
            Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    at.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::of_bytes;

    #[test]
    fn all_faults_are_told_with_their_lines() {
        let text = b"profil: all\nseed: x\nvalues:\n- runAsUsr: 5\n- resources: 7\nignores:\n\
            - rules: [latest-tga]\nscheduling: {windows: [{from: '1', til: '2'}]}\n";
        let faults = of_bytes(text.to_vec());
        let lines: Vec<Option<usize>> = faults.iter().map(|fault| fault.line).collect();
        let all = format!("{faults:#?}");
        for line in [1, 2, 4, 5, 7, 8] {
            assert!(lines.contains(&Some(line)), "{line}: {all}");
        }
        assert!(all.contains("unknown key `profil`; did you mean `profile`?"), "{all}");
        assert!(all.contains("did you mean `runAsUser`?"), "{all}");
        assert!(all.contains("did you mean `latest-tag`?"), "{all}");
    }

    #[test]
    fn what_is_no_configuration_is_one_fault() {
        for text in ["- 1\n", "a: [\n", "\u{0}"] {
            assert_eq!(of_bytes(text.as_bytes().to_vec()).len(), 1, "{text:?}");
        }
        assert_eq!(of_bytes(Vec::new()), []);
        assert_eq!(of_bytes(b"seed: 1\nseed: 2\n".to_vec()).len(), 1);
    }
}
