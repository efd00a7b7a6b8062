//! The command line.

pub(crate) mod carry;
pub(crate) mod queue;
pub(crate) mod review;
pub(crate) mod worker;

use clap::{Args, Parser, Subcommand, ValueEnum};
use record::Date;
use serde::Deserialize;
use std::path::PathBuf;

/// Finds Kubernetes misconfigurations, proposes the smallest fix, and proves it.
///
/// Exit codes: 0 nothing left to report, 1 findings or rejected fixes, 2 usage or input error,
/// 3 internal error.
#[derive(Debug, Parser)]
#[command(name = "k8s-auto-fix", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Configuration file; by default k8s-auto-fix.yaml in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Results only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Threads; by default one for each core
    #[arg(long, short, global = true, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Largest file that is read, in bytes
    #[arg(long, global = true, value_name = "BYTES")]
    pub(crate) max_file_size: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report findings, and fix them in place with --fix
    Check(Check),
    /// The findings that are known already
    #[command(subcommand)]
    Baseline(Baseline),
    /// List the rules
    Rules(Rules),
    /// Explain a rule
    Explain(Explain),
    /// All stages at once: detect, propose, verify, risk, schedule, queue, review
    Run(Run),
    /// What `run` with the same arguments would do; writes nothing
    Plan(Plan),
    /// How far a run is, and what to do next
    Status(Status),
    /// Stage 1: manifests to detections
    Detect(Detect),
    /// Stage 2: detections to candidate patches
    Propose(Propose),
    /// Stage 3: candidate patches to verdicts
    Verify(Verify),
    /// Propose over HTTP, on loopback
    Serve(Serve),
    /// Stage 4: detections to risk scores
    Risk(Risk),
    /// What is known of exploited vulnerabilities: fetch and show it
    #[command(subcommand)]
    Feeds(Feeds),
    /// Stage 5: verdicts and risk to a schedule
    Schedule(Schedule),
    /// Stage 6: the durable queue
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Judge the items of a queue again, against the source as it is now
    Worker(worker::Worker),
    /// Put accepted fixes into batches that are rolled out together
    Batches(carry::Batches),
    /// What to look at before accepted fixes are carried on
    #[command(subcommand)]
    Review(review::Review),
    /// Carry accepted fixes into a git repository
    #[command(subcommand)]
    Gitops(carry::Gitops),
    /// Take back what `gitops write` wrote, also where others have edited the files since
    Undo(carry::Undo),
    /// What a run wrote, and what it was made from
    #[command(subcommand)]
    Artifacts(Artifacts),
    /// List what runs have written, and remove it with --delete
    Clean(Clean),
    /// The configuration file
    #[command(subcommand)]
    Config(Configuration),
    /// Check what the tool needs and finds here
    Doctor(Doctor),
    /// Write a completion script for a shell
    Completions(Completions),
}

/// Which rules run, and against what.
#[derive(Debug, Args, Default)]
pub(crate) struct Selecting {
    /// default, all, pod-security-baseline, pod-security-restricted, nsa, cis or kube-linter
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Rules to run instead of the profile's: ids, ALL, or another tool's id as tool:id
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Rules not to run
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Kubernetes versions that objects must be valid for; by default the newest known
    #[arg(long, value_name = "1.N", value_delimiter = ',')]
    pub(crate) kubernetes_version: Vec<String>,
    /// Version of the Pod Security Standards: latest or v1.N
    #[arg(long, value_name = "VERSION")]
    pub(crate) pod_security_version: Option<String>,
    /// With the profile kube-linter: its configuration; by default .kube-linter.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) kube_linter_config: Option<PathBuf>,
    /// Which objects see each other: all, or those of one directory
    #[arg(long, value_name = "all|directory")]
    pub(crate) context: Option<String>,
}

