//! Answers on disk, each in a file named by everything that it depends on. They hold tokens, never
//! secrets, and are readable by their owner only.

use crate::answer::MAX_TEXT;
use crate::client::Answer;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of one file: an answer with every character escaped.
const MAX_FILE: u64 = 8 * MAX_TEXT as u64;

/// A folder of answers.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens a folder, and makes it when it is not there.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The name of what depends on this and nothing else.
    pub(crate) fn key(of: &Value) -> String {
        let hash = Sha256::digest(of.to_string());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The answer under a key; none when there is none that can be read.
    pub(crate) fn get(&self, key: &str) -> Option<Answer> {
        let file = std::fs::File::open(self.file(key)).ok()?;
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps an answer: at once in whole, or not at all.
    pub(crate) fn put(&self, key: &str, answer: &Answer) -> std::io::Result<()> {
        // Made for their owner alone.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(serde_json::to_string(answer)?.as_bytes())?;
        file.persist(self.file(key))?;
        Ok(())
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::Cache;
    use crate::client::Answer;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn an_answer_comes_back_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/b")).unwrap();
        let key = Cache::key(&json!({"rule": "x"}));
        assert!(cache.get(&key).is_none());
        let answer = Answer { text: "[]\u{1b}é".to_owned(), tokens: None };
        cache.put(&key, &answer).unwrap();
        assert_eq!(cache.get(&key), Some(answer));
        let mode = std::fs::metadata(cache.file(&key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(cache.file(&key), "{\"text\":").unwrap();
        assert!(cache.get(&key).is_none());
    }
}
