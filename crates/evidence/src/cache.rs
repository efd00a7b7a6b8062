//! What cannot change, kept on disk: what the configuration of an image says, by the digest of the
//! image's manifest.

use record::Fact;
use std::io::Write as _;
use std::path::PathBuf;

/// Larger files are not ours.
const MAX_FILE: u64 = 1 << 20;

/// A folder with a file for each digest; without a folder nothing is kept.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn file(&self, digest: &str) -> Option<PathBuf> {
        let name = digest.strip_prefix("sha256:")?;
        Some(self.folder.as_ref()?.join(format!("{name}.json")))
    }

    /// The facts of a digest. A file that is broken counts as absent: it is written again.
    pub(crate) fn get(&self, digest: &str) -> Option<Vec<Fact>> {
        let path = self.file(digest)?;
        if std::fs::metadata(&path).ok()?.len() > MAX_FILE {
            return None;
        }
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Keeps the facts of a digest. A cache that cannot be written costs time and nothing else.
    pub(crate) fn put(&self, digest: &str, facts: &[Fact]) {
        let Some(path) = self.file(digest) else { return };
        let written = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(&path);
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(facts)?)?;
            file.persist(&path)?;
            Ok(())
        };
        let _ = written();
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;
    use record::Fact;

    #[test]
    fn a_broken_file_is_read_as_absent_and_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path().join("deep/er")));
        let digest = format!("sha256:{}", "a".repeat(64));
        let facts = vec![Fact::User("1000".to_owned()), Fact::ExposedPorts(Vec::new())];
        assert_eq!(cache.get(&digest), None);
        cache.put(&digest, &facts);
        assert_eq!(cache.get(&digest), Some(facts.clone()));
        let file = cache.file(&digest).unwrap();
        for broken in ["", "{", "[{\"name\":\"user\"}]", "[1]"] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(cache.get(&digest), None, "{broken}");
        }
        std::fs::write(&file, vec![b' '; 2 << 20]).unwrap();
        assert_eq!(cache.get(&digest), None);
        cache.put(&digest, &facts);
        assert_eq!(cache.get(&digest), Some(facts));
    }
}
