//! A document with the operations of a patch applied, which still knows what it was.
//!
//! Only containers on the way to a change are copied; each copy remembers for every child which
//! original entry it is, so the plan can be as small as the change.

use json_patch::PatchOperation;
use serde_json::{Map, Value};

use super::{EditError, Place};
use crate::tree::{Kind, Node, Style, Tree, array_index, unescape};

/// A value after the patch.
#[derive(Clone, Debug)]
pub(crate) enum Over {
    /// Untouched.
    Orig(u32),
    Map(u32, Vec<OverEntry>),
    Seq(u32, Vec<OverItem>),
    New(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Position among the written entries or items.
    Own(usize),
    /// Comes in through a merge key.
    Merged,
    New,
}

#[derive(Clone, Debug)]
pub(crate) struct OverEntry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) value: Over,
}

#[derive(Clone, Debug)]
pub(crate) struct OverItem {
    pub(crate) origin: Origin,
    pub(crate) value: Over,
}

/// What happens at the end of a path.
#[derive(Clone, Copy)]
enum Change<'v> {
    Add(&'v Value),
    Replace(&'v Value),
    Remove,
}

/// The document that a patch is applied to.
pub(crate) struct Overlay<'a> {
    pub(crate) text: &'a str,
    pub(crate) tree: &'a Tree,
    place: Place<'a>,
    /// Number of the operation at hand, for messages.
    operation: usize,
    pub(crate) root: Over,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(text: &'a str, tree: &'a Tree, place: Place<'a>) -> Overlay<'a> {
        Overlay { text, tree, place, operation: 0, root: Over::Orig(tree.root) }
    }

    pub(crate) fn apply(&mut self, patch: &[PatchOperation]) -> Result<(), EditError> {
        for (number, operation) in patch.iter().enumerate() {
            self.operation = number;
            match operation {
                PatchOperation::Add(add) => {
                    self.change(add.path.as_str(), Change::Add(&add.value))?;
                }
                PatchOperation::Replace(replace) => {
                    self.change(replace.path.as_str(), Change::Replace(&replace.value))?;
                }
                PatchOperation::Remove(remove) => {
                    self.change(remove.path.as_str(), Change::Remove)?;
                }
                PatchOperation::Move(step) => {
                    let value = self.read(step.from.as_str())?;
                    self.change(step.from.as_str(), Change::Remove)?;
                    self.change(step.path.as_str(), Change::Add(&value))?;
                }
                PatchOperation::Copy(step) => {
                    let value = self.read(step.from.as_str())?;
                    self.change(step.path.as_str(), Change::Add(&value))?;
                }
                PatchOperation::Test(test) => self.test(test.path.as_str(), &test.value)?,
            }
        }
        Ok(())
    }

    fn test(&self, path: &str, expected: &Value) -> Result<(), EditError> {
        let found = self.read(path)?;
        if found == *expected {
            return Ok(());
        }
        Err(EditError::TestFailed {
            operation: self.operation,
            path: path.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        })
    }

    fn missing(&self, path: &str, reason: &str) -> EditError {
        EditError::Path {
            operation: self.operation,
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn tokens(&self, path: &str) -> Result<Vec<String>, EditError> {
        if path.is_empty() {
            return Ok(Vec::new());
        }
        let Some(tokens) = path.strip_prefix('/') else {
            return Err(self.missing(path, "a pointer starts with `/`"));
        };
        Ok(tokens.split('/').map(|token| unescape(token).into_owned()).collect())
    }

    fn node(&self, id: u32) -> Node<'a> {
        Node { text: self.text, tree: self.tree, id }
    }

    fn read(&self, path: &str) -> Result<Value, EditError> {
        let missing = || self.missing(path, "no such value");
        let mut over = &self.root;
        let tokens = self.tokens(path)?;
        for (at, token) in tokens.iter().enumerate() {
            let next = match over {
                Over::Map(_, entries) => {
                    entries.iter().find(|entry| entry.key == *token).map(|entry| &entry.value)
                }
                Over::Seq(_, items) => {
                    array_index(token).and_then(|at| items.get(at)).map(|item| &item.value)
                }
                Over::Orig(id) => {
                    let rest = pointer_of(&tokens[at..]);
                    let found = self.node(*id).pointer(&rest).ok_or_else(missing)?;
                    return Ok(found.to_json());
                }
                Over::New(value) => {
                    let rest = pointer_of(&tokens[at..]);
                    return value.pointer(&rest).cloned().ok_or_else(missing);
                }
            };
            over = next.ok_or_else(missing)?;
        }
        Ok(self.to_json(over))
    }

    pub(crate) fn to_json(&self, over: &Over) -> Value {
        match over {
            Over::Orig(id) => self.node(*id).to_json(),
            Over::New(value) => value.clone(),
            Over::Map(_, entries) => {
                let pairs =
                    entries.iter().map(|entry| (entry.key.clone(), self.to_json(&entry.value)));
                Value::Object(Map::from_iter(pairs))
            }
            Over::Seq(_, items) => {
                Value::Array(items.iter().map(|item| self.to_json(&item.value)).collect())
            }
        }
    }

    fn change(&mut self, path: &str, change: Change<'_>) -> Result<(), EditError> {
        let tokens = self.tokens(path)?;
        let mut root = std::mem::replace(&mut self.root, Over::New(Value::Null));
        let outcome = match (tokens.is_empty(), change) {
            (true, Change::Remove) => {
                Err(self.missing(path, "the whole document cannot be removed"))
            }
            (true, Change::Add(value) | Change::Replace(value)) => {
                root = Over::New(value.clone());
                Ok(())
            }
            (false, _) => self.change_below(&mut root, path, &tokens, change),
        };
        self.root = root;
        outcome
    }

    fn change_below(
        &self,
        over: &mut Over,
        path: &str,
        tokens: &[String],
        change: Change<'_>,
    ) -> Result<(), EditError> {
        self.open(over, path, &tokens[0], change)?;
        let last = tokens.len() == 1;
        match over {
            Over::New(value) => self.change_value(value, path, tokens, change),
            Over::Map(node, entries) if last => {
                self.change_entry(*node, entries, path, &tokens[0], change)
            }
            Over::Seq(_, items) if last => self.change_item(items, path, &tokens[0], change),
            Over::Map(node, entries) => {
                let found = entries.iter_mut().find(|entry| entry.key == tokens[0]);
                let entry = found.ok_or_else(|| self.missing(path, "no such key on the way"))?;
                if entry.origin == Origin::Merged {
                    return Err(self.merged(*node, &entry.key));
                }
                self.change_below(&mut entry.value, path, &tokens[1..], change)
            }
            Over::Seq(_, items) => {
                let found = array_index(&tokens[0]).and_then(|at| items.get_mut(at));
                let item = found.ok_or_else(|| self.missing(path, "no such item on the way"))?;
                self.change_below(&mut item.value, path, &tokens[1..], change)
            }
            Over::Orig(_) => Err(self.missing(path, "a scalar is on the way")),
        }
    }

    /// Copies an untouched container before its first change.
    fn open(
        &self,
        over: &mut Over,
        path: &str,
        token: &str,
        change: Change<'_>,
    ) -> Result<(), EditError> {
        let Over::Orig(id) = *over else { return Ok(()) };
        let data = self.tree.data(id);
        if data.style == Style::Alias && matches!(data.kind, Kind::Map | Kind::Seq) {
            let name = &self.text[data.start as usize..data.end as usize];
            let reason = format!(
                "the value is the alias `{name}`; changing it here would change its anchor and \
                 every other alias of it"
            );
            return Err(self.place.unsupported(data.start as usize, reason));
        }
        *over = match data.kind {
            Kind::Map => Over::Map(id, self.copy_map(id)),
            Kind::Seq => {
                let items = self.tree.seq_items(id).iter().enumerate();
                let copy = |(at, &id)| OverItem { origin: Origin::Own(at), value: Over::Orig(id) };
                Over::Seq(id, items.map(copy).collect())
            }
            // A key without a value is a container that nobody has filled yet.
            Kind::Null if matches!(change, Change::Add(_)) => Over::New(if token == "-" {
                Value::Array(Vec::new())
            } else {
                Value::Object(Map::new())
            }),
            _ => return Err(self.missing(path, "the value on the way is no map or list")),
        };
        Ok(())
    }

    fn copy_map(&self, id: u32) -> Vec<OverEntry> {
        let own = self.tree.map_entries(id);
        let effective = self.tree.effective_entries(self.text, id);
        let copy = |entry: &crate::tree::EntryData| OverEntry {
            key: self.tree.scalar_text(self.text, entry.key).to_owned(),
            origin: match own.iter().position(|mine| mine.key == entry.key) {
                Some(at) => Origin::Own(at),
                None => Origin::Merged,
            },
            value: Over::Orig(entry.value),
        };
        effective.iter().map(copy).collect()
    }

    fn merged(&self, map: u32, key: &str) -> EditError {
        let at = self.tree.data(map).start as usize;
        let reason = format!(
            "`{key}` comes in through the merge key `<<`; changing it would change the anchor and \
             every other use of it"
        );
        self.place.unsupported(at, reason)
    }

    fn change_entry(
        &self,
        map: u32,
        entries: &mut Vec<OverEntry>,
        path: &str,
        key: &str,
        change: Change<'_>,
    ) -> Result<(), EditError> {
        let found = entries.iter().position(|entry| entry.key == key);
        match (found, change) {
            (Some(at), Change::Add(value) | Change::Replace(value)) => {
                let entry = &mut entries[at];
                entry.value = Over::New(value.clone());
                if entry.origin == Origin::Merged {
                    // A key of the map itself, behind the merge key, wins over the merged one.
                    entry.origin = Origin::New;
                }
                Ok(())
            }
            (Some(at), Change::Remove) if entries[at].origin == Origin::Merged => {
                let reason = format!(
                    "`{key}` comes in through the merge key `<<` and cannot be removed here"
                );
                Err(self.place.unsupported(self.tree.data(map).start as usize, reason))
            }
            (Some(at), Change::Remove) => {
                entries.remove(at);
                Ok(())
            }
            (None, Change::Add(value)) => {
                let (key, value) = (key.to_owned(), Over::New(value.clone()));
                entries.push(OverEntry { key, origin: Origin::New, value });
                Ok(())
            }
            (None, _) => Err(self.missing(path, "no such key")),
        }
    }

    fn change_item(
        &self,
        items: &mut Vec<OverItem>,
        path: &str,
        token: &str,
        change: Change<'_>,
    ) -> Result<(), EditError> {
        let index = if token == "-" { Some(items.len()) } else { array_index(token) };
        let index =
            index.ok_or_else(|| self.missing(path, "the last part is no index of a list"))?;
        match change {
            Change::Add(value) if index <= items.len() => {
                let value = Over::New(value.clone());
                items.insert(index, OverItem { origin: Origin::New, value });
                Ok(())
            }
            Change::Replace(value) if index < items.len() => {
                items[index].value = Over::New(value.clone());
                Ok(())
            }
            Change::Remove if index < items.len() => {
                items.remove(index);
                Ok(())
            }
            _ => {
                let reason = format!("the list has {} items", items.len());
                Err(self.missing(path, &reason))
            }
        }
    }

    /// Changes a value that the patch itself brought in.
    fn change_value(
        &self,
        value: &mut Value,
        path: &str,
        tokens: &[String],
        change: Change<'_>,
    ) -> Result<(), EditError> {
        let pointer = pointer_of(tokens);
        let operation = match change {
            Change::Add(new) => serde_json::json!([{"op": "add", "path": pointer, "value": new}]),
            Change::Replace(new) => {
                serde_json::json!([{"op": "replace", "path": pointer, "value": new}])
            }
            Change::Remove => serde_json::json!([{"op": "remove", "path": pointer}]),
        };
        let patch: Vec<PatchOperation> = serde_json::from_value(operation)
            .map_err(|error| self.missing(path, &error.to_string()))?;
        json_patch::patch(value, &patch)
            .map_err(|error| self.missing(path, &error.kind.to_string()))
    }

    /// Turns whole replacements into the changes that they really are.
    pub(crate) fn settle(&mut self) {
        let root = std::mem::replace(&mut self.root, Over::New(Value::Null));
        self.root = self.settled(root, Some(self.tree.root));
    }

    fn settled(&self, over: Over, old: Option<u32>) -> Over {
        match over {
            Over::Orig(id) => Over::Orig(id),
            Over::Map(id, entries) => {
                let own = self.tree.map_entries(id);
                let settle = |entry: OverEntry| {
                    let old = match entry.origin {
                        Origin::Own(at) => Some(own[at].value),
                        _ => None,
                    };
                    OverEntry { value: self.settled(entry.value, old), ..entry }
                };
                Over::Map(id, entries.into_iter().map(settle).collect())
            }
            Over::Seq(id, items) => {
                let own = self.tree.seq_items(id);
                let settle = |item: OverItem| {
                    let old = match item.origin {
                        Origin::Own(at) => Some(own[at]),
                        _ => None,
                    };
                    OverItem { value: self.settled(item.value, old), ..item }
                };
                Over::Seq(id, items.into_iter().map(settle).collect())
            }
            Over::New(value) => match old {
                Some(old) => self.settled_value(value, old),
                None => Over::New(value),
            },
        }
    }

    fn settled_value(&self, value: Value, old: u32) -> Over {
        let data = self.tree.data(old);
        if self.node(old).eq_json(&value) {
            return Over::Orig(old);
        }
        let same_shape =
            data.style != Style::Alias && !data.tagged && data.count > 0 && !data.merges;
        match (data.kind, value) {
            (Kind::Map, Value::Object(map)) if same_shape && !map.is_empty() => {
                self.merge_map(old, map)
            }
            (Kind::Seq, Value::Array(items)) if same_shape && !items.is_empty() => {
                self.merge_seq(old, items)
            }
            (_, value) => Over::New(value),
        }
    }

    fn merge_map(&self, old: u32, mut map: Map<String, Value>) -> Over {
        let mut entries = self.copy_map(old);
        entries.retain_mut(|entry| {
            let Some(value) = map.shift_remove(&entry.key) else { return false };
            if let Over::Orig(id) = entry.value {
                entry.value = self.settled_value(value, id);
            }
            true
        });
        let new = |(key, value)| OverEntry { key, origin: Origin::New, value: Over::New(value) };
        entries.extend(map.into_iter().map(new));
        Over::Map(old, entries)
    }

    fn merge_seq(&self, old: u32, values: Vec<Value>) -> Over {
        let own = self.tree.seq_items(old);
        let same = |at: usize, value: &Value| self.node(own[at]).eq_json(value);
        let head = (0..own.len().min(values.len())).take_while(|&at| same(at, &values[at])).count();
        let room = own.len().min(values.len()) - head;
        let tail = (1..=room)
            .take_while(|&back| same(own.len() - back, &values[values.len() - back]))
            .count();
        // Between what stays the same, items are paired when there are as many as before.
        let paired = own.len() == values.len();
        let count = values.len();
        let mut items = Vec::with_capacity(count);
        for (at, value) in values.into_iter().enumerate() {
            let origin = if at < head {
                Some(at)
            } else if at >= count - tail {
                Some(own.len() - (count - at))
            } else {
                paired.then_some(at)
            };
            items.push(match origin {
                Some(from) => {
                    let value = self.settled_value(value, own[from]);
                    OverItem { origin: Origin::Own(from), value }
                }
                None => OverItem { origin: Origin::New, value: Over::New(value) },
            });
        }
        Over::Seq(old, items)
    }
}

fn pointer_of(tokens: &[String]) -> String {
    let escape = |token: &String| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
    tokens.iter().map(escape).collect()
}