/// Which findings count.
#[derive(Debug, Args, Default)]
pub(crate) struct Counting {
    /// Show what comments, annotations and the configuration ignore
    #[arg(long)]
    pub(crate) no_ignores: bool,
    /// Day that the expiry of ignores is compared with; by default today, in UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) today: Option<Date>,
    /// Only findings that are not in this file; `baseline write` makes it
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Findings of the configuration's baseline too
    #[arg(long, conflicts_with = "baseline")]
    pub(crate) no_baseline: bool,
    /// Only findings that are at least so severe
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) min_severity: Option<Severity>,
    /// Least severity that makes the exit code 1; `never` leaves it 0
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,
}

/// As [`record::Severity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// From which severity on a finding makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Source excerpts
    Full,
    /// One line a finding
    Concise,
    /// An array of detection records
    Json,
    /// SARIF 2.1.0, with fixes
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    /// JUnit XML
    Junit,
    /// Code Quality report of GitLab
    Gitlab,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, folders, or - for stdin; by default the working directory
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) counting: Counting,
    /// Apply safe fixes in place
    #[arg(long)]
    pub(crate) fix: bool,
    /// With --fix, --diff or --interactive: unsafe fixes too
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,
    /// Show what --fix would change; writes nothing
    #[arg(long, conflicts_with = "fix")]
    pub(crate) diff: bool,
    /// Ask for each fix whether to apply it
    #[arg(long, short, conflicts_with_all = ["fix", "diff"])]
    pub(crate) interactive: bool,
    /// How findings are written
    #[arg(long, value_enum, default_value = "full", value_name = "FORMAT")]
    pub(crate) output_format: OutputFormat,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Write down the findings that are there now; `check --baseline` then reports new ones only
    Write(BaselineWrite),
}

#[derive(Debug, Args)]
pub(crate) struct BaselineWrite {
    /// Files, folders, or - for stdin; by default the working directory
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// Write down what is ignored too
    #[arg(long)]
    pub(crate) no_ignores: bool,
    /// Day that the expiry of ignores is compared with; by default today, in UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) today: Option<Date>,
    /// Output file; by default the configuration's `baseline`, else .k8s-auto-fix-baseline.json
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A rule id, a policy id of the reference, or another tool's id as tool:id
    pub(crate) rule: String,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Files, folders, or - for stdin
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) counting: Counting,
    /// Folder for all records; created when missing
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Go on where a run of the same inputs and settings was interrupted
    #[arg(long)]
    pub(crate) resume: bool,
    /// Gates not to run: patch, edit, policy, regression, schema, server
    #[arg(long, value_name = "GATE", value_delimiter = ',')]
    pub(crate) disable_gate: Vec<String>,
    /// Note the time of each gate; the outputs then differ from run to run
    #[arg(long)]
    pub(crate) timings: bool,
    #[command(flatten)]
    pub(crate) proposing: ProposerArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) judging: RiskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Detect {
    /// Files or folders
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) counting: Counting,
    /// Put the text of the document into every record
    #[arg(long)]
    pub(crate) embed: bool,
    #[command(flatten)]
    pub(crate) importing: Importing,
    #[command(flatten)]
    pub(crate) scanners: ScannerArgs,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
}

/// Findings of other scanners. With any, our own rules run only when --select or --profile asks.
#[derive(Debug, Args, Default)]
pub(crate) struct Importing {
    /// Reports of other scanners about the manifests
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) import: Vec<PathBuf>,
    /// Format of these reports: kube-linter, kyverno, trivy, polaris, checkov, kubescape or sarif;
    /// by default what they look like
    #[arg(long, value_name = "FORMAT", requires = "import")]
    pub(crate) import_format: Option<String>,
    /// Scanners to run on the manifests: kube-linter, kyverno, trivy, polaris, checkov, kubescape
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
}

/// How outside scanners run.
#[derive(Debug, Args, Default)]
pub(crate) struct ScannerArgs {
    /// The program of a scanner, as TOOL=PATH; by default the one in the PATH
    #[arg(long, value_name = "TOOL=PATH")]
    pub(crate) scanner: Vec<String>,
    /// Seconds after which a scanner and all that it started is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) scanner_timeout: u64,
    /// Policies for Kyverno: a file or folder
    #[arg(long, value_name = "DIR")]
    pub(crate) policies_dir: Option<PathBuf>,
    /// Where to write how each scanner ended, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) scanner_report: Option<PathBuf>,
}

