//! The wall between the process and a model. Tokens stand in place of secrets on the way out, and
//! are restored on the way back only where they came from. Whatever still holds a secret is not
//! sent.

pub(crate) mod forms;
pub(crate) mod looks;

use json_patch::PatchOperation;
use looks::{Looks, merged};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};

/// How every token begins.
const TOKEN: &str = "<<secret-";
/// Stands for a secret in texts that are not restored.
const WITHHELD: &str = "<<withheld>>";
/// Entries that repeat the object, or say who wrote it.
const DROPPED: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "managedFields"];
/// Bytes of a secret that is taken out of a short message, word or not.
const MIN_MESSAGE: usize = 4;

/// A known secret is in what was to be sent. Does not say which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a known secret would have left the process")]
pub(crate) struct Leak;

/// Why a patch does not go through the wall.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No fix needs them, and they move secrets.
    #[error("move and copy are not allowed")]
    Moves,
    /// A path must be a path.
    #[error("operation {0}: a path holds a token that stands for a secret")]
    Path(usize),
    /// It does not apply to the object.
    #[error("the patch does not apply: {0}")]
    DoesNotApply(String),
    /// It writes a token elsewhere, or changes the text around it.
    #[error(
        "{0}: a token that stands for a secret may only stay where it is, in the same text; leave \
         it alone or remove its entry"
    )]
    Place(String),
}

/// One object behind the wall.
pub(crate) struct Wall {
    redacted: Value,
    /// By number, beginning with 1: what the token stands for.
    secrets: Vec<Value>,
    nonce: String,
    /// Forms of secrets that must not leave, of this object and of the run.
    needles: BTreeSet<String>,
}

impl Wall {
    /// Puts tokens in place of the object's secrets and of `known`, forms of the run's secrets.
    pub(crate) fn around(object: &Value, looks: &Looks, known: &BTreeSet<String>) -> Self {
        let mut needles = known.clone();
        let dropped = visit(object, false, looks, &mut |scalar, whole| {
            collect(scalar, whole, looks, &mut needles);
            scalar.clone()
        });
        if let Some(text) = last_applied(object) {
            visit(&text, false, looks, &mut |scalar, whole| {
                collect(scalar, whole, looks, &mut needles);
                Value::Null
            });
        }
        let mut wall =
            Self { redacted: Value::Null, secrets: Vec::new(), nonce: nonce(object), needles };
        let mut numbers = HashMap::new();
        wall.redacted = visit(&dropped, false, looks, &mut |scalar, whole| {
            wall.tokenise(scalar, whole, looks, &mut numbers)
        });
        wall
    }

    /// The object with tokens in place of secrets.
    pub(crate) fn redacted(&self) -> &Value {
        &self.redacted
    }

    /// Forms of its secrets, and of those that were known.
    pub(crate) fn into_needles(self) -> BTreeSet<String> {
        self.needles
    }

    /// A message for a model or a record: whatever is or looks like a secret is taken out.
    pub(crate) fn clean(&self, text: &str, looks: &Looks) -> String {
        let own = self.secrets.iter().map(plain).filter(|secret| secret.len() >= MIN_MESSAGE);
        let own: Vec<String> = own.collect();
        let mut parts = self.found(text);
        parts.extend(own.iter().flat_map(|secret| occurrences(text, secret)));
        parts.extend(looks.parts(text));
        replaced(text, merged(parts), |_| WITHHELD.to_owned())
    }

    /// A model's answer without what it must not know.
    pub(crate) fn mask(&self, text: &str) -> String {
        replaced(text, merged(self.found(text)), |_| WITHHELD.to_owned())
    }

    /// Looks for every known secret in what is to be sent.
    pub(crate) fn scan(&self, body: &str) -> Result<(), Leak> {
        match self.needles.iter().any(|needle| body.contains(needle.as_str())) {
            true => Err(Leak),
            false => Ok(()),
        }
    }

