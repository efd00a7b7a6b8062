//! Messages of commits.

use crate::archive::Fix;
use record::{Batch, Gate, GateOutcome, GroupBy};
use review::escape;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Fixes that are named one by one.
const NAMED: usize = 100;
/// Characters of the first line.
const SUBJECT: usize = 72;

/// The message of a batch's commit, without trailers.
pub(super) fn commit(batch: &Batch, fixes: &[&Fix<'_>]) -> String {
    let subject = match batch.group_by {
        GroupBy::Rule => format!("Fix {}", batch.key),
        GroupBy::Namespace => format!("Fix findings in namespace {}", batch.key),
        GroupBy::Owner | GroupBy::RootCause => format!("Fix findings of {}", batch.key),
    };
    let mut text: String = escape(&subject).chars().take(SUBJECT).collect();
    let unsafe_ones = fixes.iter().filter(|fix| !fix.is_safe()).count();
    let risk: f64 = fixes.iter().map(|fix| fix.risk()).sum();
    let _ = write!(
        text,
        "\n\n{} fixes in {} files remove risk {risk:.1}; {unsafe_ones} of them may break what works.\n\
         Passed again, on the sources of this commit's parent: {}.\n{}\n",
        fixes.len(),
        fixes.iter().map(|fix| &fix.detection.manifest_path).collect::<BTreeSet<_>>().len(),
        gates(),
        server(fixes)
    );
    for fix in fixes.iter().take(NAMED) {
        let _ = writeln!(text, "- {}", line(fix));
    }
    if fixes.len() > NAMED {
        let _ = writeln!(text, "- and {} more", fixes.len() - NAMED);
    }
    text
}

/// The gates that need nothing but the sources; nothing is written that does not pass them again.
fn gates() -> String {
    Gate::OFFLINE.map(Gate::as_str).join(", ")
}

/// What an API server said when the fixes were accepted; nothing when none was asked.
fn server(fixes: &[&Fix<'_>]) -> String {
    let took = |fix: &&&Fix<'_>| {
        let mut results = fix.verdict.gates.iter();
        results.any(|gate| gate.gate == Gate::Server && gate.outcome == GateOutcome::Passed)
    };
    match fixes.iter().filter(took).count() {
        0 => String::new(),
        count => format!("An API server took {count} of them in a dry-run.\n"),
    }
}

fn line(fix: &Fix<'_>) -> String {
    let object = fix.detection.object.as_ref().map_or_else(String::new, |object| {
        let namespace =
            object.namespace.as_ref().map_or_else(String::new, |name| format!("{name}/"));
        format!("{} {namespace}{} in ", object.kind, object.title())
    });
    let class = if fix.is_safe() { "safe" } else { "unsafe" };
    let text = format!(
        "{}: {object}{}, risk {:.1}, {class}, {}",
        fix.rule(),
        fix.detection.manifest_path,
        fix.risk(),
        fix.fingerprint()
    );
    escape(&text).into_owned()
}
