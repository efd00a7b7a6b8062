//! Candidate patches to verdicts. Verification is the acceptance boundary: rules, models and
//! people only propose.
//!
//! [`Judge::object`] composes the fixes of one object, sends the joint patch through the gates and,
//! when a gate fails, finds the fixes that are to blame and goes on without them.
//! [`Judge::foreign`] judges a patch that came from elsewhere.

mod allowed;
mod files;
mod gates;
mod judge;
mod rescan;
mod server;

pub use allowed::allowed_paths;
pub use files::{FileEdits, file_edits};
pub use judge::{Accepted, FindingVerdict, GateSet, Judge, Judged, ObjectVerdict};
pub use rescan::{Patched, Rescan, Rescanned};
pub use server::{Answer, ApiServer, Refusal, Refused, Trials};