/// The API server that must accept every fix. The command line alone says which: a configuration
/// file that comes with the manifests must not make the tool call a cluster.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// API server that must accept every fix in a dry-run: off, ephemeral[=1.N] (one of its own, on
    /// loopback), or kubeconfig[=CONTEXT]
    #[arg(long, value_name = "SERVER", default_value = "off")]
    pub(crate) server: cluster::Choice,
    /// Manifests to create on the server first, for real: namespaces, custom resource definitions,
    /// accounts, policies. An ephemeral server gets these from the inputs too
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub(crate) seed: Vec<PathBuf>,
    /// Seconds that the server may take for one answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) server_timeout: u64,
    /// Requests to the server at the same time
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) server_concurrency: usize,
    /// Judge fields that another field manager owns as if they were ours
    #[arg(long)]
    pub(crate) force_conflicts: bool,
}

/// Who proposes. A model is asked only with a configuration that the command line names.
#[derive(Debug, Args, Default)]
pub(crate) struct ProposerArgs {
    /// rules; NAME, a model backend of the file that --config names; rules+NAME, the model for what
    /// rules and evidence cannot fix; or `recorded FILE`, answers that were recorded. By default the
    /// rules, then the configuration's `proposer.mode`
    #[arg(long, value_names = ["NAME", "FILE"], num_args = 1..=2)]
    pub(crate) proposer: Vec<String>,
    /// Attempts of a model at one finding
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<u32>,
    /// Take a model's answers from the cache only; nothing is sent
    #[arg(long)]
    pub(crate) replay: bool,
}

/// What is found out about images. The command line alone turns it on: a configuration file that
/// comes with the manifests must not make the tool call out.
#[derive(Debug, Clone, Args)]
pub(crate) struct EvidenceArgs {
    /// Where to find out more about images: registry asks the registries that they are from.
    /// Without it nothing leaves the machine
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub(crate) evidence: Option<EvidenceSource>,
    /// Evidence that was written by --evidence-out
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) evidence_file: Vec<PathBuf>,
    /// Where to write the evidence that was used, one JSON record a line
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence_out: Option<PathBuf>,
    /// A registry to ask in place of another: docker.io=mirror.example:5000
    #[arg(long, value_name = "HOST=HOST", value_delimiter = ',', requires = "evidence")]
    pub(crate) registry_mirror: Vec<String>,
    /// A registry that is spoken to without TLS
    #[arg(long, value_name = "HOST", value_delimiter = ',', requires = "evidence")]
    pub(crate) registry_plain_http: Vec<String>,
    /// Seconds that one request to a registry may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) registry_timeout: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvidenceSource {
    /// The registries that images are from
    Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// Detections, ours or the reference's; may be left out with recorded answers that hold theirs
    #[arg(long, value_name = "FILE")]
    pub(crate) detections: Option<PathBuf>,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) proposing: ProposerArgs,
    /// Where to write every attempt of a model
    #[arg(long, value_name = "FILE")]
    pub(crate) attempts_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; other machines reach it only by way of a proxy
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub(crate) listen: std::net::SocketAddr,
    /// Environment variable with the token that callers must send; without one a token is made up
    /// and shown
    #[arg(long, value_name = "VARIABLE", default_value = "K8S_AUTO_FIX_TOKEN")]
    pub(crate) token_env: String,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) proposing: ProposerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Patches, ours or the reference's
    #[arg(long, value_name = "FILE")]
    pub(crate) patches: PathBuf,
    /// The detections that they belong to
    #[arg(long, value_name = "FILE")]
    pub(crate) detections: PathBuf,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// Put the reasons of failed gates into `errors`
    #[arg(long)]
    pub(crate) include_errors: bool,
    /// Put the patched document into accepted records
    #[arg(long)]
    pub(crate) patched_yaml: bool,
    /// Only the patch with this id; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) id: Vec<String>,
    /// At most so many patches
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Gates not to run: patch, edit, policy, regression, schema, server, rescan
    #[arg(long, value_name = "GATE", value_delimiter = ',')]
    pub(crate) disable_gate: Vec<String>,
    /// Note the time of each gate; the output then differs from run to run
    #[arg(long)]
    pub(crate) timings: bool,
    /// offline; cluster: an API server must accept the patch; strict: and the scanner that reported
    /// the finding must report it no more. By default offline, or cluster with --server
    #[arg(long, value_parser = ["offline", "cluster", "strict"])]
    pub(crate) gates_profile: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) scanners: ScannerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Risk {
    /// Detections, ours or the reference's
    #[arg(long, value_name = "FILE")]
    pub(crate) detections: PathBuf,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// More manifests: Services, Ingresses and routes that lead to the objects. Those that the
    /// detections name are read anyway
    #[arg(long = "in", value_name = "PATH", num_args = 1..)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Show what each score is made of, the highest first
    #[arg(long)]
    pub(crate) explain: bool,
    /// Only the detection with this id; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) id: Vec<String>,
    /// table or json
    #[arg(long, default_value = "json", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
    #[command(flatten)]
    pub(crate) judging: RiskArgs,
}

