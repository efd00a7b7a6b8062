//! What `gitops` says of what it did, or would do.

use super::{Plan, Planned, Skipped};
use crate::args::Common;
use crate::args::carry::Write;
use crate::table::table;
use review::escape;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Skipped fixes that are named, of each reason.
const NAMED: usize = 10;

/// Writes a plan, for people or as JSON.
pub(super) fn write(plan: &Plan, args: &Write, common: &Common) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, plan)?;
        return Ok(());
    }
    for planned in plan.batches.iter().filter(|_| args.diff) {
        writeln!(out, "# {}: {}", escape(&planned.branch), escape(&planned.batch.id))?;
        for diff in &planned.diffs {
            let shown = diff
                .lines()
                .map(|line| line.split('\t').map(escape).collect::<Vec<_>>().join("\t"));
            shown.into_iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        writeln!(out)?;
    }
    report_requests(plan, &mut out, common.quiet)?;
    if common.quiet {
        return Ok(());
    }
    write!(out, "{}", branches(plan))?;
    let carried: usize = plan.batches.iter().map(|planned| planned.batch.size).sum();
    writeln!(
        out,
        "{carried} fixes in {} branches on {}, {} skipped",
        plan.batches.len(),
        &plan.base[..plan.base.len().min(12)],
        plan.skipped.len()
    )?;
    for (reason, count) in reasons(&plan.skipped) {
        writeln!(out, "  {count} skipped: {}", escape(reason))?;
        for one in plan.skipped.iter().filter(|one| one.reason == reason).take(NAMED) {
            writeln!(out, "    {}: {}", escape(&one.manifest_path), escape(&one.rule))?;
        }
        if count > NAMED {
            writeln!(out, "    and {} more; --output-format json names all", count - NAMED)?;
        }
    }
    Ok(())
}

/// Why fixes are skipped, and how often; the most frequent first.
pub(super) fn reasons(skipped: &[Skipped]) -> Vec<(&str, usize)> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    skipped.iter().for_each(|skipped| *reasons.entry(&skipped.reason).or_default() += 1);
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    reasons
}

/// What became of the requests: the pages of those that are there, and what went wrong on stderr.
fn report_requests(plan: &Plan, out: &mut impl std::io::Write, quiet: bool) -> std::io::Result<()> {
    let requests = plan
        .batches
        .iter()
        .filter_map(|planned| Some((planned.branch.as_str(), planned.request.as_ref()?)));
    for (name, asked) in requests.chain(plan.dashboard.as_ref().map(|asked| ("dashboard", asked))) {
        let name = escape(name);
        if let Some(url) = asked.url.as_ref().filter(|_| !quiet) {
            writeln!(out, "{name}: {}, {}", asked.state, escape(url))?;
        }
        let is_failed = asked.state == "failed";
        let kind = if is_failed { "error" } else { "warning" };
        for warning in asked.warnings.iter().filter(|_| is_failed || !quiet) {
            writeln!(std::io::stderr(), "{kind}: {name}: {}", escape(warning))?;
        }
    }
    Ok(())
}

fn branches(plan: &Plan) -> String {
    let row = |planned: &Planned| {
        let batch = &planned.batch;
        vec![
            planned.branch.clone(),
            planned.state.as_str().to_owned(),
            batch.size.to_string(),
            batch.files.len().to_string(),
            format!("{:.1}", batch.risk),
            batch.blast_radius.restarts.to_string(),
            planned.stacked_on.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = plan.batches.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let heading = ["branch", "state", ">fixes", ">files", ">risk", ">restarts", "stacked on"];
    table(&heading, &rows)
}
