//! How findings move from advice to unsafe to safe.

use super::Records;
use crate::page::{Counts, Page, count};
use anyhow::ensure;
use record::Detection;

/// Which kind of evidence a rule decides by.
fn kind(rule: &str) -> &'static str {
    match rule {
        "latest-tag" | "image-not-pinned-digest" | "untrusted-registry" => "digest of the tag",
        "liveness-port" | "readiness-port" | "startup-port" => "exposed ports",
        _ => "user of the image",
    }
}

fn applicability(detection: &Detection) -> &'static str {
    detection.applicability.map_or("advice", record::Applicability::as_str)
}

/// A table of all findings whose remedy changed; an error when a finding itself did.
pub(super) fn table(before: &Records, after: &Records, page: &mut Page) -> anyhow::Result<()> {
    let same = |a: &Detection, b: &Detection| {
        (&a.fingerprint, &a.rule, &a.violation_text) == (&b.fingerprint, &b.rule, &b.violation_text)
    };
    let (old, new) = (&before.detections, &after.detections);
    ensure!(
        old.len() == new.len() && old.iter().zip(new).all(|(a, b)| same(a, b)),
        "evidence changed the findings"
    );
    let (mut moves, mut kinds) = (Counts::new(), Counts::new());
    for (old, new) in old.iter().zip(new) {
        let (from, to) = (applicability(old), applicability(new));
        if from != to {
            let rule = new.rule.as_deref().unwrap_or_default();
            count(&mut moves, (rule, from, to));
            count(&mut kinds, (kind(rule), from, to));
        }
    }
    let total: usize = moves.values().sum();
    page.line(&format!(
        "{} findings, the same with and without; the remedy of {total} moves:",
        new.len()
    ));
    let row = |((what, from, to), count): (&(&str, &str, &str), &usize)| {
        format!("{what} | {from} | {to} | {count}")
    };
    page.table("evidence | from | to | findings", "--- | --- | --- | ---:", kinds.iter().map(row));
    page.table("rule | from | to | findings", "--- | --- | --- | ---:", moves.iter().map(row));
    Ok(())
}
