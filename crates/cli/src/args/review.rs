//! The arguments of `review`.

use super::carry::Batching;
use super::queue::Place;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// One page with what was found, what will change, what proves it and what is left
    Packet(Packet),
    /// What the files will hold, as unified diffs
    Diff(Diff),
    /// What a run was made from and what it made, with hashes and claims
    Evidence(Evidence),
    /// Which patches were rejected: by gate, rule and cause, with the next step
    Verifier(Verifier),
    /// Why fixes are in the order that they are in
    Schedule(Schedule),
    /// How a queue is doing; changes nothing
    Queue(super::queue::Report),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Markdown,
    Html,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Packet {
    #[command(flatten)]
    pub(crate) batching: Batching,
    /// Only as much as fits into the description of a pull request
    #[arg(long)]
    pub(crate) concise: bool,
    /// Fixes that are shown with all that is known of them
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// markdown, html or json; by default what the name of --out says, else markdown
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) output_format: Option<Format>,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) batching: Batching,
    /// Only safe fixes
    #[arg(long)]
    pub(crate) safe: bool,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvidenceFormat {
    Table,
    Json,
    /// A statement as in-toto has them
    InToto,
}

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// Folder that `run --out` wrote
    #[arg(value_name = "DIR", required_unless_present = "check")]
    pub(crate) run: Option<PathBuf>,
    /// Claims of your own, besides those that every run makes
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: Option<PathBuf>,
    /// End with 1 when a claim is not covered
    #[arg(long)]
    pub(crate) fail_on_uncovered: bool,
    /// Compare what was written before with the files as they are now
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "claims", "out"])]
    pub(crate) check: Option<PathBuf>,
    /// table, json or in-toto
    #[arg(long, value_enum, default_value = "json", value_name = "FORMAT")]
    pub(crate) output_format: EvidenceFormat,
    /// Output file; stdout by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verifier {
    #[command(flatten)]
    pub(crate) records: super::carry::RecordArgs,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Schedule {
    #[command(flatten)]
    pub(crate) records: super::carry::RecordArgs,
    /// Entries that are shown; 0 for all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub(crate) output_format: String,
}
