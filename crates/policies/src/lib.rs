//! Checks of other tools, with the semantics of those tools, on our own parse.

pub mod kube_linter;
