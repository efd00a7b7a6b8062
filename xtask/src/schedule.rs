//! `cargo xtask schedule`: orders side by side on simulated worlds that are drawn from measured
//! times, into `docs/scheduling-measurements.md` and `docs/plots`.

use crate::page::Page;
use anyhow::{Context as _, ensure};
use review::chart::{self, Line};
use scheduler::learn::Explore;
use scheduler::simulate::{
    Curve, Measures, Mode, Scenario, ServiceModel, Simulated, check_traces, simulate,
};
use std::fs;
use std::path::Path;

const HEAD: &str = "# Measurements of orders\n\nWritten by `cargo xtask schedule --full`. **Everything \
    here is simulated**, on times that were measured:\nthe models in `examples/scheduling` are fitted to \
    attempts of runs of our own. See\n[scheduling](scheduling.md) for what the words mean and how a \
    model is made of a run of yours.\n\nEvery world has 10,000 items. The probability of success of \
    each class is drawn from 0.3 to 1 and\nnobody but `clairvoyant` and `offline` knows it. Figures \
    are of what is left after the first 500\nattempts, from which `bandit` has learnt: means over the \
    worlds, and the worst world in brackets.\n";

/// Worlds that are drawn of each scenario, and random streams of the last check.
struct Size {
    worlds: u64,
    traces: usize,
}

const SMALL: Size = Size { worlds: 4, traces: 100 };
const FULL: Size = Size { worlds: 30, traces: 1000 };
/// Attempts that are learnt from before the comparison.
const LEARNT: usize = 500;
/// What the order must reach on backlogs of one worker.
const LEAST_GAP: f64 = 0.95;
const MOST_WAIT: f64 = 1.1;

/// Simulates; `--full` draws all worlds and writes the page. Fails when the order falls short of
/// what it is held to.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let (size, full) = match arguments {
        [] => (SMALL, false),
        [flag] if flag == "--full" => (FULL, true),
        _ => anyhow::bail!("usage: cargo xtask schedule [--full]"),
    };
    let mut page = Page::new(HEAD);
    let mut short = Vec::new();
    for (name, what) in MODELS {
        let model = read(&root.join(format!("examples/scheduling/{name}.json")))?;
        page.section(what);
        page.line(&format!("{}; {} classes.", model.source, model.classes.len()));
        for (title, scenario) in scenarios() {
            let worlds = worlds(&model, &scenario, size.worlds)?;
            table(&mut page, &format!("{title}, {} worlds", worlds.len()), &worlds);
            if scenario.load.is_none() && scenario.servers == 1 {
                short.extend(falls_short(&worlds).map(|why| format!("{name}, {title}: {why}")));
            }
        }
        short.extend(promises(&model, size.traces, &mut page)?);
    }
    if full {
        page.section("Charts");
        for (file, what) in charts(root)? {
            page.line(&format!("![{what}](plots/{file})"));
        }
        fs::write(root.join("docs/scheduling-measurements.md"), &page.text)?;
    }
    println!("{}", page.text);
    ensure!(short.is_empty(), "the order falls short:\n{}", short.join("\n"));
    Ok(())
}

/// The models, and what their attempts were.
const MODELS: [(&str, &str); 2] =
    [("server", "Gates with a real API server"), ("worker", "A worker, offline gates")];

fn read(path: &Path) -> anyhow::Result<ServiceModel> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let model: ServiceModel = serde_json::from_str(&text)?;
    model.check()?;
    Ok(model)
}

fn base() -> Scenario {
    Scenario { least_probability: Some(0.3), ..Scenario::default() }
}

