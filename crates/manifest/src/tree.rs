//! The tree of one document: compact nodes that know their bytes.
//!
//! Nodes live in one vector and name each other by number, strings stay in the text unless
//! escapes change them, and what a scalar means is decided once, at parse time.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::resolve::{self, Scalar};
use crate::source::Span;

/// What a node is to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A map.
    Map,
    /// A list.
    Seq,
    /// Nothing, `~` or `null`.
    Null,
    /// `true`, `yes`, `off` and the like.
    Bool,
    /// An integer, in any notation.
    Int,
    /// A number with a fraction or an exponent.
    Float,
    /// A string.
    Str,
}

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A null that has no text at all.
    Empty,
    Plain,
    Single,
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
    Block,
    Flow,
    /// `a: b` inside `[ ]`, without braces.
    Pair,
    Alias,
}

pub(crate) const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeData {
    /// The written value, without anchor and tag.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where anchor or tag begin; `start` without them.
    pub(crate) outer: u32,
    /// First entry or item of a collection; target of an alias.
    pub(crate) first: u32,
    /// Entries or items of a collection.
    pub(crate) count: u32,
    /// Decoded text of a scalar, when it is not the text itself; JSON spelling of a key.
    pub(crate) decoded: u32,
    pub(crate) kind: Kind,
    pub(crate) style: Style,
    pub(crate) tagged: bool,
    /// A map with a merge key.
    pub(crate) merges: bool,
    /// Number of the anchor on this node, counted from 1, saturating; 0 without one.
    pub(crate) anchor: u16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryData {
    pub(crate) key: u32,
    pub(crate) value: u32,
    /// Length, first and last byte of the key: most keys differ in it.
    pub(crate) signature: u32,
}

/// Signature of a merge key; no key text has it.
pub(crate) const MERGE: u32 = u32::MAX;

pub(crate) fn signature(key: &str) -> u32 {
    let bytes = key.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return 0 };
    (bytes.len().min(0xfffe) as u32) << 16 | u32::from(first) << 8 | u32::from(last)
}

#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    pub(crate) node: u32,
    /// The name, with its `&`.
    pub(crate) span: Span,
}

/// One parsed document.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<NodeData>,
    pub(crate) entries: Vec<EntryData>,
    pub(crate) items: Vec<u32>,
    pub(crate) decoded: String,
    pub(crate) decoded_spans: Vec<(u32, u32)>,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) duplicates: Vec<Span>,
    pub(crate) root: u32,
    /// Read as JSON; written as JSON.
    pub(crate) json: bool,
}

impl Tree {
    pub(crate) fn root<'a>(&'a self, text: &'a str) -> Node<'a> {
        Node { text, tree: self, id: self.root }
    }

    pub(crate) fn data(&self, id: u32) -> &NodeData {
        &self.nodes[id as usize]
    }

    /// Follows an alias.
    pub(crate) fn target(&self, id: u32) -> u32 {
        let data = self.data(id);
        if data.style == Style::Alias { data.first } else { id }
    }

    pub(crate) fn map_entries(&self, id: u32) -> &[EntryData] {
        let data = self.data(id);
        if data.kind != Kind::Map {
            return &[];
        }
        &self.entries[data.first as usize..(data.first + data.count) as usize]
    }

    pub(crate) fn seq_items(&self, id: u32) -> &[u32] {
        let data = self.data(id);
        if data.kind != Kind::Seq {
            return &[];
        }
        &self.items[data.first as usize..(data.first + data.count) as usize]
    }

    /// Text of a scalar, or the JSON spelling of a key.
    pub(crate) fn scalar_text<'a>(&'a self, text: &'a str, id: u32) -> &'a str {
        let data = self.data(id);
        if data.decoded != NONE {
            let (start, end) = self.decoded_spans[data.decoded as usize];
            return &self.decoded[start as usize..end as usize];
        }
        let (start, end) = (data.start as usize, data.end as usize);
        match data.style {
            Style::Single | Style::Double => &text[start + 1..end - 1],
            _ => &text[start..end],
        }
    }

    fn own_entry(&self, text: &str, map: u32, key: &str) -> Option<EntryData> {
        let wanted = signature(key);
        let entries = self.map_entries(map);
        let same = |entry: &&EntryData| {
            entry.signature == wanted && self.scalar_text(text, entry.key) == key
        };
        entries.iter().rev().find(same).copied()
    }

    /// The entry that counts: merge keys act where they stand, later entries win.
    fn entry(&self, text: &str, map: u32, key: &str) -> Option<EntryData> {
        if !self.data(map).merges {
            return self.own_entry(text, map, key);
        }
        let wanted = signature(key);
        for entry in self.map_entries(map).iter().rev() {
            if entry.signature == MERGE {
                if let Some(found) = self.merged_entry(text, entry.value, key) {
                    return Some(found);
                }
            } else if entry.signature == wanted && self.scalar_text(text, entry.key) == key {
                return Some(*entry);
            }
        }
        None
    }

