//! The template of checks that are written in CEL.

use super::{Run, Template, for_kind};
use crate::cel;
use crate::kube_linter::params;
use crate::kube_linter::types;
use manifest::Path;
use serde::Deserialize;
use serde_json::Value;

pub(super) const TEMPLATES: &[Template] = &[for_kind("cel-expression", &["Any"], expression)];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Expression {
    check: String,
}

/// The expression sees `object` and all `objects` of the context, as Go would write them. What
/// fails to compile or to run is a finding, too.
fn expression(given: &Value) -> Result<Run, String> {
    let given: Expression = params::read(given, &["check"])?;
    if given.check.is_empty() {
        return Err("parameter `check` is needed".to_owned());
    }
    let compiled = cel::Expression::compile(&given.check);
    Ok(Box::new(move |lint, out| {
        let encoded = |object: &rules::Object<'_>| types::encode(object.root, lint.reading(object));
        let result = compiled.as_ref().map_err(Clone::clone).and_then(|expression| {
            expression.evaluate(encoded(lint.object), || lint.objects().map(encoded).collect())
        });
        match result {
            Ok(text) if text.is_empty() => {}
            Ok(text) => out.push((Path::root(), text)),
            Err(error) => out.push((Path::root(), format!("the expression fails: {error}"))),
        }
    }))
}
