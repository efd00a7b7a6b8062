//! Inputs to detections: parsed files become a set of objects, rules run on each, and every
//! finding gets an identity that survives unrelated edits.

mod corpus;
mod fingerprint;
mod import;
mod report;

pub use corpus::{Corpus, Input, ObjectContext};
pub use fingerprint::Fingerprint;
pub use import::{Counts, Imported, Places, Tally, import, tally};
pub use report::{Found, object_ref};
