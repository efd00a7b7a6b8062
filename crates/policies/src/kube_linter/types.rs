//! The Go types that kube-linter decodes manifests into, and what its decoder makes of a document.
//!
//! The data is generated from the types themselves (`tools/go-types`): client-go, OpenShift, the
//! Prometheus operator and KEDA.

use flate2::read::GzDecoder;
use manifest::{Kind, Node};
use rules::quantity::Quantity;
use schema::{is_base64, is_time};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::LazyLock;

/// Compressed output of `tools/go-types`.
const PACKED: &[u8] = include_bytes!("../../data/kube-linter-types.json.gz");

/// Read once; it never changes.
static TYPES: LazyLock<Types> = LazyLock::new(Types::unpack);

/// How kube-linter sees an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Decoded into the Go type of its kind.
    Typed,
    /// Only metadata, kind and version are seen: the kind is not known, or a value does not parse.
    Untyped,
    /// Not seen at all: a value has the wrong type.
    Invalid,
}

#[derive(Deserialize)]
struct Packed {
    kinds: HashMap<String, String>,
    types: HashMap<String, BTreeMap<String, String>>,
}

/// Struct types by number, and the kinds that they stand for.
struct Types {
    kinds: HashMap<String, usize>,
    structs: Vec<BTreeMap<String, Field>>,
}

struct Field {
    of: Type,
    /// Go's encoder writes it even when it is not set.
    always: bool,
}

enum Type {
    String,
    Bool,
    /// A whole number within bounds.
    Integer(i128, i128),
    Float,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    Duration,
    Any,
    List(Box<Type>),
    Map(Box<Type>),
    Struct(usize),
}

/// Why a value does not decode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// "json: cannot unmarshal": the object is dropped.
    Type,
    /// Anything else: the object is read without its type.
    Value,
}

impl Types {
    /// A damaged build has no types: every object is then read without one. A test reads them.
    fn unpack() -> Self {
        let mut text = Vec::new();
        let packed: Option<Packed> = GzDecoder::new(PACKED)
            .read_to_end(&mut text)
            .ok()
            .and_then(|_| serde_json::from_slice(&text).ok());
        let Some(packed) = packed else {
            return Self { kinds: HashMap::new(), structs: Vec::new() };
        };
        let mut names: Vec<&String> = packed.types.keys().collect();
        names.sort();
        let numbers: HashMap<&str, usize> =
            names.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
        let fields = |name: &&String| {
            let fields = packed.types[*name].iter();
            fields.map(|(name, text)| (name.clone(), field(text, &numbers))).collect()
        };
        let structs = names.iter().map(fields).collect();
        let kinds = packed.kinds.into_iter();
        let kinds = kinds.filter_map(|(kind, of)| Some((kind, *numbers.get(of.as_str())?)));
        Self { kinds: kinds.collect(), structs }
    }

