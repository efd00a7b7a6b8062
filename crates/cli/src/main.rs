//! `k8s-auto-fix`: arguments, configuration, progress and rendering. The work is done by the
//! rooms.

mod archive;
mod args;
mod commands;
mod config;
mod counting;
mod evidence;
mod fixing;
mod grouping;
mod importing;
mod inputs;
mod landing;
mod linter;
mod located;
mod owners;
mod proposing;
mod scanners;
mod scoring;
mod server;
mod session;
mod table;
mod write;

use args::{Cli, Command};
use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command ended, as the exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing left to report.
    Clean = 0,
    /// Findings, or rejected fixes.
    Findings = 1,
    /// Wrong usage, or an input that could not be read.
    InputError = 2,
}

impl End {
    /// The end that a code stands for.
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Clean,
            1 => Self::Findings,
            _ => Self::InputError,
        }
    }
}

/// A fault of ours.
const INTERNAL_ERROR: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic is a fault of ours: say so, and end with the code that means it.
    let ended = std::panic::catch_unwind(|| run(&cli));
    match ended {
        Ok(Ok(end)) => ExitCode::from(end as u8),
        Ok(Err(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let red = anstyle_error();
            let _ = writeln!(anstream::stderr(), "{red}error{red:#}: {error:#}");
            ExitCode::from(End::InputError as u8)
        }
        Err(_) => {
            let _ = writeln!(
                anstream::stderr(),
                "error: this is a fault of k8s-auto-fix; please report the lines above and the \
                 command"
            );
            ExitCode::from(INTERNAL_ERROR)
        }
    }
}

fn anstyle_error() -> clap::builder::styling::Style {
    clap::builder::styling::AnsiColor::Red.on_default().bold()
}

/// A reader that had enough, such as `head`, is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| {
            let json = || cause.downcast_ref::<serde_json::Error>()?.io_error_kind();
            cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or_else(json)
        })
        .any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}

/// As many threads as were asked for. With a server, enough to keep it busy: they mostly wait.
fn threads(cli: &Cli) -> Option<usize> {
    let server = match &cli.command {
        Command::Check(args) => &args.server,
        Command::Run(args) => &args.server,
        Command::Propose(args) => &args.server,
        Command::Verify(args) => &args.server,
        _ => return cli.common.jobs,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cli.common.jobs.or(server.threads().map(|threads| threads.max(cores)))
}

fn run(cli: &Cli) -> anyhow::Result<End> {
    if let Some(threads) = threads(cli) {
        anyhow::ensure!(threads > 0, "--jobs must be at least 1");
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let common = &cli.common;
    match &cli.command {
        Command::Check(args) => commands::check::run(common, args),
        Command::Baseline(args) => commands::baseline::run(common, args),
        Command::Rules(args) => commands::rules::list(args),
        Command::Explain(args) => commands::rules::explain(args),
        Command::Run(args) => commands::run::run(common, args),
        Command::Plan(args) => commands::plan::run(common, args),
        Command::Status(args) => commands::status::run(args),
        Command::Detect(args) => commands::stages::detect(common, args),
        Command::Propose(args) => commands::stages::propose(common, args),
        Command::Verify(args) => commands::stages::verify(common, args),
        Command::Serve(args) => commands::serve::run(common, args),
        Command::Risk(args) => commands::risk::run(common, args),
        Command::Feeds(args) => commands::feeds::run(args, common.quiet),
        Command::Schedule(args) => commands::schedule::run(common, args),
        Command::Queue(args) => commands::queue::run(common, args),
        Command::Worker(args) => commands::worker::run(common, args),
        Command::Batches(args) => commands::batches::run(common, args),
        Command::Review(args) => commands::review::run(common, args),
        Command::Gitops(args) => commands::gitops::run(common, args),
        Command::Undo(args) => commands::undo::run(common, args),
        Command::Artifacts(args) => commands::artifacts::run(args),
        Command::Clean(args) => commands::clean::run(args),
        Command::Config(args) => commands::config::run(common, args),
        Command::Doctor(args) => commands::doctor::run(common, args),
        Command::Completions(args) => commands::completions(args),
    }
}