/// What risk is judged by besides the manifests. Nothing is read that is not named here.
#[derive(Debug, Args, Default)]
pub(crate) struct RiskArgs {
    /// EPSS scores as published, plain or packed by gzip
    #[arg(long, value_name = "FILE")]
    pub(crate) epss: Option<PathBuf>,
    /// The catalogue of known exploited vulnerabilities as published
    #[arg(long, value_name = "FILE")]
    pub(crate) kev: Option<PathBuf>,
    /// A folder that `feeds fetch` filled; without DIR the one in the user's cache folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["epss", "kev"])]
    pub(crate) feeds: Option<Option<PathBuf>>,
    /// Reports of Trivy or Grype about images, as JSON: files, or folders of them
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) image_report: Vec<PathBuf>,
    /// The reference's policy_metrics.json: probability and time of the fixes of each policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy_metrics: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Feeds {
    /// Download the feeds, or take them from files; a feed that fails leaves the former one
    Fetch(FeedsFetch),
    /// Show the feeds that are there, and how old they are
    Show(FeedsShow),
}

#[derive(Debug, Args)]
pub(crate) struct FeedsFetch {
    /// Folder to keep the feeds in; by default one in the user's cache folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the EPSS scores are; by default where FIRST has them published
    #[arg(long, value_name = "URL")]
    pub(crate) epss_url: Option<String>,
    /// Where the KEV catalogue is; by default at CISA
    #[arg(long, value_name = "URL")]
    pub(crate) kev_url: Option<String>,
    /// Files to take in place of downloads, each of either kind; nothing leaves the machine
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["epss_url", "kev_url"])]
    pub(crate) from: Vec<PathBuf>,
    /// Seconds that one download may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct FeedsShow {
    /// Folder of the feeds; by default the one in the user's cache folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    pub(crate) simulate: Option<ScheduleCommand>,
    #[command(flatten)]
    pub(crate) ranking: Ranking,
}

