//! The packet as a page: no script, nothing from elsewhere, readable by keyboard and by ear.

use super::{Cut, File, Fix, Listed, NotFixed, Packet};
use crate::escape;
use crate::summary::{Share, rate};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use record::{Batch, GateOutcome, GateResult};

/// Nothing may run or be fetched, whatever a manifest says.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("page.css");

pub(super) fn page(packet: &Packet) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { "Review of Kubernetes fixes" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#fixes" { "Skip to the fixes" }
                header { h1 { "Review of Kubernetes fixes" } (totals(packet)) }
                (contents(packet))
                main {
                    (fixes(&packet.fixes))
                    (files(&packet.files))
                    (batches(&packet.batches))
                    (funnel(packet))
                    (not_fixed(&packet.not_fixed))
                    (queue(packet))
                    (origin(packet))
                }
            }
        }
    }
}

/// Text of a manifest: what could deceive a reader becomes visible. The macro escapes the rest.
fn shown(text: &str) -> String {
    escape(text).into_owned()
}

fn contents(packet: &Packet) -> Markup {
    let parts = [
        ("fixes", "Fixes", !packet.fixes.shown.is_empty()),
        ("files", "Files", !packet.files.shown.is_empty()),
        ("batches", "Batches", !packet.batches.shown.is_empty()),
        ("funnel", "Funnel", true),
        ("not-fixed", "Not fixed", !packet.not_fixed.shown.is_empty()),
        ("queue", "Queue", packet.queue.is_some()),
        ("origin", "Origin", true),
    ];
    html! {
        nav aria-label="Contents" {
            ul {
                @for (id, title, _) in parts.iter().filter(|(_, _, there)| *there) {
                    li { a href={ "#" (id) } { (title) } }
                }
            }
        }
    }
}

fn totals(packet: &Packet) -> Markup {
    let total = &packet.summary.total;
    let risk = packet.risk;
    html! {
        dl.totals {
            div { dt { "Findings" } dd { (total.found) } }
            div { dt { "Accepted fixes" } dd { (rate(total.accepted)) " of those proposed" } }
            div { dt { "Risk found" } dd { (format!("{:.1}", risk.found)) } }
            div { dt { "Risk that the fixes remove" } dd { (format!("{:.1}", risk.removed)) } }
            div { dt { "of it by safe fixes" } dd { (format!("{:.1}", risk.removed_by_safe_fixes)) } }
        }
    }
}

fn left_out<T>(listed: &Listed<T>, what: &str) -> Markup {
    html! {
        @if listed.left_out > 0 { p.more { "and " (listed.left_out) " more " (what) "." } }
    }
}

fn fixes(fixes: &Listed<Fix>) -> Markup {
    html! {
        section #fixes aria-labelledby="fixes-title" {
            h2 #fixes-title { "Fixes, the riskiest first" }
            @if fixes.shown.is_empty() { p { "No fix was accepted." } }
            @for (index, fix) in fixes.shown.iter().enumerate() { (card(index, fix)) }
            (left_out(fixes, "accepted fixes"))
        }
    }
}

fn card(index: usize, fix: &Fix) -> Markup {
    let class = fix.applicability.map_or("unknown", |class| class.as_str());
    html! {
        article.fix id={ "fix-" (shown(&fix.id)) } aria-labelledby={ "fix-title-" (index) } {
            h3 id={ "fix-title-" (index) } {
                span.risk { (format!("{:.1}", fix.risk)) } " "
                span.rule { (shown(&fix.rule)) } " "
                span.tag.(class) { (class) }
                @if fix.exploited { " " span.tag.exploited { "known exploited" } }
                @if let Some(decision) = fix.decision { " " span.tag { (decision.as_str()) } }
            }
            p.message { (shown(&fix.message)) }
            p.place { code { (shown(&fix.place)) } " " (shown(&fix.object)) }
            (diff(&fix.diff, "The change"))
            (proof(fix))
            details {
                summary { "Why this risk, and when" }
                (terms(fix))
                (schedule(fix))
            }
        }
    }
}

