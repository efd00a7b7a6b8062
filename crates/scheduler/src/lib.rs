//! The order in which accepted fixes are worked on.
//!
//! - [`rank`] puts accepted fixes in order and says why each is where it is;
//! - [`learn`] estimates success and time of each class from outcomes;
//! - [`batch`] puts fixes that are rolled out together into batches;
//! - [`backlog`] is the rule of order that both the schedule and the simulator follow;
//! - [`window`] says when an item may be worked on;
//! - [`simulate`] compares orders;
//! - [`reference`] is the formula of the Python reference system.

pub mod backlog;
pub mod batch;
mod error;
pub mod learn;
mod rank;
pub mod reference;
pub mod simulate;
pub mod window;

pub use error::Error;
pub use rank::{Candidate, LEAD, MAX_WAIT, Order, Settings, rank};
