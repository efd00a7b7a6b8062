//! What is found out about what manifests name.
//!
//! [`Registry`] asks container registries, [`read`] reads what a former run found out. Nothing here
//! runs by itself: without a [`Registry`] no byte leaves the machine.

mod cache;
mod client;
mod credentials;
mod file;
mod image;
mod registry;
#[cfg(feature = "testing")]
pub mod testing;
mod version;

pub use file::{FileError, MAX_FILE, Read, bytes, read};
pub use registry::{Gathered, Options, OptionsError, Registry};