fn scenarios() -> [(&'static str, Scenario); 4] {
    let heavy = Scenario { tail: 1.0, ..base() };
    [
        ("Times as measured", base()),
        ("Times with a heavier tail (σ = 1)", heavy),
        ("The same, four workers", Scenario { servers: 4, ..heavy }),
        (
            "The same, arriving at 0.9 of what one worker can do",
            Scenario { load: Some(0.9), ..heavy },
        ),
    ]
}

fn worlds(
    model: &ServiceModel,
    scenario: &Scenario,
    number: u64,
) -> anyhow::Result<Vec<Simulated>> {
    let world = |seed| {
        let scenario = Scenario { seed, ..*scenario };
        Ok(simulate(model, &scenario, Explore::default(), LEARNT)?)
    };
    (0..number).map(world).collect()
}

/// A figure of an order in every world.
fn of(worlds: &[Simulated], mode: Mode, figure: fn(&Measures) -> f64) -> Vec<f64> {
    let of = |world: &Simulated| {
        world.after.iter().find(|found| found.mode == mode.as_str()).map(figure)
    };
    worlds.iter().filter_map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The figure as a multiple of the clairvoyant's: of the means, and in the worst world.
fn multiple(worlds: &[Simulated], mode: Mode, figure: fn(&Measures) -> f64) -> (f64, f64) {
    let (ours, best) = (of(worlds, mode, figure), of(worlds, Mode::Clairvoyant, figure));
    let worst = ours.iter().zip(&best).map(|(ours, best)| ours / best).fold(0.0, f64::max);
    (mean(&ours) / mean(&best), worst)
}

fn wait(measures: &Measures) -> f64 {
    measures.top_decile_p95_wait
}

fn gap(measures: &Measures) -> f64 {
    measures.gap_closed
}

fn table(page: &mut Page, title: &str, worlds: &[Simulated]) {
    page.line(&format!("{title}:"));
    let row = |mode: &Mode| {
        let gaps = of(worlds, *mode, gap);
        let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let (times, worst) = multiple(worlds, *mode, wait);
        format!(
            "{} | {:.4} | {:.3} [{least:.3}] | {times:.2} [{worst:.2}] | {:.2} | {:.2}",
            mode.as_str(),
            multiple(worlds, *mode, |found| found.risk_hours).0,
            mean(&gaps),
            multiple(worlds, *mode, |found| found.worst_wait).0,
            mean(&of(worlds, *mode, |found| found.low_risk_wait)),
        )
    };
    page.table(
        "order | risk-hours, × clairvoyant | gap closed | P95 wait of the top decile, × clairvoyant \
         | worst wait, × clairvoyant | wait of the low quarter, × mean",
        "--- | ---: | ---: | ---: | ---: | ---:",
        Mode::ALL.iter().map(row),
    );
}

/// What a backlog shows that the order is held to.
fn falls_short(worlds: &[Simulated]) -> impl Iterator<Item = String> {
    let gap = mean(&of(worlds, Mode::Bandit, gap));
    let times = multiple(worlds, Mode::Bandit, wait).0;
    let closed = (gap < LEAST_GAP).then(|| format!("closes {gap:.3} of the gap"));
    let waits = (times > MOST_WAIT).then(|| format!("the top decile waits {times:.2} times"));
    closed.into_iter().chain(waits)
}

/// Random streams of all sizes and loads; what breaks a promise.
fn promises(
    model: &ServiceModel,
    traces: usize,
    page: &mut Page,
) -> anyhow::Result<Option<String>> {
    let found = check_traces(model, traces, 1)?;
    let line = format!(
        "{} random streams, {} items: {} became due before their first attempt, {} of them waited \
         beyond the bound (the worst used {:.0} % of it); {} had a known exploited vulnerability, and \
         {} times another item started while one of them waited.",
        found.traces,
        found.items,
        found.due,
        found.beyond_bound,
        100.0 * found.worst_share_of_bound,
        found.exploited,
        found.exploited_passed
    );
    page.line(&line);
    Ok((found.beyond_bound + found.exploited_passed > 0).then_some(line))
}

/// Draws the charts; their files and what they show.
fn charts(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let model = read(&root.join("examples/scheduling/server.json"))?;
    let folder = root.join("docs/plots");
    fs::create_dir_all(&folder)?;
    let mut drawn = Vec::new();
    let mut draw = |file: &str, title: &str, axes: [&str; 2], lines: &[Line]| {
        let svg = chart::lines(title, axes[0], axes[1], lines)?;
        fs::write(folder.join(file), svg)?;
        drawn.push((file.to_owned(), title.to_owned()));
        anyhow::Ok(())
    };
    let heavy = Scenario { tail: 1.0, ..base() };
    let first = simulate(&model, &heavy, Explore::default(), LEARNT)?;
    let line =
        |curve: &Curve| Line { name: curve.mode.as_str().to_owned(), points: curve.points.clone() };
    let lines: Vec<Line> = first.curves.iter().map(line).collect();
    let title = "Open risk over time (simulated)";
    draw("open-risk.svg", title, ["hours", "open risk"], &lines)?;
    let tails = [0.0, 0.5, 1.0, 1.5, 2.0].map(|tail| (tail, Scenario { tail, ..base() }));
    let probabilities = [0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        .map(|least| (least, Scenario { least_probability: Some(least), ..heavy }));
    let sweeps = [
        ("gap-by-tail.svg", "heaviness of the tail, σ", &tails[..]),
        ("gap-by-probability.svg", "least probability of success", &probabilities[..]),
    ];
    for (file, across, scenarios) in sweeps {
        let title = format!("Gap closed by {across} (simulated)");
        draw(file, &title, [across, "gap closed"], &swept(&model, scenarios)?)?;
    }
    Ok(drawn)
}

fn swept(model: &ServiceModel, scenarios: &[(f64, Scenario)]) -> anyhow::Result<Vec<Line>> {
    let shown = [Mode::Fifo, Mode::RiskOnly, Mode::Bandit, Mode::Clairvoyant];
    let mut lines: Vec<Line> = shown
        .iter()
        .map(|mode| Line { name: mode.as_str().to_owned(), points: Vec::new() })
        .collect();
    for (at, scenario) in scenarios {
        let worlds = worlds(model, scenario, 5)?;
        for (line, mode) in lines.iter_mut().zip(shown) {
            line.points.push((*at, mean(&of(&worlds, mode, gap))));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::path::Path;

    #[test]
    #[ignore = "a step of its own in `cargo xtask test`"]
    fn the_order_keeps_what_it_promises() {
        run(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), &[]).unwrap();
    }
}