#[derive(Debug, Args)]
pub(crate) struct Ranking {
    /// Verdicts; only accepted ones are scheduled
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) verified: Option<PathBuf>,
    /// The detections that they belong to
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) detections: Option<PathBuf>,
    /// The patches that were judged, which say who proposed; by default the rules
    #[arg(long, value_name = "FILE")]
    pub(crate) patches: Option<PathBuf>,
    /// Risk scores; by default they are computed from the detections
    #[arg(long, value_name = "FILE")]
    pub(crate) risk: Option<PathBuf>,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How to rank
    #[arg(long, value_enum, default_value = "bandit", value_name = "ORDER")]
    pub(crate) order: Order,
    /// What attempts have taught so far: class statistics, as `queue report` writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) statistics: Option<PathBuf>,
    /// How classes that are not known well are tried out
    #[arg(long, value_enum, default_value = "ucb", value_name = "WAY")]
    pub(crate) explore: Explore,
    /// Seed of what exploring draws; by default the configuration's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Workers side by side
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) servers: usize,
    /// The time from which deadlines and change windows count, such as 2026-07-01T09:00:00Z;
    /// without it neither does
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<jiff::Timestamp>,
    /// Say why each item is where it is: a table, or with --out a part of each record
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Exploited first, then risk removed per second as far as learnt, every second turn for what
    /// is due
    Bandit,
    /// The reference system's formula
    RiskTimeAgeing,
    /// The highest risk first
    RiskOnly,
    /// In the order of the input
    Fifo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Explore {
    /// Not at all
    None,
    /// Drawn from what is believed
    Thompson,
    /// As good as it may well be
    Ucb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Compare orders on simulated backlogs and arrival streams
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Folders of runs with --timings, whose times and verdicts are drawn from
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub(crate) runs: Vec<PathBuf>,
    /// Attempts that `worker --attempts-out` wrote, to draw from
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) attempts: Vec<PathBuf>,
    /// A model that --save-model wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "attempts"])]
    pub(crate) model: Option<PathBuf>,
    /// Where to write what was fitted
    #[arg(long, value_name = "FILE")]
    pub(crate) save_model: Option<PathBuf>,
    /// Items
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) items: usize,
    /// Workers side by side
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) servers: usize,
    /// Share of the workers' time that an arrival stream takes; without it all items are there from
    /// the start
    #[arg(long, value_name = "SHARE")]
    pub(crate) load: Option<f64>,
    /// Makes tails heavier than measured: standard deviation of the logarithm of a factor on times
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0)]
    pub(crate) tail: f64,
    /// Draws the success of each class from this to 1, in place of the measured one
    #[arg(long, value_name = "P")]
    pub(crate) least_probability: Option<f64>,
    /// Share of items with a known exploited vulnerability
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) kev_share: f64,
    /// Attempts after which an item is given up
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) max_attempts: usize,
    /// Hours after which an item is due; never by default
    #[arg(long, value_name = "HOURS")]
    pub(crate) max_wait: Option<f64>,
    /// Attempts to learn from before the second comparison
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) learn: usize,
    /// How classes that are not known well are tried out
    #[arg(long, value_enum, default_value = "ucb", value_name = "WAY")]
    pub(crate) explore: Explore,
    /// Seed of all draws; by default the configuration's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Worlds to draw, with seeds that follow each other; results are means
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) repeat: u64,
    /// One setting to vary: servers, load, tail, least-probability or kev-share, as NAME=V1,V2,…
    #[arg(long, value_name = "NAME=VALUES")]
    pub(crate) sweep: Option<String>,
    /// Check the rule of order on so many random arrival streams instead
    #[arg(long, value_name = "N", conflicts_with_all = ["sweep", "svg"])]
    pub(crate) traces: Option<usize>,
    /// Folder for charts
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) run: Run,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Artifacts {
    /// Every input and output of a run, with size, SHA-256, producer and stage
    Index(ArtifactsIndex),
    /// Where files came from, and what became of them
    Trace(ArtifactsTrace),
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsIndex {
    /// Folder that `run --out` wrote
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsTrace {
    /// Folder that `run --out` wrote
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// Inputs or outputs of that run
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Where to look for folders that `run --out` wrote; by default the working directory
    pub(crate) paths: Vec<PathBuf>,
    /// Remove what is listed
    #[arg(long)]
    pub(crate) delete: bool,
    /// Interrupted runs too, which `run --resume` could go on with
    #[arg(long)]
    pub(crate) interrupted: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Configuration {
    /// Everything that is wrong with a configuration file
    Check(ConfigCheck),
    /// Write its JSON Schema, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigCheck {
    /// The file; by default that of --config, else k8s-auto-fix.yaml in the working directory
    pub(crate) file: Option<PathBuf>,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Folder that `run --out` wrote
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// An API server to connect to, or to start: ephemeral[=1.N] or kubeconfig[=CONTEXT]
    #[arg(long, value_name = "SERVER", default_value = "off")]
    pub(crate) server: cluster::Choice,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// bash, elvish, fish, powershell or zsh
    pub(crate) shell: clap_complete::Shell,
}
