//! The API server: a user's by kubeconfig, or an ephemeral one on loopback.
//!
//! The only room with HTTP, TLS and Kubernetes' client. [`Server`] is for callers that are not
//! asynchronous; it must not be used inside a runtime.

mod api;
mod breaker;
mod certificates;
mod choice;
mod client;
mod discovery;
mod ephemeral;
mod error;
mod fixtures;
mod kubeconfig;
mod open_api;
mod refusal;
mod seed;
mod server;

pub use choice::{Choice, Options, PodSecurity, UnknownChoice};
pub use client::Statistics;
pub use error::Error;
pub use fixtures::fixtures;
pub use open_api::OpenApi;
pub use seed::Seeded;
pub use server::{Server, binaries};

/// Who owns the fields that are applied, in the eyes of the server.
const FIELD_MANAGER: &str = "k8s-auto-fix";
