use super::{Funnel, ServerCounts, Share, Summary};
use crate::escape;
use record::Effect;
use std::io::{self, Write};

pub(super) fn write(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    writeln!(out, "# Review of the run\n")?;
    write_totals(out, summary)?;
    write_gates(out, &summary.total)?;
    write_server(out, summary.server.as_ref())?;
    write_rules(out, &summary.rules)?;
    write_reasons(out, summary)
}

fn write_totals(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let total = &summary.total;
    writeln!(out, "| | |\n| --- | --- |")?;
    writeln!(out, "| Findings | {} |", total.found)?;
    for (count, what) in [(summary.ignored, "Ignored"), (summary.in_baseline, "In the baseline")] {
        if count > 0 {
            writeln!(out, "| {what} besides | {count} |")?;
        }
    }
    writeln!(out, "| With a proposed fix | {} |", rate(total.proposed))?;
    writeln!(out, "| Fixes accepted, of those proposed | {} |", rate(total.accepted))?;
    let of_found = Share { count: total.accepted.count, of: total.found };
    writeln!(out, "| Fixes accepted, of all findings | {} |", rate(of_found))?;
    for (name, share) in &summary.by_models {
        let name = cell(name);
        writeln!(out, "| Written by the model {name}, unsafe all of them | {} |", rate(*share))?;
    }
    if let Some(size) = summary.operations {
        let medians = [size.median_without_tests, size.median_with_tests];
        writeln!(
            out,
            "| Operations per accepted patch, median of {} | {} ({} with `test`) |",
            size.patches, medians[0], medians[1]
        )?;
    }
    for ended in &total.not_accepted {
        let share = Share { count: ended.count, of: total.found };
        writeln!(out, "| Findings that ended as {} | {} |", ended.status.as_str(), rate(share))?;
    }
    writeln!(out)
}

fn write_gates(out: &mut impl Write, total: &Funnel) -> io::Result<()> {
    if total.gates.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Gates\n")?;
    writeln!(out, "Skipped and unavailable are no passes.\n")?;
    writeln!(out, "| Gate | Passed, of those proposed | Failed | Skipped | Unavailable |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for gate in &total.gates {
        let passed = rate(Share { count: gate.passed, of: total.proposed.count });
        let rest = format!("{} | {} | {}", gate.failed, gate.skipped, gate.unavailable);
        writeln!(out, "| {} | {passed} | {rest} |", gate.gate.as_str())?;
    }
    writeln!(out)
}