    fn merged_entry(&self, text: &str, value: u32, key: &str) -> Option<EntryData> {
        let value = self.target(value);
        if self.data(value).kind == Kind::Map {
            return self.entry(text, value, key);
        }
        let maps = self.seq_items(value).iter();
        maps.map(|&item| self.target(item)).find_map(|item| self.entry(text, item, key))
    }

    /// Every key that counts, once, in the order of its first mention.
    pub(crate) fn effective_entries(&self, text: &str, map: u32) -> Vec<EntryData> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashMap::new();
        self.collect_entries(text, map, &mut found, &mut seen);
        found
    }

    fn collect_entries<'a>(
        &'a self,
        text: &'a str,
        map: u32,
        found: &mut Vec<EntryData>,
        seen: &mut std::collections::HashMap<&'a str, usize>,
    ) {
        for entry in self.map_entries(map) {
            if entry.signature == MERGE {
                let value = self.target(entry.value);
                if self.data(value).kind == Kind::Map {
                    self.collect_entries(text, value, found, seen);
                } else {
                    for &item in self.seq_items(value).iter().rev() {
                        self.collect_entries(text, self.target(item), found, seen);
                    }
                }
                continue;
            }
            match seen.entry(self.scalar_text(text, entry.key)) {
                std::collections::hash_map::Entry::Occupied(at) => found[*at.get()] = *entry,
                std::collections::hash_map::Entry::Vacant(slot) => {
                    slot.insert(found.len());
                    found.push(*entry);
                }
            }
        }
    }

    fn is_simple(&self, map: u32) -> bool {
        !self.data(map).merges && (self.duplicates.is_empty() || self.map_entries(map).len() < 2)
    }
}

/// One value of a document: a cheap handle.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(crate) text: &'a str,
    pub(crate) tree: &'a Tree,
    pub(crate) id: u32,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({:?} at {:?})", self.kind(), self.span())
    }
}

