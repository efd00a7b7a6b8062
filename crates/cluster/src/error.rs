use std::io;
use std::path::{Path, PathBuf};

/// Why there is no server to ask, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No programs of an ephemeral server.
    #[error(
        "no etcd and kube-apiserver{wanted} in {}; set KUBEBUILDER_ASSETS to a folder with both, \
         as `setup-envtest use -p path` prints it, or build them with `cargo xtask tools`",
        paths(.looked)
    )]
    NoBinaries {
        /// ` 1.N`, or nothing when any version would do.
        wanted: String,
        /// Where they were looked for.
        looked: Vec<PathBuf>,
    },
    /// The programs are of another version than asked for.
    #[error("asked for an API server {wanted}, but {} has {found}", .folder.display())]
    WrongVersion {
        /// The version asked for.
        wanted: String,
        /// The version that answered.
        found: String,
        /// Where its program is.
        folder: PathBuf,
    },
    /// Something of an ephemeral server cannot be prepared.
    #[error("cannot prepare an ephemeral API server: {what}: {source}")]
    Prepare {
        /// What was attempted.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The certificates of an ephemeral server cannot be made.
    #[error("cannot make the certificates of an ephemeral API server: {0}")]
    Certificates(#[from] rcgen::Error),
    /// An ephemeral server died or did not get ready.
    #[error("the ephemeral API server did not start: {reason}; its log ends with:\n{log}")]
    DidNotStart {
        /// What happened.
        reason: String,
        /// The end of the log.
        log: String,
    },
    /// No kubeconfig and no service account.
    #[error(
        "no kubeconfig in {}, and this is not a pod with a service account; set KUBECONFIG",
        paths(.looked)
    )]
    NoKubeconfig {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A kubeconfig that cannot be used.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[source] Box<kube::config::KubeconfigError>),
    /// The kubeconfig lacks the context.
    #[error("the kubeconfig has no context {context:?}; it has {}", .known.join(", "))]
    NoContext {
        /// The context asked for.
        context: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// The kubeconfig says nothing about which context to use.
    #[error("the kubeconfig has no current context; name one of {}", .known.join(", "))]
    NoCurrentContext {
        /// The contexts it has.
        known: Vec<String>,
    },
    /// A client cannot be made from the configuration.
    #[error("{server}: the configuration cannot be used: {reason}")]
    Configuration {
        /// The server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "{server}: this client does not trust the server's certificate ({reason}); check \
         certificate-authority and the server's name in the kubeconfig"
    )]
    Untrusted {
        /// The server.
        server: String,
        /// What TLS says.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "{server}: the API server does not answer: {reason}; check that it runs and the network"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server does not know us.
    #[error("{server}: the credentials are wrong or have expired: {reason}; log in again")]
    Unauthorized {
        /// The server.
        server: String,
        /// What it says.
        reason: String,
    },
    /// The server's answer to a question that every API server answers.
    #[error("{server}: unexpected answer: {reason}; is this a Kubernetes API server?")]
    Unexpected {
        /// The server.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime of the client cannot start.
    #[error("cannot start the runtime of the client: {0}")]
    Runtime(#[source] io::Error),
}

impl Error {
    /// For `map_err` on a step of the preparation.
    pub(crate) fn prepare(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Prepare { what: what.into(), source }
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| Path::display(path).to_string()).collect();
    paths.join(", ")
}
