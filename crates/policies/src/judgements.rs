//! What rules ask other means for: schemas and CEL expressions.

use crate::cel::Expression;
use manifest::Path;
use rules::{Judgement, Object, Set};
use schema::{Outcome, Schemas, Version};

/// The API server's schemas of some versions. Kinds that they do not know are not judged.
pub struct BySchemas(Schemas);

impl BySchemas {
    /// Judges by these versions.
    pub fn new(versions: &[Version]) -> Self {
        Self(Schemas::new(versions))
    }
}

impl std::fmt::Debug for BySchemas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BySchemas")
    }
}

impl Judgement for BySchemas {
    fn faults(&self, object: &Object<'_>, _: &Set<'_>) -> Vec<(Path, String)> {
        let mut faults = Vec::new();
        for (_, outcome) in self.0.validate(&object.root.to_json()) {
            let Outcome::Invalid(found) = outcome else { continue };
            for fault in found {
                let path = Path::from_pointer(object.root, &fault.pointer);
                let fault = (path.unwrap_or_else(|_| Path::root()), fault.message);
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
        faults
    }
}

/// An expression of the operator's own.
#[derive(Debug)]
pub struct ByExpression(Expression);

impl ByExpression {
    /// Compiles it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(expression: &str) -> Result<Self, String> {
        Expression::compile(expression).map(Self)
    }
}

impl Judgement for ByExpression {
    fn faults(&self, object: &Object<'_>, set: &Set<'_>) -> Vec<(Path, String)> {
        let others = (0..set.len()).map(|at| set.object(at));
        let context = object.context;
        let others = others.filter(|other| other.context == context);
        match self.0.evaluate(object.root.to_json(), || others.map(|o| o.root.to_json()).collect())
        {
            Ok(text) if text.is_empty() => Vec::new(),
            Ok(text) => vec![(Path::root(), text)],
            Err(error) => vec![(Path::root(), format!("the expression fails: {error}"))],
        }
    }
}
