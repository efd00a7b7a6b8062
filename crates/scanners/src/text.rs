//! Reads values of unknown shape: what is missing or of another type is simply not there.

use serde_json::Value;

/// The text at a pointer, unless it is empty.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// The same, owned.
pub(crate) fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(str::to_owned)
}

/// A namespace: empty says that there is none, absent that the tool does not say.
pub(crate) fn namespace(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

/// The items of the list at a pointer; none when there is no list.
pub(crate) fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of the map at a pointer; none when there is no map.
pub(crate) fn entries<'v>(
    value: &'v Value,
    pointer: &str,
) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

/// The whole number at a pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<usize> {
    value.pointer(pointer)?.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// A text short enough for a note.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
