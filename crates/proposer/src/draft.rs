//! An object under change: untouched parts stay borrowed from the parse.

use manifest::{Kind, Node, Path, Segment};
use serde_json::{Map, Value};

/// A value of which only the changed paths are owned.
#[derive(Debug, Clone)]
pub(crate) enum Tree<'a> {
    Read(Node<'a>),
    Map(Vec<(String, Tree<'a>)>),
    Seq(Vec<Tree<'a>>),
    New(Value),
}

/// What a change did to the tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Nothing: it was so already.
    None,
    /// This path, which was missing, was added.
    Added(Path),
    /// The value at this path was replaced.
    Replaced(Path),
}

impl<'a> Tree<'a> {
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Read(node) => node.to_json(),
            Self::New(value) => value.clone(),
            Self::Seq(items) => items.iter().map(Tree::to_json).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    pub(crate) fn equals(&self, other: &Value) -> bool {
        match self {
            Self::Read(node) => node.eq_json(other),
            Self::New(value) => value == other,
            _ => self.to_json() == *other,
        }
    }

    fn is_null(&self) -> bool {
        match self {
            Self::Read(node) => node.is_null(),
            Self::New(value) => value.is_null(),
            _ => false,
        }
    }

    pub(crate) fn is_empty_collection(&self) -> bool {
        match self {
            Self::Read(node) => (node.is_map() || node.is_seq()) && node.is_empty(),
            Self::New(Value::Object(map)) => map.is_empty(),
            Self::New(Value::Array(items)) => items.is_empty(),
            Self::New(_) => false,
            Self::Map(entries) => entries.is_empty(),
            Self::Seq(items) => items.is_empty(),
        }
    }

    /// Turns a borrowed or new collection into one whose children can be changed.
    fn open(&mut self) {
        let opened = match self {
            Self::Read(node) if node.kind() == Kind::Map => Self::Map(
                node.entries().map(|(key, _, value)| (key.to_owned(), Self::Read(value))).collect(),
            ),
            Self::Read(node) if node.kind() == Kind::Seq => {
                Self::Seq(node.items().map(Self::Read).collect())
            }
            Self::New(Value::Object(map)) => Self::Map(
                std::mem::take(map).into_iter().map(|(key, v)| (key, Self::New(v))).collect(),
            ),
            Self::New(Value::Array(items)) => {
                Self::Seq(std::mem::take(items).into_iter().map(Self::New).collect())
            }
            _ => return,
        };
        *self = opened;
    }

    fn child_mut(&mut self, segment: &Segment) -> Option<&mut Tree<'a>> {
        self.open();
        match (self, segment) {
            (Self::Map(entries), Segment::Key(key)) => {
                entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            (Self::Seq(items), Segment::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The value at a path, as JSON.
    pub(crate) fn get(&self, path: &[Segment]) -> Option<Value> {
        let Some((first, rest)) = path.split_first() else { return Some(self.to_json()) };
        match (self, first) {
            (Self::Read(node), _) => node_at(*node, path).map(Node::to_json),
            (Self::Map(entries), Segment::Key(key)) => {
                entries.iter().find(|(name, _)| name == key).and_then(|(_, v)| v.get(rest))
            }
            (Self::Seq(items), Segment::Index(index)) => items.get(*index)?.get(rest),
            (Self::New(value), _) => json_at(value, path).cloned(),
            _ => None,
        }
    }

    /// The length of the list at a path; `None` when there is no list.
    pub(crate) fn list_len(&self, path: &Path) -> Option<usize> {
        self.get(&path.0)?.as_array().map(Vec::len)
    }

    /// Writes a value; creates missing maps on the way, also in place of null.
    ///
    /// # Errors
    /// The path of the first thing on the way that is no map.
    pub(crate) fn set(&mut self, path: &Path, value: Value) -> Result<Change, Path> {
        let mut tree = self;
        for (depth, segment) in path.0.iter().enumerate() {
            let here = || Path(path.0[..depth].to_vec());
            if tree.is_null() {
                *tree = Tree::New(nested(&path.0[depth..], value));
                return Ok(Change::Replaced(here()));
            }
            if tree.child_mut(segment).is_none() {
                let (Tree::Map(entries), Segment::Key(key)) = (&mut *tree, segment) else {
                    return Err(here());
                };
                entries.push((key.clone(), Tree::New(nested(&path.0[depth + 1..], value))));
                return Ok(Change::Added(Path(path.0[..=depth].to_vec())));
            }
            let Some(child) = tree.child_mut(segment) else { return Err(here()) };
            tree = child;
        }
        if tree.equals(&value) {
            return Ok(Change::None);
        }
        *tree = Tree::New(value);
        Ok(Change::Replaced(path.clone()))
    }

    /// Appends to the list at a path, which must exist.
    pub(crate) fn push(&mut self, path: &Path, value: Value) -> Option<()> {
        let mut tree = self;
        for segment in &path.0 {
            tree = tree.child_mut(segment)?;
        }
        tree.open();
        let Tree::Seq(items) = tree else { return None };
        items.push(Tree::New(value));
        Some(())
    }

    /// Takes away what is at the path. Returns whether it was there.
    pub(crate) fn remove(&mut self, path: &Path) -> bool {
        let Some((last, parents)) = path.0.split_last() else { return false };
        let mut tree = self;
        for segment in parents {
            let Some(child) = tree.child_mut(segment) else { return false };
            tree = child;
        }
        tree.open();
        match (tree, last) {
            (Tree::Map(entries), Segment::Key(key)) => {
                let before = entries.len();
                entries.retain(|(name, _)| name != key);
                entries.len() < before
            }
            (Tree::Seq(items), Segment::Index(index)) if *index < items.len() => {
                items.remove(*index);
                true
            }
            _ => false,
        }
    }
}

fn node_at<'a>(node: Node<'a>, path: &[Segment]) -> Option<Node<'a>> {
    path.iter().try_fold(node, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.item(*index),
    })
}

fn json_at<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

/// Wraps a value in maps, innermost key last.
fn nested(keys: &[Segment], value: Value) -> Value {
    keys.iter().rev().fold(value, |inner, segment| match segment {
        Segment::Key(key) => Value::Object(Map::from_iter([(key.clone(), inner)])),
        Segment::Index(_) => Value::Array(vec![inner]),
    })
}
