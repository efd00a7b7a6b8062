//! Label selectors: reading, validity and matching.
//!
//! Rules of names and values: `k8s.io/apimachinery/pkg/util/validation`.

use manifest::Node;

/// A label selector that the API server would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector<'a> {
    requirements: Vec<Requirement<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement<'a> {
    key: &'a str,
    operator: Operator,
    values: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl<'a> Selector<'a> {
    /// Reads a `LabelSelector` (`matchLabels`, `matchExpressions`).
    ///
    /// # Errors
    /// What is invalid, as the end of a sentence.
    pub fn parse(node: Node<'a>) -> Result<Self, String> {
        let mut selector = match node.get("matchLabels").filter(|map| map.is_map()) {
            Some(labels) => Self::from_labels(labels)?,
            None => Self { requirements: Vec::new() },
        };
        let expressions = node.get("matchExpressions").filter(|list| list.is_seq());
        for expression in expressions.into_iter().flat_map(Node::items) {
            selector.requirements.push(requirement(expression)?);
        }
        Ok(selector)
    }

    /// Reads a map of labels, all of which must be carried.
    ///
    /// # Errors
    /// What is invalid, as the end of a sentence.
    pub fn from_labels(labels: Node<'a>) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, _, value) in labels.entries() {
            let value = value.as_str().unwrap_or("");
            check_key(key)?;
            check_value(value)?;
            requirements.push(Requirement { key, operator: Operator::In, values: vec![value] });
        }
        Ok(Self { requirements })
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The labels that every match carries: those asked for with one value only.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.requirements.iter().filter_map(|requirement| match requirement.values[..] {
            [value] if requirement.operator == Operator::In => Some((requirement.key, value)),
            _ => None,
        })
    }

    /// Whether a map of labels (or none) meets every requirement.
    pub fn matches(&self, labels: Option<Node<'_>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value =
                labels.and_then(|map| map.get(requirement.key)).map(|v| v.as_str().unwrap_or(""));
            match requirement.operator {
                Operator::In => value.is_some_and(|v| requirement.values.contains(&v)),
                Operator::NotIn => value.is_none_or(|v| !requirement.values.contains(&v)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn requirement(node: Node<'_>) -> Result<Requirement<'_>, String> {
    let key = node.get("key").and_then(Node::as_str).unwrap_or("");
    check_key(key)?;
    let values: Vec<&str> = node
        .get("values")
        .filter(|list| list.is_seq())
        .into_iter()
        .flat_map(Node::items)
        .filter_map(Node::as_str)
        .collect();
    for value in &values {
        check_value(value)?;
    }
    let name = node.get("operator").and_then(Node::as_str).unwrap_or("");
    let operator = match (name, values.is_empty()) {
        ("In", false) => Operator::In,
        ("NotIn", false) => Operator::NotIn,
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        ("In" | "NotIn", true) => return Err(format!("operator {name} needs values")),
        ("Exists" | "DoesNotExist", false) => {
            return Err(format!("operator {name} takes no values"));
        }
        _ => return Err(format!("\"{name}\" is not an operator of label selectors")),
    };
    Ok(Requirement { key, operator, values })
}

/// A qualified name: an optional DNS subdomain, a slash, and up to 63 characters.
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, n)| (Some(p), n));
    let prefix_is_good = prefix.is_none_or(is_subdomain);
    if prefix_is_good && !name.is_empty() && is_token(name) {
        return Ok(());
    }
    Err(format!("\"{key}\" is not a valid label key"))
}

/// Whether a text may be the value of a label: empty, or up to 63 characters.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_token(text)
}

fn check_value(value: &str) -> Result<(), String> {
    if is_label_value(value) {
        return Ok(());
    }
    Err(format!("\"{value}\" is not a valid label value"))
}

fn is_token(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| inner(*b))
        && ends(bytes.first())
        && ends(bytes.last())
}

fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let good = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.iter().all(|b| good(b) || *b == b'-')
            && bytes.first().is_some_and(good)
            && bytes.last().is_some_and(good)
    };
    text.len() <= 253 && text.split('.').all(label)
}
