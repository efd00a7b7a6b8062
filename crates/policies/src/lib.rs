//! Checks of other tools, with the semantics of those tools, on our own parse.

mod cel;
mod judgements;
pub mod kube_linter;

pub use judgements::{ByExpression, BySchemas};
