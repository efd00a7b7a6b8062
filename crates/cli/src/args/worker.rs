//! The arguments of `worker`.

use super::queue::{Place, duration};
use super::{Selecting, ServerArgs};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Folder that the paths of items count from
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) root: PathBuf,
    /// More manifests to read for every batch, from which an object of it may depend: the whole
    /// repository, where rules look at several files
    #[arg(long = "in", value_name = "PATH", num_args = 1..)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Name in leases and journals; by default the host's name and the process's number
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Most items at once: files that they share are read once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) batch: usize,
    /// How long items are the worker's own, unless it goes on: seconds, or 10m
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub(crate) lease: f64,
    /// End when nothing is ready
    #[arg(long)]
    pub(crate) drain: bool,
    /// Time between two looks when nothing is ready: seconds, or 1m
    #[arg(long, value_name = "TIME", default_value = "2", value_parser = duration)]
    pub(crate) interval: f64,
    /// Which verified fixes need no person's approval
    #[arg(long, value_enum, default_value = "none", value_name = "CLASS")]
    pub(crate) approve: Approving,
    /// Where to answer /livez, /readyz and /metrics, such as 0.0.0.0:9090
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// File to add each attempt to, one JSON record a line; `schedule simulate` draws from it
    #[arg(long, value_name = "FILE")]
    pub(crate) attempts_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Approving {
    /// None: a person approves
    None,
    /// Those of safe fixes
    Safe,
}
