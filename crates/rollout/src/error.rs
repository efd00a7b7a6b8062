use std::path::PathBuf;

/// Why a repository could not be read or written. Branches are then as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No git.
    #[error("cannot run git: {0}; install it, or put it into the PATH")]
    NoGit(std::io::Error),
    /// No repository.
    #[error("{}: no working tree of a git repository: {reason}", path.display())]
    NoRepository {
        /// Where one was looked for.
        path: PathBuf,
        /// What git says.
        reason: String,
    },
    /// A git command failed.
    #[error("git {command}: {reason}")]
    Git {
        /// The command.
        command: String,
        /// What git says.
        reason: String,
    },
    /// The working tree has changes that are not committed.
    #[error(
        "the working tree has changes that are not committed: {}; commit or stash them first",
        some(files)
    )]
    Dirty {
        /// Paths below the root of the working tree.
        files: Vec<String>,
    },
    /// Another of our processes writes.
    #[error("another k8s-auto-fix writes into this repository; wait until it is done")]
    Locked,
    /// A file beside the repository's own.
    #[error("cannot access {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of the journal that is none.
    #[error("{}:{line}: {reason}; move the file away to begin a new journal", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// One-based.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
