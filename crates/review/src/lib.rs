//! What people and other tools read: diagnostics in the formats of terminals, editors and code
//! hosts, unified diffs, and the summary of a run.
//!
//! Nothing here reads a file, the clock or the environment: a renderer gets records and texts and
//! writes to the given writer. Whether to colour is the caller's choice.

pub mod chart;
pub mod diagnostics;
pub mod diff;
mod escape;
pub mod packet;
pub mod summary;

pub use escape::escape;