    fn kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        self.kinds.get(&format!("{api_version} {kind}")).copied()
    }

    /// Decodes as Go does: wrong types are noted and decoding goes on, types with a decoder of
    /// their own end it at once. Keys come in byte order, as they do after the way through JSON.
    fn decode(&self, node: Node<'_>, of: &Type, noted: &mut Option<Wrong>) -> Result<(), Wrong> {
        let kind = node.kind();
        if kind == Kind::Null {
            return Ok(());
        }
        let mut note = |good: bool, wrong: Wrong| {
            if !good {
                noted.get_or_insert(wrong);
            }
        };
        match of {
            Type::Any => {}
            Type::String => note(kind == Kind::Str, Wrong::Type),
            Type::Bool => note(kind == Kind::Bool, Wrong::Type),
            Type::Integer(low, high) => {
                let good = integer(node).is_some_and(|number| (*low..=*high).contains(&number));
                note(good, Wrong::Type);
            }
            Type::Float => note(matches!(kind, Kind::Int | Kind::Float), Wrong::Type),
            Type::Bytes => match node.as_str() {
                Some(text) => note(is_base64(text), Wrong::Value),
                None => note(false, Wrong::Type),
            },
            Type::Quantity => return Quantity::of(node).map(|_| ()).ok_or(Wrong::Value),
            Type::IntOrString => {
                let low = i128::from(i32::MIN)..=i128::from(i32::MAX);
                let good = kind == Kind::Str || integer(node).is_some_and(|n| low.contains(&n));
                return if good { Ok(()) } else { Err(Wrong::Type) };
            }
            Type::Time => return parsed(node, is_time),
            Type::Duration => return parsed(node, is_duration),
            Type::List(of) => {
                if !node.is_seq() {
                    note(false, Wrong::Type);
                    return Ok(());
                }
                for item in node.items() {
                    self.decode(item, of, noted)?;
                }
            }
            Type::Map(of) => {
                if !node.is_map() {
                    note(false, Wrong::Type);
                    return Ok(());
                }
                for (_, value) in sorted(node) {
                    self.decode(value, of, noted)?;
                }
            }
            Type::Struct(number) => {
                if !node.is_map() {
                    note(false, Wrong::Type);
                    return Ok(());
                }
                for (key, value) in sorted(node) {
                    if let Some(field) = self.structs[*number].get(key) {
                        self.decode(value, &field.of, noted)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What Go's encoder makes of a decoded value: unknown fields and empty optional ones are gone,
    /// those that are always written are there.
    fn encode(&self, node: Option<Node<'_>>, of: &Type) -> Value {
        let node = node.filter(|node| !node.is_null());
        match (of, node) {
            (Type::Struct(number), node) => Value::Object(self.encode_struct(node, *number)),
            (Type::List(of), Some(node)) => {
                node.items().map(|item| self.encode(Some(item), of)).collect()
            }
            (Type::Map(of), Some(node)) => Value::Object(
                sorted(node)
                    .map(|(key, value)| (key.to_owned(), self.encode(Some(value), of)))
                    .collect(),
            ),
            (_, Some(node)) => node.to_json(),
            (Type::String | Type::Quantity, None) => "".into(),
            (Type::Bool, None) => false.into(),
            (Type::Integer(..) | Type::Float | Type::IntOrString, None) => 0.into(),
            (_, None) => Value::Null,
        }
    }

    fn encode_struct(&self, node: Option<Node<'_>>, number: usize) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, field) in &self.structs[number] {
            let value = node.and_then(|node| node.get(name)).filter(|value| !value.is_null());
            if field.always || value.is_some_and(|value| !is_empty(value, &field.of)) {
                fields.insert(name.clone(), self.encode(value, &field.of));
            }
        }
        fields
    }
}

/// Whether `omitempty` leaves a value out. Go cannot tell an empty text from none; numbers and
/// flags are mostly pointers, which can.
fn is_empty(value: Node<'_>, of: &Type) -> bool {
    match of {
        Type::String => value.as_str() == Some(""),
        Type::List(_) | Type::Map(_) => value.is_empty(),
        _ => false,
    }
}

fn field(text: &str, numbers: &HashMap<&str, usize>) -> Field {
    let (always, text) = text.strip_prefix('=').map_or((false, text), |text| (true, text));
    Field { of: type_of(text, numbers), always }
}

fn type_of(text: &str, numbers: &HashMap<&str, usize>) -> Type {
    if let Some(of) = text.strip_prefix("[]") {
        return Type::List(Box::new(type_of(of, numbers)));
    }
    if let Some(of) = text.strip_prefix("{}") {
        return Type::Map(Box::new(type_of(of, numbers)));
    }
    if let Some(number) = text.strip_prefix('@').and_then(|name| numbers.get(name)) {
        return Type::Struct(*number);
    }
    match text {
        "string" => Type::String,
        "bool" => Type::Bool,
        "int32" => Type::Integer(i32::MIN.into(), i32::MAX.into()),
        "int64" => Type::Integer(i64::MIN.into(), i64::MAX.into()),
        "uint32" => Type::Integer(0, u32::MAX.into()),
        "uint64" => Type::Integer(0, u64::MAX.into()),
        "float" => Type::Float,
        "bytes" => Type::Bytes,
        "quantity" => Type::Quantity,
        "int-or-string" => Type::IntOrString,
        "time" | "micro-time" => Type::Time,
        "duration" => Type::Duration,
        _ => Type::Any,
    }
}

/// The entries of a map in byte order of their keys.
fn sorted<'a>(node: Node<'a>) -> impl Iterator<Item = (&'a str, Node<'a>)> {
    let mut entries: Vec<(&str, Node<'_>)> =
        node.entries().map(|(key, _, value)| (key, value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter()
}

/// A whole number, also when it is written as a float without a fraction: on its way through JSON
/// it loses the point.
fn integer(node: Node<'_>) -> Option<i128> {
    /// From here on Go writes floats with an exponent.
    const EXPONENT: f64 = 1e21;
    match node.kind() {
        Kind::Int => node.as_i64().map(i128::from).or_else(|| node.as_u64().map(i128::from)),
        Kind::Float => {
            let number = node.as_f64()?;
            let whole = number.fract() == 0.0 && number.abs() < EXPONENT;
            #[allow(clippy::cast_possible_truncation, reason = "whole and in range")]
            whole.then_some(number as i128)
        }
        _ => None,
    }
}

fn parsed(node: Node<'_>, is_good: fn(&str) -> bool) -> Result<(), Wrong> {
    match node.as_str() {
        Some(text) if is_good(text) => Ok(()),
        Some(_) => Err(Wrong::Value),
        None => Err(Wrong::Type),
    }
}

/// A Go duration: `1h30m`, `-1.5s`, `0`.
fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    if text == "0" {
        return true;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        let Some(unit) = units.iter().find(|unit| {
            tail.strip_prefix(**unit)
                .is_some_and(|next| !next.starts_with(|c: char| c.is_ascii_alphabetic()))
        }) else {
            return false;
        };
        if !number.bytes().any(|byte| byte.is_ascii_digit()) || number.matches('.').count() > 1 {
            return false;
        }
        rest = &tail[unit.len()..];
    }
    !text.is_empty()
}

/// How kube-linter sees an object on its own. What a List does to its items is the business of
/// [`super::Readings`].
pub(super) fn read(root: Node<'_>) -> Reading {
    let text = |key: &str| root.get(key).filter(|value| !value.is_null());
    let (Some(kind), version) = (text("kind"), text("apiVersion")) else {
        return Reading::Invalid;
    };
    let Some(kind) = kind.as_str() else { return Reading::Invalid };
    let version = match version {
        None => "",
        Some(version) => match version.as_str() {
            Some(version) => version,
            None => return Reading::Invalid,
        },
    };
    let Some(number) = TYPES.kind(version, kind) else { return Reading::Untyped };
    if is_list(number) {
        return Reading::Invalid;
    }
    let mut noted = None;
    match TYPES.decode(root, &Type::Struct(number), &mut noted).err().or(noted) {
        None => Reading::Typed,
        Some(Wrong::Value) => Reading::Untyped,
        Some(Wrong::Type) => Reading::Invalid,
    }
}

/// Typed lists (`PodList`, also `List` itself) are no objects to kube-linter.
fn is_list(number: usize) -> bool {
    let fields = &TYPES.structs[number];
    fields.contains_key("items") && fields.contains_key("metadata") && !fields.contains_key("spec")
}

/// Whether a kind holds a pod template in `spec.template`.
pub(super) fn has_template(api_version: &str, kind: &str) -> bool {
    let field = |number: usize, name: &str| match TYPES.structs[number].get(name)?.of {
        Type::Struct(number) => Some(number),
        _ => None,
    };
    let template = TYPES
        .kind(api_version, kind)
        .and_then(|number| field(number, "spec"))
        .and_then(|number| field(number, "template"));
    template.is_some()
        && template == TYPES.kind("v1", "PodTemplate").and_then(|n| field(n, "template"))
}

/// Whether a kind has `spec.replicas`.
pub(super) fn has_replicas(api_version: &str, kind: &str) -> bool {
    let spec = TYPES.kind(api_version, kind).and_then(|number| TYPES.structs[number].get("spec"));
    matches!(spec.map(|field| &field.of), Some(Type::Struct(number))
        if TYPES.structs[*number].contains_key("replicas"))
}

/// The object as Go would write it: what CEL expressions are evaluated on.
pub(super) fn encode(root: Node<'_>, reading: Reading) -> Value {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or("");
    match (reading, TYPES.kind(text("apiVersion"), text("kind"))) {
        (Reading::Typed, Some(number)) => TYPES.encode(Some(root), &Type::Struct(number)),
        _ => root.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reading, TYPES, is_duration, read};
    use manifest::{Limits, Source};

    fn reading(text: &str) -> Reading {
        let source = Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap();
        read(source.root(0).unwrap())
    }

    #[test]
    fn the_types_are_there() {
        assert!(TYPES.kinds.len() > 700, "{}", TYPES.kinds.len());
    }

    #[test]
    fn a_wrong_type_drops_an_object_and_a_wrong_value_its_type() {
        let pod = |spec: &str| reading(&format!("apiVersion: v1\nkind: Pod\nspec: {spec}\n"));
        assert_eq!(pod("{hostNetwork: true}"), Reading::Typed);
        assert_eq!(pod("{hostNetwork: 'yes'}"), Reading::Invalid);
        assert_eq!(pod("{unknown: {a: 1}}"), Reading::Typed);
        let cpu = |value: &str| {
            pod(&format!("{{containers: [{{resources: {{limits: {{cpu: {value}}}}}}}]}}"))
        };
        assert_eq!(cpu("1.5"), Reading::Typed);
        assert_eq!(cpu("abc"), Reading::Untyped);
        assert_eq!(
            reading("apiVersion: v1\nkind: Pod\nmetadata: {namespace: n}\n"),
            Reading::Invalid
        );
        assert_eq!(reading("apiVersion: example.com/v1\nkind: Pod\n"), Reading::Untyped);
        assert_eq!(reading("apiVersion: v1\nkind: PodList\nitems: []\n"), Reading::Invalid);
        let replicas = |value: &str| {
            reading(&format!(
                "apiVersion: apps/v1\nkind: Deployment\nspec: {{replicas: {value}}}\n"
            ))
        };
        assert_eq!(replicas("3.0"), Reading::Typed);
        assert_eq!(replicas("3.5"), Reading::Invalid);
        assert_eq!(replicas("\"3\""), Reading::Invalid);
    }

    #[test]
    fn an_own_decoder_ends_decoding_before_an_earlier_wrong_type_counts() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  activeDeadlineSeconds: x\n  containers:\n  - \
                    resources: {limits: {cpu: abc}}\n";
        assert_eq!(reading(text), Reading::Untyped);
    }

    #[test]
    fn durations() {
        assert!(
            is_duration("1h30m") && is_duration("1.5s") && is_duration("0") && is_duration("10ms")
        );
        assert!(!is_duration("") && !is_duration("5") && !is_duration("5d"));
    }
}
