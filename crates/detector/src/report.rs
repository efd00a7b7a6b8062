use crate::{Fingerprint, Input};
use manifest::{Node, Source, Span};
use record::{Detection, ObjectRef, Region, canonical_policy_id};
use rules::{FOREIGN, Finding, Object};
use std::borrow::Cow;

/// A finding with its identity.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was found.
    pub finding: Finding,
    /// Where, by list-map keys, from the object's root.
    pub keyed_path: String,
    /// Who it is, across runs.
    pub fingerprint: Fingerprint,
}

impl Found {
    /// The record of this finding. `id` is its number in the run.
    pub fn record(&self, id: String, input: &Input, object: &Object<'_>) -> Detection {
        let shown = self.shown(input, object);
        let rule = self.finding.rule;
        let mut aliases: Vec<Cow<'static, str>> =
            rule.aliases.iter().map(|alias| Cow::Borrowed(*alias)).collect();
        let own = shown.reported_by.clone();
        let own = own.filter(|own| !rule.aliases.contains(&own.as_str()));
        aliases.extend(own.map(Cow::Owned));
        Detection {
            id,
            fingerprint: Some(self.fingerprint.to_string()),
            pointer: Some(object.prefix() + &self.finding.path.to_pointer()),
            aliases,
            ..shown
        }
    }

    /// As much of the record as a report with excerpts shows: no number, fingerprint, pointer,
    /// aliases.
    pub fn shown(&self, input: &Input, object: &Object<'_>) -> Detection {
        let note = self.finding.note();
        Detection {
            object: Some(object_ref(object)),
            keyed_path: Some(self.keyed_path.clone()),
            remedy: (!note.is_empty()).then(|| note.to_owned()),
            ..self.line(input)
        }
    }

    /// As much of the record as one line shows: file, place, rule, severity, message.
    pub fn line(&self, input: &Input) -> Detection {
        let rule = self.finding.rule;
        let known = *rule != FOREIGN;
        let reported = self.finding.reported.as_ref();
        let policy_id = match reported {
            Some(reported) if !known => canonical_policy_id(&reported.id),
            _ => rule.record_policy_id().to_owned(),
        };
        Detection {
            id: String::new(),
            manifest_path: input.path.clone(),
            manifest_yaml: None,
            policy_id,
            violation_text: self.finding.message.clone(),
            rule: known.then(|| rule.id.to_owned()),
            reported_by: reported.map(|by| format!("{}:{}", by.tool, by.id)),
            fingerprint: None,
            object: None,
            pointer: None,
            keyed_path: None,
            span: input.source.as_ref().ok().map(|source| region(source, &self.finding.span)),
            severity: Some(self.finding.severity()),
            applicability: Some(self.finding.applicability()),
            remedy: None,
            aliases: Vec::new(),
        }
    }
}

/// Identity and place of an object, for records.
pub fn object_ref(object: &Object<'_>) -> ObjectRef {
    let has_name = object.at(&["metadata", "name"]).and_then(Node::as_str).is_some();
    ObjectRef {
        api_version: object.api_version.to_owned(),
        kind: object.kind.to_owned(),
        namespace: object.namespace.map(str::to_owned),
        name: if has_name { object.name.to_owned() } else { String::new() },
        generate_name: if has_name { String::new() } else { object.name.to_owned() },
        document: object.document,
        prefix: object.prefix(),
    }
}

fn region(source: &Source, span: &Span) -> Region {
    let start = source.position(span.start);
    let end = source.position(span.end);
    Region {
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        start: span.start,
        end: span.end,
    }
}
