use std::path::{Path, PathBuf};

/// Why the queue cannot do what was asked, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is at the path.
    #[error("{}: there is no queue here; create it with `k8s-auto-fix queue init`", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or created.
    #[error("{}: cannot be opened; check that the folder exists and may be written", .path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the database says.
        source: sqlx::Error,
    },
    /// The file is something else.
    #[error("{}: not an SQLite database; give the path of a queue", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("{}: an SQLite database, but not a queue; give another path", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program made it.
    #[error(
        "{}: the queue has schema version {found}, this program knows up to {known}; \
         use a newer k8s-auto-fix", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// A queue of the reference system has rows that cannot be kept.
    #[error("{}: the queue of the reference system cannot be imported: {reason}", .path.display())]
    Import {
        /// The file; it is unchanged.
        path: PathBuf,
        /// What is wrong with which row.
        reason: String,
    },
    /// The file may not be written.
    #[error("{}: read-only; make it writable or give another path", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file.
    #[error("{}: still locked by another process after 5 s; try again", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{}: damaged; restore it from a copy", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database says.
        source: sqlx::Error,
    },
    /// A row that cannot be read or written.
    #[error("{}: item {id:?} is not readable: {source}", .path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The item.
        id: String,
        /// What is wrong with its JSON.
        source: serde_json::Error,
    },
    /// A number of an item that nothing can be ranked by.
    #[error("item {id}: {field} is {value}, expected a number of 0 or more")]
    Item {
        /// The item.
        id: String,
        /// The field.
        field: &'static str,
        /// What it holds.
        value: f64,
    },
    /// An argument that nothing can be ranked by.
    #[error("{name} is {value}, expected a number of 0 or more")]
    Number {
        /// The argument.
        name: &'static str,
        /// What it holds.
        value: f64,
    },
    /// The runtime of the blocking queue cannot start.
    #[error("cannot start the runtime of the queue: {0}")]
    Runtime(#[from] std::io::Error),
    /// Anything else that the database says.
    #[error("{}: {source}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        source: sqlx::Error,
    },
}

impl Error {
    pub(crate) fn database(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        // The low byte is the kind, the rest its variant: https://www.sqlite.org/rescode.html
        match code(&source).map(|code| code & 0xff) {
            Some(5 | 6) => Self::Locked { path },
            Some(8) => Self::ReadOnly { path },
            Some(11) => Self::Corrupt { path, source },
            Some(14) => Self::CannotOpen { path, source },
            Some(26) => Self::NotADatabase { path },
            _ => Self::Database { path, source },
        }
    }
}

fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::blocking::Queue;
    use record::{ObjectRef, QueueItem, QueueState};

    /// By a switch of the connection, because permissions do not bind every user.
    #[test]
    fn a_file_that_may_not_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::init(&dir.path().join("queue.db")).unwrap();
        queue.run("PRAGMA query_only = 1");
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: None,
            name: "web".to_owned(),
            generate_name: String::new(),
            document: 0,
            prefix: String::new(),
        };
        let item = QueueItem {
            id: "a".to_owned(),
            policy_id: "p".to_owned(),
            state: QueueState::Queued,
            manifest_path: "a.yaml".to_owned(),
            object,
            patch: Vec::new(),
            risk: 1.0,
            probability: 1.0,
            expected_time: 1.0,
            kev: false,
            rule: None,
            proposer: "rules".to_owned(),
            applicability: None,
            deadline: None,
        };
        let error = queue.enqueue(&[item], 0.0).unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    }
}