    /// The patch with secrets in place of their tokens.
    pub(crate) fn restore(
        &self,
        operations: &[PatchOperation],
    ) -> Result<Vec<PatchOperation>, Refusal> {
        for (index, operation) in operations.iter().enumerate() {
            if matches!(operation, PatchOperation::Move(_) | PatchOperation::Copy(_)) {
                return Err(Refusal::Moves);
            }
            if is_marked(operation.path().as_str()) {
                return Err(Refusal::Path(index + 1));
            }
        }
        let mut patched = self.redacted.clone();
        json_patch::patch(&mut patched, operations)
            .map_err(|error| Refusal::DoesNotApply(error.to_string()))?;
        let before: BTreeSet<Mark> = marks(&self.redacted).into_iter().collect();
        if let Some((place, _)) = marks(&patched).into_iter().find(|mark| !before.contains(mark)) {
            return Err(Refusal::Place(place.join("/")));
        }
        Ok(operations.iter().map(|operation| self.restored(operation)).collect())
    }

    fn restored(&self, operation: &PatchOperation) -> PatchOperation {
        let mut operation = operation.clone();
        match &mut operation {
            PatchOperation::Add(add) => self.fill(&mut add.value),
            PatchOperation::Replace(replace) => self.fill(&mut replace.value),
            PatchOperation::Test(test) => self.fill(&mut test.value),
            PatchOperation::Remove(_) | PatchOperation::Move(_) | PatchOperation::Copy(_) => {}
        }
        operation
    }

    fn fill(&self, value: &mut Value) {
        match value {
            Value::Object(map) => map.values_mut().for_each(|value| self.fill(value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::String(text) if text.contains(TOKEN) => *value = self.filled(text),
            _ => {}
        }
    }

    /// Tokens are cut out one by one, never looked for in what was put in.
    fn filled(&self, text: &str) -> Value {
        let end = format!("-{}>>", self.nonce);
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(TOKEN) {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let number = from[TOKEN.len()..].split_once(&end).map(|(number, _)| number);
            let index = number.and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
            let Some(secret) = index.and_then(|index| self.secrets.get(index)) else {
                out.push_str(TOKEN);
                rest = &from[TOKEN.len()..];
                continue;
            };
            let length = TOKEN.len() + number.map_or(0, str::len) + end.len();
            if length == text.len() {
                return secret.clone();
            }
            out.push_str(&plain(secret));
            rest = &from[length..];
        }
        out.push_str(rest);
        Value::String(out)
    }

    /// The parts of a text that are known to be secret.
    fn found(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.needles.iter().flat_map(|needle| occurrences(text, needle)).collect()
    }

    fn tokenise(
        &mut self,
        scalar: &Value,
        whole: bool,
        looks: &Looks,
        numbers: &mut HashMap<String, usize>,
    ) -> Value {
        if whole {
            return Value::String(self.token(scalar.clone(), numbers));
        }
        let Some(text) = scalar.as_str() else { return scalar.clone() };
        let mut parts = looks.parts(text);
        parts.extend(self.found(text));
        let out = replaced(text, merged(parts), |part| self.token(Value::from(part), numbers));
        Value::String(out)
    }

    /// The token of a secret; the same for the same.
    fn token(&mut self, secret: Value, numbers: &mut HashMap<String, usize>) -> String {
        let number = *numbers.entry(secret.to_string()).or_insert_with(|| {
            self.secrets.push(secret);
            self.secrets.len()
        });
        format!("{TOKEN}{number}-{}>>", self.nonce)
    }
}

/// The forms of every secret in an object, for other objects' walls.
pub(crate) fn secrets_of(texts: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    texts.into_iter().flat_map(|text| forms::of(&text)).collect()
}

/// Rebuilds an object from its scalars; `true` marks those that are secret as a whole.
fn visit(
    value: &Value,
    secret: bool,
    looks: &Looks,
    scalar: &mut dyn FnMut(&Value, bool) -> Value,
) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().filter(|(key, _)| !DROPPED.contains(&key.as_str()));
            let entry = |(key, value): (&String, &Value)| {
                let secret = secret || holds_secret(map, key, value, looks);
                (key.clone(), visit(value, secret, looks, scalar))
            };
            Value::Object(entries.map(entry).collect())
        }
        Value::Array(items) => {
            let item = |(index, item): (usize, &Value)| {
                let before = index.checked_sub(1).and_then(|before| items[before].as_str());
                let follows = before.is_some_and(|before| belongs(before, item, looks));
                visit(item, secret || follows, looks, scalar)
            };
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        Value::Null => Value::Null,
        Value::String(text) if text.is_empty() => value.clone(),
        _ => scalar(value, secret),
    }
}

