//! Inputs to detections: parsed files become a set of objects, rules run on each, and every
//! finding gets an identity that survives unrelated edits. A sieve holds back what is ignored or
//! known.

mod baseline;
mod corpus;
mod fingerprint;
mod ignore;
mod import;
mod linted;
mod report;
mod sieve;
#[cfg(test)]
mod testing;

pub use baseline::{Baseline, BaselineError};
pub use corpus::{Corpus, Input, ObjectContext};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use ignore::ConfiguredIgnore;
pub use import::{Counts, Imported, Places, StillReported, import, still_reported};
pub use report::{Found, object_ref};
pub use sieve::{
    Filters, Hidden, HiddenBy, Hits, Looked, Notice, Sieve, Sifted, Suppression, Tally,
};
