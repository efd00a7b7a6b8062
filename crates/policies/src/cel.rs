//! CEL expressions over an object and all objects.

use cel::{Context, Program, Value as CelValue};
use serde_json::Value;

/// A compiled expression. It returns what is wrong, an empty text for a good object.
#[derive(Debug)]
pub(crate) struct Expression {
    program: Program,
    wants_all: bool,
}

impl Expression {
    /// # Errors
    /// What is wrong with the expression.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let program = Program::compile(text).map_err(|error| error.to_string())?;
        let wants_all = program.references().has_variable("objects");
        Ok(Self { program, wants_all })
    }

    /// `all` is called only when the expression looks at other objects.
    ///
    /// # Errors
    /// Why it cannot be evaluated, or that it does not return a text.
    pub(crate) fn evaluate(
        &self,
        object: Value,
        all: impl FnOnce() -> Vec<Value>,
    ) -> Result<String, String> {
        let value = |json: Value| cel::to_value(json).map_err(|error| error.to_string());
        let mut context = Context::default();
        context.add_variable_from_value("object", value(object)?);
        let objects = if self.wants_all { all() } else { Vec::new() };
        let objects = objects.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
        context.add_variable_from_value("objects", objects);
        match self.program.execute(&context).map_err(|error| error.to_string())? {
            CelValue::String(text) => Ok(text.to_string()),
            other => Err(format!("expected a text, got {}", other.type_of())),
        }
    }
}
