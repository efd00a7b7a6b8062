//! The folder that keeps feeds: a file for each, named by its content, and `feeds.json`, which says
//! which files count. Replacing that one file is what makes a new feed count, so that at any moment
//! the folder holds whole feeds that fit what is said of them.

use crate::{Feed, Kind};
use record::Date;
use risk::Fault;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The file that says which files count.
const INDEX: &str = "feeds.json";
/// Largest index that is read, in bytes.
const LARGEST_INDEX: u64 = 1 << 20;

/// What is said of a feed that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The address or file that it is from.
    pub source: String,
    /// The name of the file.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Size of the file.
    pub bytes: usize,
    /// How many vulnerabilities the feed names.
    pub rows: usize,
    /// The version of EPSS's model, or of the catalogue.
    pub version: Option<String>,
    /// The day of the scores, or of the catalogue's release.
    pub date: Option<String>,
    /// When it was fetched, in UTC as RFC 3339 writes it.
    pub fetched_at: String,
}

/// A feed of the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What is said of it.
    pub known: Known,
    /// The feed itself.
    pub feed: Feed,
}

/// Why a folder of feeds cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There are no feeds.
    #[error("{} has no feeds: `k8s-auto-fix feeds fetch` gets them", .0.display())]
    Empty(PathBuf),
    /// A file or the folder.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The index.
    #[error("{}: {reason}; fetch the feeds again", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A feed is not what was fetched.
    #[error(
        "{} is not what was fetched (its SHA-256 differs from {INDEX}); fetch the feeds again",
        .0.display()
    )]
    Changed(PathBuf),
    /// A feed is none.
    #[error("{}", fault.in_file(from))]
    Fault {
        /// Where it is from.
        from: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A feed is worse than the one that is there.
    #[error("{from} {reason}: the one that is there is kept; remove {} to have it", path.display())]
    Worse {
        /// Where it is from.
        from: String,
        /// In what.
        reason: String,
        /// The index.
        path: PathBuf,
    },
}

/// A folder of feeds.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The folder need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is said of the feeds that are kept; empty when there are none.
    ///
    /// # Errors
    /// When the index is broken.
    pub fn known(&self) -> Result<BTreeMap<Kind, Known>, StoreError> {
        let path = self.folder.join(INDEX);
        let bytes = match read(&path, LARGEST_INDEX) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(BTreeMap::new());
            }
            read => read?,
        };
        let wrong = |reason: String| StoreError::Index { path: path.clone(), reason };
        let known: BTreeMap<Kind, Known> =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let leads_out = |known: &&Known| known.file.contains(['/', '\\']) || known.file == "..";
        match known.values().find(leads_out) {
            Some(known) => Err(wrong(format!("`{}` is no name of a file", known.file))),
            None => Ok(known),
        }
    }

    /// Reads a feed of the folder, and checks that it is what was fetched; `None` when it was not.
    ///
    /// # Errors
    /// When a file is broken, gone, or changed.
    pub fn read(&self, kind: Kind) -> Result<Option<Kept>, StoreError> {
        let Some(known) = self.known()?.remove(&kind) else { return Ok(None) };
        let path = self.folder.join(&known.file);
        let bytes = read(&path, u64::try_from(kind.largest()).unwrap_or(u64::MAX))?;
        if sha256(&bytes) != known.sha256 {
            return Err(StoreError::Changed(path));
        }
        let feed = Feed::parse(kind, &bytes)
            .map_err(|fault| StoreError::Fault { from: path.display().to_string(), fault })?;
        Ok(Some(Kept { known, feed }))
    }

    /// Keeps a feed from now on, in place of the former one of its kind. Nothing changes unless it
    /// can be read, and is neither older than the former nor half as long.
    ///
    /// # Errors
    /// When it is no feed of the kind, is worse than the former, or cannot be written.
    pub fn keep(&self, kind: Kind, source: &str, bytes: &[u8]) -> Result<Known, StoreError> {
        let feed = Feed::parse(kind, bytes)
            .map_err(|fault| StoreError::Fault { from: source.to_owned(), fault })?;
        // A former feed that is broken is no reason not to get a new one.
        let mut index = self.known().unwrap_or_default();
        let former = index.remove(&kind);
        let usable = self.read(kind).ok().flatten().is_some();
        if let Some(reason) = former.as_ref().filter(|_| usable).and_then(|f| worse(&feed, f)) {
            let path = self.folder.join(INDEX);
            return Err(StoreError::Worse { from: source.to_owned(), reason, path });
        }
        let sha256 = sha256(bytes);
        let known = Known {
            source: source.to_owned(),
            file: format!("{}-{}.{}", kind.as_str(), &sha256[..16], kind.extension(bytes)),
            sha256,
            bytes: bytes.len(),
            rows: feed.rows(),
            version: feed.version().map(str::to_owned),
            date: feed.date().map(|date| date.to_string()),
            fetched_at: system::now(),
        };
        std::fs::create_dir_all(&self.folder).map_err(|e| io("create", &self.folder, e))?;
        self.write(&known.file, bytes)?;
        index.insert(kind, known.clone());
        let mut text = serde_json::to_vec_pretty(&index)
            .map_err(|error| io("write", &self.folder.join(INDEX), error.into()))?;
        text.push(b'\n');
        self.write(INDEX, &text)?;
        if let Some(former) = former.filter(|former| former.file != known.file) {
            // What is left over does no harm.
            let _ = std::fs::remove_file(self.folder.join(former.file));
        }
        Ok(known)
    }

    /// Writes a file beside its place and moves it there.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| io("write", &path, error))
    }
}

