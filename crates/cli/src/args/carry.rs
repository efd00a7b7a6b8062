//! The arguments of the commands that carry accepted fixes on: `batches`, `gitops`, `undo`.

use super::{EvidenceArgs, Selecting};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which records. Those of the folder are used where none is named.
#[derive(Debug, Args, Default)]
pub(crate) struct RecordArgs {
    /// Folder that `run --out` wrote
    #[arg(value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// Detections, in place of the folder's
    #[arg(long, value_name = "FILE")]
    pub(crate) detections: Option<PathBuf>,
    /// Patches, in place of the folder's
    #[arg(long, value_name = "FILE")]
    pub(crate) patches: Option<PathBuf>,
    /// Verdicts, in place of the folder's
    #[arg(long, value_name = "FILE")]
    pub(crate) verified: Option<PathBuf>,
    /// Risk scores, in place of the folder's
    #[arg(long, value_name = "FILE")]
    pub(crate) risk: Option<PathBuf>,
    /// Schedule, in place of the folder's; without one the most risk comes first
    #[arg(long, value_name = "FILE")]
    pub(crate) schedule: Option<PathBuf>,
}

/// What fixes of one batch have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// The rule
    #[value(alias = "policy")]
    Rule,
    /// The namespace that the manifest names
    Namespace,
    /// The owner or team that labels and annotations name, else CODEOWNERS
    Owner,
    /// The same Helm chart, kustomize base or image
    RootCause,
}

impl From<GroupBy> for record::GroupBy {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::Rule => Self::Rule,
            GroupBy::Namespace => Self::Namespace,
            GroupBy::Owner => Self::Owner,
            GroupBy::RootCause => Self::RootCause,
        }
    }
}

/// Which fixes, and how they are put together.
#[derive(Debug, Args)]
pub(crate) struct Batching {
    #[command(flatten)]
    pub(crate) records: RecordArgs,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    /// What the fixes of one batch have in common
    #[arg(long, value_enum, default_value = "rule", value_name = "WHAT")]
    pub(crate) group_by: GroupBy,
    /// The time from which change windows and freezes count, such as 2026-07-01T09:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<jiff::Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Batches {
    #[command(flatten)]
    pub(crate) batching: Batching,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Gitops {
    /// Show which branches and commits `write` would make; changes nothing
    Plan(Write),
    /// Write one commit for each batch, on branches of its own; the working tree stays as it is
    Write(Write),
}

#[derive(Debug, Args)]
pub(crate) struct Write {
    #[command(flatten)]
    pub(crate) batching: Batching,
    /// Unsafe fixes too; they may break what works
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,
    /// A folder in the repository that the manifests are in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// What the names of the branches begin with
    #[arg(long, value_name = "TEXT", default_value = "k8s-auto-fix/")]
    pub(crate) branch_prefix: String,
    /// Branches that may be open at a time; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_branches: usize,
    /// Branches that may be made within an hour; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_per_hour: usize,
    /// Push the branches to this remote
    #[arg(long, value_name = "REMOTE", num_args = 0..=1, default_missing_value = "origin")]
    pub(crate) push: Option<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
    /// Show the changes of each batch
    #[arg(long)]
    pub(crate) diff: bool,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

/// Whose pull or merge requests are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForgeKind {
    Github,
    Gitlab,
}

impl From<ForgeKind> for forge::Kind {
    fn from(kind: ForgeKind) -> Self {
        match kind {
            ForgeKind::Github => Self::Github,
            ForgeKind::Gitlab => Self::Gitlab,
        }
    }
}

/// How pull or merge requests are asked for.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    /// Open a pull or merge request for each branch that is pushed, and a dashboard issue
    #[arg(long, value_enum, requires = "push", value_name = "FORGE")]
    pub(crate) forge: Option<ForgeKind>,
    /// Root of the forge's API; by default that of github.com or gitlab.com
    #[arg(long, requires = "forge", value_name = "URL")]
    pub(crate) forge_url: Option<String>,
    /// owner/name, or group/project; by default what the remote's address says
    #[arg(long, requires = "forge", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// Variable that holds the token; by default GITHUB_TOKEN or GITLAB_TOKEN
    #[arg(long, requires = "forge", value_name = "NAME")]
    pub(crate) token_env: Option<String>,
    /// Branch that the requests go into; by default the one that is checked out
    #[arg(long, requires = "forge", value_name = "BRANCH")]
    pub(crate) base: Option<String>,
    /// Labels of the requests; the dashboard gets the first
    #[arg(
        long,
        requires = "forge",
        value_name = "LABEL",
        value_delimiter = ',',
        default_value = "k8s-auto-fix"
    )]
    pub(crate) label: Vec<String>,
    /// Do not ask the owners that CODEOWNERS names for a review
    #[arg(long, requires = "forge")]
    pub(crate) no_reviewers: bool,
    /// No dashboard issue
    #[arg(long, requires = "forge")]
    pub(crate) no_dashboard: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Batches to take back, such as rule/run-as-non-root, or commits of theirs; all by default
    pub(crate) batches: Vec<String>,
    /// A folder in the repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// Show what would change; writes nothing
    #[arg(long)]
    pub(crate) diff: bool,
}
