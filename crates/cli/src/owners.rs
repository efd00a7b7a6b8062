//! Who owns a file, as the CODEOWNERS of its repository says.

use anyhow::Context as _;
use forge::CodeOwners;
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The owners of files, whose repositories are looked up once.
#[derive(Default)]
pub(crate) struct Owners {
    /// By folder, the repository that it is in.
    repositories: HashMap<PathBuf, Option<Arc<Repository>>>,
    /// What is wrong with the files that were read, each with file and line.
    pub(crate) warnings: Vec<String>,
}

struct Repository {
    root: PathBuf,
    /// None when the repository has no such file, or it cannot be read.
    owners: Option<CodeOwners>,
}

impl Owners {
    /// Who owns a file, as CODEOWNERS writes them; nobody outside of a repository.
    pub(crate) fn of(&mut self, file: &Path) -> Vec<String> {
        let Ok(file) = file.canonicalize() else { return Vec::new() };
        let Some(repository) = file.parent().and_then(|folder| self.repository(folder)) else {
            return Vec::new();
        };
        let path = file.strip_prefix(&repository.root).ok().and_then(Path::to_str);
        let owners = repository.owners.as_ref().zip(path).map(|(owners, path)| owners.owners(path));
        owners.unwrap_or_default().into_iter().map(str::to_owned).collect()
    }

    fn repository(&mut self, folder: &Path) -> Option<Arc<Repository>> {
        if let Some(known) = self.repositories.get(folder) {
            return known.clone();
        }
        let found = match folder.join(".git").exists() {
            true => Some(Arc::new(self.read(folder))),
            false => folder.parent().and_then(|above| self.repository(above)),
        };
        self.repositories.insert(folder.to_owned(), found.clone());
        found
    }

    fn read(&mut self, root: &Path) -> Repository {
        let mut places = CodeOwners::PLACES.iter().map(|place| root.join(place));
        let Some(path) = places.find(|path| path.is_file()) else {
            return Repository { root: root.to_owned(), owners: None };
        };
        let owners = match text(&path) {
            Ok(text) => Some(CodeOwners::parse(&text)),
            Err(error) => {
                self.warnings.push(format!("{error:#}"));
                None
            }
        };
        for fault in owners.iter().flat_map(CodeOwners::faults) {
            self.warnings.push(format!("{}:{}: {}", path.display(), fault.line, fault.message));
        }
        Repository { root: root.to_owned(), owners }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let read = || -> std::io::Result<String> {
        let mut bytes = Vec::new();
        // One byte more tells that the file is too large.
        let limit = CodeOwners::LARGEST as u64 + 1;
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into())
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}
