//! What was written into a repository, and the patches that take it back.
//!
//! One line of JSON for each commit, in a file beside git's own. A line is there before a branch
//! shows its commit, so whatever shows can be taken back.

use crate::Error;
use crate::git::Repository;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;

/// One commit that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of the batch.
    pub batch: String,
    /// The branch.
    pub branch: String,
    /// Id of the commit.
    pub commit: String,
    /// Fingerprints of the findings that it cures.
    pub fingerprints: Vec<String>,
    /// The files that it changed.
    pub files: Vec<FileEntry>,
}

/// What a commit did to one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// From the root of the working tree.
    pub path: String,
    /// Id of the content before, as git stores it.
    pub before: String,
    /// Id of the content after.
    pub after: String,
    /// What takes it back, document by document.
    pub inverse: Vec<Inverse>,
}

/// What takes a change of one document back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inverse {
    /// Zero-based index of the document among those that are not empty.
    pub document: usize,
    /// In the order in which they are carried out.
    pub steps: Vec<Step>,
}

/// One operation of an inverse patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The keyed path of the value or, of one that is added, of the map or list that gets it.
    pub at: String,
    /// What happens there.
    #[serde(flatten)]
    pub change: Change,
}

/// What happens at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "op")]
pub enum Change {
    /// The value goes.
    Remove,
    /// The value becomes another one.
    Replace {
        /// What it was.
        value: Value,
    },
    /// A value comes back into the map or list.
    Add {
        /// Its key or index.
        key: String,
        /// What it was.
        value: Value,
    },
}

/// The journal of a repository.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    /// The journal of a repository; it begins with its first entry.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn of(repository: &Repository) -> Result<Self, Error> {
        Ok(Self { path: repository.folder()?.join("journal.jsonl") })
    }

    /// Adds entries at the end and waits until the disk has them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append(&self, entries: &[Entry]) -> Result<(), Error> {
        let failed = |source| Error::File { path: self.path.clone(), source };
        let mut bytes = Vec::new();
        for entry in entries {
            record::json::to_writer(&mut bytes, entry).map_err(|error| failed(error.into()))?;
            bytes.push(b'\n');
        }
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .open(&self.path)?;
            // A line that a crash cut off must not swallow the next one.
            if !self.ends_with_a_line(&file)? {
                file.write_all(b"\n")?;
            }
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write().map_err(failed)
    }

    fn ends_with_a_line(&self, mut file: &std::fs::File) -> std::io::Result<bool> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        if file.metadata()?.len() == 0 {
            return Ok(true);
        }
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }

    /// All entries, the oldest first. A line that a crash cut off is passed over: its commit was
    /// never shown.
    ///
    /// # Errors
    /// When the journal cannot be read, or a line of it is something else.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::File { path: self.path.clone(), source }),
        };
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            match serde_json::from_str(line) {
                Ok(entry) => entries.push(entry),
                Err(error) if error.is_eof() => {}
                Err(error) => {
                    let reason = format!("no entry of the journal: {error}");
                    return Err(Error::Journal {
                        path: self.path.clone(),
                        line: number + 1,
                        reason,
                    });
                }
            }
        }
        Ok(entries)
    }
}
