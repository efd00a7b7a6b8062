use crate::{
    Container, DefaultValue, Finding, Object, Parameter, Question, Remedy, Rule, Set, Settings,
    Site, Written,
};
use serde_json::Value;

/// What a check may know besides its subject, and where it reports.
pub struct Context<'s, 'a> {
    /// Parameters, the operator's values, and evidence.
    pub settings: &'s Settings,
    /// All objects of the inputs.
    pub set: &'s Set<'a>,
    /// The object that is being checked.
    pub object: &'s Object<'a>,
    rule: &'static Rule,
    findings: &'s mut Vec<Finding>,
}

impl<'s, 'a> Context<'s, 'a> {
    pub(crate) fn new(
        settings: &'s Settings,
        set: &'s Set<'a>,
        object: &'s Object<'a>,
        rule: &'static Rule,
        findings: &'s mut Vec<Finding>,
    ) -> Self {
        Self { settings, set, object, rule, findings }
    }

    /// Reports a finding. A fix without edits would cure nothing: a rule that has none to offer
    /// gives advice.
    pub fn report(&mut self, site: Site, message: impl Into<String>, remedy: impl Into<Remedy>) {
        self.findings.push(Finding {
            rule: self.rule,
            path: site.path,
            span: site.span,
            message: message.into(),
            remedy: remedy.into(),
            reported: None,
        });
    }

    /// A value that no manifest holds, for a container of the object that is being checked, or for
    /// the object as a whole.
    pub fn value(
        &self,
        question: Question<'_>,
        container: Option<&Container<'_>>,
    ) -> Option<Written> {
        self.settings.value(question, self.object, container)
    }

    /// A parameter that is a whole number.
    pub fn integer(&self, parameter: &Parameter) -> i64 {
        let default = match parameter.default {
            DefaultValue::Integer(number) => number,
            _ => 0,
        };
        self.set_value(parameter).and_then(Value::as_i64).unwrap_or(default)
    }

    /// A parameter that is a number.
    pub fn number(&self, parameter: &Parameter) -> f64 {
        let default = match parameter.default {
            DefaultValue::Number(number) => number,
            _ => 0.0,
        };
        self.set_value(parameter).and_then(Value::as_f64).unwrap_or(default)
    }

    /// A parameter that is a text.
    pub fn text(&self, parameter: &Parameter) -> &'s str {
        let default = match parameter.default {
            DefaultValue::Text(text) | DefaultValue::Pattern(text) => text,
            _ => "",
        };
        self.set_value(parameter).and_then(Value::as_str).unwrap_or(default)
    }

    /// A parameter that is true or false.
    pub fn flag(&self, parameter: &Parameter) -> bool {
        let default = matches!(parameter.default, DefaultValue::Flag(true));
        self.set_value(parameter).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A parameter that is a list of texts.
    pub fn list(&self, parameter: &Parameter) -> Vec<&'s str> {
        self.texts(parameter).collect()
    }

    /// The texts of a parameter that is a list of texts or of regular expressions.
    pub fn texts(&self, parameter: &Parameter) -> impl Iterator<Item = &'s str> + use<'s> {
        let set = self.set_value(parameter).and_then(Value::as_array);
        let default = match (set, parameter.default) {
            (None, DefaultValue::List(items) | DefaultValue::Patterns(items)) => items,
            _ => &[],
        };
        set.into_iter().flatten().filter_map(Value::as_str).chain(default.iter().copied())
    }

    /// Whether a text is what a parameter's regular expression asks for.
    pub fn matches(&self, parameter: &Parameter, text: &str) -> bool {
        self.is_match(self.text(parameter), text)
    }

    /// Whether a text is what any regular expression of a parameter asks for.
    pub fn matches_any(&self, parameter: &Parameter, text: &str) -> bool {
        self.texts(parameter).any(|pattern| self.is_match(pattern, text))
    }

    /// Whether a text is what one regular expression of a parameter asks for.
    pub fn is_match(&self, pattern: &str, text: &str) -> bool {
        let pattern = self.settings.parameters.pattern(pattern);
        pattern.is_some_and(|pattern| pattern.matches(text))
    }

    fn set_value(&self, parameter: &Parameter) -> Option<&'s Value> {
        self.settings.parameters.get(self.rule.id, parameter.name)
    }
}
