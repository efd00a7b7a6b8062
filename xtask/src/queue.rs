//! `cargo xtask queue`: workers of the queue that are killed, and how fast it is, into
//! `docs/queue-measurements.md`.

use crate::page::Page;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEAD: &str = "# Measurements of the queue\n\nWritten by `cargo xtask queue --full` on two cores, \
    with a PostgreSQL of the distribution as it comes out\nof `initdb`: `fsync` and \
    `synchronous_commit` on. SQLite commits with `synchronous = FULL`. See\n[queue](queue.md) for \
    what the words mean.\n";

/// How much is done: kills of workers on SQLite and on PostgreSQL, kills of PostgreSQL, seconds of
/// each round of throughput, items in the queue of the claims.
struct Size {
    sqlite: &'static str,
    postgres: &'static str,
    server: &'static str,
    seconds: &'static str,
    items: &'static str,
}

const SMALL: Size =
    Size { sqlite: "500", postgres: "200", server: "5", seconds: "2", items: "50000" };
const FULL: Size =
    Size { sqlite: "10000", postgres: "1000", server: "50", seconds: "6", items: "1000000" };

/// Runs the trials; `--full` does all of them and writes the page. Fails when something was lost or
/// done twice.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let size = match arguments {
        [] => SMALL,
        [flag] if flag == "--full" => FULL,
        _ => anyhow::bail!("usage: cargo xtask queue [--full]"),
    };
    let trials = built(root)?;
    let mut page = Page::new(HEAD);
    let mut wrong = 0;
    wrong += crashes("SQLite", &said(&trials, &["crash-sqlite", size.sqlite])?, &mut page);
    let postgres = ["crash-postgres", size.postgres, size.server];
    wrong += crashes("PostgreSQL", &said(&trials, &postgres)?, &mut page);
    throughput(&said(&trials, &["throughput", size.seconds])?, &mut page);
    claims(&said(&trials, &["claims", size.items, "200"])?, &mut page);
    println!("{}", page.text);
    ensure!(wrong == 0, "{wrong} things are wrong after kills");
    if !arguments.is_empty() {
        fs::write(root.join("docs/queue-measurements.md"), &page.text)?;
    }
    Ok(())
}

/// The program of the trials, optimised; of the same build as the tests.
fn built(root: &Path) -> anyhow::Result<PathBuf> {
    let args = ["build", "--profile", "fast", "--workspace", "--example", "trials"];
    let status = Command::new(env!("CARGO")).current_dir(root).args(args).status()?;
    ensure!(status.success(), "cannot build the trials");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(target.join("fast/examples/trials"))
}

fn said(trials: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let ended = Command::new(trials).args(arguments).output()?;
    let error = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{arguments:?}: {}: {error}", ended.status);
    serde_json::from_slice(&ended.stdout).with_context(|| format!("{arguments:?} says no JSON"))
}

/// How many things are wrong.
fn crashes(database: &str, found: &Value, page: &mut Page) -> usize {
    let wrong: Vec<&str> =
        found["wrong"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    page.section(&format!("Kills, {database}"));
    page.line(&format!(
        "{} kills (SIGKILL) of two workers, an enqueuer and an approver at random points{}, in {:.0} s. \
         Afterwards plain SQL and the files that the processes wrote say: {} things are wrong.",
        found["kills"],
        match found["server_kills"].as_u64() {
            Some(number) if number > 0 => format!(", {number} of the server"),
            _ => String::new(),
        },
        found["seconds"].as_f64().unwrap_or_default(),
        wrong.len()
    ));
    for line in &wrong {
        page.line(&format!("**{line}**"));
    }
    let rows = [
        ("items acknowledged as enqueued, all there", "acknowledged"),
        ("changes of state, each beginning where the one before ended", "changes"),
        ("completions that a worker was told of, all in the journal", "completed"),
        ("leases that ran out after a kill", "expired"),
        ("settlements refused because of an old token", "fenced"),
        (
            "effects begun under a lease that did not end in a completion",
            "effects_without_completion",
        ),
    ];
    page.table(
        "what was counted | number",
        "--- | ---:",
        rows.into_iter().map(|(what, field)| format!("{what} | {}", found[field])),
    );
    page.line(
        "Checked besides: no item applied twice, tokens rise with every lease, no token settles \
         twice, every item can be brought to its end, and the database's own check of its files \
         finds nothing.",
    );
    wrong.len()
}

fn throughput(found: &Value, page: &mut Page) {
    let rates = |kind: &str| -> Vec<f64> {
        found[kind].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let middle = |rates: &[f64]| rates.get(rates.len() / 2).copied().unwrap_or_default();
    let bare = middle(&rates("bare"));
    page.section("Throughput, PostgreSQL");
    page.line(&format!(
        "{} workers on the two cores of the server, each with connections of its own; {} classes. An \
         item is claimed and completed, each in a transaction of its own. The bare loop has one \
         table, an `UPDATE … FOR UPDATE SKIP LOCKED` and an `UPDATE`, no journal, no order but one \
         index, no lease. Median of {} rounds that take turns, and the slowest and fastest.",
        found["workers"],
        found["classes"],
        rates("bare").len()
    ));
    let kinds = [
        ("bare loop".to_owned(), "bare"),
        ("queue, one item for a claim".to_owned(), "single"),
        (format!("queue, {} items for a claim", found["batch"]), "batched"),
    ];
    let row = |(what, kind): (String, &str)| {
        let rates = rates(kind);
        let (least, most) = (rates.first().unwrap_or(&0.0), rates.last().unwrap_or(&0.0));
        let median = middle(&rates);
        format!("{what} | {median:.0} | {least:.0}–{most:.0} | {:.0} %", 100.0 * median / bare)
    };
    page.table(
        "what | items/s | range | of the bare loop",
        "--- | ---: | ---: | ---:",
        kinds.into_iter().map(row),
    );
}

fn claims(found: &Value, page: &mut Page) {
    page.section("Claims from a full queue");
    page.line(&format!(
        "{} queued items of {} classes, one worker, one item for a claim; milliseconds from the call \
         to the answer. The last two columns: an item was added before each claim, so the order is \
         ranked anew.",
        found["items"], found["classes"]
    ));
    let row = |one: &Value| {
        let number = |field: &str| one[field].as_f64().unwrap_or_default();
        format!(
            "{} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0}",
            one["database"].as_str().unwrap_or_default(),
            number("median"),
            number("p99"),
            number("first"),
            number("median_after_change"),
            number("p99_after_change"),
            number("enqueued_per_second")
        )
    };
    page.table(
        "database | median | p99 | first | median, changed | p99, changed | enqueued/s",
        "--- | ---: | ---: | ---: | ---: | ---: | ---:",
        found["on"].as_array().into_iter().flatten().map(row),
    );
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::path::Path;

    #[test]
    #[ignore = "a step of its own in `cargo xtask test`"]
    fn nothing_is_lost_or_done_twice() {
        run(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), &[]).unwrap();
    }
}