/// A key of a map with its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key as written.
    pub key: Node<'a>,
    /// The value.
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    fn with(self, id: u32) -> Node<'a> {
        Node { id, ..self }
    }

    /// The node itself, or the node that an alias names.
    fn real(self) -> u32 {
        self.tree.target(self.id)
    }

    fn data(self) -> &'a NodeData {
        self.tree.data(self.real())
    }

    /// What the node is to Kubernetes.
    pub fn kind(self) -> Kind {
        self.data().kind
    }

    /// Bytes of the written value; of the `*name` for an alias. An absent value is an empty span
    /// behind its key or dash.
    pub fn span(self) -> Span {
        let data = self.tree.data(self.id);
        data.start as usize..data.end as usize
    }

    /// Whether the value is written as an alias (`*name`).
    pub fn is_alias(self) -> bool {
        self.tree.data(self.id).style == Style::Alias
    }

    /// Value of a key of a map; `None` too when this is no map.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        self.entry(key).map(|entry| entry.value)
    }

    /// Key and value; the last one when a key occurs twice, merge keys applied.
    pub fn entry(self, key: &str) -> Option<Entry<'a>> {
        let entry = self.tree.entry(self.text, self.real(), key)?;
        Some(Entry { key: self.with(entry.key), value: self.with(entry.value) })
    }

    /// Value below several keys.
    pub fn at(self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Value at a JSON Pointer (RFC 6901); the empty pointer is the node itself.
    pub fn pointer(self, pointer: &str) -> Option<Node<'a>> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, Node::child)
    }

    fn child(self, token: &str) -> Option<Node<'a>> {
        match self.kind() {
            Kind::Map => self.get(&unescape(token)),
            Kind::Seq => self.item(array_index(token)?),
            _ => None,
        }
    }

    /// Item of a list.
    pub fn item(self, index: usize) -> Option<Node<'a>> {
        self.tree.seq_items(self.real()).get(index).map(|&id| self.with(id))
    }

    /// Keys and values of a map as they count: each key once, merge keys applied. Empty for
    /// everything else.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Node<'a>, Node<'a>)> {
        let id = self.real();
        let entries = if self.tree.data(id).kind == Kind::Map && !self.tree.is_simple(id) {
            Cow::Owned(self.tree.effective_entries(self.text, id))
        } else {
            Cow::Borrowed(self.tree.map_entries(id))
        };
        (0..entries.len()).map(move |at| {
            let EntryData { key, value, .. } = entries[at];
            (self.tree.scalar_text(self.text, key), self.with(key), self.with(value))
        })
    }

    /// Keys and values of a map as they are written: keys that occur twice do, and `<<` is a key.
    /// Empty for everything else.
    pub fn written_entries(self) -> impl Iterator<Item = (&'a str, Node<'a>, Node<'a>)> {
        let entries = self.tree.map_entries(self.real());
        entries.iter().map(move |entry| {
            let key = self.tree.scalar_text(self.text, entry.key);
            (key, self.with(entry.key), self.with(entry.value))
        })
    }

    /// Items of a list. Empty for everything else.
    pub fn items(self) -> impl ExactSizeIterator<Item = Node<'a>> {
        self.tree.seq_items(self.real()).iter().map(move |&id| self.with(id))
    }

    /// Number of keys or items; 0 for a scalar.
    pub fn len(self) -> usize {
        let id = self.real();
        match self.tree.data(id).kind {
            Kind::Seq => self.tree.seq_items(id).len(),
            Kind::Map if self.tree.is_simple(id) => self.tree.map_entries(id).len(),
            Kind::Map => self.tree.effective_entries(self.text, id).len(),
            _ => 0,
        }
    }

    /// Whether there are no keys or items.
    pub fn is_empty(self) -> bool {
        self.tree.data(self.real()).count == 0
    }

    /// The text of a string; `None` for numbers, booleans and null.
    pub fn as_str(self) -> Option<&'a str> {
        let id = self.real();
        let text = || self.tree.scalar_text(self.text, id);
        (self.tree.data(id).kind == Kind::Str).then(text)
    }

    /// The text of any scalar as written, without quotes.
    pub fn scalar(self) -> Option<&'a str> {
        let text = || self.tree.scalar_text(self.text, self.real());
        (!self.is_map() && !self.is_seq()).then(text)
    }

    fn value(self) -> Scalar {
        let data = self.data();
        match data.kind {
            Kind::Null => Scalar::Null,
            Kind::Bool | Kind::Int | Kind::Float => self.resolved(data),
            _ => Scalar::Str,
        }
    }

    fn resolved(self, data: &NodeData) -> Scalar {
        let text = self.tree.scalar_text(self.text, self.real());
        let value = resolve::plain(text);
        match (data.kind, value) {
            (Kind::Float, Scalar::Int(int)) => Scalar::Float(int as f64),
            (Kind::Float, Scalar::Uint(int)) => Scalar::Float(int as f64),
            // JSON knows integers that YAML reads as something else, such as -0 or 1e400.
            (Kind::Float, value) if value.kind() != Kind::Float => {
                Scalar::Float(text.parse().unwrap_or(0.0))
            }
            _ => value,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(self) -> Option<bool> {
        match self.value() {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value of an integer that fits.
    pub fn as_i64(self) -> Option<i64> {
        match self.value() {
            Scalar::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The value of an integer that is not negative.
    pub fn as_u64(self) -> Option<u64> {
        match self.value() {
            Scalar::Int(value) => u64::try_from(value).ok(),
            Scalar::Uint(value) => Some(value),
            _ => None,
        }
    }

    /// The value of any number.
    pub fn as_f64(self) -> Option<f64> {
        match self.value() {
            Scalar::Int(value) => Some(value as f64),
            Scalar::Uint(value) => Some(value as f64),
            Scalar::Float(value) => Some(value),
            _ => None,
        }
    }

    /// Whether this is null, written or not.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether this is a map.
    pub fn is_map(self) -> bool {
        self.kind() == Kind::Map
    }

    /// Whether this is a list.
    pub fn is_seq(self) -> bool {
        self.kind() == Kind::Seq
    }

    /// The value as JSON, the way Kubernetes reads it.
    pub fn to_json(self) -> Value {
        match self.kind() {
            Kind::Map => {
                let entries =
                    self.entries().map(|(key, _, value)| (key.to_owned(), value.to_json()));
                Value::Object(Map::from_iter(entries))
            }
            Kind::Seq => Value::Array(self.items().map(Node::to_json).collect()),
            _ => self.scalar_json(),
        }
    }

    fn scalar_json(self) -> Value {
        match self.value() {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => Value::from(value),
            Scalar::Uint(value) => Value::from(value),
            Scalar::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
            Scalar::Str => Value::from(self.as_str().unwrap_or_default()),
        }
    }

    /// Whether the value is this JSON, as [`Node::to_json`] would give it.
    pub fn eq_json(self, json: &Value) -> bool {
        match (self.kind(), json) {
            (Kind::Map, Value::Object(map)) => {
                self.len() == map.len()
                    && self
                        .entries()
                        .all(|(key, _, value)| map.get(key).is_some_and(|json| value.eq_json(json)))
            }
            (Kind::Seq, Value::Array(items)) => {
                self.len() == items.len()
                    && self.items().zip(items).all(|(item, json)| item.eq_json(json))
            }
            (Kind::Str, Value::String(text)) => self.as_str() == Some(text),
            (Kind::Map | Kind::Seq | Kind::Str, _) => false,
            _ => self.scalar_json() == *json,
        }
    }
}

/// Undoes the escapes of one pointer token.
pub(crate) fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// An array index of RFC 6901: digits, no leading zero.
pub(crate) fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || token.starts_with(|c: char| ('1'..='9').contains(&c));
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    (canonical && digits).then(|| token.parse().ok())?
}
