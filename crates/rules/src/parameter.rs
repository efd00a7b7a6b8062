//! Parameters: what a rule lets the operator set, with a default.
//!
//! ```yaml
//! parameters:
//!   run-as-high-gid: { minGid: 20000 }
//! ```

use crate::rule;
use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A parameter of a rule. It is declared as a constant beside the rule, listed in the rule, and
/// read through [`crate::Context`] by that constant.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its key in the configuration, in camel case.
    pub name: &'static str,
    /// What it stands for, one sentence without a full stop.
    pub meaning: &'static str,
    /// Its value when the configuration is silent; it also fixes the type.
    pub default: DefaultValue,
}

/// The type of a parameter, and its value when nothing is configured.
#[derive(Debug, Clone, Copy)]
pub enum DefaultValue {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// Texts.
    List(&'static [&'static str]),
    /// A regular expression, which may match anywhere; a leading `!` negates it, and an empty one
    /// matches everything.
    Pattern(&'static str),
    /// Regular expressions of that kind, of which any may match.
    Patterns(&'static [&'static str]),
    /// True or false.
    Flag(bool),
}

impl DefaultValue {
    /// As it would be written in the configuration.
    pub fn to_json(self) -> Value {
        match self {
            Self::Integer(number) => number.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) | Self::Pattern(text) => text.into(),
            Self::List(items) | Self::Patterns(items) => items.into(),
            Self::Flag(flag) => flag.into(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list of texts",
            Self::Pattern(_) => "a regular expression",
            Self::Patterns(_) => "a list of regular expressions",
            Self::Flag(_) => "true or false",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Integer(_) => value.is_i64(),
            Self::Number(_) => value.is_number(),
            Self::Text(_) => value.is_string(),
            Self::List(_) => {
                value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
            }
            Self::Pattern(_) => is_pattern(value),
            Self::Patterns(_) => value.as_array().is_some_and(|items| items.iter().all(is_pattern)),
            Self::Flag(_) => value.is_boolean(),
        }
    }

    /// The regular expressions in a value of this type.
    fn patterns(self, value: &Value) -> Vec<&str> {
        match self {
            Self::Pattern(_) => value.as_str().into_iter().collect(),
            Self::Patterns(_) => {
                value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn is_pattern(value: &Value) -> bool {
    value.as_str().is_some_and(|text| Pattern::new(text).is_ok())
}

/// A regular expression of a parameter.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    negated: bool,
}

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        let (negated, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
        Ok(Self { regex: Regex::new(body)?, negated })
    }

    /// Whether a text is what the operator means.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text) != self.negated
    }
}

/// The `parameters` of the configuration.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// By rule and parameter.
    set: BTreeMap<String, BTreeMap<String, Value>>,
    /// Every expression, set or default, compiled once; by its text.
    patterns: HashMap<String, Pattern>,
}

/// A setting that no rule has, or that is of another type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No such rule.
    #[error("parameters: unknown rule `{0}`; `k8s-auto-fix rules` lists them")]
    Rule(String),
    /// The rule has no such parameter.
    #[error("parameters.{rule}: unknown parameter `{name}`: expected {expected}")]
    Name {
        /// The rule.
        rule: String,
        /// What was asked for.
        name: String,
        /// What there is.
        expected: String,
    },
    /// The value is of another type.
    #[error("parameters.{rule}.{name}: expected {expected}")]
    Type {
        /// The rule.
        rule: String,
        /// The parameter.
        name: String,
        /// The type it must have.
        expected: &'static str,
    },
}

impl Parameters {
    /// Checks the names and types of what the operator set.
    ///
    /// # Errors
    /// When a rule or parameter does not exist, or a value has another type.
    pub fn new(set: BTreeMap<String, BTreeMap<String, Value>>) -> Result<Self, ParameterError> {
        let mut patterns = default_patterns();
        for (id, values) in &set {
            let entry = rule::by_id(id).ok_or_else(|| ParameterError::Rule(id.clone()))?;
            for (name, value) in values {
                let known = entry.rule.parameters;
                let Some(parameter) = known.iter().find(|known| known.name == name) else {
                    return Err(ParameterError::Name {
                        rule: id.clone(),
                        name: name.clone(),
                        expected: names(known),
                    });
                };
                if !parameter.default.fits(value) {
                    return Err(ParameterError::Type {
                        rule: id.clone(),
                        name: name.clone(),
                        expected: parameter.default.expected(),
                    });
                }
                for text in parameter.default.patterns(value) {
                    if let Ok(pattern) = Pattern::new(text) {
                        patterns.insert(text.to_owned(), pattern);
                    }
                }
            }
        }
        Ok(Self { set, patterns })
    }

    /// What the operator set for a parameter of a rule.
    pub fn get(&self, rule: &str, name: &str) -> Option<&Value> {
        self.set.get(rule)?.get(name)
    }

    pub(crate) fn pattern(&self, text: &str) -> Option<&Pattern> {
        self.patterns.get(text)
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self { set: BTreeMap::new(), patterns: default_patterns() }
    }
}

fn default_patterns() -> HashMap<String, Pattern> {
    rule::all()
        .iter()
        .flat_map(|entry| entry.rule.parameters)
        .flat_map(|parameter| match parameter.default {
            DefaultValue::Pattern(text) => vec![text],
            DefaultValue::Patterns(texts) => texts.to_vec(),
            _ => Vec::new(),
        })
        .filter_map(|text| Some((text.to_owned(), Pattern::new(text).ok()?)))
        .collect()
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set = BTreeMap::deserialize(deserializer)?;
        Self::new(set).map_err(serde::de::Error::custom)
    }
}

fn names(known: &[Parameter]) -> String {
    if known.is_empty() {
        return "none, the rule has no parameters".to_owned();
    }
    known.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ")
}