/// Whether everything below an entry is secret.
fn holds_secret(map: &Map<String, Value>, key: &str, value: &Value, looks: &Looks) -> bool {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    match key {
        "stringData" | "binaryData" => return true,
        "data" if text("kind") == Some("Secret") => return true,
        "value" if !value.is_object() => {
            let name = text("name").or_else(|| text("key"));
            if name.is_some_and(|name| looks.is_name(name)) {
                return true;
            }
        }
        _ => {}
    }
    (value.is_string() || value.is_number()) && looks.is_name(key)
}

/// Whether an argument is the secret of the one before.
fn belongs(before: &str, item: &Value, looks: &Looks) -> bool {
    let Some(text) = item.as_str() else { return false };
    let is_user = matches!(before, "-u" | "--user") && text.contains(':');
    is_user || looks.is_option(before) && !text.starts_with('-') && !text.starts_with("$(")
}

/// Adds the forms of a scalar's secrets, also of those within a secret.
fn collect(scalar: &Value, whole: bool, looks: &Looks, needles: &mut BTreeSet<String>) {
    let text = plain(scalar);
    let mut texts = vec![text.clone()];
    if whole {
        needles.extend(forms::of(&text));
        texts.extend(forms::decoded(&text));
    }
    for text in texts {
        for part in looks.parts(&text) {
            needles.extend(forms::of(&text[part]));
        }
    }
}

/// The earlier forms of an object that its annotations carry.
fn last_applied(object: &Value) -> Option<Value> {
    let annotation = object.get("metadata")?.get("annotations")?.get(DROPPED[0])?.as_str()?;
    serde_json::from_str(annotation).ok().or_else(|| Some(Value::from(annotation)))
}

fn plain(scalar: &Value) -> String {
    scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)
}

fn occurrences(text: &str, needle: &str) -> Vec<std::ops::Range<usize>> {
    text.match_indices(needle).map(|(at, found)| at..at + found.len()).collect()
}

/// The text with its parts replaced.
fn replaced(
    text: &str,
    parts: Vec<std::ops::Range<usize>>,
    mut by: impl FnMut(&str) -> String,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for part in parts {
        out.push_str(&text[end..part.start]);
        out.push_str(&by(&text[part.clone()]));
        end = part.end;
    }
    out.push_str(&text[end..]);
    out
}

/// Marks this object's tokens: derived from it, and nowhere in it.
fn nonce(object: &Value) -> String {
    let text = object.to_string();
    let mut hash = Sha256::digest(&text);
    loop {
        let nonce: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        if !text.contains(&nonce) {
            return nonce;
        }
        hash = Sha256::digest(hash);
    }
}

/// A place, by names rather than indexes where there are names, and the text there.
type Mark = (Vec<String>, String);

fn is_marked(text: &str) -> bool {
    text.contains(TOKEN) || text.contains(WITHHELD)
}

/// Every text with something like a token in it.
fn marks(value: &Value) -> Vec<Mark> {
    let mut out = Vec::new();
    find_marks(value, &mut Vec::new(), &mut out);
    out
}

fn find_marks(value: &Value, place: &mut Vec<String>, out: &mut Vec<Mark>) {
    match value {
        Value::String(text) if is_marked(text) => out.push((place.clone(), text.clone())),
        Value::Object(map) => {
            for (key, value) in map {
                place.push(key.clone());
                if is_marked(key) {
                    out.push((place.clone(), key.clone()));
                }
                find_marks(value, place, out);
                place.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str);
                place.push(match (name, item) {
                    (Some(name), _) => format!("[{name}]"),
                    // A list of texts may lose others.
                    (None, Value::String(_)) => "[]".to_owned(),
                    (None, _) => index.to_string(),
                });
                find_marks(item, place, out);
                place.pop();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
