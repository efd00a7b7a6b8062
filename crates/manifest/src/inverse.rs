//! The patch that undoes a patch.

use json_patch::{
    AddOperation, PatchError, PatchOperation, RemoveOperation, ReplaceOperation, jsonptr,
};
use serde_json::Value;

/// The JSON Patch that turns the patched value back into `before`.
///
/// The order of keys is not part of a JSON value and is not restored.
pub fn inverse_patch(
    before: &Value,
    patch: &[PatchOperation],
) -> Result<Vec<PatchOperation>, PatchError> {
    let mut value = before.clone();
    let mut inverse = Vec::new();
    for operation in patch {
        let undo = undo(&value, operation);
        json_patch::patch(&mut value, std::slice::from_ref(operation))?;
        inverse.extend(undo.into_iter().rev());
    }
    inverse.reverse();
    Ok(inverse)
}

/// Operations, in the order of execution, that undo one operation on `value`.
fn undo(value: &Value, operation: &PatchOperation) -> Vec<PatchOperation> {
    match operation {
        PatchOperation::Add(add) => vec![undo_write(value, &add.path)],
        PatchOperation::Copy(copy) => vec![undo_write(value, &copy.path)],
        PatchOperation::Replace(replace) => undo_removal(value, &replace.path, true),
        PatchOperation::Remove(remove) => undo_removal(value, &remove.path, false),
        PatchOperation::Move(from_to) => {
            let mut moved = value.clone();
            let removed =
                vec![PatchOperation::Remove(RemoveOperation { path: from_to.from.clone() })];
            // A move that fails is reported when it is applied.
            let _ = json_patch::patch(&mut moved, &removed);
            let mut undo = vec![undo_write(&moved, &from_to.path)];
            undo.extend(undo_removal(value, &from_to.from, false));
            undo
        }
        PatchOperation::Test(_) => Vec::new(),
    }
}

fn undo_removal(value: &Value, path: &jsonptr::Pointer, present: bool) -> Vec<PatchOperation> {
    let Ok(old) = path.resolve(value) else { return Vec::new() };
    let (path, value) = (path.to_buf(), old.clone());
    vec![if present {
        PatchOperation::Replace(ReplaceOperation { path, value })
    } else {
        PatchOperation::Add(AddOperation { path, value })
    }]
}

/// Undoes an `add`: it replaced a key, or made a key or an item.
fn undo_write(value: &Value, path: &jsonptr::Pointer) -> PatchOperation {
    let parent = path.parent().and_then(|parent| parent.resolve(value).ok());
    match parent {
        Some(Value::Array(items)) => {
            let mut path = path.to_buf();
            if path.back().is_some_and(|token| token.decoded() == "-") {
                path.pop_back();
                path.push_back(items.len());
            }
            PatchOperation::Remove(RemoveOperation { path })
        }
        _ => match path.resolve(value) {
            Ok(old) => {
                let (path, value) = (path.to_buf(), old.clone());
                PatchOperation::Replace(ReplaceOperation { path, value })
            }
            Err(_) => PatchOperation::Remove(RemoveOperation { path: path.to_buf() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn undoes_every_operation() {
        let before = json!({"a": [1, 2, {"b": 3}], "c": {"d": null}});
        let patch: Vec<PatchOperation> = serde_json::from_value(json!([
            {"op": "test", "path": "/a/0", "value": 1},
            {"op": "add", "path": "/a/-", "value": 4},
            {"op": "add", "path": "/a/0", "value": 0},
            {"op": "add", "path": "/c/d", "value": 5},
            {"op": "remove", "path": "/a/3/b"},
            {"op": "move", "from": "/a/1", "path": "/c/e"},
            {"op": "move", "from": "/a/0", "path": "/a/1"},
            {"op": "copy", "from": "/c", "path": "/a/0"},
            {"op": "replace", "path": "/c", "value": []},
            {"op": "replace", "path": "", "value": 7},
        ]))
        .unwrap();
        let inverse = inverse_patch(&before, &patch).unwrap();
        let mut value = before.clone();
        json_patch::patch(&mut value, &patch).unwrap();
        json_patch::patch(&mut value, &inverse).unwrap();
        assert_eq!(value, before);
    }
}