fn proof(fix: &Fix) -> Markup {
    html! {
        div.proof {
            h4 { "Proof" }
            ul.gates {
                @for gate in &fix.gates { li.(outcome(gate)) { (told(gate)) } }
            }
            @if let Some(text) = &fix.may_break {
                p { strong { "May break: " } (shown(text)) }
            }
            p {
                "Proposed by " (shown(&fix.proposer)) "."
                @if let Some(batch) = &fix.batch { " In batch " code { (shown(batch)) } "." }
                @if let Some(print) = &fix.fingerprint { " Fingerprint " code { (shown(print)) } "." }
            }
            @if !fix.values.is_empty() {
                table {
                    caption { "Where the written values come from" }
                    thead { tr { th scope="col" { "Value" } th scope="col" { "Source" } th scope="col" { "Place" } } }
                    tbody {
                        @for value in &fix.values {
                            tr {
                                td { code { (shown(&value.pointer)) } }
                                td { (source(value)) }
                                td { (shown(&value.detail)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn source(value: &record::Provenance) -> String {
    let text = serde_json::to_value(value.source).unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

fn outcome(gate: &GateResult) -> &'static str {
    match gate.outcome {
        GateOutcome::Passed => "passed",
        GateOutcome::Failed => "failed",
        GateOutcome::Skipped => "skipped",
        GateOutcome::Unavailable => "unavailable",
    }
}

fn told(gate: &GateResult) -> Markup {
    html! {
        strong { (gate.gate.as_str()) } " " (outcome(gate))
        @if let Some(time) = gate.microseconds { " in " (time) " µs" }
        @if let Some(reason) = &gate.reason { ": " (shown(reason)) }
        @if let Some(effect) = gate.server.as_ref().and_then(|server| server.effect) {
            "; what runs: " (effect.as_str())
        }
    }
}

fn terms(fix: &Fix) -> Markup {
    html! {
        @if !fix.terms.is_empty() {
            table {
                caption { "What the risk is made of" }
                thead { tr { th scope="col" { "Term" } th.number scope="col" { "Value" } th scope="col" { "Read from" } } }
                tbody {
                    @for term in &fix.terms {
                        tr { td { (shown(&term.name)) } td.number { (term.value) } td { (shown(&term.reason)) } }
                    }
                }
            }
        }
        @if let Some(rest) = fix.remaining {
            p { "After the fix stays " (format!("{rest:.1}")) ", for the known vulnerabilities of the images." }
        }
    }
}

fn schedule(fix: &Fix) -> Markup {
    let Some((turn, entry)) = fix.turn.zip(fix.schedule.as_ref()) else { return html! {} };
    html! {
        p {
            "Turn " (turn) " of the schedule: index " (entry.score) " from risk " (entry.risk)
            ", success " (entry.probability) " and " (entry.expected_time) " s."
            @if let Some(explained) = &entry.explained { " " (shown(&explained.reason)) }
        }
    }
}

/// A diff, line by line. What a line is, is said by its sign, not by colour alone.
fn diff(cut: &Cut, title: &str) -> Markup {
    html! {
        @if !cut.text.is_empty() {
            pre.diff tabindex="0" aria-label=(title) {
                @for line in cut.text.lines() { span.(sign(line)) { (shown_line(line)) "\n" } }
            }
        }
        @if cut.left_out > 0 { p.more { "and " (cut.left_out) " more lines." } }
    }
}

/// Tabs stay.
fn shown_line(line: &str) -> String {
    line.split('\t').map(escape).collect::<Vec<_>>().join("\t")
}

fn sign(line: &str) -> &'static str {
    match line.as_bytes().first() {
        _ if line.starts_with("+++") || line.starts_with("---") => "head",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "hunk",
        _ => "same",
    }
}

fn files(files: &Listed<File>) -> Markup {
    html! {
        @if !files.shown.is_empty() {
            section #files aria-labelledby="files-title" {
                h2 #files-title { "Files, as they will be" }
                @for file in &files.shown {
                    details.file {
                        summary {
                            code { (shown(&file.path)) } " " (file.fixes) " fixes, +" (file.added) " −" (file.removed)
                        }
                        (diff(&file.diff, &format!("Changes of {}", shown(&file.path))))
                    }
                }
                (left_out(files, "files"))
            }
        }
    }
}

fn batches(batches: &Listed<Batch>) -> Markup {
    html! {
        @if !batches.shown.is_empty() {
            section #batches aria-labelledby="batches-title" {
                h2 #batches-title { "Batches, in the order of roll-out" }
                table {
                    thead {
                        tr {
                            @for title in ["Turn", "Batch", "Fixes", "Need approval", "Risk", "Restarts", "Pods", "Exposed", "Made anew", "Window"] {
                                th scope="col" { (title) }
                            }
                        }
                    }
                    tbody { @for batch in &batches.shown { (batch_row(batch)) } }
                }
                (left_out(batches, "batches"))
            }
        }
    }
}

fn batch_row(batch: &Batch) -> Markup {
    let radius = &batch.blast_radius;
    html! {
        tr {
            td.number { (batch.order) }
            td {
                code { (shown(&batch.id)) }
                @if batch.canary { " " span.tag { "canary" } }
                @if batch.exploited > 0 { " " span.tag.exploited { "known exploited" } }
                details {
                    summary { "Stop when" }
                    ul { @for condition in &batch.stop_conditions { li { (shown(condition)) } } }
                }
            }
            td.number { (batch.size) }
            td.number { (batch.needs_approval) }
            td.number { (format!("{:.1}", batch.risk)) }
            td.number { (radius.restarts) }
            td.number { (radius.replicas) }
            td.number { (radius.exposed.len()) }
            td.number { (radius.recreated.len()) }
            td { (window(batch)) }
        }
    }
}

fn window(batch: &Batch) -> String {
    match &batch.window {
        None => String::new(),
        Some(window) if window.open => "open".to_owned(),
        Some(window) => {
            let opens =
                window.opens.as_deref().map_or("never".to_owned(), |at| format!("from {at}"));
            window
                .freeze
                .as_deref()
                .map_or(opens.clone(), |why| format!("{opens}; frozen: {}", shown(why)))
        }
    }
}

fn funnel(packet: &Packet) -> Markup {
    let total = &packet.summary.total;
    html! {
        section #funnel aria-labelledby="funnel-title" {
            h2 #funnel-title { "How far the findings went" }
            p { (rate(total.proposed)) " of the findings have a proposed fix." }
            table {
                caption { "Gates; skipped and unavailable are no passes" }
                thead {
                    tr { @for title in ["Gate", "Passed, of those proposed", "Failed", "Skipped", "Unavailable"] { th scope="col" { (title) } } }
                }
                tbody {
                    @for gate in &total.gates {
                        tr {
                            th scope="row" { (gate.gate.as_str()) }
                            td { (rate(Share { count: gate.passed, of: total.proposed.count })) }
                            td.number { (gate.failed) }
                            td.number { (gate.skipped) }
                            td.number { (gate.unavailable) }
                        }
                    }
                }
            }
        }
    }
}

fn not_fixed(groups: &Listed<NotFixed>) -> Markup {
    html! {
        @if !groups.shown.is_empty() {
            section #not-fixed aria-labelledby="not-fixed-title" {
                h2 #not-fixed-title { "Not fixed, and why" }
                table {
                    thead {
                        tr { @for title in ["Rule", "Status", "Findings", "Risk that stays", "Why", "One of them"] { th scope="col" { (title) } } }
                    }
                    tbody {
                        @for group in &groups.shown {
                            tr {
                                td { (shown(&group.rule)) }
                                td { (group.status.as_str()) }
                                td.number { (group.count) }
                                td.number { (format!("{:.1}", group.risk)) }
                                td { (shown(&group.reason)) }
                                td { code { (shown(&group.example)) } }
                            }
                        }
                    }
                }
                (left_out(groups, "groups of findings"))
            }
        }
    }
}

fn queue(packet: &Packet) -> Markup {
    let Some(queue) = &packet.queue else { return html! {} };
    html! {
        section #queue aria-labelledby="queue-title" {
            h2 #queue-title { "Queue" }
            table {
                thead { tr { th scope="col" { "State" } th.number scope="col" { "Items" } } }
                tbody { @for (state, count) in &queue.states { tr { td { (state) } td.number { (count) } } } }
            }
            p { (queue.due) " are due; " (queue.stuck_leases) " leases ran out and nobody has ended them." }
            @for (class, count) in &queue.failures { p { (count) " failed in the last day: " (shown(class)) } }
        }
    }
}

fn origin(packet: &Packet) -> Markup {
    let origin = &packet.origin;
    let settings = serde_json::to_string_pretty(&origin.settings).unwrap_or_default();
    html! {
        section #origin aria-labelledby="origin-title" {
            h2 #origin-title { "What this was made from" }
            p { (shown(&origin.tool)) ", " (origin.inputs) " input files, SHA-256 over their paths and hashes "
                code { (origin.inputs_sha256) } }
            table {
                caption { "Records" }
                thead { tr { th scope="col" { "File" } th.number scope="col" { "Bytes" } th scope="col" { "SHA-256" } } }
                tbody {
                    @for file in &origin.records {
                        tr { td { code { (shown(&file.name)) } } td.number { (file.bytes) } td { code { (file.sha256) } } }
                    }
                }
            }
            details {
                summary { "Settings" }
                pre tabindex="0" aria-label="Settings" { (settings.lines().map(shown).collect::<Vec<_>>().join("\n")) }
            }
        }
    }
}
