//! Downloads: bounded in time and size.

use crate::Kind;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// Why nothing can be downloaded at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client.
    #[error("cannot set up HTTPS: {0}; are the certificates of authorities installed?")]
    Http(#[from] reqwest::Error),
    /// The runtime.
    #[error("cannot set up connections: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Why a feed could not be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The address.
    #[error("`{0}` is no address; expected one that begins with https:// or http://")]
    Url(String),
    /// No connection, or no whole answer in time.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// Another status than 200.
    #[error("{host} answers {status}")]
    Status {
        /// Who was asked.
        host: String,
        /// The status.
        status: u16,
    },
    /// More bytes than such a feed has.
    #[error("{host} answers with more than {limit} bytes")]
    TooLarge {
        /// Who was asked.
        host: String,
        /// What is taken.
        limit: usize,
    },
}

/// Downloads feeds.
pub struct Downloads {
    https: Client,
    plain: Client,
    timeout: Duration,
    runtime: Runtime,
}

impl Downloads {
    /// Prepares to download; nothing is sent yet. `timeout` is for one whole feed.
    ///
    /// # Errors
    /// When HTTPS cannot be set up.
    pub fn new(timeout: Duration) -> Result<Self, SetupError> {
        // Fails only when the process has chosen its cryptography already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .timeout(timeout)
                .redirect(Policy::limited(REDIRECTS))
                .user_agent(concat!("k8s-auto-fix/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            https: builder().https_only(true).build()?,
            plain: builder().build()?,
            timeout,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Downloads a feed. From an address with TLS no redirect leads away from it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn get(&self, kind: Kind, url: &str) -> Result<Vec<u8>, Failure> {
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = parsed.ok_or_else(|| Failure::Url(url.to_owned()))?;
        self.runtime.block_on(self.read(url, kind.largest()))
    }

    async fn read(&self, url: Url, limit: usize) -> Result<Vec<u8>, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = if url.scheme() == "https" { &self.https } else { &self.plain };
        let failed = |error: reqwest::Error| self.failure(&error, &host);
        let mut response = client.get(url).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Failure::Status { host, status });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                return Err(Failure::TooLarge { host, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failure(&self, error: &reqwest::Error, host: &str) -> Failure {
        let reason = if error.is_timeout() {
            format!("no whole answer within {} s", self.timeout.as_secs_f64())
        } else if error.is_redirect() {
            "it redirects too often, or away from TLS".to_owned()
        } else {
            system::innermost(error)
        };
        Failure::Unreachable { host: host.to_owned(), reason }
    }
}
