//! Carries accepted fixes into Git, and back.
//!
//! - [`git`] is the repository: what it tracks, its branches, and commits that appear all at once;
//! - [`write`] makes one commit for each batch, on branches that are ours alone;
//! - [`journal`] remembers what was written, with the patches that take it back;
//! - [`radius`] says what a patch does to what runs;
//! - [`undo`] takes it back, also after others have edited the file.
//!
//! The working tree is never touched by writing: commits are made beside it, and a branch moves
//! only when its commits are whole. Whoever kills the tool at any moment finds either the old
//! branches or the new ones.

mod error;
pub mod git;
pub mod journal;
pub mod radius;
pub mod undo;
pub mod write;

pub use error::Error;
