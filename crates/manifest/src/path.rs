//! Paths: JSON Pointers, and keyed paths that survive reordering.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::list_map_keys::list_map_keys;
use crate::tree::{Kind, Node, array_index, unescape};

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Segment {
    /// Position in a list.
    Index(usize),
    /// Key of a map.
    Key(String),
}

/// Way from the root of a document to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub Vec<Segment>);

/// A pointer that cannot be turned into a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// RFC 6901 wants a leading slash.
    #[error("pointer `{0}` must be empty or start with `/`")]
    NoSlash(String),
    /// A list wants a number.
    #[error("pointer `{pointer}`: `{token}` is no index of a list")]
    NotAnIndex {
        /// The whole pointer.
        pointer: String,
        /// The token that is wrong.
        token: String,
    },
}

impl Path {
    /// The path to the root.
    pub fn root() -> Path {
        Path::default()
    }

    /// This path and one more key.
    pub fn key(&self, key: impl Into<String>) -> Path {
        self.child(Segment::Key(key.into()))
    }

    /// This path and one more index.
    pub fn index(&self, index: usize) -> Path {
        self.child(Segment::Index(index))
    }

    fn child(&self, segment: Segment) -> Path {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// The steps.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The JSON Pointer (RFC 6901).
    pub fn to_pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in &self.0 {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// Reads a JSON Pointer. The document tells lists from maps; below its end, numbers are keys.
    pub fn from_pointer(root: Node<'_>, pointer: &str) -> Result<Path, PathError> {
        let mut path = Path::default();
        if pointer.is_empty() {
            return Ok(path);
        }
        let Some(tokens) = pointer.strip_prefix('/') else {
            return Err(PathError::NoSlash(pointer.to_owned()));
        };
        let mut node = Some(root);
        for token in tokens.split('/') {
            let segment = if node.is_some_and(Node::is_seq) {
                match array_index(token) {
                    Some(index) => Segment::Index(index),
                    None => {
                        let token = token.to_owned();
                        return Err(PathError::NotAnIndex { pointer: pointer.to_owned(), token });
                    }
                }
            } else {
                Segment::Key(unescape(token).into_owned())
            };
            node = node.and_then(|node| step(node, &segment));
            path.0.push(segment);
        }
        Ok(path)
    }

    /// The value at this path.
    pub fn resolve<'a>(&self, root: Node<'a>) -> Option<Node<'a>> {
        self.0.iter().try_fold(root, step)
    }

    /// The keyed form, such as `spec.containers[name=web].image`. List items are named by the
    /// keys that tell them apart, in lists of words such as `capabilities.add[=NET_ADMIN]` by
    /// themselves, or by their index where neither does.
    pub fn keyed(&self, root: Node<'_>) -> String {
        let mut out = String::new();
        let mut node = Some(root);
        let mut field = "";
        for segment in &self.0 {
            match segment {
                Segment::Key(key) => {
                    push_key(&mut out, key);
                    field = key;
                }
                Segment::Index(index) => {
                    let keys = node.and_then(|list| item_keys(list, *index, field));
                    match keys {
                        Some(keys) => push_item_keys(&mut out, &keys),
                        None => out.push_str(&format!("[{index}]")),
                    }
                    field = "";
                }
            }
            node = node.and_then(|node| step(node, segment));
        }
        out
    }

    /// Finds a keyed path in a document. `None` when it does not exist or names several items.
    pub fn resolve_keyed(root: Node<'_>, keyed: &str) -> Option<Path> {
        let mut path = Path::default();
        let mut node = root;
        let mut rest = keyed;
        while !rest.is_empty() {
            let segment;
            if let Some(selector) = rest.strip_prefix('[') {
                let (index, tail) = select(node, selector)?;
                (segment, rest) = (Segment::Index(index), tail);
            } else {
                let (key, tail) = take_key(rest.strip_prefix('.').unwrap_or(rest))?;
                (segment, rest) = (Segment::Key(key), tail);
            }
            node = step(node, &segment)?;
            path.0.push(segment);
        }
        Some(path)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_pointer())
    }
}

fn step<'a>(node: Node<'a>, segment: &Segment) -> Option<Node<'a>> {
    match (node.kind(), segment) {
        (Kind::Map, Segment::Key(key)) => node.get(key),
        (Kind::Seq, Segment::Index(index)) => node.item(*index),
        _ => None,
    }
}

fn bare(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['.', '[', ']', '"', '=', ',', '\\'])
        && text.trim() == text
        && !text.contains(char::is_control)
}

