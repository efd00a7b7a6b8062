//! A scanner that crashes on some of the manifests and does not say on which is given smaller
//! portions: half of the files, again and again, and of a single file, objects of different names.

use super::{Failure, State};
use detector::{Corpus, Input, ObjectContext};
use scanners::Report;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// After so many failures in a row, the fault is the scanner's or its policies', not one file's.
const MAX_FAILURES: usize = 24;

/// Runs the scanner on some paths.
type Run<'r> = &'r dyn Fn(&[PathBuf]) -> Result<Vec<Report>, Failure>;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Portioned {
    pub(super) reports: Vec<Vec<Report>>,
    /// Files and objects that it crashes on even alone.
    pub(super) not_scanned: Vec<String>,
    /// Why, of the last of these.
    pub(super) failure: Option<Failure>,
    /// That it was needed.
    pub(super) note: Option<String>,
}

/// Runs the scanner on the files in portions, after it failed on all of them.
pub(super) fn scan(files: &[(&Path, &Input)], first: &Failure, run: Run<'_>) -> Portioned {
    let mut portions = Portions { run, out: Portioned::default(), runs: 0, in_a_row: 0 };
    match files {
        [] => portions.out.failure = Some(first.clone()),
        [(_, input)] => portions.objects(input),
        files => {
            let (left, right) = files.split_at(files.len() / 2);
            portions.files(left);
            portions.files(right);
        }
    }
    let Portions { mut out, runs, .. } = portions;
    out.note = Some(format!(
        "failed on all manifests together ({}); {runs} smaller portions were scanned one by one, \
         so policies that compare objects saw only their portion",
        first.reason
    ));
    out
}

struct Portions<'r> {
    run: Run<'r>,
    out: Portioned,
    runs: usize,
    in_a_row: usize,
}

impl Portions<'_> {
    /// Whether it makes sense to go on.
    fn hopeless(&self) -> bool {
        let stopped = self.out.failure.as_ref().is_some_and(|f| f.state != State::Failed);
        stopped || self.in_a_row >= MAX_FAILURES
    }

    fn attempt(&mut self, paths: &[PathBuf]) -> Result<(), Failure> {
        self.runs += 1;
        match (self.run)(paths) {
            Ok(reports) => {
                self.in_a_row = 0;
                self.out.reports.push(reports);
                Ok(())
            }
            Err(failure) => {
                self.in_a_row += 1;
                Err(failure)
            }
        }
    }

    fn lose(&mut self, what: String, failure: Failure) {
        self.out.not_scanned.push(what);
        // Running out of time matters more than what went wrong before.
        let keeps = self.out.failure.as_ref().is_some_and(|known| known.state != State::Failed);
        if !keeps {
            self.out.failure = Some(failure);
        }
    }

    fn files(&mut self, files: &[(&Path, &Input)]) {
        let given_up = || Failure::failed("it failed on everything that it was given, one by one");
        if self.hopeless() {
            for (path, _) in files {
                let failure = self.out.failure.clone().unwrap_or_else(given_up);
                self.lose(path.display().to_string(), failure);
            }
            return;
        }
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.to_path_buf()).collect();
        let Err(failure) = self.attempt(&paths) else { return };
        match files {
            _ if failure.state != State::Failed => {
                for path in &paths {
                    self.lose(path.display().to_string(), failure.clone());
                }
            }
            [] => {}
            [(path, input)] => match &input.source {
                Ok(_) => self.objects(input),
                Err(_) => self.lose(path.display().to_string(), failure),
            },
            files => {
                let (left, right) = files.split_at(files.len() / 2);
                self.files(left);
                self.files(right);
            }
        }
    }

    /// The objects of one file, in rounds in which no two have the same identity.
    fn objects(&mut self, input: &Input) {
        let inputs = std::slice::from_ref(input);
        let corpus = Corpus::new(inputs, ObjectContext::All);
        let mut rounds: Vec<(HashSet<String>, Vec<usize>)> = Vec::new();
        for position in 0..corpus.len() {
            let object = corpus.object(position);
            let (group, kind) = (object.group(), object.kind);
            let identity =
                format!("{group}/{kind}/{}/{}", object.effective_namespace(), object.name);
            match rounds.iter_mut().find(|(seen, _)| !seen.contains(&identity)) {
                Some((seen, positions)) => {
                    seen.insert(identity);
                    positions.push(position);
                }
                None => rounds.push((HashSet::from([identity]), vec![position])),
            }
        }
        let broken = input.source.iter().flat_map(manifest::Source::documents);
        if let Some(error) = broken.filter_map(manifest::Document::error).next() {
            self.lose(format!("{}: {error}", input.path), Failure::failed(&error.to_string()));
        }
        for (_, positions) in rounds {
            self.round(&corpus, input, &positions);
        }
    }

    fn round(&mut self, corpus: &Corpus<'_>, input: &Input, positions: &[usize]) {
        let name = |position: &usize| {
            let object = corpus.object(*position);
            format!("{}: {} {}", input.path, object.kind, object.name)
        };
        let failure = match self.hopeless() {
            true => self.out.failure.clone().unwrap_or_else(|| {
                Failure::failed("it failed on everything that it was given, one by one")
            }),
            false => match self.written(corpus, positions) {
                Ok(()) => return,
                Err(failure) => failure,
            },
        };
        if failure.state != State::Failed || positions.len() == 1 || self.hopeless() {
            for position in positions {
                self.lose(name(position), failure.clone());
            }
            return;
        }
        let (left, right) = positions.split_at(positions.len() / 2);
        self.round(corpus, input, left);
        self.round(corpus, input, right);
    }

    /// Runs the scanner on files that hold one object each.
    fn written(&mut self, corpus: &Corpus<'_>, positions: &[usize]) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::failed(&error.to_string());
        let folder = tempfile::tempdir().map_err(failed)?;
        let mut paths = Vec::new();
        for position in positions {
            let path = folder.path().join(format!("{position}.json"));
            let json = corpus.object(*position).root.to_json();
            std::fs::write(&path, json.to_string()).map_err(failed)?;
            paths.push(path);
        }
        self.attempt(&paths)
    }
}
