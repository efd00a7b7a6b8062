//! The template of checks that are written in CEL.

use super::{Run, Template, for_kind};
use crate::kube_linter::params;
use crate::kube_linter::types;
use crate::kube_linter::view::Lint;
use cel::{Context, Program, Value as CelValue};
use manifest::Path;
use serde::Deserialize;
use serde_json::Value;

pub(super) const TEMPLATES: &[Template] = &[for_kind("cel-expression", &["Any"], expression)];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Expression {
    check: String,
}

/// The expression sees `object` and all `objects` of the context, and says what is wrong; an empty
/// text is good. What fails to compile or to run is a finding, too.
fn expression(given: &Value) -> Result<Run, String> {
    let given: Expression = params::read(given, &["check"])?;
    if given.check.is_empty() {
        return Err("parameter `check` is needed".to_owned());
    }
    let program = Program::compile(&given.check).map_err(|error| error.to_string());
    let wants_all =
        program.as_ref().is_ok_and(|program| program.references().has_variable("objects"));
    Ok(Box::new(move |lint, out| {
        let result = program.as_ref().map_err(Clone::clone);
        match result.and_then(|program| evaluate(program, wants_all, lint)) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => out.push((Path::root(), text)),
            Err(error) => out.push((Path::root(), format!("the expression fails: {error}"))),
        }
    }))
}

fn evaluate(program: &Program, wants_all: bool, lint: &Lint<'_, '_>) -> Result<String, String> {
    let encoded = |object: &rules::Object<'_>| {
        cel::to_value(types::encode(object.root, lint.reading(object))).map_err(|e| e.to_string())
    };
    let mut context = Context::default();
    context.add_variable_from_value("object", encoded(lint.object)?);
    let mut objects = Vec::new();
    if wants_all {
        for object in lint.objects() {
            objects.push(encoded(object)?);
        }
    }
    context.add_variable_from_value("objects", objects);
    match program.execute(&context).map_err(|error| error.to_string())? {
        CelValue::String(text) => Ok(text.to_string()),
        other => Err(format!("expected a text, got {}", other.type_of())),
    }
}
