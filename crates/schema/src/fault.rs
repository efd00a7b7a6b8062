//! What is wrong with an object, in words that a reader of the manifest understands.

use crate::bundle::{CUSTOM_URI, DEFINITIONS_URI};
use crate::scalar;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

/// One thing that the API server would refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) of the value at fault; for a missing field, of its parent.
    pub pointer: String,
    /// The dotted path, what is wrong there, and what was expected. Never holds a free-form
    /// value of the manifest, because that value may be a secret.
    pub message: String,
}

/// Schemas in which the known fields of a place are looked up.
struct Documents<'a> {
    definitions: &'a Value,
    custom: &'a Value,
}

/// All faults, in the order of their pointers.
pub(crate) fn collect(
    validator: &Validator,
    object: &Value,
    definitions: &Value,
    custom: &Value,
    status_is_dropped: bool,
) -> Vec<Fault> {
    if validator.is_valid(object) {
        return Vec::new();
    }
    let documents = Documents { definitions, custom };
    let mut faults = Vec::new();
    for error in validator.iter_errors(object) {
        if !(status_is_dropped && is_dropped_with_status(&error)) {
            describe(&error, &documents, &mut faults);
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The server reads `status` of a new object and then drops it, so only what stops the reading
/// counts there.
fn is_dropped_with_status(error: &ValidationError<'_>) -> bool {
    let pointer = error.instance_path().as_str();
    let in_status = pointer == "/status" || pointer.starts_with("/status/");
    let stops_reading = match error.kind() {
        ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::Format { .. } => {
            true
        }
        ValidationErrorKind::Type { .. } => !error.instance().is_null(),
        _ => false,
    };
    in_status && !stops_reading
}

fn describe(error: &ValidationError<'_>, documents: &Documents<'_>, faults: &mut Vec<Fault>) {
    let place = error.instance_path().as_str();
    if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
        let known = known_fields(error, documents);
        for field in unexpected {
            let pointer = format!("{place}/{}", field.replace('~', "~0").replace('/', "~1"));
            let hint = nearest(field, &known);
            let hint = hint.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
            let message = at(place, &format!("unknown field {field:?}{hint}"));
            faults.push(Fault { pointer, message });
        }
        return;
    }
    let message = at(place, &text(error));
    faults.push(Fault { pointer: place.to_owned(), message });
}

/// `/spec/containers/0` to `spec.containers.0: text`.
fn at(pointer: &str, text: &str) -> String {
    let segments = pointer.split('/').skip(1);
    let path: Vec<String> = segments.map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
    if path.is_empty() { text.to_owned() } else { format!("{}: {text}", path.join(".")) }
}

fn text(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => format!("missing required field {property}"),
        ValidationErrorKind::Not { .. } if error.instance().is_null() => null_text(),
        ValidationErrorKind::Type { .. } if error.instance().is_null() => null_text(),
        ValidationErrorKind::Type { kind } => type_text(kind, error.instance()),
        ValidationErrorKind::Enum { options } => enum_text(options, error.instance()),
        ValidationErrorKind::Format { format } => format_text(format),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        ValidationErrorKind::AnyOf { .. }
        | ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::OneOfMultipleValid { .. } => {
            format!("does not meet the schema's {}", error.kind().keyword())
        }
        // The rest comes from custom resources, whose authors know the keywords.
        _ => error.masked().to_string(),
    }
}

fn null_text() -> String {
    "is null, but a value is required".to_owned()
}

fn type_text(expected: &TypeKind, found: &Value) -> String {
    let expected: Vec<JsonType> = match expected {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().collect(),
    };
    let named = expected.iter().filter(|kind| **kind != JsonType::Null);
    let names: Vec<&str> = named.map(|kind| with_article(kind.as_str())).collect();
    let wants_text = expected.contains(&JsonType::String);
    let hint = if wants_text && (found.is_number() || found.is_boolean()) {
        " (put it in quotes)"
    } else {
        ""
    };
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("expected {}, found {found}{hint}", names.join(" or "))
}

fn with_article(json_type: &str) -> &str {
    match json_type {
        "array" => "a list",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "object" => "an object",
        "string" => "a string",
        other => other,
    }
}

fn enum_text(options: &Value, found: &Value) -> String {
    let known = options.as_array().into_iter().flatten().filter_map(Value::as_str);
    let known: Vec<&str> = known.filter(|name| !name.is_empty()).collect();
    let hint = found.as_str().and_then(|found| nearest(found, &known));
    let hint = hint.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
    format!("must be one of {}{hint}", known.join(", "))
}

fn format_text(format: &str) -> String {
    match format {
        scalar::QUANTITY => "is not a quantity, such as 500m or 1Gi".to_owned(),
        scalar::TIME => "is not a time, such as 2024-01-31T12:00:00Z".to_owned(),
        scalar::BYTE => "is not base64".to_owned(),
        other => format!("is not a valid {other}"),
    }
}

/// Fields known where the error is: the `properties` beside the `additionalProperties` that
/// refused.
fn known_fields<'a>(error: &ValidationError<'_>, documents: &Documents<'a>) -> Vec<&'a str> {
    let Some(location) = error.absolute_keyword_location() else { return Vec::new() };
    let Some((uri, pointer)) = location.as_str().split_once('#') else { return Vec::new() };
    let document = match uri {
        DEFINITIONS_URI => documents.definitions,
        CUSTOM_URI => documents.custom,
        _ => return Vec::new(),
    };
    let pointer = pointer.replace("%24", "$");
    let parent = pointer.strip_suffix("/additionalProperties").unwrap_or(&pointer);
    let schema = document.pointer(parent).and_then(|schema| schema.get("properties"));
    let fields = schema.and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// The known name that is most like `given`, when one is near enough to be meant.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    // One typing slip in four characters, and never a different short word.
    let limit = (given.chars().count() / 4).clamp(1, 3);
    let lower = given.to_lowercase();
    let distances = known.iter().map(|name| (distance(&lower, &name.to_lowercase()), *name));
    distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// Edits between two words, where swapping two neighbours is one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(left != right);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["image", "imagePullPolicy", "name", "ports"];
        assert_eq!(nearest("imagePulPolicy", &known), Some("imagePullPolicy"));
        assert_eq!(nearest("imagepullpolicy", &known), Some("imagePullPolicy"));
        assert_eq!(nearest("prots", &known), Some("ports"));
        assert_eq!(nearest("replicas", &known), None);
        assert_eq!(nearest("tag", &known), None);
    }

    #[test]
    fn paths_are_readable() {
        assert_eq!(at("", "text"), "text");
        assert_eq!(at("/metadata/labels/a~1b", "text"), "metadata.labels.a/b: text");
    }
}
