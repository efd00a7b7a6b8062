//! Parameters of templates, as custom checks give them.

use regex::Regex;
use rules::Pattern;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the parameters of a template. Names are compared without regard to case, null is as good
/// as absent, and a name that the template does not have is an error.
pub(super) fn read<T: DeserializeOwned>(given: &Value, names: &[&str]) -> Result<T, String> {
    let mut known = Map::new();
    if let Some(map) = given.as_object() {
        for (name, value) in map {
            let canonical = names.iter().find(|known| known.eq_ignore_ascii_case(name));
            let canonical = canonical.ok_or_else(|| {
                let expected = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                format!("unknown parameter `{name}`: expected {expected}")
            })?;
            if !value.is_null() {
                known.insert((*canonical).to_owned(), value.clone());
            }
        }
    } else if !given.is_null() {
        return Err("params: expected a map".to_owned());
    }
    serde_json::from_value(Value::Object(known)).map_err(|error| format!("params: {error}"))
}

/// For templates without parameters.
pub(super) fn none(given: &Value) -> Result<(), String> {
    read::<Map<String, Value>>(given, &[]).map(|_| ())
}

pub(super) fn regexes(texts: &[String]) -> Result<Vec<Regex>, String> {
    texts.iter().map(|text| regex(text)).collect()
}

pub(super) fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
}

pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
}
