use serde::{Deserialize, Serialize};

/// One thing that was found out about something that manifests name.
///
/// Sources write such records, and `evidence.jsonl` keeps them, so that a later run, a review or a
/// CI job without a network decides by the same knowledge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// What it is about.
    pub subject: Subject,
    /// What is so.
    pub fact: Fact,
    /// Who says so, for example `registry:quay.io`.
    pub source: String,
    /// Digest of what was looked at, for example of the image's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was looked at: RFC 3339, in UTC, whole seconds.
    pub time: String,
}

/// Something that manifests name and that can be looked at elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Subject {
    /// A container image.
    Image {
        /// The whole reference: registry, repository, and tag or digest, for example
        /// `docker.io/library/nginx:latest`.
        reference: String,
    },
}

/// What is so of a [`Subject`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "name", content = "value", rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Fact {
    /// The digest that the tag stands for, of the index where there are several platforms.
    Digest(String),
    /// A tag that looks like a version and stands for the same digest.
    VersionTag(String),
    /// The user of the image's processes, as its configuration writes it: empty for root.
    User(String),
    /// Ports that the image says it listens on, such as `8080/tcp`.
    ExposedPorts(Vec<String>),
    /// Paths that the image declares as volumes.
    Volumes(Vec<String>),
    /// The image's health check, as its configuration writes it.
    Healthcheck(Vec<String>),
    /// What the image starts: its entry point and, after it, the arguments by default.
    Entrypoint(Vec<String>),
}