fn io(verb: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { verb, path: path.to_owned(), source }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let failed = |error| io("read", path, error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        true => Ok(bytes),
        false => Err(failed(std::io::Error::other(format!("it has more than {limit} bytes")))),
    }
}

/// In what a feed is worse than the former one.
fn worse(feed: &Feed, former: &Known) -> Option<String> {
    let former_date: Option<Date> = former.date.as_ref().and_then(|date| date.parse().ok());
    match (feed.date(), former_date) {
        (Some(date), Some(former)) if date < former => {
            return Some(format!("is of {date}, older than what is there ({former})"));
        }
        _ => {}
    }
    let (rows, former) = (feed.rows(), former.rows);
    (rows < former / 2).then(|| format!("has {rows} rows, what is there has {former}"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Store, StoreError};

    fn scores(day: &str, rows: usize) -> Vec<u8> {
        let rows: String = (1..=rows).map(|n| format!("CVE-2024-{n:04},0.5,0.5\n")).collect();
        format!("#model_version:v1,score_date:{day}T00:00:00+0000\ncve,epss,percentile\n{rows}")
            .into_bytes()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("deep/er"));
        (folder, store)
    }

    fn names(store: &Store) -> Vec<String> {
        let entries = std::fs::read_dir(store.folder()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_is_read_again_and_replaces_the_former() {
        let (_folder, store) = store();
        assert!(store.read(Kind::Epss).unwrap().is_none());
        let known = store.keep(Kind::Epss, "here", &scores("2025-11-20", 3)).unwrap();
        store.keep(Kind::Kev, "there", b"[\"CVE-2024-0001\"]").unwrap();
        let kept = store.read(Kind::Epss).unwrap().unwrap();
        assert_eq!((&kept.known, kept.feed.rows()), (&known, 3));
        assert_eq!(
            (known.date.as_deref(), known.version.as_deref()),
            (Some("2025-11-20"), Some("v1"))
        );
        let next = store.keep(Kind::Epss, "here", &scores("2025-11-21", 4)).unwrap();
        assert_eq!(store.read(Kind::Epss).unwrap().unwrap().feed.rows(), 4);
        let kev = store.known().unwrap()[&Kind::Kev].file.clone();
        let mut expected = vec![next.file, kev, "feeds.json".to_owned()];
        expected.sort();
        assert_eq!(names(&store), expected);
    }

    #[test]
    fn what_is_worse_is_not_kept() {
        let (_folder, store) = store();
        let good = store.keep(Kind::Epss, "here", &scores("2025-11-20", 9)).unwrap();
        for (bytes, message) in [
            (scores("2025-11-19", 9), "older than what is there"),
            (scores("2025-11-21", 3), "has 3 rows"),
            (scores("2025-11-21", 0), "has no score"),
            (b"<html>".to_vec(), "there: is a web page"),
        ] {
            let error = store.keep(Kind::Epss, "there", &bytes).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert_eq!(store.read(Kind::Epss).unwrap().unwrap().known, good);
        }
        // What is broken is worse than anything.
        std::fs::write(store.folder().join(&good.file), "x").unwrap();
        store.keep(Kind::Epss, "there", &scores("2025-11-19", 1)).unwrap();
    }

    #[test]
    fn what_was_changed_is_not_read() {
        let (_folder, store) = store();
        let known = store.keep(Kind::Epss, "here", &scores("2025-11-20", 3)).unwrap();
        let file = store.folder().join(&known.file);
        std::fs::write(&file, scores("2025-11-20", 2)).unwrap();
        assert!(matches!(store.read(Kind::Epss), Err(StoreError::Changed(_))));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(store.read(Kind::Epss), Err(StoreError::Io { .. })));
        let index = store.folder().join("feeds.json");
        let text = std::fs::read_to_string(&index).unwrap();
        for wrong in ["{", "[]", &text.replace(&known.file, "../../etc/passwd")] {
            std::fs::write(&index, wrong).unwrap();
            assert!(matches!(store.read(Kind::Epss), Err(StoreError::Index { .. })), "{wrong}");
        }
    }
}