fn push_text(out: &mut String, text: &str) {
    if bare(text) {
        out.push_str(text);
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

fn push_key(out: &mut String, key: &str) {
    if !out.is_empty() {
        out.push('.');
    }
    push_text(out, key);
}

/// Fields that hold words whose order means nothing: capabilities, and what roles allow. A word that
/// goes away must not give its name to the next.
const WORDS: [&str; 8] = [
    "accessModes",
    "add",
    "apiGroups",
    "drop",
    "nonResourceURLs",
    "policyTypes",
    "resources",
    "verbs",
];

/// A list key may have any scalar value; only its text goes into the path. A missing optional
/// key is left out.
fn item_keys<'a>(
    list: Node<'a>,
    index: usize,
    field: &str,
) -> Option<Vec<(&'static str, &'a str)>> {
    let item = list.item(index)?;
    if WORDS.contains(&field)
        && let Some(word) = item.scalar().filter(|word| !word.is_empty())
    {
        let twins = list.items().filter(|other| other.scalar() == Some(word)).count();
        return (twins == 1).then(|| vec![("", word)]);
    }
    let sets = list_map_keys(field);
    let set =
        sets.iter().find(|set| scalar_at(item, set[0]).is_some_and(|text| !text.is_empty()))?;
    let own = values_of(item, set);
    let twins = list.items().filter(|other| values_of(*other, set) == own).count();
    (twins == 1).then_some(own)
}

fn values_of<'a>(item: Node<'a>, set: &[&'static str]) -> Vec<(&'static str, &'a str)> {
    set.iter().filter_map(|&key| scalar_at(item, key).map(|text| (key, text))).collect()
}

/// The value of a key; of no key, the item itself.
fn scalar_at<'a>(item: Node<'a>, key: &str) -> Option<&'a str> {
    if key.is_empty() { item.scalar() } else { item.get(key)?.scalar() }
}

fn push_item_keys(out: &mut String, keys: &[(&str, &str)]) {
    out.push('[');
    for (at, (key, value)) in keys.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        push_selector_value(out, value);
    }
    out.push(']');
}

/// Dots are plain inside brackets, so that mount paths and images stay readable.
fn push_selector_value(out: &mut String, value: &str) {
    if bare(&value.replace('.', "-")) {
        out.push_str(value);
    } else {
        push_text(out, value);
    }
}

fn take_key(rest: &str) -> Option<(String, &str)> {
    if rest.starts_with('"') {
        return take_quoted(rest);
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    (end > 0).then(|| (rest[..end].to_owned(), &rest[end..]))
}

fn take_quoted(rest: &str) -> Option<(String, &str)> {
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let text = stream.next()?.ok()?;
    Some((text, &rest[stream.byte_offset()..]))
}

/// Reads `name=web,x="y"]` or `2]`, and finds the one item it names.
fn select<'r>(list: Node<'_>, selector: &'r str) -> Option<(usize, &'r str)> {
    if let Some((number, tail)) = selector.split_once(']')
        && let Some(index) = array_index(number)
    {
        return Some((index, tail));
    }
    let (wanted, tail) = take_selector(selector)?;
    let fits = |item: &Node<'_>| {
        wanted.iter().all(|(key, value)| scalar_at(*item, key) == Some(value.as_str()))
    };
    let mut matches = list.items().enumerate().filter(|(_, item)| fits(item)).map(|(at, _)| at);
    let first = matches.next()?;
    // An item that lacks an optional key matches less than its neighbours do.
    let exact =
        |at: usize| list.item(at).is_some_and(|item| item.is_map() && all_keys(item, &wanted));
    let rest: Vec<usize> = matches.collect();
    if rest.is_empty() {
        return Some((first, tail));
    }
    let mut exact = std::iter::once(first).chain(rest).filter(|&at| exact(at));
    let only = exact.next()?;
    exact.next().is_none().then_some((only, tail))
}

/// Whether an item has none of the list keys that the selector leaves out.
fn all_keys(item: Node<'_>, wanted: &[(String, String)]) -> bool {
    let named = |key: &str| wanted.iter().any(|(name, _)| name == key);
    ["protocol", "whenUnsatisfiable", "namespace", "operator", "value", "effect", "path"]
        .iter()
        .all(|key| named(key) || item.get(key).is_none())
}

fn take_selector(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut wanted = Vec::new();
    loop {
        let (key, tail) = rest.split_once('=')?;
        let (value, tail) = if tail.starts_with('"') {
            take_quoted(tail)?
        } else {
            let end = tail.find([',', ']'])?;
            (tail[..end].to_owned(), &tail[end..])
        };
        wanted.push((key.to_owned(), value));
        match tail.as_bytes().first()? {
            b',' => rest = &tail[1..],
            b']' => return Some((wanted, &tail[1..])),
            _ => return None,
        }
    }
}
