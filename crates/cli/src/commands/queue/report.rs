//! The queue in numbers: for people, programs and Prometheus.

use super::look::{columns, time};
use super::{open, print};
use crate::End;
use crate::args::queue::{Report as Args, Watch};
use queue::{Happened, Location, Report};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// The report of a queue as OpenMetrics, for a worker that is asked for it.
pub(crate) async fn metrics(location: &Location) -> Result<String, queue::Error> {
    let queue = queue::Queue::open(location).await?;
    let report = queue.report().await;
    queue.close().await;
    Ok(as_metrics(&report?, IN_METRICS))
}

/// Classes that are shown when nobody says how many: every class in metrics is a series to keep.
const IN_METRICS: usize = 50;
const IN_TABLE: usize = 10;

pub(crate) fn report(args: &Args) -> anyhow::Result<End> {
    let report = open(&args.place)?.run(async |store| store.report().await)?;
    match args.output_format.as_str() {
        "json" => print(&as_json(&report, args.top.unwrap_or(usize::MAX)))?,
        "prometheus" => {
            write!(std::io::stdout(), "{}", as_metrics(&report, args.top.unwrap_or(IN_METRICS)))?;
        }
        _ => write!(anstream::stdout(), "{}", as_text(&report, args.top.unwrap_or(IN_TABLE)))?,
    }
    Ok(End::Clean)
}

/// On a terminal the report replaces the one before; elsewhere every look is a line.
pub(super) fn watch(args: &Watch) -> anyhow::Result<End> {
    anyhow::ensure!(args.interval > 0.0, "--interval must be more than 0");
    let store = open(&args.place)?;
    let mut out = std::io::stdout();
    let mut looks = 0;
    loop {
        let report = store.run(async |store| store.report().await)?;
        if out.is_terminal() {
            // Home, and nothing below.
            write!(out, "\x1b[H\x1b[2J{}", as_text(&report, 5))?;
        } else {
            writeln!(out, "{}", line(&report))?;
        }
        out.flush()?;
        looks += 1;
        if args.count.is_some_and(|count| looks >= count) {
            return Ok(End::Clean);
        }
        std::thread::sleep(Duration::from_secs_f64(args.interval));
    }
}

fn line(report: &Report) -> String {
    let states = report.states.iter().map(|one| format!("{}={}", one.state.as_str(), one.count));
    states.collect::<Vec<_>>().join(" ")
}

fn as_text(report: &Report, top: usize) -> String {
    let head = ["STATE", "ITEMS", "OLDEST", "MEAN AGE"].map(str::to_owned);
    let states = report.states.iter().map(|one| {
        let [oldest, mean] = [one.oldest, one.mean]
            .map(|age| if one.count == 0 { String::new() } else { time(age) });
        [one.state.as_str().to_owned(), one.count.to_string(), oldest, mean]
    });
    let mut text = columns(&std::iter::once(head).chain(states).collect::<Vec<_>>());
    let totals = [
        ("due and waiting", report.due),
        ("claims of due items, last day", report.due_claims),
        ("outcomes not learnt yet", report.not_learnt),
        ("without a patch", report.without_patch),
    ];
    text.push('\n');
    for (what, count) in totals {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{what}: {count}");
    }
    text.push_str(&happened(report));
    for (class, count) in &report.failures {
        let _ = writeln!(text, "failed in the last day: {} {count}", review::escape(class));
    }
    for lease in &report.stuck {
        let (id, worker) = (review::escape(&lease.id), review::escape(&lease.worker));
        let ago = time(report.at - lease.until);
        let _ = writeln!(text, "lease ran out: {id}, held by {worker}, {ago} ago");
    }
    text.push_str(&classes(report, top));
    text
}

fn happened(report: &Report) -> String {
    if report.day.is_empty() {
        return String::new();
    }
    let head = ["CHANGE", "TO", "LAST HOUR", "LAST DAY"].map(str::to_owned);
    let lines = report.day.iter().map(|day| {
        let same = |hour: &&Happened| (&hour.event, hour.to) == (&day.event, day.to);
        let hour = report.hour.iter().find(same).map_or(0, |hour| hour.count);
        let to = day.to.as_str().to_owned();
        [day.event.clone(), to, hour.to_string(), day.count.to_string()]
    });
    format!("\n{}", columns(&std::iter::once(head).chain(lines).collect::<Vec<_>>()))
}

fn classes(report: &Report, top: usize) -> String {
    if report.classes.is_empty() || top == 0 {
        return String::new();
    }
    let head = ["RULE", "KIND", "PROPOSER", "SUCCEEDED", "FAILED", "PER SECOND"].map(str::to_owned);
    let lines = report.classes.iter().take(top).map(|(one, weight)| {
        let class = [&one.class.rule, &one.class.kind, &one.class.proposer]
            .map(|name| review::escape(name).into_owned());
        let [rule, kind, proposer] = class;
        let (good, bad) = (one.successes.to_string(), one.failures.to_string());
        [rule, kind, proposer, good, bad, format!("{weight:.4}")]
    });
    format!("\n{}", columns(&std::iter::once(head).chain(lines).collect::<Vec<_>>()))
}

