//! Feeds of exploited vulnerabilities: EPSS scores and CISA's KEV catalogue.
//!
//! [`Downloads`] asks the servers, [`Store`] keeps what it was given in a folder and gives it back.
//! Nothing here runs by itself: without [`Downloads`] no byte leaves the machine.

mod download;
mod feed;
mod store;

pub use download::{Downloads, Failure, SetupError};
pub use feed::{Feed, Kind};
pub use store::{Kept, Known, Store, StoreError};
