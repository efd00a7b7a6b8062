use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Which server judges. Reads `off`, `ephemeral`, `ephemeral=1.36`, `kubeconfig` and
/// `kubeconfig=CONTEXT`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// None.
    #[default]
    Off,
    /// One that is started for this run and is gone afterwards.
    Ephemeral {
        /// The version as `1.N`; the newest that is installed when not said.
        version: Option<String>,
    },
    /// The user's.
    Kubeconfig {
        /// A context of the kubeconfig; the current one when not said.
        context: Option<String>,
    },
}

/// A text that names no [`Choice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a server; expected off, ephemeral, ephemeral=1.N, kubeconfig or \
     kubeconfig=CONTEXT"
)]
pub struct UnknownChoice(String);

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let unknown = || UnknownChoice(text.to_owned());
        match text.split_once('=') {
            None if text == "off" => Ok(Self::Off),
            None if text == "ephemeral" => Ok(Self::Ephemeral { version: None }),
            None if text == "kubeconfig" => Ok(Self::Kubeconfig { context: None }),
            Some(("ephemeral", version)) => {
                let minor = minor(version).ok_or_else(unknown)?;
                Ok(Self::Ephemeral { version: Some(format!("1.{minor}")) })
            }
            Some(("kubeconfig", context)) if !context.is_empty() => {
                Ok(Self::Kubeconfig { context: Some(context.to_owned()) })
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Ephemeral { version: None } => f.write_str("ephemeral"),
            Self::Ephemeral { version: Some(version) } => write!(f, "ephemeral={version}"),
            Self::Kubeconfig { context: None } => f.write_str("kubeconfig"),
            Self::Kubeconfig { context: Some(context) } => write!(f, "kubeconfig={context}"),
        }
    }
}

/// `N` of a version written as `1.N` or `v1.N`.
pub(crate) fn minor(version: &str) -> Option<u16> {
    version.strip_prefix('v').unwrap_or(version).strip_prefix("1.")?.parse().ok()
}

/// How a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Requests at the same time; at least 1.
    pub concurrency: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request is repeated that was not answered, after the first attempt. One that
    /// timed out, or found a webhook broken, is repeated at most once.
    pub retries: u32,
    /// Whether fields of other managers are taken over. Otherwise a conflict is a refusal.
    pub force_conflicts: bool,
    /// What pods must fulfil on an ephemeral server.
    pub pod_security: PodSecurity,
    /// What an ephemeral server is told besides, as `--name=value`.
    pub apiserver_flags: Vec<String>,
    /// Where schemas are kept; `k8s-auto-fix/openapi` in the user's cache folder when not said.
    pub cache: Option<PathBuf>,
    /// A kubeconfig to read instead of those in `KUBECONFIG` and the home folder.
    pub kubeconfig: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 8,
            timeout: Duration::from_secs(10),
            retries: 4,
            force_conflicts: false,
            pod_security: PodSecurity::default(),
            apiserver_flags: Vec::new(),
            cache: None,
            kubeconfig: None,
        }
    }
}

/// A Pod Security Standard. By default `restricted` of the server's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSecurity {
    /// `privileged`, `baseline` or `restricted`.
    pub level: String,
    /// `latest` or `v1.N`.
    pub version: String,
}

impl Default for PodSecurity {
    fn default() -> Self {
        Self { level: "restricted".to_owned(), version: "latest".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::Choice;

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for text in ["off", "ephemeral", "ephemeral=1.36", "kubeconfig", "kubeconfig=a=b"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        assert_eq!("ephemeral=v1.9".parse::<Choice>().unwrap().to_string(), "ephemeral=1.9");
    }

    #[test]
    fn anything_else_is_refused_with_what_would_do() {
        for text in ["", "on", "ephemeral=", "ephemeral=2.1", "ephemeral=1.36.3", "kubeconfig="] {
            let error = text.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains("expected off"), "{text}: {error}");
        }
    }
}
