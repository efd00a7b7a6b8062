//! The gate `rescan`: runs the scanner that reported a finding once more, on the patched text.

use super::{Scanners, State, Status, Subjects, tool};
use detector::{Corpus, Found, Input, ObjectContext, Places, StillReported, still_reported};
use manifest::Limits;
use rules::{Object, Reported};
use scanners::{Format, Report};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use verifier::{Patched, Rescan, Rescanned};

/// What a scanner says of a single file, or why it says nothing.
type Said = Result<Arc<(Input, Report, Places)>, String>;

/// Runs scanners on single files. What they say of the files before any patch is remembered.
pub(crate) struct Rescanner<'s> {
    scanners: &'s Scanners,
    limits: &'s Limits,
    before: Mutex<HashMap<(&'static str, String), Said>>,
    /// Of each scanner that was run, the first that failed, else how one of its runs ended.
    statuses: Mutex<BTreeMap<&'static str, Status>>,
}

impl<'s> Rescanner<'s> {
    pub(crate) fn new(scanners: &'s Scanners, limits: &'s Limits) -> Self {
        Self { scanners, limits, before: Mutex::default(), statuses: Mutex::default() }
    }

    /// How the scanners that were run ended.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.statuses.lock().map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// What a scanner says of a text, in a file of its own that is called as the manifest is.
    fn scan(&self, tool: Format, path: &str, text: &str) -> Said {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let name = path.rsplit('/').next().filter(|name| !matches!(*name, "" | "-" | "." | ".."));
        let file = folder.path().join(name.unwrap_or("stdin.yaml"));
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let file = file.canonicalize().map_err(|error| error.to_string())?;
        let shown = file.to_string_lossy().into_owned();
        let input = Input::parse(shown.clone(), shown, text.as_bytes().to_vec(), self.limits);
        let paths: Vec<PathBuf> = vec![file.clone()];
        let files = [(file.as_path(), &input)];
        let scan = self.scanners.scan(tool, Subjects { paths: &paths, files: &files });
        if let Ok(mut all) = self.statuses.lock() {
            let known = all.entry(tool.as_str()).or_insert_with(|| scan.status.clone());
            if scan.status.failed() && !known.failed() {
                known.clone_from(&scan.status);
            }
        }
        match scan.status.status {
            State::Ok => {}
            _ => return Err(scan.status.reason.unwrap_or_else(|| "no reason given".to_owned())),
        }
        let parent = file.parent().map(|folder| folder.to_string_lossy().into_owned());
        let places = Places { cwd: parent.unwrap_or_default(), folders: Vec::new() };
        Ok(Arc::new((input, scan.report, places)))
    }

    fn before(&self, tool: Format, patched: &Patched<'_>) -> Said {
        let key = (tool.as_str(), patched.input.path.clone());
        if let Ok(known) = self.before.lock()
            && let Some(said) = known.get(&key)
        {
            return said.clone();
        }
        let source = patched.input.source.as_ref().map_err(ToString::to_string)?;
        let said = self.scan(tool, &patched.input.path, source.text());
        if let Ok(mut known) = self.before.lock() {
            known.insert(key, said.clone());
        }
        said
    }

    fn judge(&self, patched: &Patched<'_>, reported: &Reported) -> Result<(), Rescanned> {
        let unavailable = |reason: String| Rescanned::Unavailable(reason);
        let tool = tool(&reported.tool).map_err(unavailable)?;
        let (name, id) = (&reported.tool, &reported.id);
        let count = |said: &Said| {
            let said = said.as_ref().map_err(|reason| unavailable(format!("{name}: {reason}")))?;
            count(said, patched.object, id, patched.targets).ok_or_else(|| {
                unavailable("the object is not found in the text that was scanned".to_owned())
            })
        };
        let before = count(&self.before(tool, patched))?;
        if before.total == 0 {
            return Err(unavailable(format!(
                "{name} does not report {id} on this object when it is given the file alone"
            )));
        }
        let after = count(&self.scan(tool, &patched.input.path, patched.text))?;
        let gone = |(before, after): (&usize, &usize)| before > after;
        let places_gone = after.total <= before.total && before.at.iter().zip(&after.at).all(gone);
        // All of it gone is enough, wherever the tool says that it was.
        if after.total == 0 || (places_gone && !before.at.is_empty()) {
            return Ok(());
        }
        Err(Rescanned::Failed(format!("{name} still reports {id} on the patched object")))
    }
}

fn count(
    said: &(Input, Report, Places),
    object: &Object<'_>,
    id: &str,
    targets: &[Found],
) -> Option<StillReported> {
    let (input, report, places) = said;
    let corpus = Corpus::new(std::slice::from_ref(input), ObjectContext::All);
    let position = (0..corpus.len()).find(|position| {
        let other = corpus.object(*position);
        other.document == object.document && other.item == object.item
    })?;
    Some(still_reported(&corpus, report, places, position, id, targets))
}

impl Rescan for Rescanner<'_> {
    fn rescan(&self, patched: &Patched<'_>, reported: &Reported) -> Rescanned {
        match self.judge(patched, reported) {
            Ok(()) => Rescanned::Gone,
            Err(ended) => ended,
        }
    }
}
