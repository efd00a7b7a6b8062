//! Inputs to detections: parsed files become a set of objects, rules run on each, and every
//! finding gets an identity that survives unrelated edits.

mod corpus;
mod fingerprint;
mod linted;
mod report;

pub use corpus::{Corpus, Input, ObjectContext};
pub use fingerprint::Fingerprint;
pub use report::{Found, object_ref};
