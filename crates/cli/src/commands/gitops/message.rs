//! Messages of commits.

use crate::archive::Fix;
use record::{Batch, Gate, GateOutcome, GroupBy};
use review::escape;
use review::summary::cell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Fixes that are named one by one.
const NAMED: usize = 100;
/// Characters of the first line.
const SUBJECT: usize = 72;

/// Fixes that are named in a request.
const SHOWN: usize = 60;
/// Ends what is written to a forge.
pub(super) const MADE_BY: &str = "Written by k8s-auto-fix; `k8s-auto-fix undo` takes it back.";

/// What a batch does, in a line of at most [`SUBJECT`] characters.
pub(super) fn subject(batch: &Batch) -> String {
    let subject = match batch.group_by {
        GroupBy::Rule => format!("Fix {}", batch.key),
        GroupBy::Namespace => format!("Fix findings in namespace {}", batch.key),
        GroupBy::Owner | GroupBy::RootCause => format!("Fix findings of {}", batch.key),
    };
    escape(&subject).chars().take(SUBJECT).collect()
}

/// The description of a batch's request, in Markdown.
pub(super) fn request(batch: &Batch, fixes: &[&Fix<'_>]) -> String {
    let radius = &batch.blast_radius;
    let mut text = format!(
        "{} fixes in {} files remove risk {:.1}; {} of them may break what works.\n\n\
         | | |\n| --- | --- |\n\
         | Passed again, on the parent's sources | {} |\n\
         | Turn in the roll-out | {}{} |\n\
         | Workloads whose pods restart | {} of {} objects, {} pods |\n",
        batch.size,
        batch.files.len(),
        batch.risk,
        batch.needs_approval,
        gates(),
        batch.order,
        if batch.canary { ", the canary" } else { "" },
        radius.restarts,
        radius.objects,
        radius.replicas,
    );
    let mut row = |name: &str, values: &[String]| {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().take(SHOWN).map(|value| cell(value)).collect();
            let _ = writeln!(text, "| {name} | {} |", values.join("<br>"));
        }
    };
    row("Reached from outside", &radius.exposed);
    row("To be made anew", &radius.recreated);
    row("Stop when", &batch.stop_conditions);
    let server = server(fixes);
    if !server.is_empty() {
        let _ = writeln!(text, "\n{server}");
    }
    text += "\n| rule | object | file | risk | class |\n| --- | --- | --- | ---: | --- |\n";
    for fix in fixes.iter().take(SHOWN) {
        let class = if fix.is_safe() { "safe" } else { "unsafe" };
        let (rule, object) = (cell(fix.rule()), cell(&object(fix)));
        let file = cell(&fix.detection.manifest_path);
        let _ = writeln!(text, "| {rule} | {object} | {file} | {:.1} | {class} |", fix.risk());
    }
    if fixes.len() > SHOWN {
        let _ = writeln!(text, "\nAnd {} more; the commit names them.", fixes.len() - SHOWN);
    }
    let _ = writeln!(text, "\n{MADE_BY}");
    text
}

/// The message of a batch's commit, without trailers.
pub(super) fn commit(batch: &Batch, fixes: &[&Fix<'_>]) -> String {
    let mut text = subject(batch);
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

/// Kind, namespace and name of a fix's object, as far as they are known.
fn object(fix: &Fix<'_>) -> String {
    fix.detection.object.as_ref().map_or_else(String::new, |object| {
        let namespace =
            object.namespace.as_ref().map_or_else(String::new, |name| format!("{name}/"));
        format!("{} {namespace}{}", object.kind, object.title())
    })
}

fn line(fix: &Fix<'_>) -> String {
    let object = match object(fix) {
        none if none.is_empty() => none,
        object => format!("{object} in "),
    };
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