fn write_server(out: &mut impl Write, server: Option<&ServerCounts>) -> io::Result<()> {
    let Some(server) = server else { return Ok(()) };
    writeln!(out, "## API server\n")?;
    if !server.effects.is_empty() {
        writeln!(out, "What the fixes that it takes change of what runs.\n")?;
        let names = Effect::ALL.map(Effect::as_str);
        writeln!(out, "| Fixes | {} | same pods |", names.join(" | "))?;
        writeln!(out, "| --- |{}", " --- |".repeat(names.len() + 1))?;
    }
    for (applicability, effects) in &server.effects {
        let counts = Effect::ALL.map(|effect| effects.get(effect.as_str()).copied().unwrap_or(0));
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        let same_pods = server.same_pods.get(applicability).copied().unwrap_or(0);
        writeln!(out, "| {applicability} | {} | {same_pods} |", counts.join(" | "))?;
    }
    if !server.effects.is_empty() {
        writeln!(
            out,
            "\n`unchanged`: the stored object is the same, with all its defaults. `restart`: the \
             workload's pods restart. `next-pods`: only pods made from now on differ. `recreate`: \
             the object has to be made anew. `same pods`: of those that \
             change the template, how many are proven to make the same pods from it.\n"
        )?;
    }
    if server.pods_denied_before > 0 {
        writeln!(
            out,
            "Pod Security admission denied the pods of {} of these fixes before. Of them {} leave \
             it with fewer complaints, {} with none.\n",
            server.pods_denied_before,
            server.pods_with_fewer_complaints,
            server.pods_admitted_after
        )?;
    }
    if !server.causes.is_empty() {
        writeln!(out, "| Not passed because | Patches |\n| --- | --- |")?;
        for (cause, count) in &server.causes {
            writeln!(out, "| {cause} | {count} |")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_rules(out: &mut impl Write, rules: &[Funnel]) -> io::Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Rules\n")?;
    writeln!(out, "| Rule | Found | Proposed | Gates passed | Accepted, of those proposed |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for rule in rules {
        let gates: Vec<String> = rule
            .gates
            .iter()
            .map(|gate| format!("{} {}", gate.gate.as_str(), gate.passed))
            .collect();
        let (proposed, accepted) = (rate(rule.proposed), rate(rule.accepted));
        let name = cell(&rule.rule);
        let gates = gates.join(", ");
        writeln!(out, "| {name} | {} | {proposed} | {gates} | {accepted} |", rule.found)?;
    }
    writeln!(out)
}

fn write_reasons(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    if summary.total.not_accepted.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not accepted\n")?;
    writeln!(out, "The most frequent reasons of each rule.\n")?;
    writeln!(out, "| Rule | Status | Findings | Reason |\n| --- | --- | --- | --- |")?;
    for rule in &summary.rules {
        for ended in &rule.not_accepted {
            for reason in &ended.reasons {
                let share = format!("{} of {}", reason.count, ended.count);
                let (name, why) = (cell(&rule.rule), cell(&reason.reason));
                writeln!(out, "| {name} | {} | {share} | {why} |", ended.status.as_str())?;
            }
        }
    }
    Ok(())
}

/// Percent in tenths, rounded half up; whole numbers only, so that every machine agrees. All is
/// 100.0 % and nothing is 0.0 %, and nothing else is.
pub(crate) fn rate(share: Share) -> String {
    let Share { count, of } = share;
    if of == 0 {
        return format!("{count} of {of}");
    }
    let tenths = match (count * 2000 + of) / (2 * of) {
        _ if count == 0 => 0,
        _ if count == of => 1000,
        rounded => rounded.clamp(1, 999),
    };
    format!("{count} of {of} ({}.{} %)", tenths / 10, tenths % 10)
}

/// Text of a manifest or a scanner as the text of a table's cell. It calls nobody and refers to
/// nothing on the forge that shows it.
pub fn cell(text: &str) -> String {
    /// Shows nothing, and ends what a forge takes for a name.
    const BREAK: &str = "&#8203;";
    let mut out = String::with_capacity(text.len());
    let text = escape(text);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next().unwrap_or(' ');
        match c {
            '@' if !before.is_alphanumeric() && next.is_alphanumeric() => {
                out.extend(["@", BREAK]);
            }
            '#' if next.is_ascii_digit() => out.extend(["#", BREAK]),
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '~' => out.extend(['\\', c]),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Share, cell, rate};

    #[test]
    fn a_reason_is_text_and_nothing_else() {
        assert_eq!(cell("a|b\n<img> [x](y)"), "a\\|b\\\\n&lt;img&gt; \\[x\\](y)");
    }

    #[test]
    fn a_text_calls_nobody() {
        assert_eq!(cell("@all (@b) a@b #1 #x"), "@&#8203;all (@&#8203;b) a@b #&#8203;1 #x");
    }

    #[test]
    fn rates_are_rounded_half_up() {
        assert_eq!(rate(Share { count: 2, of: 3 }), "2 of 3 (66.7 %)");
        assert_eq!(rate(Share { count: 1, of: 2000 }), "1 of 2000 (0.1 %)");
        assert_eq!(rate(Share { count: 0, of: 0 }), "0 of 0");
    }

    #[test]
    fn only_all_is_all_and_only_nothing_is_nothing() {
        assert_eq!(rate(Share { count: 29999, of: 30000 }), "29999 of 30000 (99.9 %)");
        assert_eq!(rate(Share { count: 1, of: 30000 }), "1 of 30000 (0.1 %)");
        assert_eq!(rate(Share { count: 5, of: 5 }), "5 of 5 (100.0 %)");
    }
}
