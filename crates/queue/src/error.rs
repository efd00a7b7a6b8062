use crate::Location;
use record::QueueState;

/// Why the queue cannot do what was asked, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that names no queue. It is not repeated, because it may hold a password.
    #[error(
        "this names no queue; give a path, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`"
    )]
    Location,
    /// Nothing is at the location.
    #[error("{queue}: there is no queue here; create it with `k8s-auto-fix queue init`")]
    Missing {
        /// The queue.
        queue: Location,
    },
    /// The file cannot be opened or created.
    #[error("{queue}: cannot be opened; check that the folder exists and may be written")]
    CannotOpen {
        /// The queue.
        queue: Location,
        /// What the database says.
        source: sqlx::Error,
    },
    /// The file is something else.
    #[error("{queue}: not an SQLite database; give the path of a queue")]
    NotADatabase {
        /// The queue.
        queue: Location,
    },
    /// A database of another program.
    #[error("{queue}: a database, but not a queue; give another one")]
    Foreign {
        /// The queue.
        queue: Location,
    },
    /// A later version of this program made it.
    #[error(
        "{queue}: the queue has schema version {found}, this program knows up to {known}; \
         use a newer k8s-auto-fix"
    )]
    Newer {
        /// The queue.
        queue: Location,
        /// Version of the queue.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// A queue of the reference system has rows that cannot be kept.
    #[error("{queue}: the queue of the reference system cannot be imported: {reason}")]
    Import {
        /// The file; it is unchanged.
        queue: Location,
        /// What is wrong with which row.
        reason: String,
    },
    /// The queue may not be written.
    #[error("{queue}: read-only; make it writable or give another one")]
    ReadOnly {
        /// The queue.
        queue: Location,
    },
    /// Another process holds the file.
    #[error("{queue}: still locked by another process after 5 s; try again")]
    Locked {
        /// The queue.
        queue: Location,
    },
    /// No room for a change.
    #[error("{queue}: the disk is full; nothing was changed; make room and try again")]
    Full {
        /// The queue.
        queue: Location,
    },
    /// The queue is damaged.
    #[error("{queue}: damaged; restore it from a copy")]
    Corrupt {
        /// The queue.
        queue: Location,
        /// What the database says.
        source: sqlx::Error,
    },
    /// The server does not answer, or does not let us in.
    #[error("{queue}: cannot connect: {source}; check the address, the user and the password")]
    Unreachable {
        /// The queue.
        queue: Location,
        /// What the last attempt ended with.
        source: sqlx::Error,
    },
    /// The user lacks a right.
    #[error("{queue}: {message}; grant it as the documentation of the queue says")]
    Forbidden {
        /// The queue.
        queue: Location,
        /// What the server says.
        message: String,
    },
    /// The connection ended in the middle.
    #[error("{queue}: the connection was lost: {source}; {}", lost(*.may_have_happened))]
    Lost {
        /// The queue.
        queue: Location,
        /// Whether the change may be in place nevertheless.
        may_have_happened: bool,
        /// What the connection says.
        source: sqlx::Error,
    },
    /// A row that cannot be read or written.
    #[error("{queue}: item {id:?} is not readable: {source}")]
    Row {
        /// The queue.
        queue: Location,
        /// The item.
        id: String,
        /// What is wrong with its JSON.
        source: serde_json::Error,
    },
    /// No item has the id, or begins with it.
    #[error("no item has the id {id:?}; `queue list` shows them")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Several items begin with the text.
    #[error("several items have an id that begins with {prefix:?}; give more of it")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
    },
    /// The lease is over: it ran out, was given back or settled, and another worker may have the
    /// item.
    #[error(
        "item {id}: the lease of token {token} is over, the item is {} with token {current}; \
         drop the work and claim again", .state.as_str()
    )]
    Fenced {
        /// The item.
        id: String,
        /// The token that was shown.
        token: i64,
        /// The token that the item has.
        current: i64,
        /// Where the item is.
        state: QueueState,
    },
    /// A number of an item that nothing can be ranked by.
    #[error("item {id}: {field} is {value}, expected a number from 0 to 1e9")]
    Item {
        /// The item.
        id: String,
        /// The field.
        field: &'static str,
        /// What it holds.
        value: f64,
    },
    /// An argument that is out of range.
    #[error("{name} is {value}, expected {expected}")]
    Number {
        /// The argument.
        name: &'static str,
        /// What it holds.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Weights that do not fit the classes.
    #[error("{weights} weights for {classes} classes; there must be one for each, 0 or more")]
    Weights {
        /// How many there are that are numbers of 0 or more.
        weights: usize,
        /// How many there must be.
        classes: usize,
    },
    /// A copy cannot be made.
    #[error("{queue}: no backup at {target}: {reason}")]
    Backup {
        /// The queue.
        queue: Location,
        /// Where the copy was to be.
        target: String,
        /// What is in the way and what to do.
        reason: String,
    },
    /// The runtime of the blocking queue cannot start.
    #[error("cannot start the runtime of the queue: {0}")]
    Runtime(#[from] std::io::Error),
    /// Anything else that the database says.
    #[error("{queue}: {source}")]
    Database {
        /// The queue.
        queue: Location,
        /// What the database says.
        source: sqlx::Error,
    },
}

fn lost(may_have_happened: bool) -> &'static str {
    if may_have_happened {
        "the change may have been made; look, or ask again"
    } else {
        "nothing was changed; try again"
    }
}

