//! Why a model cannot be asked at all.

use std::path::PathBuf;

/// A configuration with which no model can be asked. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field that every backend needs.
    #[error("backend `{backend}` has no `{field}`: set it in the configuration")]
    Missing {
        /// The backend's name.
        backend: String,
        /// The field's name.
        field: &'static str,
    },
    /// The endpoint is not a URL that is asked.
    #[error("backend `{backend}`: the endpoint {reason}")]
    Endpoint {
        /// The backend's name.
        backend: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The variable that should hold the key is unset or empty.
    #[error(
        "backend `{backend}`: the environment variable `{variable}` is not set: export the key"
    )]
    Key {
        /// The backend's name.
        backend: String,
        /// The variable's name.
        variable: String,
    },
    /// The name or the value of the header with the key cannot be sent.
    #[error("backend `{backend}`: `{field}` or the key cannot be sent as an HTTP header")]
    Header {
        /// The backend's name.
        backend: String,
        /// The field's name.
        field: &'static str,
    },
    /// A number that makes no sense.
    #[error("backend `{backend}`: `{field}` {reason}")]
    Value {
        /// The backend's name.
        backend: String,
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The cache's folder cannot be made.
    #[error("cannot make the folder of the cache, {}: {source}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Answers are to come from a cache that is not named.
    #[error("replay needs the folder of the cache: set `proposer.cache_dir`")]
    NoCache,
    /// Threads or TLS could not be set up.
    #[error("cannot start the HTTP client: {0}")]
    Client(String),
}
