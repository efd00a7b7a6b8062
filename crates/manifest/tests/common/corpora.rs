//! Corpora outside of the repository.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// A folder that goes when the test is done.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("manifest-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn unpack(data: &Path, name: &str) -> Scratch {
    let dir = Scratch::new(name);
    let archive = data.join(format!("{name}.tar.zst"));
    let done =
        Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(&dir.0).status();
    assert!(done.unwrap().success(), "cannot unpack {name}");
    dir
}

pub(crate) fn full() -> bool {
    std::env::var_os("K8S_AUTO_FIX_FULL").is_some_and(|value| value == "1")
}