impl Error {
    /// Whether the same may succeed a moment later: the server restarts, or another process holds
    /// the file.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. } | Self::Locked { .. })
    }

    /// An error of a statement. `unsure` says that the statement commits by itself, so that it may
    /// have happened although no answer came.
    pub(crate) fn database(queue: &Location, source: sqlx::Error, unsure: bool) -> Self {
        let queue = queue.clone();
        let Some(error) = source.as_database_error() else {
            return Self::connection(queue, source, unsure);
        };
        let code = error.code().unwrap_or_default().into_owned();
        match code.parse::<i32>() {
            // SQLSTATE has five characters, codes of SQLite have at most four.
            Ok(number) if code.len() < 5 => Self::sqlite(queue, source, number),
            _ => Self::postgres(queue, source, &code, unsure),
        }
    }

    fn connection(queue: Location, source: sqlx::Error, may_have_happened: bool) -> Self {
        match source {
            sqlx::Error::PoolTimedOut => Self::Unreachable { queue, source },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Self::Lost { queue, may_have_happened, source }
            }
            source => Self::Database { queue, source },
        }
    }

    /// The low byte is the kind, the rest its variant: <https://www.sqlite.org/rescode.html>.
    fn sqlite(queue: Location, source: sqlx::Error, code: i32) -> Self {
        match code & 0xff {
            5 | 6 => Self::Locked { queue },
            8 => Self::ReadOnly { queue },
            // A write that fails is how a limit of the file's size shows.
            10 if code == IOERR_WRITE => Self::Full { queue },
            11 => Self::Corrupt { queue, source },
            13 => Self::Full { queue },
            14 => Self::CannotOpen { queue, source },
            26 => Self::NotADatabase { queue },
            _ => Self::Database { queue, source },
        }
    }

    /// Classes and codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn postgres(queue: Location, source: sqlx::Error, code: &str, unsure: bool) -> Self {
        match code {
            "25006" => Self::ReadOnly { queue },
            "42501" => {
                let message = source.as_database_error().map(|e| e.message().to_owned());
                Self::Forbidden { queue, message: message.unwrap_or_default() }
            }
            "53100" => Self::Full { queue },
            "28000" | "28P01" | "3D000" | "53300" | "57P03" => Self::Unreachable { queue, source },
            "57P01" | "57P02" => Self::Lost { queue, may_have_happened: unsure, source },
            _ if code.starts_with("XX") => Self::Corrupt { queue, source },
            _ => Self::Database { queue, source },
        }
    }
}

const IOERR_WRITE: i32 = 10 | (3 << 8);
