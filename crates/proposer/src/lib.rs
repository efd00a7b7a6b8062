//! Detections to candidate patches: the fixes that rules offer, composed into one patch per
//! object.
//!
//! A fix speaks of an object as it was read. [`compose`] brings the fixes of one object together:
//! equal edits become one, edits that contradict each other are held back with a reason, and the
//! outcome is one RFC 6902 patch.

mod compose;
mod draft;

pub use compose::{Composition, Proposal, compose, propose};