fn as_json(report: &Report, top: usize) -> Value {
    let happened = |all: &[Happened]| -> Value {
        all.iter()
            .map(|one| json!({"event": one.event, "to": one.to, "count": one.count}))
            .collect()
    };
    json!({
        "at": report.at,
        "states": report.states.iter().map(|one| json!({
            "state": one.state, "count": one.count, "oldest_seconds": one.oldest,
            "mean_seconds": one.mean,
        })).collect::<Value>(),
        "last_hour": happened(&report.hour),
        "last_day": happened(&report.day),
        "failures_last_day": report.failures.iter()
            .map(|(class, count)| json!({"class": class, "count": count})).collect::<Value>(),
        "stuck_leases": report.stuck.iter().map(|lease| json!({
            "id": lease.id, "worker": lease.worker, "until": lease.until,
        })).collect::<Value>(),
        "due": report.due,
        "due_claims_last_day": report.due_claims,
        "without_patch": report.without_patch,
        "not_learnt": report.not_learnt,
        "classes": report.classes.iter().take(top).map(|(statistics, weight)| {
            let mut one = json!(statistics);
            one["weight"] = json!(weight);
            one
        }).collect::<Value>(),
    })
}

/// OpenMetrics text.
fn as_metrics(report: &Report, top: usize) -> String {
    let mut out = Metrics::default();
    out.family("items", "Items by state.");
    for one in &report.states {
        out.sample("items", &[("state", one.state.as_str())], one.count as f64);
    }
    out.family("oldest_item_age_seconds", "Age of the oldest item by state.");
    for one in report.states.iter().filter(|one| one.count > 0) {
        out.sample("oldest_item_age_seconds", &[("state", one.state.as_str())], one.oldest);
    }
    out.family("changes_last_hour", "Changes of state in the last hour.");
    for one in &report.hour {
        let labels = [("event", one.event.as_str()), ("to", one.to.as_str())];
        out.sample("changes_last_hour", &labels, one.count as f64);
    }
    out.family("failures_last_day", "Failed attempts of the last day by class of the failure.");
    for (class, count) in &report.failures {
        out.sample("failures_last_day", &[("class", class)], *count as f64);
    }
    let single = [
        ("stuck_leases", "Leases that ran out, a hundred at most.", report.stuck.len() as u64),
        ("due_items", "Due items that wait for a worker.", report.due),
        ("due_claims_last_day", "Claims of due items.", report.due_claims),
        ("items_without_patch", "Items that no worker can take.", report.without_patch),
        ("outcomes_not_learnt", "Attempts that no class has learnt from.", report.not_learnt),
    ];
    for (name, help, value) in single {
        out.family(name, help);
        out.sample(name, &[], value as f64);
    }
    per_class(report, top, &mut out);
    out.text.push_str("# EOF\n");
    out.text
}

fn per_class(report: &Report, top: usize, out: &mut Metrics) {
    let classes = &report.classes[..top.min(report.classes.len())];
    out.family("class_attempts", "Attempts that the class has learnt from.");
    for (one, _) in classes {
        for (outcome, count) in [("success", one.successes), ("failure", one.failures)] {
            let labels = [&labels(&one.class)[..], &[("outcome", outcome)]].concat();
            out.sample("class_attempts", &labels, count as f64);
        }
    }
    out.family("class_weight", "Successes per second that the order counts on.");
    for (one, weight) in classes {
        out.sample("class_weight", &labels(&one.class), *weight);
    }
}

fn labels(class: &record::Class) -> [(&'static str, &str); 3] {
    [("rule", &class.rule), ("kind", &class.kind), ("proposer", &class.proposer)]
}

/// What all names begin with.
const PREFIX: &str = "k8s_auto_fix_queue";

#[derive(Default)]
struct Metrics {
    text: String,
}

impl Metrics {
    // Writing to a string cannot fail.
    fn family(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {PREFIX}_{name} {help}");
        let _ = writeln!(self.text, "# TYPE {PREFIX}_{name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{PREFIX}_{name}{labels} {value}");
    }
}

/// As values of labels are written.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{Metrics, escaped};

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
        let mut metrics = Metrics::default();
        metrics.sample("items", &[("state", "a\"b"), ("to", "c")], 1.5);
        metrics.sample("items", &[], 2.0);
        let expected = "k8s_auto_fix_queue_items{state=\"a\\\"b\",to=\"c\"} 1.5\n\
                        k8s_auto_fix_queue_items 2\n";
        assert_eq!(metrics.text, expected);
    }
}
